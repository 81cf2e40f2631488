"""What archives are said to hold, in every packing, and what is read of them meanwhile."""

import zipfile

import numpy as np
import pytest

from data_builders.readers import archives
from data_builders.readers.listing import glance, is_listed_quickly, list_members
from mccl_jax.errors import UserError
from tests.data_builders.readers.test_archives import CONTENTS, packed, tar


@pytest.mark.parametrize("packing", ["zip", "tar.gz", "tar", "folder"])
def test_listing_reads_nothing_but_the_beginnings_asked_for(tmp_path, packing):
    source = packed(tmp_path, packing, "300_P/")
    found = list_members(source, lambda name, size: 2 if name.endswith("txt") else 0)
    assert {member.name: (member.size, member.head) for member in found} == {
        f"300_P/{name}": (len(data), b"1," if name == "300_pose.txt" else b"") for name, data in CONTENTS.items()
    }
    assert all((member.crc is not None) == (packing == "zip") for member in found)
    assert is_listed_quickly(source) == (packing in ("zip", "folder"))
    assert list(tmp_path.iterdir()) == [source]


def test_listing_a_zip_opens_only_members_asked_for(tmp_path, monkeypatch):
    source, opened, really_open = packed(tmp_path, "zip"), [], zipfile.ZipFile.open

    def spy(archive, member, *args):
        opened.append(member.filename)
        return really_open(archive, member, *args)

    monkeypatch.setattr(zipfile.ZipFile, "open", spy)
    list_members(source, lambda name, size: size if "words" in name else 0)
    assert opened == ["300_words.csv"]


@pytest.mark.parametrize("packing", ["zip", "tar.gz"])
def test_listing_what_is_damaged_or_far_too_many_is_a_users_error(tmp_path, packing, monkeypatch):
    source = packed(tmp_path, packing)
    monkeypatch.setattr(archives, "MOST_MEMBERS", 2)
    with pytest.raises(UserError, match="more than 2 members"):
        list_members(source, lambda name, size: 0)
    monkeypatch.undo()
    source.write_bytes(source.read_bytes()[:-40])
    with pytest.raises(UserError, match="cannot be read"):
        list_members(source, lambda name, size: 0)


def test_a_glance_finds_most_archives_that_were_cut_short(tmp_path):
    rng = np.random.default_rng(0)
    whole = tar(tmp_path / "300_P.tar.gz", [("300_hog.bin", rng.bytes(200_000))])
    assert glance(whole) == ""
    assert glance(packed(tmp_path, "tar")) == ""
    data, cut = whole.read_bytes(), tmp_path / "301_P.tar.gz"
    found = []
    for n in rng.integers(600, len(data) - 1, 60):
        cut.write_bytes(data[:n])
        found.append(bool(glance(cut)))
    assert sum(found) >= 58
    for junk in (b"", b"\x1f\x8b", b"<html>not found</html>" * 100):
        cut.write_bytes(junk)
        assert "is no .tar.gz that can be opened" in glance(cut)
