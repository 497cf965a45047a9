"""What goes: of a run that is over all but its record, records when there are too many, and whole folders that a box has filled.

The box chose what is in them: no link is followed, and no depth of folders is too much.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.launch.rundir import live

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = 6  # of folders that are removed where they are
ROOM = 1 << 30  # bytes for all records and what is kept of output
KEPT = frozenset(("record", "output"))  # inner.records: what stays of a run


def finish(path: str) -> None:
    """The run is over: only what is kept of it stays."""
    kept = False
    for entry in _entries(path):
        if entry.name in KEPT and entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_size:
            kept = True
        elif entry.is_dir(follow_symlinks=False):
            remove(entry.path)
        else:
            _try(os.unlink, entry.path)
    if not kept:
        _try(os.rmdir, path)
    _try(os.unlink, live(path))


def rotate(state: str, keep: int, *, newest: str = "", room: int = ROOM, always: bool = False) -> int:
    """Throw away the oldest records beyond `keep`, and those beyond `room` bytes, never that of a run that lives, or was killed and
    has something to give back (`sweep`). Their sizes are looked at by one run in sixteen, or `always`. `newest`: the run that
    asks, whatever others of the same second are called. Returns how many went."""
    try:
        names = sorted(
            os.listdir(f"{state}/runs"), key=lambda name: (name == newest, name), reverse=True
        )  # an ID begins with its time
    except OSError:
        return 0
    if always or (names[:1] and names[0].endswith("0")):
        for at, name in enumerate(names):
            room -= sum(_size(f"{state}/runs/{name}/{kept}") for kept in KEPT)
            if room < 0:
                keep = min(keep, max(at, 1))
                break
    old = names[keep:]
    gone = [path for name in old if not os.path.lexists(live(path := f"{state}/runs/{name}"))]
    for path in gone:
        remove(path)
    return len(gone)


def remove(path: str) -> None:
    """Remove a folder and all that is in it: without recursion and without following links, because the box chose what is inside.

    Below a few levels every nested folder is first moved up to the top, so that the depth of the tree does not matter. What cannot
    be removed stays.
    """
    _remove(path, LEVELS)
    number, progress = 0, os.path.lexists(path)
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


def _remove(path: str, levels: int) -> None:
    for entry in _entries(path):
        if not entry.is_dir(follow_symlinks=False):
            _try(os.unlink, entry.path)
        elif levels:
            _remove(entry.path, levels - 1)
    _try(os.rmdir, path)


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


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
