"""Private copies of folders for mounts of mode `safe-rw`: the box may write, the original does not change.

Files are copied with copy_file_range(2), which shares blocks where the file system can (btrfs, xfs); links stay links, special
files are left out; nothing is followed out of the folder.
"""

from __future__ import annotations

import os
import stat

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.launch import rundir
from inner.progress import Busy, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inner.plan.model import Copy


def make(copies: Iterable[Copy], say: Callable[[str], None] | None = None) -> None:
    """Make every copy. `say` is told now and then how far that is. RunError when one cannot be made whole."""
    for copy in copies:
        try:
            _tree(copy.src, copy.into, copying(copy.src, say))
        except OSError as problem:
            raise RunError(
                f"cannot copy `{copy.src}`: {problem.strerror}",
                where=str(problem.filename or copy.into),
                hint="is there room for a copy? `df -h` tells",
            ) from None


def remove(copies: Iterable[Copy], say: Callable[[str], None] | None = None) -> None:
    """Take away what `make` made, whole or not."""
    for copy in copies:
        with Busy(say, f"removing the copy of `{copy.src}`"):
            rundir.remove(copy.into)


def copying(src: str, say: Callable[[str], None] | None) -> Progress:
    """What to call with the number of files that have been copied."""
    return Progress(say, lambda files: f"copying `{src}`: {files} files so far")


def _tree(src: str, into: str, progress: Progress) -> None:
    info = os.lstat(src)
    if not stat.S_ISDIR(info.st_mode):
        _file(src, into, info)
        return
    stack, count = [(src, into, info)], 0
    finished: list[tuple[str, os.stat_result]] = []
    while stack:
        here, there, info = stack.pop()
        os.mkdir(there, 0o700)
        finished.append((there, info))
        for entry in os.scandir(here):
            found = entry.stat(follow_symlinks=False)
            target = f"{there}/{entry.name}"
            if stat.S_ISDIR(found.st_mode):
                stack.append((entry.path, target, found))
            elif stat.S_ISLNK(found.st_mode):
                os.symlink(os.readlink(entry.path), target)
            elif stat.S_ISREG(found.st_mode):
                _file(entry.path, target, found)
            count += 1
            progress(count)
    for there, info in reversed(finished):  # modes and times last: writing into a folder changes its time
        os.chmod(there, stat.S_IMODE(info.st_mode) & 0o1777)
        os.utime(there, ns=(info.st_atime_ns, info.st_mtime_ns))


def _file(src: str, into: str, info: os.stat_result) -> None:
    source = os.open(src, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        target = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_content(source, target)
            os.fchmod(target, stat.S_IMODE(info.st_mode) & 0o777)  # set-id bits do not go along
            os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
        finally:
            os.close(target)
    finally:
        os.close(source)


def copy_content(source: int, target: int) -> None:
    """What is left to read of one descriptor, written to the other."""
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError:  # another file system, or one without the call: continue where it stopped
        while chunk := os.read(source, 1 << 20):
            while chunk:
                chunk = chunk[os.write(target, chunk) :]
