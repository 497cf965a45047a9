"""Two trees that are never trusted: the folder on the host, which somebody may be changing, and what a box has left.

Every step is taken from a descriptor of the tree's root, and no symbolic link is followed: neither on the way nor at the end.
Names may hold any byte, and trees may be thousands of folders deep.
"""

from __future__ import annotations

import errno
import os
import stat

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING
from inner.launch.syscall import open_path
from inner.review import record
from inner.review.kernel import open_beneath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    # What an entry was: inode, mode, size, times of content and of inode (ns). Whoever changes it changes this. Not the device,
    # whose number may be another one after a reboot.
    Mark: TypeAlias = tuple[int, int, int, int, int]

OPEN_MOST = 16  # folders kept open: most steps are in a folder that was just used


def mark(info: os.stat_result) -> Mark:
    """How an entry is recognised."""
    return info.st_ino, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def join(folder: str, name: str) -> str:
    """A path relative to the root, which is ""."""
    return f"{folder}/{name}" if folder else name


def split(path: str) -> tuple[str, str]:
    """Folder and name."""
    folder, _, name = path.rpartition("/")
    return folder, name


class Tree:
    """A folder, held by a descriptor. Paths are relative to it, normal, "" for itself."""

    FLAGS = os.O_PATH | os.O_DIRECTORY  # steps can be taken from folders that cannot be read

    def __init__(self, path: str) -> None:
        try:
            self.root = open_path(path)
        except OSError as problem:
            raise InnerError(f"cannot open `{path}`: {problem.strerror}", where=path) from None
        self.path = path
        self._open: dict[str, int] = {}

    def close(self) -> None:
        """Let go of every descriptor."""
        for fd in (*self._open.values(), self.root):
            os.close(fd)
        self._open, self.root = {}, -1

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def folder(self, path: str) -> int:
        """A descriptor of a folder, for steps from it; it stays ours. OSError when it is none."""
        fd = self._open.get(path)
        if fd is None:
            above, name = split(path)
            near = self._open.get(above) if path else None
            fd = open_beneath(self.root, path, self.FLAGS) if near is None else open_beneath(near, name, self.FLAGS)
            if len(self._open) >= OPEN_MOST:
                os.close(self._open.pop(next(iter(self._open))))
            self._open[path] = fd
        return fd

    def forget(self, path: str) -> None:
        """The folder at `path` is about to go, or another one comes there: so do those below it."""
        for known in [k for k in self._open if k == path or k.startswith(path + "/")]:
            os.close(self._open.pop(known))

    def stat(self, path: str) -> os.stat_result | None:
        """What is at `path`, itself; None when nothing is, or when a part of the way is no folder."""
        folder, name = split(path)
        try:
            return os.stat(name or ".", dir_fd=self.folder(folder), follow_symlinks=False)
        except OSError as problem:
            if problem.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.EACCES):
                return None
            raise

    def open(self, path: str) -> int:
        """A regular file, for reading. OSError for anything else: a FIFO cannot hold us."""
        folder, name = split(path)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=self.folder(folder))
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", path)
        return fd

    def readlink(self, path: str) -> str:
        """Where a symbolic link says it leads."""
        folder, name = split(path)
        return os.readlink(name, dir_fd=self.folder(folder))

    def entries(self, path: str) -> list[tuple[str, os.stat_result]]:
        """Names and what they are, sorted."""
        return self.listing(path)[0]

    def listing(self, path: str) -> tuple[list[tuple[str, os.stat_result]], bool]:
        """The same, and whether an overlay would show nothing of what lies below (a folder that was made anew)."""
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder(path))
        try:
            return _listing(fd)
        finally:
            os.close(fd)

    def below(self, path: str) -> Iterator[tuple[str, os.stat_result]]:
        """Everything below a folder, folders before what is in them. What cannot be read is passed over."""
        todo = [path]
        while todo:
            folder = todo.pop()
            try:
                entries = self.entries(folder)
            except OSError:
                continue
            for name, info in entries:
                yield join(folder, name), info
                if stat.S_ISDIR(info.st_mode):
                    todo.append(join(folder, name))

    def attribute(self, path: str, name: str) -> bytes | None:
        """An extended attribute, None without it. It is the entry's own, not that of what a link leads to."""
        folder, last = split(path)
        try:
            return os.getxattr(f"/proc/self/fd/{self.folder(folder)}/{last}", name, follow_symlinks=False)
        except OSError:
            return None


def _listing(fd: int) -> tuple[list[tuple[str, os.stat_result]], bool]:
    with os.scandir(fd) as found:
        entries = [(entry.name, entry.stat(follow_symlinks=False)) for entry in found]
    try:
        opaque = os.getxattr(fd, "user.overlay.opaque") == b"y"
    except OSError:
        opaque = False
    entries.sort()
    return entries, opaque


class Kept(Tree):
    """What a box has left. It may have taken our own permissions away: they come back, and what they were is written to `modes`
    before that, so that `mode` always tells what the box wanted. While the box is `live`, what cannot be read is passed over."""

    FLAGS = os.O_RDONLY | os.O_DIRECTORY

    def __init__(self, path: str, modes: str, *, live: bool) -> None:
        super().__init__(path)
        self._live = live
        self._file = modes
        items = record.names(modes)
        self._modes = dict(zip(items[::2], map(int, items[1::2]), strict=False))

    def mode(self, path: str, info: os.stat_result) -> int:
        """The permission bits that the box gave it."""
        return self._modes.get(path, stat.S_IMODE(info.st_mode))

    def listing(self, path: str) -> tuple[list[tuple[str, os.stat_result]], bool]:
        try:
            found = _listing(self.folder(path))
        except OSError:
            if self._live:
                return [], False
            raise
        for name, info in [] if self._live else found[0]:
            wanted = 0o700 if stat.S_ISDIR(info.st_mode) else 0o400 if stat.S_ISREG(info.st_mode) else 0
            if info.st_mode & wanted != wanted and os.geteuid():
                self._open_up(join(path, name), info, wanted)
        return found

    def _open_up(self, path: str, info: os.stat_result, wanted: int) -> None:
        folder, name = split(path)
        if path not in self._modes:
            self._modes[path] = stat.S_IMODE(info.st_mode)
            record.append(self._file, (path, str(self._modes[path])))
        os.chmod(name, stat.S_IMODE(info.st_mode) | wanted, dir_fd=self.folder(folder))


BLOCK = 1 << 20


def same(one: int, other: int, most: int | None = None) -> bool:
    """Whether two open files hold the same bytes from here on, or the same first `most`."""
    left = most
    while left is None or left > 0:
        wanted = BLOCK if left is None else min(BLOCK, left)
        first, second = _full(one, wanted), _full(other, wanted)
        if first != second:
            return False
        if len(first) < wanted:
            return left is None
        left = None if left is None else left - wanted
    return True


def _full(fd: int, wanted: int) -> bytes:
    data = os.read(fd, wanted)
    while 0 < len(data) < wanted:
        more = os.read(fd, wanted - len(data))
        if not more:
            break
        data += more
    return data
