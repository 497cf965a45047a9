"""A private folder per run, `runs/ID` below the state folder: its record, and copies and shadows while it lives.

Each living run keeps a file `live/ID` locked (flock(2): the kernel lets go when the process ends, however it ends), so that the
next run can tell what was left behind by a kill, and give it back. Only those files are looked at: records may be many.
"""

from __future__ import annotations

import errno
import fcntl
import marshal
import os
import time

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.paths import HostPath, quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOCK = "lock"


def name(state: str) -> HostPath:
    """Where the folder of a new run will be, `state/runs/ID`: the plan speaks of it before it is made."""
    state = os.path.realpath(
        state
    )  # what a box leaves there is read through no link, and the home may be one (/home -> /var/home)
    return HostPath(f"{state}/runs/{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}")


def prepare(*folders: str) -> None:
    """Make inner's own folders (state, cache) before the plan is made: only what exists can be hidden from a box that shows home."""
    for folder in folders:
        if not os.path.isdir(folder):
            try:
                os.makedirs(folder, mode=0o700, exist_ok=True)
            except OSError:
                continue  # whoever needs it says so


def live(path: str) -> str:
    """The file that the run of the folder `path` keeps locked, for what the next run has to know when this one is killed."""
    runs, _, number = path.rpartition("/")
    return f"{runs.rpartition('/')[0]}/live/{number}"


def begin(path: str) -> int:
    """Make the folder `path` (`name`) of a run, mode 0700; the descriptor that is returned keeps the run alive for others."""
    runs, lock = path.rpartition("/")[0], live(path)
    state = runs.rpartition("/")[0]
    try:
        for folder in (state, runs, f"{state}/live"):
            if not os.path.isdir(folder):
                os.makedirs(folder, mode=0o700, exist_ok=True)
            _ours(folder)
        while True:
            fd = os.open(lock, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                break
            os.close(fd)  # somebody who sweeps was between our two calls
        try:
            os.mkdir(path, 0o700)
        except OSError:
            os.unlink(lock)
            os.close(fd)
            raise
    except OSError as problem:
        raise _unmade(problem, runs) from None
    return fd


def note(fd: int, *noted: Any) -> None:
    """Behind what `live` has already: the record may be thrown away, this is not. Through the descriptor that keeps the run alive: a
    file that is truncated, were it empty, is given its place on the disk when it is closed (ext4(5), auto_da_alloc), and there is
    no need to wait for that. Raises OSError."""
    data = marshal.dumps(noted)
    while data:
        data = data[os.write(fd, data) :]


def made(fd: int, pid: int, space: int) -> None:
    """Note pid 1 of the box, and its pid namespace."""
    try:
        note(fd, pid, space)
    except OSError:
        pass  # no room: as little as for the record


def create(path: str) -> int:
    """Make a folder `path` that is no run's, mode 0700; the descriptor that is returned keeps `LOCK` in it locked."""
    parent = path.rpartition("/")[0]
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        for folder in (parent.rpartition("/")[0], parent):
            _ours(folder)
        os.mkdir(path, 0o700)
        fd = os.open(f"{path}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        raise _unmade(problem, parent) from None
    return fd


def _unmade(problem: OSError, where: str) -> RunError:
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "`export XDG_STATE_HOME=...`, a folder that you may write in"
    else:
        hint = f"`ls -ld {quoted(where)}`, `df -h`: nothing can be put there"
    return RunError(f"cannot make a folder for this run: {(problem.strerror or '').lower()}", where=where, hint=hint)


def _ours(folder: str) -> None:
    info = os.lstat(folder)
    if info.st_uid != os.getuid() or info.st_mode & 0o022 or info.st_mode & 0o170000 != 0o040000:
        raise RunError(
            f"`{folder}` can be written by others",
            hint=f"`chmod go-w {quoted(folder)}`, or have it back: `chown $USER {quoted(folder)}`",
        )


def write(path: str, *parts: bytes | memoryview, mode: int = 0o600) -> None:
    """A new file."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(fd, view) :]
    finally:
        os.close(fd)


def alive(path: str) -> bool:
    """Whether the run of this folder still runs."""
    try:
        fd = os.open(live(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def sweep(state: str, recover: Callable[[str], None] | None = None) -> int:
    """Give back what runs that are gone have left; `recover` is called with the folder of each first. Returns how many."""
    try:
        names = os.listdir(f"{state}/live")
    except OSError:
        return 0
    if names:
        state = os.path.realpath(state)
    swept = 0
    for name in names:
        path = f"{state}/runs/{name}"
        try:
            fd = os.open(live(path), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # just finished, or none of ours
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # its run is alive
        else:
            from inner.launch.removal import finish

            if recover is not None:
                recover(path)
            finish(path)
            swept += 1
        finally:
            os.close(fd)
    return swept
