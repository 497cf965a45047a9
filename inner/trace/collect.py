"""The process that reads what strace writes: all of it, so that nobody in the box waits for us, and keeps what is bounded.

It belongs to the host and holds nothing but the pipe and its answer: a fork, as long as the run.
"""

from __future__ import annotations

import marshal
import os
import select
import signal

from inner.frozen import TYPE_CHECKING
from inner.launch import syscall
from inner.trace.parse import Lookup, Trace

if TYPE_CHECKING:
    from typing import NoReturn

PIPE = 1 << 20  # bytes; F_SETPIPE_SZ is refused above /proc/sys/fs/pipe-max-size
ROOM = 1 << 30  # bytes of memory that parsing a hostile trace may take
F_SETPIPE_SZ = 1031


class Collector:
    """Reads the named pipe `path` from now on; `end` stops it and has what it saw."""

    def __init__(self, path: str, cwd: str) -> None:
        os.mkfifo(path, 0o600)
        fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)  # O_RDWR: it never reads as closed
        try:
            import fcntl

            fcntl.fcntl(fifo, F_SETPIPE_SZ, PIPE)
        except OSError:
            pass
        stop, self._stop = os.pipe2(os.O_CLOEXEC)
        self._answer, answer = os.pipe2(os.O_CLOEXEC)
        syscall.load()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _become(fifo, stop, answer, cwd, parent)
        for fd in (fifo, stop, answer):
            os.close(fd)

    def end(self) -> Trace:
        """What was seen; an empty trace, marked as cut, when the process has failed."""
        trace = Trace("/")
        os.close(self._stop)
        with open(self._answer, "rb") as file:
            data = file.read()
        os.waitpid(self._pid, 0)
        self._pid = 0
        try:
            rows, trace.lines, trace.cut, trace.never_ran = marshal.loads(data)  # noqa: S302 - our own process wrote it
        except (EOFError, ValueError, TypeError):
            trace.cut = True
            return trace
        trace.found = {Lookup(*row[:4]): row[4] for row in rows}
        return trace

    def close(self) -> None:
        """Without an answer."""
        if self._pid:
            self.end()


def _become(fifo: int, stop: int, answer: int, cwd: str, parent: int) -> NoReturn:
    status = 1
    try:
        syscall.prctl(syscall.PR_SET_PDEATHSIG, syscall.SIGKILL)
        _alone({fifo, stop, answer}, parent)
        trace = Trace(cwd)
        _read(fifo, stop, trace)
        rows = [(found.program, found.path, found.want, found.error, times) for found, times in trace.found.items()]
        with open(answer, "wb") as file:
            marshal.dump((rows, trace.lines, trace.cut, trace.never_ran), file)
        status = 0
    finally:
        os._exit(status)


def _alone(kept: set[int], parent: int) -> None:
    """Signals for the run are not for us, and nothing of the parent's stays open."""
    import resource

    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.setsid()
    os.chdir("/")
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            os.closerange(fd, fd + 1)
    resource.setrlimit(resource.RLIMIT_DATA, (ROOM, ROOM))
    if os.getppid() != parent:
        os._exit(1)


def _read(fifo: int, stop: int, trace: Trace) -> None:
    """Until `stop` is closed and the pipe is empty."""
    poll = select.poll()
    poll.register(fifo, select.POLLIN)
    poll.register(stop, select.POLLIN)
    over = False
    while True:
        ready = dict(poll.poll(0 if over else None))
        if fifo in ready:
            try:
                trace.feed(os.read(fifo, 1 << 18))
            except BlockingIOError:
                pass
        elif over:
            break
        if stop in ready and not over:
            over = True
            poll.unregister(stop)
    trace.finish()
