"""Mount points that bubblewrap makes on the host, behind writable mounts: noted before the start, removed after the end.

What was there before is not ours, and neither is what has been filled meanwhile: only what is still empty goes. The note lies
in the run's folder, so that the next run can do it for one that was killed (`rundir.sweep`).
"""

from __future__ import annotations

import os
import stat

from inner.frozen import TYPE_CHECKING
from inner.launch.syscall import open_path

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTE = "scaffolding"


def note(folder: str, paths: Iterable[str]) -> None:
    """Write down which paths, outermost first, will be made: those that are not there now."""
    new = [os.fsencode(path) for path in paths if not os.path.lexists(path)]
    if new:
        fd = os.open(f"{folder}/{NOTE}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(b"\0".join(new))


def remove(folder: str) -> None:
    """Remove what the note in `folder` names, innermost first, as far as it is still empty."""
    try:
        fd = os.open(f"{folder}/{NOTE}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    with open(fd, "rb") as file:
        paths = file.read().split(b"\0")
    for path in reversed(paths):
        above, _, name = os.fsdecode(path).rpartition("/")
        try:
            at = open_path(above or "/")  # a box may have put a link there, to another such name
        except OSError:
            continue
        try:
            found = os.lstat(name, dir_fd=at)
            if stat.S_ISDIR(found.st_mode):
                os.rmdir(name, dir_fd=at)
            elif stat.S_ISREG(found.st_mode) and found.st_size == 0 and found.st_nlink == 1:
                os.unlink(name, dir_fd=at)
        except OSError:
            continue  # gone already, not empty, or busy: the mount point of another box
        finally:
            os.close(at)
