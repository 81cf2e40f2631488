"""Archives that are as they should be, in every packing, and archives that are not."""

import contextlib
import gzip
import io
import pathlib
import re
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from data_builders.readers import archives, limits
from data_builders.readers.archives import checksums, files_in, read_members, size
from mccl_jax.errors import UserError
from tests.data_builders.daic_woz_files import write_archive, write_folder

WANTED = {"pose": re.compile(r"300_pose\.txt", re.IGNORECASE), "words": re.compile(r"300_words\.csv")}
CONTENTS = {"300_pose.txt": "1, 2\n", "300_words.csv": "a\tb\n", "300_hog.bin": "x" * 100}


def tar(path, members, mode="w:gz"):
    """`members`: (name or TarInfo, bytes)."""
    with tarfile.open(path, mode) as archive:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def packed(tmp_path, packing, prefix="", contents=CONTENTS):
    tmp_path.mkdir(exist_ok=True)
    contents = {prefix + name: data for name, data in contents.items()}
    if packing == "zip":
        return write_archive(tmp_path / "300_P.zip", contents)
    if packing == "folder":
        return write_folder(tmp_path / "300_P", contents)
    members = [(name, data.encode()) for name, data in contents.items()]
    return tar(tmp_path / f"300_P.{packing}", members, "w:gz" if packing == "tar.gz" else "w")


@pytest.mark.parametrize("packing", ["zip", "tar.gz", "tar", "folder"])
@pytest.mark.parametrize("prefix", ["", "300_P/", "./300_P/deep/"])
def test_members_are_found_wherever_they_lie(tmp_path, packing, prefix):
    source = packed(tmp_path, packing, prefix)
    found = read_members(source, WANTED)
    assert {key: member.data for key, member in found.items()} == {"pose": b"1, 2\n", "words": b"a\tb\n"}
    assert str(found["pose"]).startswith(f"{source}: ")
    assert str(found["pose"]).endswith("300_pose.txt")
    assert found["pose"].open().read() == b"1, 2\n"
    assert list(tmp_path.iterdir()) == [source]  # nothing was unpacked


@pytest.mark.parametrize("packing", ["zip", "tar.gz", "folder"])
def test_members_that_are_absent(tmp_path, packing):
    source = packed(tmp_path, packing)
    wanted = WANTED | {"gaze": re.compile("300_gaze.txt")}
    assert set(read_members(source, wanted, optional=["gaze"])) == set(WANTED)
    with pytest.raises(UserError, match=r"300_P.*: lacks gaze .*it holds 300_.*: download or unpack") as error:
        read_members(source, wanted)
    assert "\n" not in str(error.value)


def test_separators_and_case_of_windows(tmp_path):
    source = write_archive(tmp_path / "a.zip", {"300_P\\300_Pose.TXT": "1", "300_words.csv": "2"})
    assert read_members(source, WANTED)["pose"].data == b"1"


def test_what_macos_adds_is_passed_over(tmp_path):
    added = {"__MACOSX/300_P/._300_pose.txt": "x", "._300_pose.txt": "x", "__MACOSX/300_pose.txt": "x"}
    for source in (write_archive(tmp_path / "a.zip", added | CONTENTS), write_folder(tmp_path / "b", added | CONTENTS)):
        assert read_members(source, WANTED)["pose"].data == b"1, 2\n"
    with pytest.raises(UserError, match="lacks pose"):
        read_members(write_archive(tmp_path / "c.zip", added), WANTED, optional=["words"])


def test_archives_inside_are_not_opened(tmp_path):
    inner = packed(tmp_path, "zip").read_bytes()
    with pytest.raises(UserError, match=r"lacks pose, words .*it holds 300_P.zip"):
        read_members(write_archive(tmp_path / "outer.zip", {"300_P.zip": inner}), WANTED)


def refused(source, said):
    with pytest.raises(UserError, match=said) as error:
        read_members(source, WANTED, optional=["words"])
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    assert str(error.value).startswith(str(source))


UNSAFE = ["/300_pose.txt", "../300_pose.txt", "a/../../300_pose.txt", "C:\\300_pose.txt", "..\\300_pose.txt"]


@pytest.mark.parametrize("name", UNSAFE)
def test_paths_that_lead_out(tmp_path, name):
    refused(write_archive(tmp_path / "a.zip", {name: "1"}), "leads out of the archive")
    refused(tar(tmp_path / "a.tar.gz", [(name, b"1")]), "leads out of the archive")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar(tmp_path, kind):
    info = tarfile.TarInfo("300_pose.txt")
    info.type, info.linkname = kind, "/etc/passwd"
    refused(tar(tmp_path / "a.tar.gz", [(info, b"")]), "is a link or another special member")


def test_links_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("300_pose.txt")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(source, "is a link")


def test_a_member_that_stands_twice(tmp_path):
    twice = {"300_pose.txt": "1", "300_P/300_pose.txt": "1"}
    refused(write_archive(tmp_path / "a.zip", twice), "second member of its kind, after 300_pose.txt")
    refused(tar(tmp_path / "a.tar.gz", [(name, b"1") for name in twice]), "second member of its kind")
    refused(write_folder(tmp_path / "a", twice), "second member of its kind")


def test_encrypted_members(tmp_path):
    source = packed(tmp_path, "zip")
    data = bytearray(source.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flags of each header
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    source.write_bytes(data)
    refused(source, "is encrypted")


def test_bombs(tmp_path, monkeypatch):
    zeros = bytes(8 << 20)
    for source in (
        write_archive(tmp_path / "a.zip", {"300_pose.txt": zeros}),
        tar(tmp_path / "a.tar.gz", [("300_pose.txt", zeros)]),
        tar(tmp_path / "b.tar.gz", [("unwanted", zeros), ("300_pose.txt", b"1")]),
    ):
        refused(source, "unpacks to more than 200 times its size")
    # One that nobody asks for is never opened in a zip.
    assert read_members(write_archive(tmp_path / "b.zip", {"300_hog.bin": zeros} | CONTENTS), WANTED)
    monkeypatch.setattr(archives, "MOST_BYTES", 1 << 20)
    noise = np.random.default_rng(0).bytes(3 << 20)
    for source in (
        write_archive(tmp_path / "c.zip", {"300_pose.txt": noise}),
        tar(tmp_path / "c.tar.gz", [("300_pose.txt", noise)]),
    ):
        refused(source, "is larger than any such file")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "300_pose.txt").write_bytes(noise)
    refused(tmp_path / "d", "is larger than any such file")
    for name in ("c.zip", "c.tar.gz", "d"):
        found = read_members(tmp_path / name, {"pose": WANTED["pose"]}, most_bytes={"pose": 4 << 20})
        assert found["pose"].data == noise


def test_sizes_in_headers_are_not_believed(tmp_path):
    zeros = bytes(8 << 20)
    source = write_archive(tmp_path / "a.zip", {"300_pose.txt": zeros})
    data = bytearray(source.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 20 : at + 24] = struct.pack("<I", 1 << 31)  # packed size: far more than the archive has
    source.write_bytes(data)
    refused(source, "unpacks to more than 200 times|cannot be read")
    data[at + 20 : at + 24] = struct.pack("<I", 8000)
    data[at + 24 : at + 28] = struct.pack("<I", 1000)  # unpacked size: less than comes out
    source.write_bytes(data)
    refused(source, "cannot be read")


@pytest.mark.parametrize("packing", ["zip", "tar.gz"])
def test_archives_that_are_cut_short_or_damaged(tmp_path, packing):
    noise = np.random.default_rng(1).bytes(20000)
    if packing == "zip":
        source = write_archive(tmp_path / "a.zip", {"300_pose.txt": noise})
    else:
        source = tar(tmp_path / "a.tar.gz", [("300_pose.txt", noise)])
    whole = source.read_bytes()
    for length in (0, 3, 1000, len(whole) // 2, len(whole) - 30):
        source.write_bytes(whole[:length])
        refused(source, "cannot be read")
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    source.write_bytes(damaged)
    refused(source, "cannot be read")


@pytest.mark.parametrize("packing", ["zip", "tar.gz", "tar"])
def test_random_damage_is_a_users_error_at_most(tmp_path, packing):
    source = packed(tmp_path, packing)
    whole, rng = source.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            damaged[at] = rng.integers(256)
        source.write_bytes(damaged)
        with contextlib.suppress(UserError):
            assert set(read_members(source, WANTED)) == set(WANTED)


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a.zip").write_text("<html>please sign in</html>")
    refused(tmp_path / "a.zip", "cannot be read")
    refused(tmp_path / "gone.zip", "cannot be read")


def test_names_in_messages_are_one_printable_line(tmp_path):
    refused(write_archive(tmp_path / "a.zip", {"../a\n\x1b[31m/300_pose.txt": "1"}), r"\.\./a\?\?\[31m/300_pose")


def test_hog_features_are_never_read(tmp_path, monkeypatch):
    source = write_archive(tmp_path / "a.zip", CONTENTS | {"300_CLNF_hog.bin": np.random.default_rng(0).bytes(5000)})
    data = bytearray(source.read_bytes())
    at = data.find(b"300_CLNF_hog.bin") + 100
    data[at : at + 1000] = bytes(1000)
    source.write_bytes(data)
    assert len(read_members(source, WANTED)) == 2
    folder = write_folder(tmp_path / "f", CONTENTS)
    opened, open_path = [], pathlib.Path.open
    monkeypatch.setattr(pathlib.Path, "open", lambda path, *a: opened.append(path.name) or open_path(path, *a))
    assert len(read_members(folder, WANTED)) == 2
    assert opened == ["300_pose.txt", "300_words.csv"]


def test_sizes_and_checksums_are_those_of_what_is_read(tmp_path):
    source, folder = packed(tmp_path, "zip"), packed(tmp_path, "folder", "x/")
    assert size(source, WANTED) == source.stat().st_size
    assert [path.name for path in files_in(folder, WANTED)] == ["300_pose.txt", "300_words.csv"]
    assert size(folder, WANTED) == 5 + 4
    assert ("300_pose.txt", 5, zlib.crc32(b"1, 2\n")) in checksums(source, WANTED)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_checksums_change_with_what_is_read(tmp_path, kind):
    source = packed(tmp_path, kind)
    before = checksums(source, WANTED)
    assert checksums(packed(tmp_path / "again", kind), WANTED) == before
    other = packed(tmp_path / "other", kind, contents={**CONTENTS, "300_pose.txt": "1, 3\n"})
    assert checksums(other, WANTED) != before


def test_an_archive_without_checksums_has_none(tmp_path):
    assert checksums(packed(tmp_path, "tar"), WANTED) is None
    source = packed(tmp_path, "zip")
    source.write_bytes(source.read_bytes()[:-30])
    assert checksums(source, WANTED) is None
    (tmp_path / "301_P.tar.gz").write_bytes(b"\x1f\x8b")
    assert checksums(tmp_path / "301_P.tar.gz", WANTED) is not None


def test_all_members_that_are_read_share_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 3000)
    two = {"300_pose.txt": b"x" * 2000, "300_words.csv": b"x" * 2000}
    for source in (
        write_archive(tmp_path / "a.zip", two),
        tar(tmp_path / "a.tar.gz", list(two.items())),
        write_folder(tmp_path / "a", two),
    ):
        refused(source, "300_words.csv: is larger than any such file")
        assert len(read_members(source, WANTED, most_bytes={"words": 2000})) == 2


def test_a_stream_that_is_endless_in_all(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MOST_UNPACKED", 4 << 20)
    noise = np.random.default_rng(0).bytes(5 << 20)
    refused(tar(tmp_path / "a.tar.gz", [("300_pose.txt", b"1"), ("unwanted", noise)]), "unpacks to more than 0 GiB")


def test_gzip_of_zeros_and_zeros_behind_the_end(tmp_path):
    source = tmp_path / "a.tar.gz"
    source.write_bytes(gzip.compress(bytes(8 << 20)))
    refused(source, "lacks pose|unpacks to more than 200 times")
    source.write_bytes(gzip.compress(bytes(512) + bytes(8 << 20)))
    refused(source, "lacks pose|unpacks to more than 200 times")
    whole = tar(tmp_path / "b.tar", [("300_pose.txt", b"1")], "w").read_bytes()
    source.write_bytes(gzip.compress(whole + bytes(8 << 20)))
    refused(source, "unpacks to more than 200 times")


@pytest.mark.parametrize("packing", ["zip", "tar.gz"])
def test_archives_in_archives_in_archives(tmp_path, packing):
    data = packed(tmp_path, packing).read_bytes()
    for _ in range(3):
        inner = {f"300_P.{packing}": data}
        outer = write_archive(tmp_path / "outer.zip", inner)
        if packing == "tar.gz":
            outer = tar(tmp_path / "outer.tar.gz", list(inner.items()))
        data = outer.read_bytes()
    refused(outer, rf"lacks pose .*it holds 300_P\.{packing}")


@pytest.mark.parametrize("packing", ["zip", "tar.gz"])
def test_more_members_than_any_session_has(tmp_path, monkeypatch, packing):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 100)
    many = {f"{i}": b"" for i in range(100)} | {"300_pose.txt": b"1"}
    if packing == "zip":
        source = write_archive(tmp_path / "a.zip", many)
        refused(source, "has more than 100 members")
        monkeypatch.setattr(archives, "_MOST_LISTED", 1000)
        refused(source, "has an enormous list of members")
    else:
        refused(tar(tmp_path / "a.tar.gz", list(many.items())), "has more than 100 members")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_cannot_be_unpacked_in_steps(tmp_path, compression):
    """A MB of bz2 becomes 20 GB in one piece, and LZMA asks for a dictionary of up to 4 GiB."""
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w", compression) as archive:
        archive.writestr("300_pose.txt", "1")
    refused(source, "is packed in an unusual way")


@pytest.mark.parametrize("size", [0, 1, 1 << 62, (1 << 64) - 1])
def test_zip64_sizes_are_not_believed(tmp_path, size):
    source = write_archive(tmp_path / "a.zip", {"300_pose.txt": b"x" * 1000})
    data = bytearray(source.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 20 : at + 28] = b"\xff" * 8  # both sizes: see the zip64 field
    data[at + 30 : at + 32] = struct.pack("<H", 20)
    data[at + 58 : at + 58] = struct.pack("<HHQQ", 1, 16, size, size)
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", end - at)
    source.write_bytes(data)
    if size < 1000:
        refused(source, "cannot be read")
    else:  # what comes out is what counts, and its checksum is right
        assert read_members(source, {"pose": WANTED["pose"]})["pose"].data == b"x" * 1000


def tar_headers(*headers, end=bytes(1024)):
    """A tar of headers (bytes) with what follows them."""
    return b"".join(headers) + end


def header(name, size=0, kind=tarfile.REGTYPE, **fields):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT if "pax_headers" not in fields else tarfile.PAX_FORMAT)


POSE = header("300_pose.txt", 1) + b"1".ljust(512, b"\0")


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        # A damaged header in the middle, and an end without a mark, would pass for the end of the archive.
        (tar_headers(POSE, b"x" + header("300_words.csv")[1:]), "cannot be read .*a header is damaged"),
        (tar_headers(POSE, end=b""), "cannot be read .*ends before its end mark"),
        (tar_headers(POSE, header("b")[:100], end=b""), "cannot be read"),
        # The library seeks to the end of a member of any size, and reads an extended header of any size as a whole.
        (tar_headers(POSE, header("b", 1 << 62)), "cannot be read .*ends before its end mark"),
        (tar_headers(header("300_pose.txt", 1 << 62)), "cannot be read .*ends before its end mark"),
        (tar_headers(POSE, header("b", -512)), "cannot be read"),
        (tar_headers(POSE, header("b", pax_headers={"size": "-1024"})), "cannot be read"),
        (tar_headers(header("b", pax_headers={"size": str(1 << 62)}), POSE), "cannot be read"),
        (tar_headers(header("p", 1 << 20, tarfile.XHDTYPE), bytes(1 << 20), POSE), "extended by 1048576 bytes"),
        (tar_headers(header("p", 1 << 40, tarfile.GNUTYPE_LONGNAME), POSE), "extended by 1099511627776 bytes"),
        # Sparse members, old and new: some bytes that say that they are terabytes.
        (tar_headers(header("300_pose.txt", 0, tarfile.GNUTYPE_SPARSE)), "is sparse"),
        (
            tar_headers(
                header("s", 512, pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
                b"1000000000\n".ljust(512, b"1"),
            ),
            "is sparse",
        ),
        (
            tar_headers(
                header("300_pose.txt", 1, pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}), b"1" * 512
            ),
            "is a link or another special member",
        ),
    ],
)
def test_headers_of_a_tar_that_lie(tmp_path, data, said, compress):
    source = tmp_path / "a.tar"
    source.write_bytes(compress(data))
    refused(source, said)


def test_headers_that_every_later_member_inherits_are_not_kept(tmp_path):
    """The library would copy them for each of them."""
    inherited = tarfile.TarInfo.create_pax_global_header({f"key{i}": "x" * 40 for i in range(200)})
    source = tmp_path / "a.tar"
    source.write_bytes(tar_headers(inherited, header("m") * 3000, POSE))
    tracemalloc.start()
    assert read_members(source, WANTED, optional=["words"])["pose"].data == b"1"
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 16 << 20


def test_a_damaged_stream_is_noticed_behind_the_last_member(tmp_path):
    """All that is wanted came out of it; but what it says of itself does not fit."""
    source = tar(tmp_path / "a.tar.gz", [("300_pose.txt", b"1")])
    data = bytearray(source.read_bytes())
    data[-8] ^= 1  # of the checksum
    source.write_bytes(data)
    refused(source, "cannot be read .*CRC")


def test_names_that_are_long_or_no_text(tmp_path):
    for name in (
        b"n" * 5000 + b"/300_pose.txt",
        b"\xff\xfe/300_pose.txt",
        "\N{FACE WITH TEARS OF JOY}/300_pose.txt".encode(),
    ):
        named = name.decode("utf-8", "surrogateescape")
        found = read_members(tar(tmp_path / "a.tar", [(named, b"1")], "w"), {"pose": WANTED["pose"]})["pose"]
        assert str(found).isprintable()
        assert len(str(found)) < 300


def test_links_in_a_folder_lead_to_files_or_to_nothing(tmp_path):
    """A folder is its owner's: a link to a file is read. One to nothing, to a folder or to a device is no file."""
    folder = write_folder(tmp_path / "300_P", {"300_words.csv": "a"})
    link = folder / "300_pose.txt"
    for goal in ("nowhere", "300_pose.txt", ".", "/dev/zero"):
        link.symlink_to(goal)
        refused_for_lack(folder)
        link.unlink()
    (folder / "loop").symlink_to(folder)
    refused_for_lack(folder)
    link.symlink_to(write_folder(tmp_path / "elsewhere", {"x": "1"}) / "x")
    assert read_members(folder, WANTED)["pose"].data == b"1"


def refused_for_lack(source):
    with pytest.raises(UserError, match=r"lacks pose .*it holds"):
        read_members(source, WANTED)
