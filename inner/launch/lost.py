"""Boxes whose inner has been killed: they are known by the record of their run, or, where that does not say it yet, by what they hold.

The number of a process may be somebody else's by now: a box is ended when its pid namespace is the one that was noted, and one
that nobody noted when our own arguments are still open in it.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.launch.tree import Process, namespace, read, stat

if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal


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
