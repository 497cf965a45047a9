"""The file that gets what a box writes, where its user asked for one."""

from __future__ import annotations

import os
import stat

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.paths import covers, quoted

if TYPE_CHECKING:
    from inner.plan.model import Plan


def appended(plan: Plan) -> int:
    """Open for appending: what is there stays. Below the project no symbolic link is followed: a
    repository can bring one along."""
    path = plan.log
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    folder, _, name = path.rpartition("/")
    try:
        if covers(plan.project, path):
            from inner.launch.syscall import open_path

            at = open_path(folder or "/")
        else:
            at = os.open(folder or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd = os.open(name, flags, 0o600, dir_fd=at)
        finally:
            os.close(at)
    except OSError as problem:
        raise RunError(
            f"cannot write the log `{path}`: {problem.strerror}",
            where=path,
            hint=f"`mkdir -p {quoted(folder)}`, or name another one",
        ) from None
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or (covers(plan.project, path) and found.st_nlink > 1):
        os.close(fd)
        raise RunError(f"the log `{path}` is not a plain file", where=path, hint="name another one")
    return fd
