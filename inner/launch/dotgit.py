"""The `.git` file of a linked work tree, and what names it back (gitrepository-layout(5)). Only looks, through no link."""

from __future__ import annotations

import os
import stat

from inner.frozen import TYPE_CHECKING
from inner.launch.syscall import open_path
from inner.paths import normal

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 8192
TREES, MODULES = "worktrees", "modules"


def names(fd: int, place: str) -> str:
    """The folder that the `.git` file in `fd`, the folder `place`, names; "" when there is no such file."""
    try:
        file = os.open(".git", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return ""
    with open(file, "rb") as content:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return ""
        text = content.read(MOST_BYTES).decode("utf-8", "surrogateescape")
    if not text.startswith("gitdir: ") or text.count("\n") != 1:
        return ""
    path = text[8:].rstrip("\n")
    return normal(path if path.startswith("/") else f"{place}/{path}")


def is_below(named: str, places: Iterable[str]) -> bool:
    """Whether a folder is in one of `places`: directly, where these are of work trees; at any depth, where of submodules."""
    return any(named.startswith(f"{top}/") for top in places if top.endswith(f"/{MODULES}")) or named.rpartition("/")[0] in places


def belongs(place: str, folder: str, within: Iterable[str]) -> bool:
    """Whether `folder` is in one of `within`, of repositories that no box can write, and names `place` back."""
    from inner import gitconfig  # a project without work trees and submodules needs neither, and they are large
    from inner.launch.shadow import read

    try:
        for top in within:
            if top.endswith(f"/{MODULES}") and folder.startswith(f"{top}/"):
                named = gitconfig.get(read(f"{folder}/config", gitconfig.MOST_BYTES), "core.worktree") or ""
                return normal(named if named.startswith("/") else f"{folder}/{named}") == place
        if folder.rpartition("/")[0] not in within:
            return False
        back = read(f"{folder}/gitdir", 4096).decode("utf-8", "surrogateescape").rstrip("\n")
        return normal(back if back.startswith("/") else f"{folder}/{back}") == f"{place}/.git"
    except OSError:
        return False


def names_of(place: str) -> str:
    """`names`, for a folder by its path."""
    try:
        fd = open_path(place)
    except OSError:
        return ""
    try:
        return names(fd, place)
    finally:
        os.close(fd)
