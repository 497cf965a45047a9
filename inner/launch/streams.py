"""What stands at 0, 1 and 2 of the box: made before it is started. `pumps` relays beside it what passes through here.

The box holds a pipe or a socket of the caller itself; files, folders and terminals it never does (fds.Stream.direct). Standard
error is always relayed: bubblewrap's own messages come on it, and are held back until the command is seen to run.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.launch import fds

if TYPE_CHECKING:
    from typing import TypeAlias

    from inner.launch.pty import Terminal

    Way: TypeAlias = tuple[int, int, fds.Stream, bool]


class Streams:
    """`stdio` is what the box gets; `ours` is to be closed here once it has it. `ways`: for what is relayed which of the three it
    is, our end of the pipe, the caller's stream, and whether output is held back."""

    def __init__(self, made: fds.Descriptors) -> None:
        self.made = made
        self.stdio = [-1, -1, -1]
        self.ours: list[int] = []
        self.ways: list[Way] = []
        self.clipboard = False
        self.terminal: Terminal | None = None
        self.screen: fds.Stream | None = None  # the caller's terminal, where the box has one of its own
        self.reopened = -1  # the same, as a description of our own
        self.given_back: tuple[int, int, int] | None = None  # the file, the pipe in its place, where reading began

    def connect(self, stdio: tuple[int, int, int], *, private: bool, clipboard: bool, logged: bool) -> None:
        """Decides for each of the three."""
        self.clipboard = clipboard
        streams = [fds.stream(fd) for fd in stdio]
        screens = [stream for stream in streams if stream.kind == "tty"]
        if private and screens:
            self._private(screens[0], cooked=streams[1].kind != "tty")
        shared = streams[1].identity == streams[2].identity
        for index, stream in enumerate(streams):
            if self.terminal is not None and stream.kind == "tty":
                self.stdio[index] = self.terminal.slave
            elif index == 0:
                self.stdio[0] = self._input(stream)
            elif index == 2 and shared:
                self.stdio[2] = self.stdio[1]  # one pipe for both, or what was written first would come second
            elif index == 1 and stream.direct and not logged and not shared:
                self.stdio[1] = stream.fd
            else:
                self.stdio[index] = self._output(stream, index, held=index == 2 or shared)

    def _private(self, screen: fds.Stream, *, cooked: bool) -> None:
        from inner.launch.pty import Terminal

        fd = fds.reopened(screen, os.O_RDWR)
        self.screen, self.reopened = screen, fd if fd < 0 else self.made.keep(fd)
        self.terminal = Terminal(screen.fd if fd < 0 else fd, clipboard=self.clipboard, cooked=cooked)

    def _input(self, stream: fds.Stream) -> int:
        if stream.direct:
            return stream.fd
        if stream.kind == "tty":  # a run that is not interactive takes nothing that was typed for the shell
            return self.made.keep(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        end, write = os.pipe2(os.O_CLOEXEC)
        self.made.keep(end)
        self.ways.append((0, write, stream, False))
        if stream.kind == "file":
            self.given_back = (stream.fd, end, os.lseek(stream.fd, 0, os.SEEK_CUR))
        else:
            self.ours.append(end)
        return end

    def _output(self, stream: fds.Stream, index: int, *, held: bool) -> int:
        end, write = os.pipe2(os.O_CLOEXEC)
        self.ways.append((index, end, stream, held))
        self.ours.append(self.made.keep(write))
        return write

    def close(self) -> None:
        """The terminal is as it was, and what nobody relays is closed."""
        if self.terminal is not None:
            self.terminal.restore()
            self.terminal.close()
        while self.ways:
            os.close(self.ways.pop()[1])
