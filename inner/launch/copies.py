"""Private copies of folders for mounts of mode `safe-rw`: the box may write, the original does not change.

Files are copied with copy_file_range(2), which shares blocks where the file system can (btrfs, xfs); links stay links, special
files are left out; nothing is followed out of the folder.
"""

from __future__ import annotations

import errno
import os
import stat

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.launch import removal
from inner.launch.syscall import open_path
from inner.progress import Busy, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inner.plan.model import Copy


def make(copies: Iterable[Copy], say: Callable[[str], None] | None = None) -> None:
    """Make every copy. `say` is told now and then how far that is. RunError when one cannot be made whole."""
    for copy in copies:
        try:
            _tree(copy.src, copy.into, frozenset(copy.without), copying(copy.src, say))
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
            removal.remove(copy.into)


def copying(src: str, say: Callable[[str], None] | None) -> Progress:
    """What to call with the number of files that have been copied."""
    return Progress(say, lambda files: f"copying `{src}`: {files} files so far")


def _tree(src: str, into: str, without: frozenset[str], progress: Progress) -> None:
    """Every folder is opened through no link: what a box that runs meanwhile puts in the place of one is not read."""
    if not stat.S_ISDIR(os.lstat(src).st_mode):
        parent, _, name = src.rpartition("/")
        above = _opened(parent or "/")
        try:
            _file(above, name, into)
        finally:
            os.close(above)
        return
    stack, count = [(src, into)], 0
    finished: list[tuple[str, os.stat_result]] = []
    while stack:
        here, there = stack.pop()
        fd = _opened(here)
        try:
            os.mkdir(there, 0o700)
            finished.append((there, os.fstat(fd)))
            for entry in os.scandir(fd):
                path, target = f"{here}/{entry.name}", f"{there}/{entry.name}"
                mode = entry.stat(follow_symlinks=False).st_mode
                if path in without:
                    continue
                if stat.S_ISDIR(mode):
                    stack.append((path, target))
                elif stat.S_ISLNK(mode):
                    os.symlink(os.readlink(entry.name, dir_fd=fd), target)
                elif stat.S_ISREG(mode):
                    _file(fd, entry.name, target)
                count += 1
                progress(count)
        finally:
            os.close(fd)
    for there, info in reversed(finished):  # modes and times last: writing into a folder changes its time
        os.chmod(there, stat.S_IMODE(info.st_mode) & 0o1777)
        os.utime(there, ns=(info.st_atime_ns, info.st_mtime_ns))


def _opened(folder: str) -> int:
    at = open_path(folder)
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)


def _file(folder: int, name: str, into: str) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        info = os.fstat(source)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EAGAIN, "it is being changed", into)
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
