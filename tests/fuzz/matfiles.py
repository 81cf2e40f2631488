"""Frame features in MATLAB files of several versions, and damage to them."""

import io
import struct
import zlib

import numpy as np
import scipy.io

from tests.fuzz.noise import damaged

_HEADER = 128  # bytes before the first element of a version 5 file


def base(rng: np.random.Generator, values: np.ndarray, version: str | None = None) -> tuple[bytes, str]:
    """A file of `values`, of some version, with other variables beside them; and which version."""
    version = version or VERSIONS[rng.integers(len(VERSIONS))]
    if version == "4" and (values.ndim != 2 or values.dtype.kind not in "fi"):
        version = "5"
    if version == "7.3" and values.dtype.kind in "OU":
        version = "compressed"
    others = {"other": np.array([["text", 1.0]], object), "names": "text", "record": {"x": np.arange(3)}}
    file = io.BytesIO()
    if version == "7.3":
        import h5py

        with h5py.File(file, "w", userblock_size=512 * int(rng.integers(2))) as made:
            kind = rng.integers(3)
            options = ({}, {"chunks": True, "compression": "gzip"}, {"chunks": True, "shuffle": True})[kind]
            made.create_dataset("feature", data=values.T, **options)
            made["other"] = np.arange(3)
    elif version == "4":
        scipy.io.savemat(file, {"feature": values, "names": "text"}, format="4")
    else:
        several = {"feature": values} if rng.integers(2) else {**others, "feature": values}
        scipy.io.savemat(file, several, do_compression=version == "compressed")
    return file.getvalue(), version


def _versions() -> tuple[str, ...]:
    try:
        import h5py  # noqa: F401
    except ImportError:
        return ("5", "compressed", "4")
    return ("5", "compressed", "4", "7.3")


VERSIONS = _versions()


def mutated(rng: np.random.Generator, values: np.ndarray) -> tuple[bytes, str]:
    """A file of `values` with some damage, and what was done."""
    kind = rng.integers(4)
    if kind == 0:
        values, said = _other_values(rng, values)
        data, version = base(rng, values)
        return data, f"version {version}: {said}"
    data, version = base(rng, values)
    if kind == 1 or version in ("4", "7.3"):
        data, said = damaged(rng, data, 0 if rng.random() < 0.2 else 100)
        return data, f"version {version}: {said}"
    header, elements = data[:_HEADER], _elements(data)
    at = int(rng.integers(len(elements)))
    elements[at], said = _element(rng, elements[at])
    packed = version == "compressed"
    return header + b"".join(map(_compressed, elements) if packed else elements), f"version {version}: {said}"


def _other_values(rng, values):
    values = values.copy()
    some = values[rng.integers(len(values)), rng.integers(values.shape[1], size=5)]
    changes = {
        "other numbers": lambda: _strewn(rng, values),
        "all zeros": lambda: np.zeros_like(values),
        "some frames zeros": lambda: values * (rng.random((len(values), 1)) < 0.5),
        "all NaN": lambda: np.full_like(values, np.nan),
        "enormous": lambda: values * np.float32(1e37),
        "doubles": lambda: values.astype(np.float64) * 10.0 ** rng.integers(-300, 300),
        "turned": lambda: values.T,
        "no frames": lambda: values[:0],
        "one frame": lambda: values[:1],
        "more frames": lambda: np.repeat(values, 3, axis=0),
        "far too many frames": lambda: np.zeros((4_000_000 // values.shape[1], values.shape[1]), np.float32),
        "another width": lambda: values[:, :-1],
        "three axes": lambda: values[None],
        "integers": lambda: values.astype((np.uint8, np.int16, np.int64)[rng.integers(3)]),
        "truth values": lambda: values > some.mean(),
        "complex": lambda: values.astype(complex),
        "text": lambda: np.array(["text"] * len(values)),
        "cells": lambda: values.astype(object),
    }
    said = list(changes)[rng.integers(len(changes))]
    with np.errstate(all="ignore"):
        changed = changes[said]()
    return changed, said


def _strewn(rng, values):
    for _ in range(rng.integers(1, 20)):
        strange = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, -1.0, 1e-45)
        values[rng.integers(len(values)), rng.integers(values.shape[1])] = strange[rng.integers(len(strange))]
    return values


def _elements(data):
    """The variables of a version 5 file, each with its tag; compressed ones unpacked."""
    found, at = [], _HEADER
    while at + 8 <= len(data):
        kind, size = struct.unpack("<II", data[at : at + 8])
        content = data[at + 8 : at + 8 + size]
        found.append(zlib.decompress(content) if kind == 15 else data[at : at + 8] + content)
        at += 8 + size
    return found


def _compressed(element):
    packed = zlib.compress(element)
    return struct.pack("<II", 15, len(packed)) + packed


def _element(rng, element):
    """One of the numbers that say how long things are, or any bytes."""
    if rng.integers(3) == 0:
        return damaged(rng, element)
    data = bytearray(element)
    # Behind the variable's tag: flags, dimensions, name, and then the numbers, each with a tag of kind and size.
    at = int(rng.choice([0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64]))
    value = int(rng.choice([0, 1, 2, 5, 7, 9, 14, 15, 1000, 1 << 17, 1 << 28, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
    data[at : at + 4] = struct.pack("<I", value)
    return bytes(data), f"{value} at byte {at} of a variable"
