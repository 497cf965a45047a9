"""The store of decisions: what was read, at its path, by this user; everything odd is no decision."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inner.config.trust import Trust, digest
from inner.errors import HostError

PATH, TEXT = "/src/project/.inner.toml", b"keep_runs = 1\n"


@pytest.fixture
def store(tmp_path: Path) -> Trust:
    trust = Trust(f"{tmp_path}/state/inner/trust", os.getuid())
    trust.approve(PATH, TEXT)
    return trust


def record(store: Trust) -> Path:
    return Path(store.record(PATH))


def test_exactly_these_bytes_at_exactly_this_path(store: Trust) -> None:
    assert store.is_trusted(PATH, TEXT)
    assert not store.is_trusted(PATH, TEXT + b"\n")
    assert not store.is_trusted(PATH, b"")
    assert not store.is_trusted(PATH + "x", TEXT)
    assert not store.is_trusted("/src/project2/.inner.toml", TEXT)


def test_another_approval_takes_the_place_of_the_first(store: Trust) -> None:
    store.approve(PATH, b"other")
    assert store.is_trusted(PATH, b"other")
    assert not store.is_trusted(PATH, TEXT)
    assert store.decisions() == ((PATH, digest(b"other")),)


def test_the_store_is_the_users_alone(store: Trust) -> None:
    assert os.stat(store.folder).st_mode & 0o777 == 0o700
    assert record(store).stat().st_mode & 0o777 == 0o600
    assert os.listdir(store.folder) == [record(store).name]


def test_what_is_taken_back_is_gone(store: Trust) -> None:
    assert store.revoke(PATH)
    assert not store.revoke(PATH)
    assert not store.is_trusted(PATH, TEXT)
    assert store.decisions() == ()


@pytest.mark.parametrize("name", ["/p/a\nb/.inner.toml", "/p/\udcff/x", "/p/é", "/p/" + "x" * 4000])
def test_any_path_can_be_decided_about(store: Trust, name: str) -> None:
    store.approve(name, TEXT)
    assert store.is_trusted(name, TEXT)
    assert (name, digest(TEXT)) in store.decisions()


@pytest.mark.parametrize("damage", ["empty", "cut", "grown", "open", "link", "folder", "fifo"])
def test_an_odd_record_is_no_decision(store: Trust, damage: str, tmp_path: Path) -> None:
    path = record(store)
    content = path.read_bytes()
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(content[:-1])
        case "grown":
            path.write_bytes(content + b"\n")
        case "open":
            path.chmod(0o666)
        case "link":
            (tmp_path / "copy").write_bytes(content)
            path.unlink()
            path.symlink_to(tmp_path / "copy")
        case "folder":
            path.unlink()
            path.mkdir()
        case "fifo":
            path.unlink()
            os.mkfifo(path)
    assert not store.is_trusted(PATH, TEXT)
    assert store.decisions() == ()


def test_a_folder_that_others_can_write_to_holds_no_decision(store: Trust) -> None:
    os.chmod(store.folder, 0o777)
    assert not store.is_trusted(PATH, TEXT)
    assert store.decisions() == ()
    with pytest.raises(HostError, match="the folder of trust decisions is open to others"):
        store.approve(PATH, TEXT)


def test_a_record_of_another_file_under_this_name_is_no_decision(store: Trust) -> None:
    store.approve("/other", TEXT)
    os.replace(store.record("/other"), store.record(PATH))
    assert not store.is_trusted(PATH, TEXT)
    assert store.decisions() == ()


def test_a_store_that_cannot_be_made_is_an_error_and_not_a_yes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trust = Trust(f"{tmp_path}/file/trust", os.getuid())
    assert not trust.is_trusted(PATH, TEXT)
    with pytest.raises(HostError, match="the decision cannot be kept: not a directory"):
        trust.approve(PATH, TEXT)
