"""A kept plan holds as long as every place looks as it did: what is cheap to ask must not miss what is dear to ask."""

from __future__ import annotations

import os
import time

import pytest

from inner import looks
from inner.looks import NAMES, absent, listed, look
from inner.snapshot import grouped, times

MANY = tuple(f".name{number}" for number in range(2 * looks.FEW))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "there").touch()
    return tmp_path


def test_names_that_are_not_there_are_absent(folder):
    for names in (MANY, MANY[:2], (*MANY, "There")):
        assert absent(str(folder), names)
    assert absent(str(folder / "no-folder"), MANY)
    assert absent("/", tuple(f"{name}-of-nobody" for name in MANY))


@pytest.mark.parametrize("make", ["touch", "mkdir", "dangling"])
def test_one_that_appears_is_seen(folder, make):
    place = folder / MANY[7]
    place.symlink_to("nowhere") if make == "dangling" else getattr(place, make)()
    assert not absent(str(folder), MANY)
    assert not absent(str(folder), MANY[7:8])


def test_a_large_folder_and_one_with_names_that_could_be_folded_are_asked_for_each_name(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(looks, "look", lambda path, what: asked.append(path))
    assert absent(str(folder), MANY)
    assert not asked
    (folder / MANY[0].upper()).touch()  # on a file system without cases this is the name itself
    assert absent(str(folder), MANY)
    assert len(asked) == len(MANY)
    (folder / MANY[0].upper()).rename(folder / ".na\u200cme0")  # and here, where joiners do not count
    assert absent(str(folder), MANY)
    assert len(asked) == 2 * len(MANY)
    (folder / ".na\u200cme0").unlink()
    monkeypatch.setattr(looks, "SMALL", 0)
    assert absent(str(folder), MANY)
    assert len(asked) == 3 * len(MANY)


def test_a_folder_that_cannot_be_read_is_asked_for_each_name(folder):
    (folder / MANY[3]).touch()
    folder.chmod(0o100)
    try:
        assert not absent(str(folder), MANY)
    finally:
        folder.chmod(0o700)


def test_a_folder_is_read_again_only_when_it_changed(folder, monkeypatch):
    seen, later = look(str(folder), NAMES), time.time_ns() + 10**9
    was = times(str(folder), later)
    assert was
    monkeypatch.setattr(looks, "look", lambda path, what: pytest.fail("read again"))
    assert listed(str(folder), was, seen)
    monkeypatch.undo()
    (folder / "another").touch()
    assert not listed(str(folder), was, seen)
    (folder / "another").unlink()
    assert listed(str(folder), was, seen)  # changed, and as it was


def test_setting_the_time_back_hides_no_new_name(folder):
    seen, was = look(str(folder), NAMES), times(str(folder), time.time_ns() + 10**9)
    (folder / "another").touch()
    os.utime(folder, ns=(was[0], was[0]))
    assert os.stat(folder).st_mtime_ns == was[0]
    assert not listed(str(folder), was, seen)


def test_a_folder_that_changed_a_moment_ago_has_no_time(folder):
    assert times(str(folder), time.time_ns() - 2 * 10**9) is None
    assert listed(str(folder), None, look(str(folder), NAMES))


def test_no_time_is_taken_of_the_kernels_own_folders_nor_of_links(folder):
    (folder / "link").symlink_to(folder)
    assert times("/proc/self", 1 << 62) is None
    assert times("/proc", 1 << 62) is None
    assert times(str(folder / "link"), 1 << 62) is None


def test_another_owner_or_mode_is_another_folder(folder):
    seen, was = look(str(folder), NAMES), times(str(folder), time.time_ns() + 10**9)
    folder.chmod(0o711)
    assert not listed(str(folder), was, seen)


def test_paths_are_grouped_by_folder():
    assert grouped(["/a", "/x/b", "/c", "/x/d"]) == (("/", ("a", "c")), ("/x", ("b", "d")))
