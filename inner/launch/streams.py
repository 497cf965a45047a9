"""What stands at 0, 1 and 2 of the box, and the pumps between that and what our caller gave us.

The box holds a pipe or a socket of the caller itself; files, folders and terminals it never does (fds.Stream.direct). Standard
error is always relayed: bubblewrap's own messages come on it, and are held back until the command is seen to run.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.launch import fds
from inner.launch.relay import Pump, pipe_sink, sink, widen

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.launch.pty import Terminal

FIONREAD = 0x541B
LOG_MOST = 64 << 20  # bytes: what a box writes must not fill the disk
LOG_FULL = b"\n[inner: the rest has not been kept]\n"
NAMES = ("standard input", "standard output", "standard error")


class Streams:
    """`stdio` is what the box gets; `ours` is to be closed here once it has it."""

    def __init__(self, made: fds.Descriptors, *, log: int, clipboard: bool, held: Callable[[], bool]) -> None:
        self.made = made
        self.log = log
        self.log_left = LOG_MOST
        self.log_lost = ""
        self.clipboard = clipboard
        self.held = held
        self.stdio = [-1, -1, -1]
        self.ours: list[int] = []
        self.pumps: list[Pump] = []
        self.terminal: Terminal | None = None
        self.keys: Pump | None = None
        self.input: Pump | None = None
        self._given_back: tuple[int, int, int] | None = None  # the file, the pipe in its place, where reading began

    def connect(self, stdio: tuple[int, int, int], *, private: bool, typed: Callable[[bytes], bytes]) -> None:
        """Decides for each of the three. `typed` sees every key on its way into a private terminal."""
        streams = [fds.stream(fd) for fd in stdio]
        screens = [stream for stream in streams if stream.kind == "tty"]
        if private and screens:
            self._private(screens[0], typed, cooked=streams[1].kind != "tty")
        shared = streams[1].identity == streams[2].identity
        for index, stream in enumerate(streams):
            if self.terminal is not None and stream.kind == "tty":
                self.stdio[index] = self.terminal.slave
            elif index == 0:
                self.stdio[0] = self._input(stream)
            elif index == 2 and shared:
                self.stdio[2] = self.stdio[1]  # one pipe for both, or what was written first would come second
            elif index == 1 and stream.direct and self.log < 0 and not shared:
                self.stdio[1] = stream.fd
            else:
                self.stdio[index] = self._output(stream, index, held=index == 2 or shared)

    def _private(self, screen: fds.Stream, typed: Callable[[bytes], bytes], *, cooked: bool) -> None:
        from inner.launch.pty import Terminal

        fd = fds.reopened(screen, os.O_RDWR)
        target = sink(screen) if fd < 0 else pipe_sink(self.made.keep(fd))
        target.own = False
        target.spliced = False
        fd = screen.fd if fd < 0 else fd
        self.terminal = Terminal(fd, clipboard=self.clipboard, cooked=cooked)
        keyboard = pipe_sink(self.terminal.master)
        keyboard.own = False
        shown = Pump(
            self.terminal.master,
            target,
            name="terminal",
            through=self.terminal.filter.feed,
            tap=self._tap(),
            held=self.held,
            own=False,
        )
        self.keys = Pump(fd, keyboard, name="keyboard", through=typed, own=False)
        self.pumps += [shown, self.keys]

    def _input(self, stream: fds.Stream) -> int:
        if stream.direct:
            return stream.fd
        if stream.kind == "tty":  # a run that is not interactive takes nothing that was typed for the shell
            return self.made.keep(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        end, write = os.pipe2(os.O_CLOEXEC)
        self.made.keep(end)
        if stream.kind == "file":
            self._given_back = (stream.fd, end, os.lseek(stream.fd, 0, os.SEEK_CUR))
        else:
            self.ours.append(end)
        self.input = Pump(stream.fd, pipe_sink(write), name=NAMES[0], own=False)
        self.pumps.append(self.input)
        return end

    def _output(self, stream: fds.Stream, index: int, *, held: bool) -> int:
        end, write = os.pipe2(os.O_CLOEXEC)
        self.ours.append(self.made.keep(write))
        os.set_blocking(end, False)
        widen(end)
        shown = None
        if stream.kind == "tty":
            from inner.launch.termfilter import TermFilter

            shown = TermFilter(clipboard=self.clipboard, questions=False)
        self.pumps.append(
            Pump(
                end,
                sink(stream),
                name=NAMES[index],
                through=shown.feed if shown else None,
                last=shown.finish if shown else None,
                tap=self._tap(),
                held=self.held if held else None,
            )
        )
        return write

    def _tap(self) -> Callable[[bytes], object] | None:
        return self._logged if self.log >= 0 else None

    def _logged(self, data: bytes) -> None:
        if self.log < 0:
            return
        try:
            if len(data) > self.log_left:
                os.write(self.log, data[: self.log_left] + LOG_FULL)
                self.log, self.log_lost = -1, "it is larger than a log may be"
                return
            self.log_left -= len(data)
            while data:
                data = data[os.write(self.log, data) :]
        except OSError as problem:
            self.log, self.log_lost = -1, (problem.strerror or "").lower()

    def say(self, text: str) -> bool:
        """A line of inner's own between what the box writes, on standard error. False, and nothing is said, where a program has the
        screen to itself, or edits what is typed: it would not know."""
        pumps = {pump.name: pump for pump in self.pumps}
        if NAMES[2] in pumps or self.terminal is None:
            pump = pumps.get(NAMES[2]) or pumps.get(NAMES[1])
        else:
            pump = pumps["terminal"] if self.terminal.calm() else None
        if pump is None or pump.done:
            return False
        pump.insert(f"inner: {text}".encode())
        return True

    # --- after the end ----------------------------------------------------------------------------------------------------

    def stop_input(self) -> None:
        """The box reads no more. What it left of a file is given back: `(inner run -- head -1; cat) < file`."""
        if self.keys is not None:
            self.keys.abort()
        if self.input is not None:
            left = self.input.abort()
            if self._given_back is not None:
                import fcntl

                source, end, began = self._given_back
                left += int.from_bytes(fcntl.ioctl(end, FIONREAD, bytes(4)), "little")
                if left:  # what the box wrote into its own input was never the file's
                    os.lseek(source, max(began, os.lseek(source, 0, os.SEEK_CUR) - left), os.SEEK_SET)
        self.pumps = [pump for pump in self.pumps if pump is not self.keys and pump is not self.input]

    def held_back(self) -> bytes:
        """What has not been shown because the command was not seen to run."""
        return b"".join(b"".join(pump.waiting) for pump in self.pumps)

    def discard(self) -> None:
        """Forgets what was held back: it will be told in another way."""
        for pump in self.pumps:
            pump.waiting.clear()

    def release(self) -> None:
        """Shows what was held back."""
        for pump in self.pumps:
            pump.release()

    def close(self) -> None:
        if self.terminal is not None:
            self.terminal.restore()
            self.terminal.close()
        for pump in self.pumps:
            pump.abort()
            pump.target.close()
