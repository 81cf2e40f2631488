"""What must hold of anything that a reader returns, and of anything that it says."""

import functools
import json
import math

import numpy as np

from data_builders.readers.archives import Content
from data_builders.readers.labels import LabelTable
from data_builders.readers.phq8 import Splits
from data_builders.readers.subject_info import SubjectInfo
from data_builders.readers.transcripts import Transcript
from data_builders.records import Session, decode, encode, features
from data_builders.thinning import thin
from mccl_jax.data.options import WindowOptions
from mccl_jax.data.windows import cut_windows
from mccl_jax.errors import UserError
from tests.data_builders.test_records import assert_same

LONGEST_MESSAGE = 600  # characters, beside those of the path


def check_message(message: str, path: str = "") -> None:
    """One printable line that is not too long."""
    assert message.strip(), "an empty message"
    assert message.replace(path, "").isprintable(), f"not one printable line: {message!r}"
    assert len(message.replace(path, "")) <= LONGEST_MESSAGE, f"{len(message)} characters: {message}"


@functools.singledispatch
def check(found: object) -> None:
    """Raises AssertionError where something does not hold."""
    raise AssertionError(f"nothing is known of {type(found)}")


@check.register
def _(found: Session) -> None:
    frames = len(found.time)
    assert frames, "no frames"
    for name, dtype in (
        ("time", np.float64),
        ("confidence", np.float32),
        ("success", np.bool_),
        ("question", np.int32),
    ):
        values = getattr(found, name)
        assert (values.dtype, values.shape) == (dtype, (frames,)), f"{name}: {values.dtype} {values.shape}"
    assert np.isfinite(found.time).all(), "time is not finite"
    assert (np.diff(found.time) > 0).all(), "time does not increase"
    assert np.abs(found.time).max() <= 1e10, "time is beyond all centuries"
    assert np.ptp(found.time) < 1e8, "a recording of years"
    confidence = found.confidence[~np.isnan(found.confidence)]
    assert ((confidence >= 0) & (confidence <= 1)).all(), "confidence is beyond 0..1"
    assert list(found.cues) == list(found.specification)
    for name, cue in found.specification.items():
        values = found.cues[name]
        assert (values.dtype, values.shape) == (np.float32, (frames, *cue.shape)), (
            f"{name}: {values.dtype} {values.shape}"
        )
        assert not np.isinf(values).any(), f"{name} is infinite"
    assert found.usable.any(), "no frame is usable"
    assert found.speech_span.shape == (2,)
    assert np.isfinite(found.speech_span).all() or np.isnan(found.speech_span).all(), f"span {found.speech_span}"
    assert not found.speech_span[1] < found.speech_span[0], f"span {found.speech_span}"
    assert not math.isinf(found.target)
    for name in ("labels", "provenance", "statistics"):
        json.dumps(getattr(found, name), allow_nan=False)
    for note in found.provenance["notes"]:
        check_message(note)
    if "thinned" not in found.provenance:
        _check_further(found)


def _check_further(session: Session) -> None:
    """The way through a record, thinned and into windows: what is written is what was read, and can be used."""
    shape = features(session.specification)
    example = shape.serialize_example(encode(session, session.specification))
    assert_same(session, decode(shape.deserialize_example_np(example)))
    check(thin(session, 3.0))
    for representation in ("relative", "min_max"):
        try:
            windows, _ = cut_windows([session], WindowOptions(representation=representation))
        except UserError as error:  # where the interview begins behind the recording, for instance
            check_message(str(error))
        else:
            assert all(np.isfinite(values).all() for values in windows.cues.values()), "a window is not finite"


@check.register
def _(found: Transcript) -> None:
    assert np.isfinite(found.speech_span).all() or np.isnan(found.speech_span).all(), f"span {found.speech_span}"
    assert not found.speech_span[1] < found.speech_span[0], f"span {found.speech_span}"
    assert not math.isinf(found.first_start)
    assert not math.isinf(found.last_stop)
    for note in found.notes:
        check_message(note)


@check.register
def _(found: LabelTable) -> None:
    assert found.rows
    assert len({row.file for row in found.rows}) == len(found.rows)
    for row in found.rows:
        assert row.file
        assert row.subject
        assert not math.isinf(row.target)
        assert row.split in ("", "train", "dev", "test")
        assert -1 <= row.fold < 1 << 31
        json.dumps(dict(row.labels), allow_nan=False)


@check.register
def _(found: Splits) -> None:
    for number, one in found.participants.items():
        assert len(number) == 3
        assert number == one.session
        assert math.isnan(one.score) or 0 <= one.score <= 24
        json.dumps(dict(one.labels), allow_nan=False)
    for note in found.notes:
        check_message(note)


@check.register
def _(found: SubjectInfo) -> None:
    assert found.subjects
    for person in found.subjects.values():
        assert not math.isinf(person.target)
        json.dumps(dict(person.labels), allow_nan=False)
    for note in found.notes:
        check_message(note)


@check.register
def _(found: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert found.ndim == 2
    assert not np.isinf(found).any()


@check.register
def _(found: dict) -> None:
    """Sheets, or members of an archive."""
    for value in found.values():
        if isinstance(value, Content):
            check_message(str(value), str(value).partition(": ")[0])
        else:
            assert all(cell is None or isinstance(cell, str) or math.isfinite(cell) for row in value for cell in row)


@check.register
def _(found: str) -> None:
    """A note."""
    check_message(found)
