"""A clone that the box made of a repository of the project borrows its objects (gitrepository-layout(5), `objects/info/alternates`) by
a name that is one in the box only. It is given their real place; a file that says anything else stays as it is.
"""

from __future__ import annotations

import os
import stat

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME, NEW = "alternates", ".alternates.new-by-inner"
MOST = 4096


def lend(fd: int, places: Mapping[bytes, bytes]) -> None:
    """`fd`: the open folder `objects/info`, reached through no link. `places`: objects as the box named them, and where they are.
    Anything may lie there and be exchanged meanwhile: nothing but a name in this folder is ever replaced."""
    old = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    with open(old, "rb", buffering=0) as file:
        info = os.fstat(old)
        text = file.read(MOST) if stat.S_ISREG(info.st_mode) and info.st_nlink == 1 and info.st_size < MOST else None
    place = places.get(text[:-1]) if text and text.endswith(b"\n") else None
    if place is None or b"\n" in place:
        return
    try:
        os.unlink(NEW, dir_fd=fd)  # of one that was killed, or of the box's
    except FileNotFoundError:
        pass
    new = os.open(NEW, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, info.st_mode & 0o666, dir_fd=fd)
    with open(new, "wb", buffering=0) as file:
        file.write(place + b"\n")
    if os.path.samestat(info, os.lstat(NAME, dir_fd=fd)):
        os.rename(NEW, NAME, src_dir_fd=fd, dst_dir_fd=fd)
    else:
        os.unlink(NEW, dir_fd=fd)
