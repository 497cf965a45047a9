"""Bytes from one descriptor to another, by poll(2) and splice(2), without ever holding more than one chunk.

A Pump reads only when what it read before has been written: a slow reader slows the box down and costs no memory. The end of a
stream and a broken pipe are handed on in the direction in which they travel. Nothing here waits, starts or decides anything.
"""

from __future__ import annotations

import errno
import os
from select import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT

from inner.frozen import TYPE_CHECKING
from inner.launch.fds import reopened

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.launch.fds import Stream

CHUNK = 1 << 16
SPLICE = 1 << 20
PIPE_SIZE = 1 << 20  # /proc/sys/fs/pipe-max-size; less where the user's pipes are many (pipe(7))
F_SETPIPE_SZ = 1031
AGAIN = {errno.EAGAIN, errno.EINTR}
ENDED = POLLHUP | POLLERR | POLLNVAL


class Sink:
    """Where bytes go. `poll` is the descriptor whose POLLOUT matters, -1 when writing never waits (a file)."""

    def __init__(self, fd: int, *, poll: int, most: int = CHUNK, spliced: bool = False) -> None:
        self.fd = fd
        self.poll = poll
        self.most = most
        self.spliced = spliced
        self.own = False  # closed by us

    def write(self, data: memoryview) -> int:
        """As much as can be written without waiting; raises OSError."""
        return os.write(self.fd, data[: self.most])

    def close(self) -> None:
        if self.own and self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class SocketSink(Sink):
    """A socket cannot be opened again: every send says for itself that it will not wait."""

    def __init__(self, fd: int) -> None:
        import _socket

        super().__init__(fd, poll=fd)
        self._flag = _socket.MSG_DONTWAIT
        self._socket = _socket.socket(fileno=os.dup(fd))

    def write(self, data: memoryview) -> int:
        return self._socket.send(data, self._flag)

    def close(self) -> None:
        self._socket.close()
        super().close()


def sink(stream: Stream) -> Sink:
    """The sink for a standard stream of our caller, whose O_NONBLOCK we must leave alone (it is shared with others)."""
    if stream.kind == "socket":
        return SocketSink(stream.fd)
    if stream.kind in {"file", "null"}:
        return Sink(stream.fd, poll=-1)  # copying is as fast as splice(2) to a file, and appends
    fd = reopened(stream, os.O_WRONLY)
    if fd >= 0:
        found = Sink(fd, poll=fd, spliced=stream.kind == "pipe")
        found.own = True
        return found
    # Another user's pipe or terminal: what POLLOUT promises is one page of a pipe (pipe(7)), 256 bytes of a terminal.
    return Sink(stream.fd, poll=stream.fd, most=4096 if stream.kind == "pipe" else 256)


def pipe_sink(fd: int) -> Sink:
    """The write end of a pipe, or a pty, that is our own alone: closed at the end of the stream."""
    os.set_blocking(fd, False)
    found = Sink(fd, poll=fd, spliced=True)
    found.own = True
    return found


class Pump:
    """One direction. `through` sees every chunk and returns what to pass on; `tap` sees it first (a log); `held` says whether
    the bytes must wait (None: never); `last` gives what is to follow the last of them. `source` is -1 once it has ended;
    `lost` is why output could not be delivered."""

    def __init__(
        self,
        source: int,
        target: Sink,
        *,
        name: str = "",
        through: Callable[[bytes], bytes] | None = None,
        tap: Callable[[bytes], object] | None = None,
        held: Callable[[], bool] | None = None,
        last: Callable[[], bytes] | None = None,
        own: bool = True,
    ) -> None:
        self.source = source
        self.target = target
        self.name = name
        self.through = through
        self.tap = tap
        self.held = held
        self.last = last
        self.waiting: list[bytes] = []  # held back
        self.lost = ""
        self.last_byte = b"\n"
        self.broken = False
        self._own = own
        self._rest = memoryview(b"")
        self._full = False  # the target of a splice was full

    @property
    def busy(self) -> bool:
        """Bytes have been read and not been written."""
        return len(self._rest) > 0

    @property
    def done(self) -> bool:
        """Nothing more will come out of it."""
        return self.source < 0 and not self.busy

    def interest(self) -> tuple[int, int]:
        """(descriptor, events) to poll for; (-1, 0) when it can go on at once, or never again."""
        if self.busy or self._full:
            return (self.target.poll, POLLOUT) if self.target.poll >= 0 else (-1, 0)
        return (self.source, POLLIN) if self.source >= 0 else (-1, 0)

    def ready(self) -> None:
        """Called when what `interest` asked for is there."""
        if self.busy:
            self._write()
            return
        if self.source < 0:
            return
        if self.held is not None and not self.held():
            self.held = None
            self.release()
            if self.busy:
                return
        if self.held is None and self.through is None and self.tap is None and self.target.spliced:
            self._splice()
        else:
            self._read()

    def release(self) -> None:
        """Lets go of what was held back, at the latest when the run is over."""
        self.held = None
        data, self.waiting = b"".join(self.waiting), []
        if data:
            self._pass(data)
        self._settle()

    def _read(self) -> None:
        try:
            data = os.read(self.source, CHUNK)
        except OSError as error:
            if error.errno in AGAIN:
                return
            data = b""  # EIO: the other side of a pty is closed; EISDIR: a folder has no bytes
        if not data:
            self.end()
        elif self.held is not None and sum(map(len, self.waiting)) < CHUNK:
            self.waiting.append(data)
        else:
            if self.held is not None:
                self.waiting.append(data)
                self.release()
                return
            self._pass(data)

    def _pass(self, data: bytes) -> None:
        if self.tap is not None:
            self.tap(data)
        if self.through is not None:
            data = self.through(data)
        if data:
            self.last_byte = data[-1:]
            self._rest = memoryview(bytes(self._rest) + data if self.busy else data)
            self._write()

    def insert(self, line: bytes) -> None:
        """Writes a line that did not come from the source, after what has come, at the beginning of a line as far as we know."""
        end = b"\r\n" if self.through is not None else b"\n"
        if self.last_byte not in (b"\n", b"\r"):
            line = end + line
        self.last_byte = b"\n"
        self._rest = memoryview(bytes(self._rest) + line + end)
        self._write()

    def _write(self) -> None:
        try:
            while self.busy:
                self._rest = self._rest[self.target.write(self._rest) :]
                if self.target.most < CHUNK:
                    break  # one small write for each POLLOUT
        except OSError as error:
            if error.errno not in AGAIN:
                self._break(error)
        self._settle()

    def _splice(self) -> None:
        try:
            moved = os.splice(self.source, self.target.fd, SPLICE, flags=os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE)
        except OSError as error:
            if error.errno in AGAIN:
                self._full = not self._full and self.target.poll >= 0
            elif error.errno in {errno.EINVAL, errno.ESPIPE, errno.ENOSYS}:  # a file opened for appending, a file system without
                self.target.spliced = False
                self._read()
            else:
                self._break(error)
            return
        self._full = False
        if moved == 0:
            self.end()

    def _break(self, error: OSError) -> None:
        self.broken = True
        if error.errno not in {errno.EPIPE, errno.ECONNRESET}:
            self.lost = f"{self.name}: {os.strerror(error.errno or errno.EIO).lower()}"
        self._rest = memoryview(b"")
        self.end()

    def end(self) -> None:
        """Reads no more. The writer at the other end gets SIGPIPE, the reader the end of the file, as if they were joined."""
        if self.source >= 0 and self._own:
            os.close(self.source)
        self.source = -1
        self._full = False
        self._settle()

    def _settle(self) -> None:
        """After the last byte: what is to follow it, and the end."""
        if not self.done or self.waiting or self.target.fd < 0:
            return
        if self.last is not None and not self.broken:
            last, self.last = self.last(), None
            if last:
                self._rest = memoryview(last)
                self._write()
                return
        self.target.close()

    def abort(self) -> int:
        """Ends it with what it had not written yet; returns how many bytes that were."""
        left = len(self._rest)
        self._rest = memoryview(b"")
        self.waiting.clear()
        self.last = None
        self.end()
        return left


def widen(fd: int) -> None:
    """A larger pipe, where that is allowed."""
    import fcntl

    try:
        fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE)
    except OSError:
        pass
