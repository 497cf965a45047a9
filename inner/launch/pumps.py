"""The pumps between what the box has at 0, 1 and 2 (`streams`) and what our caller gave us, and what is seen of it on the way.

Loaded when bubblewrap has been started. What comes before the command is seen to run is held back: it may be bubblewrap's own.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.launch.relay import Pump, pipe_sink, sink, widen

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.launch import fds
    from inner.launch.pty import Terminal
    from inner.launch.streams import Streams

FIONREAD = 0x541B
LOG_MOST = 64 << 20  # bytes: what a box writes must not fill the disk
LOG_FULL = b"\n[inner: the rest has not been kept]\n"
NAMES = ("standard input", "standard output", "standard error")


class Pumps:
    """`all` of one run; `keys` is the one of a private terminal's keyboard, `input` that of standard input."""

    def __init__(self, log: int) -> None:
        self.all: list[Pump] = []
        self.keys: Pump | None = None
        self.input: Pump | None = None
        self.log = log
        self.log_left = LOG_MOST
        self.log_lost = ""
        self._terminal: Terminal | None = None
        self._given_back: tuple[int, int, int] | None = None

    def connect(self, streams: Streams, *, held: Callable[[], bool], typed: Callable[[bytes], bytes]) -> None:
        """Takes over the ends that `streams` has made. `held` says whether output has to wait; `typed` sees every key on its way
        into a private terminal."""
        self._terminal, self._given_back = streams.terminal, streams.given_back
        if streams.terminal is not None and streams.screen is not None:
            self._private(streams.terminal, streams.screen, streams.reopened, held, typed)
        while streams.ways:
            index, end, stream, waits = streams.ways.pop(0)
            if index == 0:
                self.input = Pump(stream.fd, pipe_sink(end), name=NAMES[0], own=False)
                self.all.append(self.input)
            else:
                self._output(end, stream, NAMES[index], held if waits else None, clipboard=streams.clipboard)

    def _private(
        self,
        terminal: Terminal,
        screen: fds.Stream,
        reopened: int,
        held: Callable[[], bool],
        typed: Callable[[bytes], bytes],
    ) -> None:
        target = sink(screen) if reopened < 0 else pipe_sink(reopened)
        target.own = False
        target.spliced = False
        keyboard = pipe_sink(terminal.master)
        keyboard.own = False
        shown = Pump(
            terminal.master, target, name="terminal", through=terminal.filter.feed, tap=self._tap(), held=held, own=False
        )
        self.keys = Pump(terminal.fd, keyboard, name="keyboard", through=typed, own=False)
        self.all += [shown, self.keys]

    def _output(self, end: int, stream: fds.Stream, name: str, held: Callable[[], bool] | None, *, clipboard: bool) -> None:
        os.set_blocking(end, False)
        widen(end)
        shown = None
        if stream.kind == "tty":
            from inner.launch.termfilter import TermFilter

            shown = TermFilter(clipboard=clipboard, questions=False)
        self.all.append(
            Pump(
                end,
                sink(stream),
                name=name,
                through=shown.feed if shown else None,
                last=shown.finish if shown else None,
                tap=self._tap(),
                held=held,
            )
        )

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
        pumps = {pump.name: pump for pump in self.all}
        if NAMES[2] in pumps or self._terminal is None:
            pump = pumps.get(NAMES[2]) or pumps.get(NAMES[1])
        else:
            pump = pumps["terminal"] if self._terminal.calm() else None
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
        self.all = [pump for pump in self.all if pump is not self.keys and pump is not self.input]

    def held_back(self) -> bytes:
        """What has not been shown because the command was not seen to run."""
        return b"".join(b"".join(pump.waiting) for pump in self.all)

    def discard(self) -> None:
        """Forgets what was held back: it will be told in another way."""
        for pump in self.all:
            pump.waiting.clear()

    def release(self) -> None:
        """Shows what was held back."""
        for pump in self.all:
            pump.release()

    def close(self) -> None:
        for pump in self.all:
            pump.abort()
            pump.target.close()
