"""What stands in a simulated corpus for files that nothing here is to read."""

import io
import wave


def _silence() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(bytes(320))
    return file.getvalue()


SILENCE = _silence()  # a WAV file, a hundredth of a second
# What macOS writes beside a file, under its name with ._ before it, where a disk or an archive knows no attributes.
APPLE_DOUBLE_FILE = bytes.fromhex("00051607 00020000") + b"Mac OS X        " + bytes(64)
