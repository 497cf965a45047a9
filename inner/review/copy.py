"""A copy of a folder in place of an overlay, with a note for every entry of how it was on the host and how the copy is.

Four threads copy (copy_file_range(2) shares blocks where the file system can, and does not hold Python up); special files are
left out, and nothing is followed out of the folder.
"""

from __future__ import annotations

import errno
import os
import stat

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.launch.copies import copy_content, copying
from inner.review import base
from inner.review.kernel import open_beneath
from inner.review.tree import Tree, join, mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.progress import Progress
    from inner.review.tree import Mark

THREADS = 4


def make(src: str, place: str, say: Callable[[str], None] | None = None) -> None:
    """Copies `src` to `place/copy` and writes `place/base`. RunError when it cannot be made whole."""
    import threading

    known: dict[str, tuple[Mark, int, int]] = {}
    folders: list[tuple[str, os.stat_result]] = []
    files: list[tuple[str, str, os.stat_result]] = []
    into, progress = f"{place}/copy", copying(src, say)
    try:
        with Tree(src) as tree:
            info = os.fstat(tree.root)
            os.mkdir(into, 0o700)
            folders.append(("", info))
            todo = [""]
            while todo:
                folder = todo.pop()
                for name, found in tree.entries(folder):
                    path = join(folder, name)
                    if stat.S_ISDIR(found.st_mode):
                        os.mkdir(f"{into}/{path}", 0o700)
                        folders.append((path, found))
                        todo.append(path)
                    elif stat.S_ISLNK(found.st_mode):
                        os.symlink(tree.readlink(path), f"{into}/{path}")
                        copied = os.lstat(f"{into}/{path}")
                        known[path] = (mark(found), copied.st_ino, copied.st_ctime_ns)
                    elif stat.S_ISREG(found.st_mode):
                        files.append((path, f"{into}/{path}", found))
            problems: list[OSError] = []
            workers = [
                threading.Thread(target=_some, args=(tree.root, files, known, n, problems, progress)) for n in range(THREADS)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            if problems:
                raise problems[0]
        for path, found in reversed(folders):
            os.chmod(f"{into}/{path}", stat.S_IMODE(found.st_mode) & 0o1777)
            os.utime(f"{into}/{path}", ns=(found.st_atime_ns, found.st_mtime_ns))
            copied = os.lstat(f"{into}/{path}")
            if path:
                known[path] = (mark(found), copied.st_ino, copied.st_ctime_ns)
    except OSError as problem:
        raise RunError(
            f"cannot copy `{src}`: {problem.strerror}",
            where=str(problem.filename or into),
            hint="is there room for a copy? `df -h` tells",
        ) from None
    base.write(f"{place}/base", known)


def _some(
    root: int,
    files: list[tuple[str, str, os.stat_result]],
    known: dict[str, tuple[Mark, int, int]],
    first: int,
    problems: list[OSError],
    progress: Progress,
) -> None:
    """Every fourth file, from `first`."""
    for at in range(first, len(files), THREADS):
        if problems:
            return
        path, target, info = files[at]
        try:
            copied = _file(root, path, target, info)
        except OSError as problem:
            problems.append(problem)
            return
        known[path] = (mark(info), copied.st_ino, copied.st_ctime_ns)
        progress(at)


def _file(root: int, path: str, target: str, info: os.stat_result) -> os.stat_result:
    """A file, which is reached through no link, whatever has happened since its folder was read. Its copy's state."""
    source = open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise OSError(errno.EAGAIN, "it is being changed", path)
        copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_content(source, copy)
            os.fchmod(copy, stat.S_IMODE(info.st_mode) & 0o777)
            os.utime(copy, ns=(info.st_atime_ns, info.st_mtime_ns))
            return os.fstat(copy)
        finally:
            os.close(copy)
    finally:
        os.close(source)
