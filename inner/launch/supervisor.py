"""Starts bubblewrap, stays beside the box until the last process of it is gone, and says how it ended.

One process, one poll(2), no threads: it relays what the box may not hold itself, forwards signals, keeps time. Main thread only:
the parent-death signal belongs to the thread that forks (prctl(2)), and Python handles signals in that one.
"""

from __future__ import annotations

import os
import select
import time

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, replace
from inner.launch import fds, outcome, signals, syscall, tree
from inner.launch.job import GRACE, Job, reaped
from inner.launch.relay import ENDED
from inner.launch.start import Start
from inner.launch.streams import Streams

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inner.launch.outcome import Outcome
    from inner.launch.relay import Pump
    from inner.words import Word
else:
    import _signal

LOOK = 0.01  # seconds between two looks while output is held back
BEHIND = 0.25  # seconds between two looks whether the terminal is ours again: `fg` of a running job sends no signal
STOP_LOOK = 0.15  # seconds after a key, to see whether the command has stopped itself
NOTHING_RAN = {"setup", "not-found", "not-executable"}


def run(
    bwrap: str,
    words: Iterable[Word],
    command: Sequence[str],
    *,
    terminal: str = "none",
    timeout: float = 0.0,
    grace: float = GRACE,
    clipboard: bool = False,
    setuid: bool = False,
    meanwhile: Callable[[], object] | None = None,
    on_started: Callable[[int], object] | None = None,
    enter: Callable[[], None] | None = None,
    given: Mapping[str, int] | None = None,
    beside: tuple[int, Callable[[Callable[[str], object]], bool]] | None = None,
    log: int = -1,
    stdio: tuple[int, int, int] = (0, 1, 2),
    starter: Callable[..., Start] = Start,
) -> Outcome:
    """Runs `command` in the box that `words` describe, to its end.

    `terminal`: "private" gives the box a pty of its own, when one of `stdio` is a terminal; "none" a session without one.
    `timeout`, `grace`: seconds, 0 for no limit. `meanwhile` is called once bubblewrap has been forked, and `on_started(pid)` with the host's number of pid 1 of the box, both before
    anything in the box runs (`--block-fd`); an error that they raise ends the run. `enter` is called in the process that becomes
    bubblewrap, before it does. `given`: descriptors for the words that name one;
    `status` and `block` are ours. `beside`: a descriptor, and what is called whenever it can be read while the command runs, with a way to say a line to the
    user (`Streams.say`), until it returns False. `log`: a descriptor that gets every byte of output, as it was written. `starter` makes the start, when it is
    not bubblewrap that starts. Raises RunError when bubblewrap cannot be started at all.
    """
    began = time.monotonic()
    fds.hold_processes()
    made = fds.Descriptors()
    supervisor = Supervisor(made, grace)
    supervisor.beside = beside
    try:
        supervisor.streams = Streams(made, log=log, clipboard=clipboard, held=supervisor.unseen)
        supervisor.streams.connect(stdio, private=terminal == "private", typed=supervisor.typed)
        supervisor.begin(
            starter(
                made,
                bwrap,
                words,
                command,
                given or {},
                session=supervisor.streams.terminal is None,
                gate=on_started is not None,
                setuid=setuid,
                enter=enter,
            )
        )
        if meanwhile is not None:
            meanwhile()
        supervisor.watch(began + timeout if timeout > 0 else 0.0, on_started)
        ended = supervisor.finish()
    finally:
        supervisor.close()
        made.close()
    return replace(ended, duration=time.monotonic() - began)


class Supervisor:
    """The state of one run. The methods are called in the order in which they stand."""

    streams: Streams
    start: Start

    def __init__(self, made: fds.Descriptors, grace: float) -> None:
        self.made = made
        self.signals: signals.Signals | None = None
        self.job = Job(grace)
        self.records = b""
        self.status = self.report = -1
        self.seen = False  # the command has been seen to run
        self.over = False
        self.hurry = False
        self.timed_out = False
        self.look_at = 0.0
        self.beside: tuple[int, Callable[[Callable[[str], object]], bool]] | None = None

    def begin(self, start: Start) -> None:
        """Forks."""
        self.start = start
        self.job.others = set(tree.children(os.getpid()))
        syscall.subreaper(True)
        self.signals = signals.Signals()
        if self.streams.terminal is not None:
            self.streams.terminal.raw()
        start.fork(self.streams.stdio, self.streams.terminal)
        self.status, self.report = start.status, start.report
        self.job.started(start.child, start.control, self.streams.terminal)
        for fd in (*start.ours, *self.streams.ours):
            self.made.drop(fd)

    # --- while it runs ----------------------------------------------------------------------------------------------------

    def watch(self, deadline: float, on_started: Callable[[int], object] | None) -> None:
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
            if any(pump.waiting for pump in self.streams.pumps):
                wake.append(now + LOOK)
            self._turn(min(wake) - now if wake else None)
            if self.start.gate >= 0 and self.job.init is not None:
                if on_started is not None:
                    on_started(self.job.init.pid)
                    self.job.others |= set(tree.children(os.getpid())) - {self.job.bwrap}  # the box runs nothing yet
                try:
                    os.write(self.start.gate, b"\n")
                except BrokenPipeError:
                    pass  # bubblewrap has given up in the meantime, and its status says so
                self.made.drop(self.start.gate)
                self.start.gate = -1

    def _turn(self, seconds: float | None) -> None:
        """Waits for one thing at least, and does everything that can be done."""
        wanted = {fd: select.POLLIN for fd in (self.status, self.report, self.signals.fd if self.signals else -1) if fd >= 0}
        beside = self.beside if self.job.init is not None and self.start.gate < 0 else None  # before that, whoever gates asks it
        if beside is not None:
            wanted[beside[0]] = select.POLLIN
        turns: list[tuple[int, int, Pump]] = []
        terminal = self.streams.terminal
        if terminal is not None and terminal.behind:
            if terminal.ours():
                terminal.raw()
                terminal.resize()
            else:
                seconds = BEHIND if seconds is None else min(seconds, BEHIND)
        for pump in self.streams.pumps:
            if pump is self.streams.keys and terminal is not None and terminal.behind:
                continue
            if pump is self.streams.input and self.start.gate >= 0:
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
                if pump is self.streams.keys and pump.done and not self.over:
                    self.job.end(_signal.SIGHUP)  # the user's terminal is gone
        if beside is not None and beside[0] in found and not beside[1](self.streams.say):  # after what the box has written before
            self.beside = None
        if self.report in found:
            self._reported()
        if self.signals and self.signals.fd in found:
            self._signalled(self.signals.read())

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
        if kind == b"P" and self.streams.terminal is not None:
            self.job.bwrap = self.streams.terminal.job = value
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
        terminal = self.streams.terminal
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
        return self.streams.terminal.typed(data) if self.streams.terminal is not None else data

    # --- after the end ----------------------------------------------------------------------------------------------------

    def finish(self) -> Outcome:
        """Makes sure that nothing of the box is left, delivers what it wrote, and judges."""
        self.over = True
        self.streams.stop_input()
        size = -1
        while self.status >= 0 and size < len(self.records):
            size = len(self.records)
            self._read_status()
        _, failed, why = self.records.partition(b"!")
        if failed:
            raise RunError(f"cannot start `{self.start.argv[0]}`: {outcome.escaped(why.partition(b'{')[0])}", hint="inner doctor")
        self.job.find(self.records)
        self.start.let_go()  # while the kernel takes the box apart
        forked = self.job.sweep()
        if outcome.number(self.records, b"exit-code") >= 0:
            self.streams.release()
        self._drain()
        verdict = outcome.judge(
            self.records,
            self.job.wait,
            forked=forked,
            ended_by=self.job.ended_by,
            timed_out=self.timed_out,
            text=self.streams.held_back(),
        )
        if verdict.reason in NOTHING_RAN:
            self.streams.discard()
        self.streams.release()
        self._drain()
        lost = "; ".join(pump.lost for pump in self.streams.pumps if pump.lost)
        pressed = self.streams.terminal is not None and self.streams.terminal.pressed == verdict.signal
        return replace(verdict, lost=lost, log_lost=self.streams.log_lost, sent=verdict.signal in self.job.sent, pressed=pressed)

    def _drain(self) -> None:
        """Delivers what the box has written. A slow reader may take its time; a signal for us ends the wait."""
        if self.streams.terminal is not None:
            self.streams.terminal.close_slave()
        while not self.hurry and not all(pump.done for pump in self.streams.pumps):
            self._turn(None)

    def close(self) -> None:
        """Whatever happened: nothing survives, the terminal is as it was."""
        if self.signals is None:  # not started
            if hasattr(self, "streams"):
                self.streams.close()
            return
        if self.job.wait < 0 and self.start.child > 0:
            self.job.kill()
            self.job.sweep()
        self.streams.close()
        if self.start.control >= 0:
            self.made.drop(self.start.control)  # the monitor may go
        if self.start.child > 0:
            reaped(self.start.child)
        if self.job.init is not None:
            self.job.init.close()
        self.signals.close()
        syscall.subreaper(False)
