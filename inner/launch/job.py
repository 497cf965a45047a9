"""The processes of one run: bubblewrap, pid 1 of the box, and what is below it; how signals reach them, and that none is left."""

from __future__ import annotations

import os
import time

from inner.frozen import TYPE_CHECKING
from inner.launch import outcome, reach, signals, tree

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterable

    from inner.launch.pty import Terminal
    from inner.launch.start import Start
else:
    import _signal

TWICE = 0.1  # seconds within which a second Ctrl-C is the first one, delivered twice


class Job:
    """`bwrap` and `init`: bubblewrap, and pid 1 of the box, once they are known. `others`: children of ours that are not of the box."""

    def __init__(self, grace: float, start: Start, terminal: Terminal | None, others: Iterable[int]) -> None:
        """What `start` has forked is bubblewrap, or, with a `terminal`, the monitor, which reports bubblewrap's number."""
        self.grace, self.terminal = grace, terminal
        self.child, self.control = start.child, start.control
        self.bwrap = self.child if terminal is None else 0
        self.others = {*others} if terminal is None else {*others, self.child}
        self.wait = -1  # bubblewrap's wait status, once it has ended
        self.init: tree.Process | None = None  # pid 1 of the box
        self.sent: set[int] = set()  # signals that we were sent for the command
        self.ended_by = 0  # the signal that we ended it with
        self.kill_at = self.interrupted = 0.0

    def find(self, records: bytes) -> None:
        """Pid 1 of the box, once bubblewrap has reported it."""
        pid = outcome.number(records, b"child-pid")
        if self.init is not None or pid <= 0:
            return
        self.init = tree.Process(pid)
        parent = int((tree.stat(pid)[1:2] or [b"0"])[0])
        monitored = tree.stat(parent)[1:2] == [b"%d" % self.child] if parent > 0 else False
        if not (parent in {self.bwrap, os.getpid()} or monitored):
            self.init.close()  # it has ended, and the number may be somebody else's by now
        if self.terminal is not None:
            self.terminal.init = pid

    def forward(self, signum: int) -> None:
        """A signal for us is one for the command. Ctrl-C means its whole group, and the second time the end."""
        keys = signum in {_signal.SIGINT, _signal.SIGQUIT}
        self.sent.add(signum)
        if self.terminal is not None and self.terminal.cooked and keys:
            self.terminal.interrupt(signum)
            return
        now = time.monotonic()
        if signum == _signal.SIGINT and self.terminal is None:
            if self.interrupted and now - self.interrupted > TWICE:
                self.ended_by = signum
                self.kill()
                return
            self.interrupted = self.interrupted or now
        command = tree.children(self.init.pid)[:1] if self.init else []
        if not command or self.init is None:
            self.ended_by = signum
            self._send(signum)
        elif keys and self.terminal is None:
            group = tree.stat(command[0])[2:3]
            reach.signal_below(self.init.pid, (signum,), group=int(group[0]) if group else 0)
        else:
            reach.signal_one(command[0], self.init.pid, signum)

    def suspend(self, *, stop: bool = False) -> None:
        """The job has stopped (or is to be, with `stop`): we stop too, and the user's shell says so; `fg` continues both."""
        pid = self.init.pid if self.init else 0
        if stop and pid:
            reach.signal_below(pid, (_signal.SIGSTOP,))
        if self.terminal is not None:
            self.terminal.pause()
        signals.suspend()
        if self.terminal is not None:
            self.terminal.raw()
            self.terminal.resize()
            os.write(self.control, b"C")
        if pid:
            reach.signal_below(pid, (_signal.SIGCONT,))

    def stopped_itself(self) -> bool:
        """A program that stops itself alone (`suspend` of a shell) does not stop bubblewrap, and the user would wait for ever."""
        command = tree.children(self.init.pid)[:1] if self.init else []
        return any(tree.stopped(pid) for pid in command) and not tree.stopped(self.bwrap)

    def end(self, signum: int) -> None:
        """Asks every process of the box to end; whoever keeps time kills it when the grace is over (`kill_at`)."""
        self.ended_by = self.ended_by or signum
        self.kill_at = self.kill_at or time.monotonic() + self.grace
        if self.init is None or not reach.signal_below(self.init.pid, (signum, _signal.SIGCONT)):
            self._send(signum)
        self._send(_signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to pid 1 of the box takes its pid namespace with it (pid_namespaces(7)); the others are for a box without."""
        self.ended_by = self.ended_by or _signal.SIGKILL
        if self.init is not None:
            reach.signal_below(self.init.pid, (_signal.SIGKILL,), rounds=1)
            self.init.send(_signal.SIGKILL)
        self._send(_signal.SIGKILL)

    def _send(self, signum: int) -> None:
        if self.bwrap and self.wait < 0:
            try:
                os.kill(self.bwrap, signum)  # not waited for yet, so the number is still its own
            except ProcessLookupError:
                pass

    def reap(self) -> None:
        """Takes bubblewrap's wait status, when it is our child and has ended."""
        if self.terminal is None and self.wait < 0:
            pid, status = os.waitpid(self.bwrap, os.WNOHANG)
            if pid:
                self.wait = status

    def sweep(self) -> bool:
        """Ends what is left of the box, however long that takes. Returns whether its command had been forked: then pid 1 is ours to
        reap (outcome)."""
        forked = False
        if self.init is not None:
            self.init.send(_signal.SIGKILL)
            forked = reaped(self.init.pid)
        before: list[int] = []
        noticed = None
        while left := [pid for pid in tree.children(os.getpid()) if pid not in self.others]:  # of a box without a pid namespace
            if noticed is None:  # nobody has to wait for those that end from now on (wait(2)): the dead do not hide the living
                noticed = _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
            left = [pid for pid in left if not ended(pid)]
            for pid in left:  # before its children: it would see them die, and go on
                reach.signal_one(pid, os.getpid(), _signal.SIGKILL)
            for pid in left:
                reach.signal_below(pid, (_signal.SIGKILL,), rounds=1)
            if left == before:
                time.sleep(0.001)
            before = left
        if noticed is not None:
            _signal.signal(_signal.SIGCHLD, noticed)
        return forked


def ended(pid: int) -> bool:
    """Whether a child of ours has ended; takes its status if so."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def reaped(pid: int) -> bool:
    """Waits for a child of ours; False when it is none, or none any more."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return False
    return True
