"""Where a project begins and ends, and whose folders are looked into."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from configured import Machine

from inner.config.project import discover
from inner.facts import Facts
from inner.host import Stat

HOME = "/home/user"


def facts(tree: dict[str, object], cwd: str = f"{HOME}/src/p/sub") -> Facts:
    return Facts({cwd: "dir", **tree}, env={"HOME": HOME}, cwd=cwd)  # type: ignore[dict-item]


def found(tree: dict[str, object], cwd: str = f"{HOME}/src/p/sub") -> tuple[str, str]:
    project = discover(facts(tree, cwd))
    return project.root.removeprefix(HOME), project.area.removeprefix(HOME)


def test_the_first_folder_upwards_with_a_file_is_the_project() -> None:
    assert found({f"{HOME}/src/p/.inner.toml": "file", f"{HOME}/src/.inner.toml": "file"}) == ("/src/p", "/src/p")
    assert found({f"{HOME}/src/p/sub/.config/inner.toml": "file", f"{HOME}/src/p/.inner.toml": "file"}) == (
        "/src/p/sub",
        "/src/p/sub",
    )
    for name in (".inner.toml", ".config/inner.toml", ".inner/profiles/x.toml", ".config/inner/profiles/x.toml"):
        assert found({f"{HOME}/src/p/{name}": "file"})[0] == "/src/p"


def test_the_walk_ends_at_the_git_root() -> None:
    above = {f"{HOME}/src/.inner.toml": "file"}
    tree = {**above, f"{HOME}/src/p/.git/HEAD": "file"}
    assert found(tree) == ("", "/src/p")
    assert found({**above, f"{HOME}/src/p/.git": "file"}) == ("", "/src/p"), "a worktree's .git is a file"
    assert found({**above, f"{HOME}/src/p/.git": "dir"}) == ("/src", "/src"), "an empty folder is what holds a place"
    assert found({**tree, f"{HOME}/src/p/.inner.toml": "file"}) == ("/src/p", "/src/p")


def test_the_walk_ends_below_home_and_the_root() -> None:
    assert found({f"{HOME}/.inner.toml": "file"}) == ("", "/src/p/sub")
    assert found({f"{HOME}/.inner.toml": "file"}, HOME) == ("", "")
    assert found({"/home/.inner.toml": "file", "/.inner.toml": "file"}, "/home/other") == ("", "/home/other")
    assert found({"/.inner.toml": "file"}, "/srv/p")[0] == ""


def test_the_walk_ends_at_a_mount_boundary() -> None:
    tree: dict[str, object] = {
        "/mnt/usb": Stat("dir", 0o755, 1000, 1000, 0, dev=7), "/mnt": Stat("dir", 0o755, 0, 0, 0, dev=1),
        "/mnt/.inner.toml": "file", "/mnt/usb/p": Stat("dir", 0o755, 1000, 1000, 0, dev=7),
    }  # fmt: skip
    assert discover(facts(tree, "/mnt/usb/p")).root == ""
    tree["/mnt/usb/.inner.toml"] = "file"
    assert discover(facts(tree, "/mnt/usb/p")).root == "/mnt/usb"


@pytest.mark.parametrize(
    ("folder", "read"),
    [
        (Stat("dir", 0o755, 1000, 1000), True), (Stat("dir", 0o755, 0, 0), True), (Stat("dir", 0o777, 1000, 1000), False), (Stat("dir", 0o1777, 0, 0), False),
        (Stat("dir", 0o755, 2000, 2000), False), (Stat("dir", 0o775, 1000, 54321), False), (Stat("dir", 0o757, 1000, 1000), False),
    ],
)  # fmt: skip
def test_a_folder_that_another_user_can_write_to_is_not_searched(folder: Stat, read: bool) -> None:
    project = discover(facts({f"{HOME}/src/p": folder, f"{HOME}/src/p/.inner.toml": "file"}))
    assert (project.root == f"{HOME}/src/p") is read
    assert project.notices == (
        () if read else (f"`{HOME}/src/p/.inner.toml` is not read: another user could have written to its folder",)
    )


@pytest.mark.parametrize("open_folder", [".inner", ".inner/profiles", ".config"])
def test_nor_is_one_below_the_project(open_folder: str) -> None:
    name = ".config/inner.toml" if open_folder == ".config" else ".inner/profiles/x.toml"
    tree: dict[str, object] = {f"{HOME}/src/p/{open_folder}": Stat("dir", 0o777, 1000, 1000), f"{HOME}/src/p/{name}": "file"}
    project = discover(facts(tree))
    assert (project.root, project.files, project.folders) == ("", (), ())
    assert len(project.notices) == 1
    project = discover(facts({**tree, f"{HOME}/src/p/.inner.toml": "file"}))
    assert (project.files, project.folders) == ((f"{HOME}/src/p/.inner.toml",), ()), "what is safe is read"


def test_a_search_ends_where_another_user_could_have_made_the_folder() -> None:
    tree: dict[str, object] = {
        "/tmp": Stat("dir", 0o1777, 0, 0),
        "/tmp/.inner.toml": "file",
        "/tmp/p": Stat("dir", 0o700, 1000, 1000),
    }
    project = discover(facts(tree, "/tmp/p"))
    assert project.root == ""
    assert project.notices == ("`/tmp/.inner.toml` is not read: another user could have written to its folder",)


def test_a_project_is_known_by_its_real_path(tmp_path: Path) -> None:
    root = tmp_path / "m"
    root.mkdir(mode=0o755)
    machine = Machine(root.resolve())
    machine.inner_toml("")
    (machine.home / "link").symlink_to(machine.project)
    assert discover(machine.host(), str(machine.home / "link")).root == str(machine.project)


def test_a_file_or_folder_named_like_a_profile_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "m"
    root.mkdir(mode=0o755)
    machine = Machine(root.resolve())
    before = machine.resolve("shell")
    for name in ("shell", "shell.toml"):
        machine.put(machine.project / name, 'schema_version = "1"\n[sandbox]\nnetwork_mode = "full"\n')
    (machine.project / "rust").mkdir()
    assert machine.resolve("shell") == before
    assert machine.resolve("") == before
    assert machine.resolve("rust").layers == machine.resolve("rust", no_project=True).layers
    os.chdir(root)
    assert machine.resolve("shell") == before
