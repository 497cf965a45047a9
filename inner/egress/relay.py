"""Moves bytes from one socket to another without seeing them: splice(2) through a pipe that is borrowed while it holds anything.

An idle connection so costs two descriptors. The end of one direction is passed on when everything before it has been
(shutdown(2)), and leaves the other direction alone: the tail of a stream is never lost.
"""

from __future__ import annotations

import errno
import fcntl
import os

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket
else:
    import _socket

# what a direction waits for: nothing any more, its source to be readable, its target to be writable, something else
DONE, READ, WRITE, WAIT = range(4)
NARROW, WIDE = 1 << 16, 1 << 18  # bytes that a pipe holds: as the kernel makes it, and for a stream that makes use of more
MUCH = 1 << 14  # bytes at once: a stream, no conversation
TURN = 1 << 20  # bytes before others have their turn
SPARE = 64  # pipes kept for the next one who needs them
WIDENED = 16  # pipes at a time: the kernel limits what those of one user hold together, in whatever program (pipe(7))
FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class Lost(Exception):
    """One side of a direction is gone: `source` says which."""

    def __init__(self, *, source: bool) -> None:
        super().__init__("source" if source else "target")
        self.source = source


class Pipe:
    """One that holds up to `size` bytes between `inlet` and `outlet`."""

    __slots__ = ("inlet", "outlet", "size")

    def __init__(self) -> None:
        self.outlet, self.inlet = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.size = NARROW


class Pipes:
    """Pipes that are empty, and how many may still be made wide."""

    def __init__(self) -> None:
        self._spare: list[Pipe] = []
        self._room = WIDENED

    def take(self) -> Pipe:
        """An empty one."""
        return self._spare.pop() if self._spare else Pipe()

    def give(self, pipe: Pipe) -> None:
        """Takes an empty one back."""
        if len(self._spare) < SPARE:
            self._spare.append(pipe)
        else:
            self.close(pipe)

    def close(self, pipe: Pipe) -> None:
        """Closes one that is not empty, too."""
        os.close(pipe.inlet)
        os.close(pipe.outlet)
        self._room += pipe.size == WIDE

    def widen(self, pipe: Pipe) -> None:
        """Makes one hold more, where that is still allowed."""
        if self._room > 0 and pipe.size == NARROW:
            try:
                fcntl.fcntl(pipe.inlet, fcntl.F_SETPIPE_SZ, WIDE)
            except OSError:  # this user's pipes hold as much as they may
                self._room = 0
            else:
                pipe.size = WIDE
                self._room -= 1


class Direction:
    """From `source` to `target`. `wants` is what it waits for; `count` the bytes that have come from the source."""

    __slots__ = ("_ended", "_inside", "_pipe", "_pipes", "count", "source", "target", "wants")

    def __init__(self, source: _socket.socket, target: _socket.socket, pipes: Pipes) -> None:
        self.source, self.target = source, target
        self.wants = READ
        self.count = 0
        self._pipes = pipes
        self._pipe: Pipe | None = None
        self._inside = 0
        self._ended = False

    def pump(self) -> None:
        """Moves what can be moved. Raises Lost, after which only `drop` may be called."""
        source, target = self.source.fileno(), self.target.fileno()
        enough = self.count + TURN
        while self.count < enough:
            pipe = self._pipe
            if pipe is not None and self._inside:
                try:
                    self._inside -= os.splice(pipe.outlet, target, self._inside, flags=FLAGS)
                except BlockingIOError:
                    self.wants = WRITE
                    return
                except OSError:
                    raise Lost(source=False) from None
                continue
            if self._ended:
                self.drop()
                self.wants = DONE
                finish(self.target)
                return
            try:
                if pipe is None:
                    pipe = self._pipe = self._pipes.take()
                size = os.splice(source, pipe.inlet, pipe.size, flags=FLAGS)
            except BlockingIOError:
                self.drop()
                self.wants = READ
                return
            except OSError:
                self.drop()
                raise Lost(source=True) from None
            self._ended = not size
            self._inside = size
            self.count += size
            if size >= MUCH:
                self._pipes.widen(pipe)
        self.wants = WRITE if self._inside else READ

    def drop(self) -> None:
        """Gives the pipe back; what is in it is lost."""
        if self._pipe is not None:
            if self._inside:
                self._pipes.close(self._pipe)
                self._inside = 0
            else:
                self._pipes.give(self._pipe)
            self._pipe = None


def finish(sock: _socket.socket) -> None:
    """Nothing more will be sent."""
    try:
        sock.shutdown(_socket.SHUT_WR)
    except OSError as problem:
        if problem.errno != errno.ENOTCONN:
            raise


def reset(sock: _socket.socket) -> None:
    """The other side is to see a failure, not an end (socket(7), SO_LINGER), when the socket is closed."""
    try:
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    except OSError:
        pass
