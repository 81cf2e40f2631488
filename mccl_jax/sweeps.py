"""A small language for many runs: which values of which config keys belong together.

    seed=0,1,2                                         a list: three settings
    seed=0,1,2 * train.temperature=0.05,0.09           a product: each with each, six
    windows.rate=3,6 & windows.seconds=420,210         a zip: the first with the first, two
    model.heads=1 + model.heads=4 & model.hidden=128   one after the other, two

`&` binds closest, then `*`, then `+`; parentheses group. A value is a number, a word, a text in quotes, True, False,
None, or several in parentheses, such as ("ridge", "xgboost").
"""

import ast
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mccl_jax.errors import UserError

Setting = dict[str, Any]
_LONGEST = 120  # of a name; file systems take 255 bytes
# What a text is cut into: quoted texts, operators, and words, numbers and keys.
_TOKENS = re.compile(r"""\s*("[^"]*"|'[^']*'|[0-9.]+[eE][+-]?[0-9]+|[()*&+,=]|[^\s()*&+,="']+)""")


def settings(text: str) -> list[Setting]:
    """Key -> value of each setting, in the order in which a reader expects them: what stands last changes fastest.

    Raises UserError where the text is not of this language, names a key twice in a setting, or zips unequal lists.
    """
    reader = _Reader(text)
    found = reader.sum()
    if reader.next is not None:
        raise reader.error(f"did not expect {reader.next!r}")
    return found


def name_of(setting: Mapping[str, Any]) -> str:
    """A short name that can be a folder's, such as "seed=0,temperature=0.05": keys without their sections."""
    short = [f"{key.rpartition('.')[2]}={_plain(value)}" for key, value in setting.items()]
    name = re.sub(r"[^\w.,=+-]+", "_", ",".join(short)) or "only"
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(repr(setting).encode()).hexdigest()[:8]}"


def names_of(found: list[Setting]) -> list[str]:
    """`name_of` each, by whole keys where the short ones are not all different. Raises UserError for equal settings."""
    names = [name_of(setting) for setting in found]
    if len(set(names)) < len(names):
        names = [name_of({key.replace(".", "_"): value for key, value in setting.items()}) for setting in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--sweep: {name} stands there twice; expected each setting once")
    return names


def _plain(value: Any) -> str:
    return "+".join(map(_plain, value)) if isinstance(value, tuple) else str(value)


class _Reader:
    """Reads the text from left to right; `next` is the token that comes, None at the end."""

    def __init__(self, text: str):
        self._text, self._tokens = text, self._cut(text)
        self.next = next(self._tokens, None)

    def sum(self) -> list[Setting]:
        """Settings one after the other."""
        found = self._product()
        while self._took("+"):
            found = found + self._product()
        return found

    def error(self, what: str) -> UserError:
        return UserError(
            f'--sweep="{self._text}": {what}; expected such as "seed=0,1,2 * train.temperature=0.05,0.09" '
            "(mccl_jax/sweeps.py says all of it)"
        )

    def _product(self) -> list[Setting]:
        found = self._zip()
        while self._took("*"):
            found = [self._joined(a, b) for a, b in itertools.product(found, self._zip())]
        return found

    def _zip(self) -> list[Setting]:
        found = self._part()
        while self._took("&"):
            other = self._part()
            if len(other) != len(found):
                raise self.error(f"& joins {len(found)} and {len(other)} settings, which are not equally many")
            found = [self._joined(a, b) for a, b in zip(found, other, strict=True)]
        return found

    def _part(self) -> list[Setting]:
        if self._took("("):
            found = self.sum()
            self._need(")")
            return found
        key = self._word("the key of a config")
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", key):
            raise self.error(f"{key!r} is no key of a config")
        self._need("=")
        found = [{key: self._value()}]
        while self._took(","):
            found.append({key: self._value()})
        return found

    def _value(self) -> Any:
        if self._took("("):
            values = []
            while not self._took(")"):
                values.append(self._value())
                if self.next != ")":
                    self._need(",")
            return tuple(values)
        word = self._word("a value")
        try:
            return ast.literal_eval(word)
        except (ValueError, SyntaxError):
            return word  # a text without quotes

    def _joined(self, a: Setting, b: Setting) -> Setting:
        if twice := a.keys() & b.keys():
            raise self.error(f"{min(twice)} stands twice in one setting")
        return {**a, **b}

    def _cut(self, text: str) -> Iterator[str]:
        at = 0
        while text[at:].strip():
            match = _TOKENS.match(text, at)
            if match is None:
                raise self.error(f"cannot be read from {text[at:].strip()[:20]!r} on")
            at = match.end()
            yield match[1]

    def _word(self, what: str) -> str:
        if self.next is None or self.next in "()*&+,=":
            raise self.error(f"expected {what}, not {self.next or 'the end'!r}")
        return self._advance()

    def _took(self, token: str) -> bool:
        return self.next == token and self._advance() == token

    def _need(self, token: str) -> None:
        if not self._took(token):
            raise self.error(f"expected {token!r}, not {self.next or 'the end'!r}")

    def _advance(self) -> str:
        token, self.next = self.next, next(self._tokens, None)
        return token
