"""Placeholders between two runs: they are kept in the state folder and moved, because a file system takes its time to make an inode
(ext4 looks past all that were deleted in the last five seconds) and to free one.

rename(2) gives one to one run only, and replaces nothing. Here nobody can put anything into one, which is why root, for whom
modes do not count, has none.
"""

from __future__ import annotations

import os
import stat

from inner.frozen import TYPE_CHECKING
from inner.launch.syscall import AT_FDCWD, move

if TYPE_CHECKING:
    from inner.plan.model import Placeholder

NOTED = (b"", b"{}\n")  # the contents that a placeholder can have
MOST = 64
SHUT = 0o200  # no search permission: nothing can be made in it; moving a folder takes the right to write it (rename(2), EACCES)


class Spares:
    """Those of one state folder; `close` it."""

    def __init__(self, state: str) -> None:
        self.names: list[str] = []
        self.fd = -1
        if os.geteuid() == 0:
            return
        try:
            if not os.path.isdir(f"{state}/spare"):
                os.mkdir(f"{state}/spare", 0o700)
            self.fd = os.open(f"{state}/spare", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            self.names = os.listdir(self.fd)
        except OSError:
            return

    def take(self, wanted: Placeholder) -> bool:
        """Moves one to where it is wanted. False when there is none, or something is there; then nothing has happened."""
        begin = _kind(wanted.kind, len(wanted.content))
        for name in self.names:
            if name.startswith(begin):
                self.names.remove(name)
                break
        else:
            return False
        if wanted.kind != "dir":
            return move(self.fd, name, AT_FDCWD, wanted.path)
        try:
            os.chmod(name, 0o755, dir_fd=self.fd)  # noqa: S103 - as mkdir(2) would make it in the project
            if move(self.fd, name, AT_FDCWD, wanted.path):
                return True
            os.chmod(name, SHUT, dir_fd=self.fd)
        except OSError:
            pass  # another run was faster
        return False

    def give(self, at: int, name: str, kind: str, info: os.stat_result, empty: int = 0) -> bool:
        """Takes what lies at `name` in the open folder `at`, which is a placeholder as far as `info` tells; `empty`: the mtime that a
        folder had when nothing was in it (0: not known). False when it has to be removed instead. Raises OSError when something else
        lies there by now."""
        if self.fd < 0 or len(self.names) >= MOST:
            return False
        if kind == "dir" and info.st_mtime_ns == empty:  # making something in it would have changed that
            return self._move(at, name, kind, info, empty)
        if kind == "dir":
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                fd = os.open(name, flags, dir_fd=at)
            except OSError:
                return False
            try:
                return os.path.samestat(os.fstat(fd), info) and self._folder(fd, at, name, info)
            except PermissionError:  # a file system without modes
                return False
            finally:
                os.close(fd)
        return self._move(at, name, kind, info)

    def _folder(self, fd: int, at: int, name: str, info: os.stat_result) -> bool:
        moved = False
        os.fchmod(fd, SHUT)
        try:
            shut = stat.S_IMODE(os.fstat(fd).st_mode) == SHUT
            moved = shut and not os.listdir(fd) and self._move(at, name, "dir", info)
        finally:
            if not moved:
                os.fchmod(fd, stat.S_IMODE(info.st_mode))
        return moved

    def _move(self, at: int, name: str, kind: str, info: os.stat_result, empty: int = 0) -> bool:
        """Under a name that nobody looks for until it is known that this was moved, and nothing that has come in its place."""
        draft = f"moved-{info.st_ino:x}"
        if not move(at, name, self.fd, draft):
            return False
        found = os.lstat(draft, dir_fd=self.fd)
        same = os.path.samestat(found, info)
        if same and empty:
            os.chmod(draft, SHUT, dir_fd=self.fd)
            same = os.lstat(draft, dir_fd=self.fd).st_mtime_ns == empty
            if not same:
                os.chmod(draft, stat.S_IMODE(info.st_mode), dir_fd=self.fd)
        if not same or (kind == "file" and not untouched(draft, self.fd)):
            move(self.fd, draft, at, name)
            raise FileExistsError(17, "somebody else's", name)
        self.names.append(f"{_kind(kind, found.st_size if kind == 'file' else 0)}{info.st_ino:x}")
        return move(self.fd, draft, self.fd, self.names[-1])

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _kind(kind: str, size: int) -> str:
    return f"{kind}{size}-"


def untouched(path: str, at: int | None = None) -> bool:
    """Whether a file is one that a placeholder can be."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    try:
        return os.read(fd, 16) in NOTED
    finally:
        os.close(fd)
