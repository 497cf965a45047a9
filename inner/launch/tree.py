"""The processes of a box, seen from outside: who they are (`reach` signals all of them).

Read from /proc alone (proc(5)): names and arguments of processes are hostile and never read as text.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal


PAGE = 4096  # bytes: what most files of procfs fit in


def read(path: str, limit: int = 65536) -> bytes:
    """The beginning of a file of procfs, b"" when the process is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = os.read(fd, min(limit, PAGE))
        return data + os.read(fd, limit - PAGE) if len(data) == PAGE < limit else data
    except OSError:
        return b""
    finally:
        os.close(fd)


def children(pid: int) -> list[int]:
    """Children of all threads of `pid`, oldest first for each thread."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        found.extend(map(int, read(f"/proc/{pid}/task/{thread}/children", 1 << 20).split()))
    return found


def stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat after the name, which may hold anything: [0] state, [1] parent, [2] group, [3] session."""
    return read(f"/proc/{pid}/stat", 4096).rpartition(b") ")[2].split()


def namespace(pid: int) -> int:
    """The number of the pid namespace that a process is in, 0 when it is gone: with its own number, a name for a box."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0


def stopped(pid: int) -> bool:
    """True for a process that job control has stopped."""
    return stat(pid)[:1] == [b"T"]


def command_of(init: int, mine: bytes) -> int:
    """The first process of the box once it is the command itself, 0 before. `init` is pid 1 of the box, `mine` the arguments
    that bubblewrap was started with: its forks keep them until exec."""
    for pid in children(init)[:1]:
        words = read(f"/proc/{pid}/cmdline", len(mine) + 1)
        if words and words != mine:
            return pid
    return 0


class Process:
    """One process, held by a descriptor: the number may be reused, this may not. `fd` is -1 when it was gone already."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self.fd = os.pidfd_open(pid)
        except OSError:
            self.fd = -1

    def send(self, signum: int) -> bool:
        """Sends a signal; False when the process is gone or may not be signalled."""
        if self.fd < 0:
            return False
        try:
            _signal.pidfd_send_signal(self.fd, signum)
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
