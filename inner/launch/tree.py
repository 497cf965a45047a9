"""The processes of a box, seen from outside: who they are, and how to reach every one of them.

Read from /proc alone (proc(5)): names and arguments of processes are hostile and never read as text. A process is signalled
through a descriptor (pidfd_open(2)) taken while it was seen as a child of the box, so that a reused number is never hit.
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


def below(pid: int) -> list[int]:
    """Every descendant of `pid`, parents first."""
    found, todo, seen = [], children(pid), set()
    while todo:
        pid = todo.pop()
        if pid not in seen:
            seen.add(pid)
            found.append(pid)
            todo.extend(children(pid))
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


def end(pid: int, space: int) -> bool:
    """Ends the box whose pid 1 has this number, when it is still the one of that pid namespace. Returns whether it was."""
    process = Process(pid)
    try:
        if process.fd < 0 or not space or namespace(pid) != space or space == namespace(os.getpid()):
            return False
        return process.send(_signal.SIGKILL)
    finally:
        process.close()


def end_lost() -> int:
    """Ends the boxes of inner's that no bubblewrap watches any more, and returns how many. Killed together with inner before it has
    said who pid 1 is, it leaves one behind that waits for its gate (`start`): in no record, but with our arguments still open.
    """
    ended, own = 0, namespace(os.getpid())
    for name in os.listdir("/proc"):
        words = read(f"/proc/{name}/cmdline", 4096) if name.isdigit() else b""
        if b"\0--args\0" not in words:
            continue
        pid = int(name)
        process, parent = Process(pid), stat(pid)[1:2]
        watched = not parent or read(f"/proc/{int(parent[0])}/cmdline", 4096) == words
        if not watched and namespace(pid) not in (0, own) and _arguments(pid):
            ended += process.send(_signal.SIGKILL)
        process.close()
    return ended


def _arguments(pid: int) -> bool:
    """Whether a process has open what inner hands to bubblewrap (`fds.memory`)."""
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("/memfd:inner ") for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:  # gone, or not ours
        return False


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


def signal_one(pid: int, parent: int, signum: int) -> None:
    """Signals `pid` when it is, still, a child of `parent` or of nobody we know (0)."""
    process = Process(pid)
    if parent == 0 or stat(pid)[1:2] == [b"%d" % parent]:
        process.send(signum)
    process.close()


def signal_below(pid: int, signums: tuple[int, ...], *, group: int = 0, rounds: int = 3) -> int:
    """Signals every descendant of `pid` (in process group `group` when given), again for those born meanwhile.
    Returns how many were reached."""
    reached: set[int] = set()
    for _ in range(rounds):
        fresh = False
        for parent, child in _pairs(pid):
            if child in reached:
                continue
            process = Process(child)
            fields = stat(child)
            if fields[1:2] == [b"%d" % parent] and (group == 0 or fields[2:3] == [b"%d" % group]):
                for signum in signums:
                    process.send(signum)
                reached.add(child)
                fresh = True
            process.close()
        if not fresh:
            break
    return len(reached)


def _pairs(pid: int) -> list[tuple[int, int]]:
    pairs, todo = [], [pid]
    while todo:
        parent = todo.pop()
        for child in children(parent):
            pairs.append((parent, child))
            todo.append(child)
            if len(pairs) > 100_000:
                return pairs
    return pairs
