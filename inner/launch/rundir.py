"""A private folder per run, below the state folder: copies and shadows live there while the run does.

Each holds a lock file that its run keeps locked (flock(2): the kernel lets go when the process ends, however it ends), so
that the next run can tell what was left behind by a kill and remove it.
"""

from __future__ import annotations

import fcntl
import os
import time

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.paths import HostPath

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = "lock"


def name(state: str) -> HostPath:
    """Where the folder of a new run will be, `state/runs/ID`: the plan speaks of it before it is made."""
    return HostPath(f"{state}/runs/{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}")


def prepare(*folders: str) -> None:
    """Make inner's own folders (state, cache) before the plan is made: only what exists can be hidden from a box that shows home."""
    for folder in folders:
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError:
            continue  # whoever needs it says so


def create(path: str) -> int:
    """Make the folder `path` (`name`), mode 0700; the descriptor that is returned keeps it locked."""
    runs = path.rpartition("/")[0]
    try:
        os.makedirs(runs, mode=0o700, exist_ok=True)
        for folder in (runs.rpartition("/")[0], runs):
            _ours(folder)
        os.mkdir(path, 0o700)
        fd = os.open(f"{path}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        raise RunError(
            f"cannot make a folder for this run: {problem.strerror}",
            where=runs,
            hint="is the disk full, or the folder somebody else's?",
        ) from None
    return fd


def _ours(folder: str) -> None:
    info = os.lstat(folder)
    if info.st_uid != os.getuid() or info.st_mode & 0o022 or os.path.islink(folder):
        raise RunError(
            f"`{folder}` can be written by others", hint=f"`chmod go-w {folder}`, or have it back: `chown $USER {folder}`"
        )


def sweep(state: str, recover: Callable[[str], None] | None = None) -> int:
    """Remove the folders of runs that are gone; `recover` is called for each first. Returns how many there were."""
    runs, removed = f"{state}/runs", 0
    try:
        names = os.listdir(runs)
    except OSError:
        return 0
    for name in names:
        path = f"{runs}/{name}"
        try:
            fd = os.open(f"{path}/{LOCK}", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # just being made, or none of ours
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # its run is alive
        else:
            if recover is not None:
                recover(path)
            remove(path)
            removed += 1
        finally:
            os.close(fd)
    return removed


def remove(path: str) -> None:
    """Remove a folder and all that is in it: without recursion and without following links, because the box chose what is inside.

    Every nested folder is first moved up to the top, so that the depth of the tree does not matter. What cannot be removed stays.
    """
    number, progress = 0, True
    while progress:
        progress = False
        for entry in _entries(path):
            if not entry.is_dir(follow_symlinks=False):
                progress |= _try(os.unlink, entry.path)
                continue
            for inner in _entries(entry.path):
                if inner.is_dir(follow_symlinks=False):
                    _open_up(inner.path)  # moving a folder changes its `..`: it must be writable itself
                    number += 1
                    progress |= _try(os.rename, inner.path, f"{path}/.{os.getpid()}-{number}")
                else:
                    progress |= _try(os.unlink, inner.path)
            progress |= _try(os.rmdir, entry.path)
    _try(os.rmdir, path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    _open_up(folder)
    try:
        return list(os.scandir(folder))
    except OSError:
        return []


def _open_up(folder: str) -> None:
    try:
        mode = os.lstat(folder).st_mode
        if mode & 0o700 != 0o700:
            os.chmod(folder, (mode & 0o777) | 0o700)
    except OSError:
        pass


def _try(act: Callable[..., None], *paths: str) -> bool:
    try:
        act(*paths)
    except OSError:
        return False
    return True
