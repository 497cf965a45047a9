"""Beside the box until the last process of it is gone, and then: how it ended.

One process, one poll(2), no threads: it relays what the box may not hold itself, forwards signals, keeps time.
"""

from __future__ import annotations

import os
import select
import time

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, replace
from inner.launch import fds, outcome, signals, tree
from inner.launch.job import Job, reaped
from inner.launch.pumps import Pumps
from inner.launch.relay import ENDED

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Collection

    from inner.launch.fds import Descriptors
    from inner.launch.outcome import Outcome
    from inner.launch.relay import Pump
    from inner.launch.start import Start
    from inner.launch.streams import Streams
else:
    import _signal

LOOK = 0.01  # seconds between two looks while output is held back
BEHIND = 0.25  # seconds between two looks whether the terminal is ours again: `fg` of a running job sends no signal
STOP_LOOK = 0.15  # seconds after a key, to see whether the command has stopped itself
NOTHING_RAN = {"setup", "not-found", "not-executable"}


class Watch:
    """Bubblewrap has been forked (`start`), signals arrive (`heard`), and `others` are children of ours that are not of the box.
    For the rest see `supervisor.run`. The methods are called in the order in which they stand."""

    def __init__(
        self,
        made: Descriptors,
        start: Start,
        streams: Streams,
        heard: signals.Signals,
        others: Collection[int],
        *,
        grace: float,
        log: int,
        beside: tuple[int, Callable[[Callable[[str], object]], bool]] | None,
    ) -> None:
        self.made, self.start, self.heard, self.beside = made, start, heard, beside
        self.streams, self.terminal = streams, streams.terminal
        self.job = Job(grace, start, self.terminal, others)
        self.pumps = Pumps(log)
        self.records = b""
        self.status, self.report = start.status, start.report
        self.seen = False  # the command has been seen to run
        self.over = False
        self.hurry = False
        self.timed_out = False
        self.look_at = 0.0

    def begin(self) -> None:
        """What the box has now is not ours any more."""
        for fd in (*self.start.ours, *self.streams.ours):
            self.made.drop(fd)
        self.pumps.connect(self.streams, held=self.unseen, typed=self.typed)

    # --- while it runs ----------------------------------------------------------------------------------------------------

    def stay(
        self, deadline: float, on_started: Callable[[int], object] | None, on_running: Callable[[], object] | None = None
    ) -> None:
        """Returns when bubblewrap has ended."""
        while self.job.wait < 0:
            now = time.monotonic()
            if deadline and now >= deadline:
                deadline = 0.0
                self.timed_out = True
                self.job.end(_signal.SIGTERM)
            if self.job.kill_at and now >= self.job.kill_at:
                self.job.kill_at = now + 1
                self.job.kill()
            if self.look_at and now >= self.look_at:
                self.look_at = 0.0
                if self.job.stopped_itself():
                    self.job.suspend()
            wake = [at for at in (deadline, self.job.kill_at, self.look_at) if at]
            if any(pump.waiting for pump in self.pumps.all):
                wake.append(now + LOOK)
            self._turn(min(wake) - now if wake else None)
            if self.start.gate >= 0 and self.job.init is not None:
                if on_started is not None:
                    before = set(tree.children(os.getpid()))
                    on_started(self.job.init.pid)
                    self.job.others |= set(tree.children(os.getpid())) - before  # the keeper of a scope: the box runs nothing yet
                try:
                    os.write(self.start.gate, b"\n")
                except BrokenPipeError:
                    pass  # bubblewrap has given up in the meantime, and its status says so
                self.made.drop(self.start.gate)
                self.start.gate = -1
                if on_running is not None:
                    on_running()

    def _turn(self, seconds: float | None) -> None:
        """Waits for one thing at least, and does everything that can be done."""
        wanted = {fd: select.POLLIN for fd in (self.status, self.report, self.heard.fd) if fd >= 0}
        beside = self.beside if self.job.init is not None and self.start.gate < 0 else None  # before that, whoever gates asks it
        if beside is not None:
            wanted[beside[0]] = select.POLLIN
        turns: list[tuple[int, int, Pump]] = []
        terminal = self.terminal
        if terminal is not None and terminal.behind:
            if terminal.ours():
                terminal.raw()
                terminal.resize()
            else:
                seconds = BEHIND if seconds is None else min(seconds, BEHIND)
        for pump in self.pumps.all:
            if pump is self.pumps.keys and terminal is not None and terminal.behind:
                continue
            if pump is self.pumps.input and self.start.gate >= 0:
                continue  # the start may still be given up, and what is read then is for the next one
            if pump.waiting and pump.held is not None and not pump.held():
                pump.release()
            fd, events = pump.interest()
            if fd >= 0:
                wanted[fd] = wanted.get(fd, 0) | events
                turns.append((fd, events, pump))
            elif pump.busy:
                pump.ready()
                seconds = 0
        poll = select.poll()
        for fd, events in wanted.items():
            poll.register(fd, events)
        found = dict(poll.poll(None if seconds is None else max(0, seconds * 1000)))
        if self.status in found:
            self._read_status()
        for fd, events, pump in turns:
            if found.get(fd, 0) & (events | ENDED) and not pump.done:
                pump.ready()
                if pump is self.pumps.keys and pump.done and not self.over:
                    self.job.end(_signal.SIGHUP)  # the user's terminal is gone
        if beside is not None and beside[0] in found and not beside[1](self.pumps.say):  # after what the box has written before
            self.beside = None
        if self.report in found:
            self._reported()
        if self.heard.fd in found:
            self._signalled(self.heard.read())

    def _read_status(self) -> None:
        try:
            data = os.read(self.status, 65536)
        except BlockingIOError:
            return
        self.records += data
        if self.job.init is None and not self.over:
            self.job.find(self.records)
        if not data:
            self.made.drop(self.status)
            self.status = -1

    def unseen(self) -> bool:
        """True while what comes on standard error may still be bubblewrap's own."""
        if not self.seen:
            if self.job.init is None and self.status >= 0:
                self._read_status()
            self.seen = self.job.init is not None and tree.command_of(self.job.init.pid, self.start.cmdline) > 0
        return not self.seen

    def _reported(self) -> None:
        """The monitor said something: bubblewrap's number, that it stopped, that it ended."""
        said = os.read(self.report, 5)
        kind, value = said[:1], int.from_bytes(said[1:], "little")
        if kind == b"P" and self.terminal is not None:
            self.job.bwrap = self.terminal.job = value
        elif kind == b"S":
            self.job.suspend()
        elif kind == b"X":
            self.job.wait = value
        elif not kind:
            self.made.drop(self.report)
            self.report = -1
            if self.job.wait < 0:  # somebody killed it; bubblewrap dies with its parent
                self.job.kill()
                self.job.wait = _signal.SIGKILL

    def _signalled(self, arrived: bytes) -> None:
        terminal = self.terminal
        for signum in arrived:
            if signum == _signal.SIGCHLD:
                self.job.reap()
            elif self.over:
                self.hurry = self.hurry or signum in signals.FORWARDED
            elif signum == _signal.SIGWINCH and terminal is not None:
                terminal.resize()
            elif signum == _signal.SIGCONT and terminal is not None:
                terminal.raw()  # whoever stopped us may have let the shell change the modes
            elif signum == _signal.SIGTSTP:
                self.job.suspend(stop=True)
            elif signum in signals.FORWARDED:
                self.job.forward(signum)

    def typed(self, data: bytes) -> bytes:
        """What was typed at a private terminal, on its way into the box."""
        if self.look_at == 0.0:
            self.look_at = time.monotonic() + STOP_LOOK
        return self.terminal.typed(data) if self.terminal is not None else data

    # --- after the end ----------------------------------------------------------------------------------------------------

    def finish(self) -> Outcome:
        """Makes sure that nothing of the box is left, delivers what it wrote, and judges."""
        self.over = True
        self.pumps.stop_input()
        size = -1
        while self.status >= 0 and size < len(self.records):
            size = len(self.records)
            self._read_status()
        _, failed, why = self.records.partition(b"!")
        if failed:
            for number in fds.SCARCE:
                if why.startswith(b"[Errno %d]" % number):  # str(OSError)
                    raise OSError(number, os.strerror(number))
            raise RunError(f"cannot start `{self.start.argv[0]}`: {outcome.escaped(why.partition(b'{')[0])}", hint="inner doctor")
        self.job.find(self.records)
        self.start.let_go()  # while the kernel takes the box apart
        forked = self.job.sweep()
        if outcome.number(self.records, b"exit-code") >= 0:
            self.pumps.release()
        self._drain()
        verdict = outcome.judge(
            self.records,
            self.job.wait,
            forked=forked,
            ended_by=self.job.ended_by,
            timed_out=self.timed_out,
            text=self.pumps.held_back(),
        )
        if verdict.reason in NOTHING_RAN:
            self.pumps.discard()
        self.pumps.release()
        self._drain()
        lost = "; ".join(pump.lost for pump in self.pumps.all if pump.lost)
        pressed = self.terminal is not None and self.terminal.pressed == verdict.signal
        return replace(verdict, lost=lost, log_lost=self.pumps.log_lost, sent=verdict.signal in self.job.sent, pressed=pressed)

    def _drain(self) -> None:
        """Delivers what the box has written. A slow reader may take its time; a signal for us ends the wait."""
        if self.terminal is not None:
            self.terminal.close_slave()
        while not self.hurry and not all(pump.done for pump in self.pumps.all):
            self._turn(None)

    def close(self) -> None:
        """Whatever happened: nothing survives, the terminal is as it was."""
        if self.job.wait < 0:
            self.job.kill()
            self.job.sweep()
        self.streams.close()
        self.pumps.close()
        if self.start.control >= 0:
            self.made.drop(self.start.control)  # the monitor may go
        reaped(self.start.child)
        if self.job.init is not None:
            self.job.init.close()
