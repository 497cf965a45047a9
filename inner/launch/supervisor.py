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
from inner.launch.relay import ENDED
from inner.launch.start import Start
from inner.launch.streams import Streams

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inner.bwrap import Word
    from inner.launch.outcome import Outcome
    from inner.launch.relay import Pump
else:
    import _signal

GRACE = 2.0  # seconds between SIGTERM and SIGKILL when time is up
TWICE = 0.1  # seconds within which a second Ctrl-C is the first one, delivered twice
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
    on_started: Callable[[int], object] | None = None,
    enter: Callable[[], None] | None = None,
    given: Mapping[str, int] | None = None,
    beside: tuple[int, Callable[[], object]] | None = None,
    log: int = -1,
    stdio: tuple[int, int, int] = (0, 1, 2),
    starter: Callable[..., Start] = Start,
) -> Outcome:
    """Runs `command` in the box that `words` describe, to its end.

    `terminal`: "private" gives the box a pty of its own, when one of `stdio` is a terminal; "none" a session without one.
    `timeout`, `grace`: seconds, 0 for no limit. `on_started(pid)` is called with the host's number of pid 1 of the box, before
    anything in the box runs (`--block-fd`); an error it raises ends the run. `enter` is called in the process that becomes
    bubblewrap, before it does. `given`: descriptors for the words that name one;
    `status` and `block` are ours. `beside`: a descriptor, and what is called once when it can be read while the command runs. `log`: a descriptor that gets every byte of output, as it was written. `starter` makes the start, when it is
    not bubblewrap that starts. Raises RunError when bubblewrap cannot be started at all.
    """
    began = time.monotonic()
    fds.standard()
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
        self.grace = grace
        self.signals: signals.Signals | None = None
        self.bwrap = 0
        self.wait = -1  # bubblewrap's wait status, once it has ended
        self.records = b""
        self.status = self.report = -1
        self.init: tree.Process | None = None  # pid 1 of the box
        self.seen = False  # the command has been seen to run
        self.over = False
        self.hurry = False
        self.timed_out = False
        self.ended_by = 0
        self.interrupted = self.kill_at = self.look_at = 0.0
        self.others: set[int] = set()  # children of ours that are not of the box
        self.beside: tuple[int, Callable[[], object]] | None = None

    def begin(self, start: Start) -> None:
        """Forks."""
        self.start = start
        self.others = set(tree.children(os.getpid()))
        syscall.subreaper(True)
        self.signals = signals.Signals()
        if self.streams.terminal is not None:
            self.streams.terminal.raw()
        start.fork(self.streams.stdio, self.streams.terminal)
        self.status, self.report = start.status, start.report
        if self.streams.terminal is None:
            self.bwrap = start.child
        else:
            self.others.add(start.child)
        for fd in (*start.ours, *self.streams.ours):
            self.made.drop(fd)

    # --- while it runs ----------------------------------------------------------------------------------------------------

    def watch(self, deadline: float, on_started: Callable[[int], object] | None) -> None:
        """Returns when bubblewrap has ended."""
        while self.wait < 0:
            now = time.monotonic()
            if deadline and now >= deadline:
                deadline = 0.0
                self.timed_out = True
                self.end(_signal.SIGTERM)
            if self.kill_at and now >= self.kill_at:
                self.kill_at = now + 1
                self.kill()
            if self.look_at and now >= self.look_at:
                self.look_at = 0.0
                self._look()
            wake = [at for at in (deadline, self.kill_at, self.look_at) if at]
            if any(pump.waiting for pump in self.streams.pumps):
                wake.append(now + LOOK)
            self._turn(min(wake) - now if wake else None)
            if self.start.gate >= 0 and self.init is not None:
                if on_started is not None:
                    before = set(tree.children(os.getpid()))
                    on_started(self.init.pid)
                    self.others |= set(tree.children(os.getpid())) - before  # the keeper of a scope: nothing of the box runs yet
                os.write(self.start.gate, b"\n")
                self.made.drop(self.start.gate)
                self.start.gate = -1

    def _turn(self, seconds: float | None) -> None:
        """Waits for one thing at least, and does everything that can be done."""
        wanted = {fd: select.POLLIN for fd in (self.status, self.report, self.signals.fd if self.signals else -1) if fd >= 0}
        beside = self.beside if self.init is not None and self.start.gate < 0 else None  # before that, whoever gates asks it
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
        if beside is not None and beside[0] in found:
            self.beside = None
            beside[1]()
        if self.status in found:
            self._read_status()
        for fd, events, pump in turns:
            if found.get(fd, 0) & (events | ENDED) and not pump.done:
                pump.ready()
                if pump is self.streams.keys and pump.done and not self.over:
                    self.end(_signal.SIGHUP)  # the user's terminal is gone
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
        if self.init is None and not self.over:
            self._find_init()
        if not data:
            self.made.drop(self.status)
            self.status = -1

    def _find_init(self) -> None:
        pid = outcome.number(self.records, b"child-pid")
        if self.init is None and pid > 0:
            self.init = tree.Process(pid)
            parent = int((tree.stat(pid)[1:2] or [b"0"])[0])
            monitored = tree.stat(parent)[1:2] == [b"%d" % self.start.child] if parent > 0 else False
            if not (parent in {self.bwrap, os.getpid()} or monitored):
                self.init.close()  # it has ended, and the number may be somebody else's by now
            if self.streams.terminal is not None:
                self.streams.terminal.init = pid

    def unseen(self) -> bool:
        """True while what comes on standard error may still be bubblewrap's own."""
        if not self.seen:
            if self.init is None and self.status >= 0:
                self._read_status()
            self.seen = self.init is not None and tree.command_of(self.init.pid, self.start.cmdline) > 0
        return not self.seen

    def _reported(self) -> None:
        """The monitor said something: bubblewrap's number, that it stopped, that it ended."""
        said = os.read(self.report, 5)
        kind, value = said[:1], int.from_bytes(said[1:], "little")
        if kind == b"P" and self.streams.terminal is not None:
            self.bwrap = self.streams.terminal.job = value
        elif kind == b"S":
            self.suspend()
        elif kind == b"X":
            self.wait = value
        elif not kind:
            self.made.drop(self.report)
            self.report = -1
            if self.wait < 0:  # somebody killed it; bubblewrap dies with its parent
                self.kill()
                self.wait = _signal.SIGKILL

    def _signalled(self, arrived: bytes) -> None:
        terminal = self.streams.terminal
        for signum in arrived:
            if signum == _signal.SIGCHLD:
                self._reap()
            elif self.over:
                self.hurry = self.hurry or signum in signals.FORWARDED
            elif signum == _signal.SIGWINCH and terminal is not None:
                terminal.resize()
            elif signum == _signal.SIGCONT and terminal is not None:
                terminal.raw()  # whoever stopped us may have let the shell change the modes
            elif signum == _signal.SIGTSTP:
                self.suspend(stop=True)
            elif signum in signals.FORWARDED:
                self.forward(signum)

    def _reap(self) -> None:
        if self.streams.terminal is None and self.wait < 0:
            pid, status = os.waitpid(self.bwrap, os.WNOHANG)
            if pid:
                self.wait = status

    def typed(self, data: bytes) -> bytes:
        """What was typed at a private terminal, on its way into the box."""
        if self.look_at == 0.0:
            self.look_at = time.monotonic() + STOP_LOOK
        return self.streams.terminal.typed(data) if self.streams.terminal is not None else data

    def _look(self) -> None:
        """A program that stops itself alone (`suspend` of a shell) does not stop bubblewrap, and the user would wait for ever."""
        for pid in tree.children(self.init.pid)[:1] if self.init else ():
            if tree.stopped(pid) and not tree.stopped(self.bwrap):
                self.suspend()

    # --- signals ----------------------------------------------------------------------------------------------------------

    def forward(self, signum: int) -> None:
        """A signal for us is one for the command. Ctrl-C means its whole group, and the second time the end."""
        terminal = self.streams.terminal
        keys = signum in {_signal.SIGINT, _signal.SIGQUIT}
        if terminal is not None and terminal.cooked and keys:
            terminal.interrupt(signum)
            return
        now = time.monotonic()
        if signum == _signal.SIGINT and terminal is None:
            if self.interrupted and now - self.interrupted > TWICE:
                self.ended_by = signum
                self.kill()
                return
            self.interrupted = self.interrupted or now
        command = tree.children(self.init.pid)[:1] if self.init else []
        if not command or self.init is None:
            self.ended_by = signum
            self._send(self.bwrap, signum)
        elif keys and terminal is None:
            group = tree.stat(command[0])[2:3]
            tree.signal_below(self.init.pid, (signum,), group=int(group[0]) if group else 0)
        else:
            tree.signal_one(command[0], self.init.pid, signum)

    def suspend(self, *, stop: bool = False) -> None:
        """The job has stopped (or is to be, with `stop`): we stop too, and the user's shell says so; `fg` continues both."""
        terminal, pid = self.streams.terminal, self.init.pid if self.init else 0
        if stop and pid:
            tree.signal_below(pid, (_signal.SIGSTOP,))
        if terminal is not None:
            terminal.pause()
        signals.suspend()
        if terminal is not None:
            terminal.raw()
            terminal.resize()
            os.write(self.start.control, b"C")
        if pid:
            tree.signal_below(pid, (_signal.SIGCONT,))

    def end(self, signum: int) -> None:
        """Asks every process of the box to end, and kills it when the grace is over."""
        self.ended_by = self.ended_by or signum
        self.kill_at = self.kill_at or time.monotonic() + self.grace
        if self.init is None or not tree.signal_below(self.init.pid, (signum, _signal.SIGCONT)):
            self._send(self.bwrap, signum)
        self._send(self.bwrap, _signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to pid 1 of the box takes its pid namespace with it (pid_namespaces(7)); the others are for a box without."""
        self.ended_by = self.ended_by or _signal.SIGKILL
        if self.init is not None:
            tree.signal_below(self.init.pid, (_signal.SIGKILL,), rounds=1)
            self.init.send(_signal.SIGKILL)
        self._send(self.bwrap, _signal.SIGKILL)

    def _send(self, pid: int, signum: int) -> None:
        if pid and self.wait < 0:
            try:
                os.kill(pid, signum)  # not waited for yet, so the number is still its own
            except ProcessLookupError:
                pass

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
        self._find_init()
        forked = self._sweep()
        if outcome.number(self.records, b"exit-code") >= 0:
            self.streams.release()
        self._drain()
        verdict = outcome.judge(
            self.records,
            self.wait,
            forked=forked,
            ended_by=self.ended_by,
            timed_out=self.timed_out,
            text=self.streams.held_back(),
        )
        if verdict.reason in NOTHING_RAN:
            self.streams.discard()
        self.streams.release()
        self._drain()
        lost = "; ".join(pump.lost for pump in self.streams.pumps if pump.lost)
        return replace(verdict, lost=lost, log_lost=self.streams.log_lost)

    def _sweep(self) -> bool:
        """Ends what is left of the box. Returns whether its command had been forked: then pid 1 is ours to reap (outcome)."""
        forked = False
        if self.init is not None:
            self.init.send(_signal.SIGKILL)
            forked = _reaped(self.init.pid)
        for _ in range(100):
            left = [pid for pid in tree.children(os.getpid()) if pid not in self.others]
            for pid in left:  # orphans of a box without a pid namespace
                tree.signal_below(pid, (_signal.SIGKILL,), rounds=1)
                tree.signal_one(pid, os.getpid(), _signal.SIGKILL)
                _reaped(pid)
            if not left:
                break
        return forked

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
        if self.wait < 0 and self.start.child > 0:
            self.kill()
            self._sweep()
        self.streams.close()
        if self.start.control >= 0:
            self.made.drop(self.start.control)  # the monitor may go
        if self.start.child > 0:
            _reaped(self.start.child)
        if self.init is not None:
            self.init.close()
        self.signals.close()
        syscall.subreaper(False)


def _reaped(pid: int) -> bool:
    """Waits for a child of ours; False when it is none, or none any more."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return False
    return True
