"""What could run code outside is put out of effect by another name, and the command that undoes it."""

from __future__ import annotations

import os
import stat

from inner.paths import quoted

HELD = ".held-by-inner"


def aside(fd: int, name: str) -> str:
    """Renames an entry of the open folder `fd`, over nothing that is there, whatever the box has put there or forbidden. Returns the
    new name; OSError when it cannot be done."""
    for number in ("", *(f".{n}" for n in range(1, 10)), f".{os.urandom(8).hex()}"):
        new = f"{name}{HELD}{number}"
        try:
            os.lstat(new, dir_fd=fd)
        except FileNotFoundError:
            break
    try:
        os.rename(name, new, src_dir_fd=fd, dst_dir_fd=fd)
    except PermissionError:
        os.fchmod(fd, stat.S_IMODE(os.fstat(fd).st_mode) | 0o700)
        os.rename(name, new, src_dir_fd=fd, dst_dir_fd=fd)
    return new


def undo(where: str) -> str:
    """For a path that ends in such a name, what to type."""
    return f"mv -- {quoted(where)} {quoted(where[: where.rindex(HELD)])}"
