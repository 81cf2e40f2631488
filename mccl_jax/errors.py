"""The one exception that is the user's to mend."""


class UserError(Exception):
    """A mistake or a defect that the user can mend: one line that says where, what was expected and what to do.

    Lines below it that are indented belong to it. What it quotes, names of files among them, can neither break the line
    nor steer the terminal: what cannot be printed becomes "?". `run.py` prints the message and exits with status 2.
    Anything else that is raised is a fault of ours.
    """

    def __init__(self, message: str):
        super().__init__("\n  ".join(map(printable, str(message).split("\n  "))))


def printable(text: str) -> str:
    """`text` with "?" for every character that cannot be printed, line ends among them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def shown(text: object, most: int = 100) -> str:
    """What stands in a file, for a message or a note that quotes it: printable, and its end cut off."""
    text = str(text)
    return printable(text[:most]) + ("..." if len(text) > most else "")


def reason_of(error: BaseException) -> str:
    """What a library says of a failure, for a message that quotes it."""
    return shown(" ".join(str(error).split()), 200) or type(error).__name__
