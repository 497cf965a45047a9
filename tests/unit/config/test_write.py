"""Replacing a file: whole, never over another's change, never through a project's links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inner.config.write import replace
from inner.errors import ConfigError, HostError


def test_a_new_file_is_made_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a/b/c.toml"
    replace(str(path), b"x", expected=None)
    assert path.read_bytes() == b"x"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == ["c.toml"]


def test_what_is_there_is_not_replaced_by_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"theirs")
    with pytest.raises(ConfigError, match="the file exists"):
        replace(str(path), b"mine", expected=None)
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["c.toml"]


def test_a_dangling_link_is_written_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("dotfiles/target")
    replace(str(tmp_path / "link"), b"x", expected=None)
    assert (tmp_path / "dotfiles/target").read_bytes() == b"x"
    assert (tmp_path / "link").is_symlink()


def test_a_change_made_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"theirs")
    with pytest.raises(ConfigError, match="the file was changed meanwhile"):
        replace(str(path), b"mine", expected=b"before")
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["c.toml"]


def test_the_mode_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"before")
    path.chmod(0o640)
    replace(str(path), b"after", expected=b"before")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"after", 0o640)


@pytest.mark.parametrize("where", [".inner.toml", ".inner/profiles/x.toml"])
def test_nothing_is_written_through_a_projects_links(tmp_path: Path, where: str) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "x.toml").write_bytes(b"before")
    project = tmp_path / "project"
    project.mkdir()
    if where == ".inner.toml":
        (project / where).symlink_to(precious / "x.toml")
    else:
        (project / ".inner").mkdir()
        (project / ".inner/profiles").symlink_to(precious)
    with pytest.raises((HostError, ConfigError)):
        replace(f"{project}/{where}", b"evil", expected=b"before", root=str(project))
    assert (precious / "x.toml").read_bytes() == b"before"
    assert os.listdir(precious) == ["x.toml"]
    replace(f"{project}/{where}", b"evil", expected=b"before")
    assert (precious / "x.toml").read_bytes() == b"evil", "without a root it is written: the attack is one"


def test_a_projects_folders_are_made(tmp_path: Path) -> None:
    replace(f"{tmp_path}/.inner/profiles/x.toml", b"x", expected=None, root=str(tmp_path))
    assert (tmp_path / ".inner/profiles/x.toml").read_bytes() == b"x"


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(HostError, match="the file cannot be written: ") as caught:
        replace(f"{tmp_path}/file/x.toml", b"x", expected=None)
    assert caught.value.where == f"{tmp_path}/file/x.toml"
