"""Descriptors that bubblewrap is given: its options in a memfd, contents, opened sources; and what of the caller's standard
streams a box may hold itself.

Options travel in a memfd (`--args`), so neither ps(1) nor /proc/1/cmdline in the box shows them. Nothing is inherited that is
not named here: `only` closes the rest in the child. No command is known here, no process started.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from inner.errors import HostError, RunError
from inner.frozen import TYPE_CHECKING, frozen
from inner.launch import syscall
from inner.words import Content, Given, Opened, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inner.words import Word


SCARCE = (errno.EMFILE, errno.ENFILE)  # not what is to be opened is the matter: `inner.guard` has an answer


class Descriptors:
    """Descriptors made for one start; `close` closes them all. They are numbered above 2 and not inherited by anybody else."""

    def __init__(self) -> None:
        self.open: dict[int, None] = {}

    def keep(self, fd: int) -> int:
        """Takes over a descriptor."""
        self.open[fd] = None
        return fd

    def pipe(self) -> tuple[int, int]:
        """A pipe (read end, write end)."""
        ends = os.pipe2(os.O_CLOEXEC)
        self.open.update(dict.fromkeys(ends))
        return ends

    def memory(self, content: bytes) -> int:
        """An unnamed file with `content`, at its beginning."""
        fd = self.keep(unnamed("inner"))
        done = 0
        while done < len(content):
            done += os.pwrite(fd, content[done:] if done else content, done)  # which leaves its position at the beginning
        return fd

    def drop(self, fd: int) -> None:
        """Closes one of them now."""
        if fd in self.open:
            del self.open[fd]
            os.close(fd)

    def close(self) -> None:
        while self.open:
            os.close(self.open.popitem()[0])


def resolve(words: Iterable[Word], fds: Descriptors, given: Mapping[str, int]) -> tuple[bytes, list[int]]:
    """The text for `--args` and the descriptors it speaks of. A source that has become a symlink, or is reached through one, is
    refused: what was checked is what is mounted."""
    parts: list[bytes] = []
    passed: list[int] = []
    for word in words:
        if isinstance(word, bytes):
            parts.append(word)
            continue
        if isinstance(word, str):
            parts.append(os.fsencode(word) + b"\0")
            continue
        if isinstance(word, Content):
            fd = fds.memory(word.data)
        elif isinstance(word, Opened):
            try:
                fd = fds.keep(syscall.open_path(word.path))
            except OSError as error:
                raise unopened(word.path, error) from error
        elif isinstance(word, Source):
            fd = fds.keep(_source(word))
        elif isinstance(word, Given):
            fd = given[word.name]
        passed.append(fd)
        parts.append(b"%d\0" % fd)
    return b"".join(parts), passed


def unopened(path: str, problem: OSError) -> Exception:
    """What to raise when a source cannot be opened."""
    if problem.errno in SCARCE:
        return problem
    what = "is a symbolic link, or is reached through one" if problem.errno == errno.ELOOP else str(problem.strerror).lower()
    return RunError(f"cannot open `{path}` to mount it: {what}", where=path)


def _source(word: Source) -> int:
    """A file of the host that is copied: the one that was planned with, or none."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        fd = os.open(word.path, flags)
        info = os.fstat(fd)
        if stat.S_ISREG(info.st_mode) and info.st_size == word.size:
            return fd
        os.close(fd)
    except OSError as error:
        if error.errno in SCARCE:
            raise
    raise RunError(f"`{word.path}` changed while this run began", where=word.path, hint="start it again")


def only(passed: Iterable[int]) -> None:
    """In a child: closes every descriptor but 0, 1, 2 and `passed`, and lets those be inherited."""
    below = 3
    for fd in sorted({*passed}):
        if below < fd:
            os.closerange(below, fd)
        os.set_inheritable(fd, True)
        below = fd + 1
    if syscall.syscall(syscall.CLOSE_RANGE, below, syscall.LAST_FD, 0) != 0:  # before Linux 5.9
        last = max(map(int, os.listdir("/proc/self/fd")))  # whatever the limit was when they were opened
        os.closerange(below, last + 1)


@frozen
class Stream:
    """What a standard stream is: `kind` "tty", "pipe", "socket", "null", "file" or "other", and who it is (device and inode)."""

    fd: int
    kind: str
    identity: tuple[int, int, int]

    @property
    def direct(self) -> bool:
        """True when the box may hold the very descriptor. A file, a folder or a terminal may not: opening it again through
        /proc/self/fd gives other rights, outside of every mount namespace (proc(5))."""
        return self.kind in {"pipe", "socket", "null"}


NULLS = {os.makedev(1, minor) for minor in (3, 5, 7, 8, 9)}  # null zero full random urandom (devices.txt)


def stream(fd: int) -> Stream:
    """Looks at a descriptor."""
    st = os.fstat(fd)
    mode = st.st_mode
    if stat.S_ISFIFO(mode):
        kind = "pipe"
    elif stat.S_ISSOCK(mode):
        kind = "socket"
    elif stat.S_ISREG(mode):
        kind = "file"
    elif stat.S_ISCHR(mode):
        kind = "tty" if os.isatty(fd) else "null" if st.st_rdev in NULLS else "other"
    else:
        kind = "other"
    return Stream(fd, kind, (st.st_dev, st.st_ino, st.st_rdev))


def reopened(source: Stream, flags: int) -> int:
    """A description of our own for a terminal or a pipe, so that O_NONBLOCK does not become the caller's too (open(2)); -1 where
    that is not allowed (it belongs to another user)."""
    if source.kind not in {"tty", "pipe"}:
        return -1
    try:
        return os.open(f"/proc/self/fd/{source.fd}", flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return -1


def hold_processes() -> None:
    """Refuses an interpreter without pidfd_open(2): nothing stands in for that, without it a signal could hit another's process."""
    if not hasattr(os, "pidfd_open"):
        raise HostError(
            f"{sys.executable} was built without pidfd_open", hint="INNER_PYTHON=/usr/bin/python3, or another that has it"
        )


def unnamed(name: str) -> int:
    """A file in memory, empty. A CPython that was built for an old C library (standalone builds) lacks memfd_create(2)."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC)
    hold_processes()
    return os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)  # noqa: S108 - no name, so nobody's to guess
