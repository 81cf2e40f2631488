"""How much may come out of a file that is packed: what nobody recorded is given up before it fills the memory."""

from typing import BinaryIO

from mccl_jax.errors import UserError

# Bytes out for one byte in. Text of a tracker that saw nothing, the most uniform there is, shrinks to about a sixtieth.
MOST_RATIO = 200
# Bytes out of one stream in all: an hour's archive of E-DAIC, with everything that is not read, has about 5 GB.
MOST_UNPACKED = 1 << 34
STEP = 1 << 20  # read at once; below it no ratio is asked for


class Unpacking:
    """A decompressing stream over `file`, given up once far more has come out than went in."""

    def __init__(self, stream: BinaryIO, file: BinaryIO, where: object):
        self._stream, self._file, self._where, self._out = stream, file, where, 0
        self.closed = False

    def read(self, size: int = STEP) -> bytes:
        """At most `size` bytes; raises UserError beyond `MOST_RATIO` or `MOST_UNPACKED`."""
        data = self._stream.read(min(size, STEP) if size >= 0 else STEP)
        self._out += len(data)
        if self._out > MOST_UNPACKED:
            raise UserError(
                f"{self._where}: unpacks to more than {MOST_UNPACKED >> 30} GiB, as no recording does: download it "
                "again"
            )
        check_ratio(self._where, self._out, self._file.tell())
        return data


def check_ratio(where: object, out: int, packed: int) -> None:
    """Raises UserError where more than `MOST_RATIO` bytes came out for each that went in."""
    if out > STEP and out > MOST_RATIO * packed:
        raise UserError(
            f"{where}: unpacks to more than {MOST_RATIO} times its size, as no recording does: download it again"
        )


def read_all(stream: BinaryIO, where: object, most: int, packed: int | None = None) -> bytes:
    """All of a stream, which may have `most` bytes; `packed`: how many it is unpacked from, if it is.

    Several streams may share a limit: `most` is then what is left of it. Raises UserError where it has more, or more
    than the ratio allows.
    """
    parts, size = [], 0
    while part := stream.read(STEP):
        parts.append(part)
        size += len(part)
        if size > most:
            raise UserError(f"{where}: is larger than any such file is; expected less: download it again")
        if packed is not None:
            check_ratio(where, size, packed)
    return b"".join(parts)
