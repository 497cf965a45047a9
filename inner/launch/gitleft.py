"""Whether a git folder that a box could write would run something outside. Looks through one open folder, runs nothing.

See gitrepository-layout(5) for what lies in it; whatever is not known to be harmless counts.
"""

from __future__ import annotations

import os
import stat

from inner import gitconfig, gitpolicy

MOST_INCLUDED = 20  # files that the settings of one repository include


def ctime(fd: int, name: str) -> int:
    """When an entry of `fd` changed last, in nanoseconds; 0 when there is none."""
    try:
        return os.lstat(name, dir_fd=fd).st_ctime_ns
    except OSError:
        return 0


def _names(fd: int, name: str) -> list[str]:
    try:
        at = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return []
    try:
        return os.listdir(at)
    finally:
        os.close(at)


def newest_hook(fd: int) -> int:
    """When a hook changed last."""
    return max((ctime(fd, f"hooks/{name}") for name in _names(fd, "hooks")), default=0)


def newest_named(fd: int, top: str) -> int:
    """When something changed last that the repository's settings name to be run or read, which may lie in its work tree (`top`, from
    `fd`): the folder of core.hooksPath, and what is included, by whatever is included.
    """
    newest, todo, seen = 0, ["config"], 0
    while todo and seen < MOST_INCLUDED:
        path, seen = todo.pop(), seen + 1
        for entry in gitconfig.parse(_text(fd, path))[0]:
            value = entry.value or ""
            if (entry.section, entry.sub, entry.key) == ("core", None, "hookspath"):
                hooks = value if value.startswith("/") else top + value
                newest = max(newest, *(_changed(fd, f"{hooks}/{name}") for name in _listed(fd, hooks)), _changed(fd, hooks))
            elif included := gitconfig.included(entry):
                name = included[1] if included[1].startswith("/") else f"{path.rpartition('/')[0] or '.'}/{included[1]}"
                newest = max(newest, _changed(fd, name))
                todo.append(name)
    return newest


def _changed(fd: int, name: str) -> int:
    """As `_ctime`, of the link and of what it leads to."""
    try:
        return max(os.lstat(name, dir_fd=fd).st_ctime_ns, os.stat(name, dir_fd=fd).st_ctime_ns)
    except (OSError, ValueError):
        return 0


def _listed(fd: int, name: str) -> list[str]:
    try:
        at = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    except (OSError, ValueError):
        return []
    try:
        return os.listdir(at)
    finally:
        os.close(at)


def _text(fd: int, name: str) -> bytes:
    """Of a regular file, whatever links lead to it; it is only looked through for what it includes."""
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=fd).st_mode):
            return b""
        with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd), "rb") as file:
            return file.read(gitconfig.MOST_BYTES)
    except (OSError, ValueError):
        return b""


def runs(fd: int) -> bool:
    """Whether git could run or include anything from here: whatever is not known to be harmless counts."""
    if any(not name.endswith(".sample") for name in _names(fd, "hooks")):
        return True
    if ctime(fd, "hooks") and stat.S_ISLNK(os.lstat("hooks", dir_fd=fd).st_mode):
        return True
    if any(ctime(fd, name) for name in ("commondir", "config.worktree", "modules", "worktrees")):
        return True
    try:
        config = os.open("config", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return bool(ctime(fd, "config"))
    with open(config, "rb") as file:
        text = file.read(gitconfig.MOST_BYTES + 1)
    entries, bad = gitconfig.parse(text)
    harmless = [entry for entry in entries if gitpolicy.permitted(entry, gitpolicy.LOCAL)]
    return bool(bad) or len(text) > gitconfig.MOST_BYTES or len(harmless) != len(entries)
