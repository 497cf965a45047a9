"""Results that are kept: only what we alone could have written counts, and nothing is left behind by a failure."""

from __future__ import annotations

import os

import pytest

from inner import draft, kept


@pytest.fixture
def place(tmp_path):
    path = str(tmp_path / "cache" / "value")
    assert draft.save(path, ("key", 1, None, b"x"))
    return path


def test_what_was_saved_is_found_and_only_for_us(place):
    assert kept.load(place) == ("key", 1, None, b"x")
    assert os.stat(place).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(place)).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_nothing(place, mode):
    os.chmod(place, mode)
    assert kept.load(place) is None


def test_a_folder_that_others_can_write_is_nothing(place):
    os.chmod(os.path.dirname(place), 0o777)
    assert kept.load(place) is None


def test_a_link_a_fifo_and_a_folder_are_nothing(place):
    for make in (lambda path: os.symlink(place, path), os.mkfifo, os.mkdir):
        other = place + ".other"
        make(other)
        assert kept.load(other) is None
        os.rmdir(other) if os.path.isdir(other) and not os.path.islink(other) else os.unlink(other)


def test_damaged_bytes_are_nothing(place):
    with open(place, "wb") as file:
        file.write(b"\xff\x00garbage")
    assert kept.load(place) is None
    with open(place, "wb") as file:
        file.write(b"")
    assert kept.load(place) is None


def test_a_failed_save_leaves_nothing(place):
    folder = os.path.dirname(place)
    os.mkdir(place + ".folder")
    assert not draft.save(place + ".folder", 1)
    assert not draft.save(place, object())
    assert sorted(os.listdir(folder)) == ["value", "value.folder"]


def test_the_oldest_make_room(tmp_path):
    for number in range(6):
        path = str(tmp_path / str(number))
        draft.save(path, number, entries=4)
        os.utime(path, (number, number))
    assert sorted(os.listdir(tmp_path)) == ["2", "3", "4", "5"]


def test_content_sees_what_is_behind_a_link(tmp_path):
    (tmp_path / "file").write_text("one")
    (tmp_path / "link").symlink_to("file")
    before = kept.content(str(tmp_path / "link"))
    assert before is not None
    assert before[2:] == ("file", b"one")
    (tmp_path / "file").write_text("two")
    assert kept.content(str(tmp_path / "link")) != before
    assert kept.content(str(tmp_path / "absent")) is None
