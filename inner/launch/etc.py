"""The box's own /etc as a folder that is mounted as one (`launch.etcmade` makes it): what a start asks of it."""

from __future__ import annotations

import fcntl
import os

from inner import kept
from inner.frozen import TYPE_CHECKING
from inner.launch import tree

if TYPE_CHECKING:
    from typing import TypeAlias

    State: TypeAlias = tuple[str, int, int, int]  # a file or a folder, and what changes with what is in it
    # A folder, how it and those in it look, when the machine was started; what was copied of the machine's, and its destinations
    Kept: TypeAlias = tuple[str, tuple[State, ...], bytes, tuple[State, ...], tuple[str, ...]]

BOOT = "/proc/sys/kernel/random/boot_id"


def sound(found: Kept | None) -> bool:
    """Whether nothing in it has been changed or removed since, by somebody who makes room for instance, nor what was copied, and the
    machine has not been started anew, before which it may have stopped without writing down what was in the files; True for none."""
    try:
        return found is None or (
            all(state(one[0]) == one for one in found[1])
            and boot() == found[2]
            and kept.private(os.lstat(lock(found[0])))
            and all(look(one[0]) == one for one in found[3])
        )
    except OSError:
        return False


def boot() -> bytes:
    """The name of this start of the machine (random(4))."""
    return tree.read(BOOT)


def lock(folder: str) -> str:
    """The file that is kept locked by who uses a folder. It lies beside it: what is in there a box could lock as well."""
    return f"{folder}.lock"


def hold(found: Kept) -> int:
    """A descriptor that keeps it from being removed; -1 when that is under way, or was done between our two calls."""
    fd = kept.opened(lock(found[0]))
    if fd < 0:
        return -1
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if os.fstat(fd).st_nlink:
            return fd
    except OSError:
        pass
    os.close(fd)
    return -1


def state(path: str) -> State:
    """How a folder of ours looks. Raises OSError, also for one that others may write to."""
    info = os.lstat(path)
    if not kept.private(info):
        raise PermissionError(1, "written by others", path)
    return (path, info.st_ino, info.st_mtime_ns, info.st_ctime_ns)


def look(path: str) -> State:
    """How one of the machine's looks. Raises OSError."""
    info = os.lstat(path)
    return (path, info.st_ino, info.st_mtime_ns, info.st_ctime_ns)
