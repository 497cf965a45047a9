"""Writes what is kept (`inner.kept`): as a draft beside its place, which it takes by rename, in a folder that is ours alone.

A value that cannot be written is not kept, and nothing is left of it. A usual start finds all that it needs, and writes nothing here.
"""

from __future__ import annotations

import marshal
import os

from inner.frozen import TYPE_CHECKING
from inner.kept import MOST, private

if TYPE_CHECKING:
    from typing import Any


def save(path: str, value: Any, *, entries: int = 0, most: int = MOST, more: bytes = b"") -> bool:
    """Keep `value` at `path`, in a folder of at most so many `entries` (0: any number). Whether that worked. `more` follows it in
    the file, which is for those who `read` that."""
    try:
        data = marshal.dumps(value) + more
    except ValueError:
        return False
    return write(path, data, entries=entries, most=most)


def write(path: str, data: bytes, *, entries: int = 0, most: int = MOST) -> bool:
    """The same with bytes."""
    folder, draft = path.rpartition("/")[0], f"{path}.{os.getpid()}"
    try:
        make(folder)
        if not private(os.lstat(folder)) or len(data) > most:
            return False
        if entries:
            _make_room(folder, entries)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(data)
            os.rename(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
    except (OSError, ValueError):
        return False
    return True


def _make_room(folder: str, entries: int) -> None:
    """What was written longest ago goes."""
    found = list(os.scandir(folder))
    if len(found) >= entries:
        for entry in sorted(found, key=lambda one: one.stat(follow_symlinks=False).st_mtime_ns)[: len(found) - entries + 1]:
            os.unlink(entry.path)


def make(folder: str) -> None:
    """Make a folder, and inner's own above it, for nobody else: `makedirs` gives its mode to the last one alone."""
    above = folder.rpartition("/")[0]
    if not os.path.lexists(above):
        os.makedirs(above, mode=0o700, exist_ok=True)
    os.makedirs(folder, mode=0o700, exist_ok=True)
