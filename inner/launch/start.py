"""From words to a running bubblewrap: its descriptors and command line, fork and exec, the monitor where there is a terminal.

What the box's options mean is known to `inner.bwrap`; only those that concern the start itself are added here.
"""

from __future__ import annotations

import os

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.launch import fds, signals, syscall, tree

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import NoReturn

    from inner.launch.pty import Terminal
    from inner.words import Word
else:
    import _signal


class Start:
    """`status` is where bubblewrap reports (read it), `gate` what it waits for before the box runs anything (-1: nothing; write a
    byte). After `fork`: `child` is our child, `control` and `report` lead to the monitor (-1 without one)."""

    def __init__(
        self,
        made: fds.Descriptors,
        bwrap: str,
        words: Iterable[Word],
        command: Sequence[str],
        given: Mapping[str, int],
        *,
        session: bool,
        gate: bool,
        setuid: bool,
        enter: Callable[[], None] | None = None,
    ) -> None:
        self.made = made
        self.setuid = setuid
        self.enter = enter  # what our child does before it becomes bubblewrap; an error it raises is told on the status pipe
        self.child = self.control = self.report = -1
        self.protect: Callable[[], None] | None = None
        words = tuple(words)
        named = {word.name for word in words if not isinstance(word, str) and hasattr(word, "name")}
        self.status, self._status = made.pipe()
        os.set_blocking(self.status, False)
        block, self.gate = made.pipe() if gate or "block" in named else (-1, -1)
        text, self._passed = fds.resolve(words, made, {**given, "status": self._status, "block": block})
        own = ["--die-with-parent"]
        if session:  # without a terminal of its own: kill(0) and TIOCSTI in the box find nobody
            own.append("--new-session")
        if "status" not in named:
            own += ["--json-status-fd", str(self._status)]
        if block >= 0 and "block" not in named:
            own += ["--block-fd", str(block)]
        self._passed += [self._status] + ([block] if block >= 0 else [])
        if self.gate >= 0 and "block" not in named:
            # Pid 1 of the box keeps the gate from reading as closed when we are killed before we open it: the box would run on its
            # own. It waits instead, until the next run ends it (`recovery`).
            own += ["--sync-fd", str(self.gate)]
            self._passed.append(self.gate)
        elif not {"--unshare-pid", "--unshare-all"}.intersection(word for word in words if isinstance(word, str)):
            # without a pid namespace bubblewrap keeps no reaper, except to hold this open: `outcome` relies on it
            own += ["--sync-fd", str(made.pipe()[1])]
            self._passed.append(int(own[-1]))
        args = made.memory(b"".join(word.encode() + b"\0" for word in own) + text)
        self._passed.append(args)
        self.ours = [self._status] + ([block] if block >= 0 else [])
        self.argv = [bwrap, "--args", str(args), "--", *command]
        self.cmdline = b"".join(os.fsencode(word) + b"\0" for word in self.argv)

    def fork(self, stdio: Sequence[int], terminal: Terminal | None) -> None:
        """Starts it. Signals are blocked meanwhile: the child shares our wake-up pipe until it has let go of it."""
        syscall.load()
        if os.getuid() == 0:
            from inner.launch import devices

            self.protect = devices.protect
        if terminal is not None:
            control, self.control = self.made.pipe()
            self.report, report = self.made.pipe()
            self.ours += [control, report]
        old = _signal.pthread_sigmask(_signal.SIG_BLOCK, signals.NOTICED)
        me = os.getpid()
        self.child = os.fork()
        if self.child == 0:
            if terminal is None:
                self._become(me, stdio, session=True)
            from inner.launch.pty import monitor

            os.close(self.control)  # it must see the end of the file when we are gone
            monitor(terminal.slave, control, report, lambda parent: self._become(parent, stdio, session=False))
        _signal.pthread_sigmask(_signal.SIG_SETMASK, old)

    def abandon(self, others: Collection[int]) -> None:
        """What was started ends at once, because nobody can stay beside it. `others`: children of ours that are none of it."""
        left = [self.child] if self.child > 0 else []
        while left:
            for pid in left:
                os.kill(pid, _signal.SIGKILL)  # not waited for yet, so the number is still its own
                os.waitpid(pid, 0)
            left = [pid for pid in tree.children(os.getpid()) if pid not in others]  # orphans of the box are ours (subreaper)

    def let_go(self) -> None:
        """The box is over: what it was made from is not needed any more."""
        for fd in self._passed:
            self.made.drop(fd)

    def _become(self, parent: int, stdio: Sequence[int], *, session: bool) -> NoReturn:
        """In the child: becomes bubblewrap, with an empty environment (/proc/1/environ of the box would show it)."""
        try:
            if session:
                os.setsid()
                signals.fresh()
            for number, fd in enumerate([os.dup(fd) for fd in stdio]):
                os.dup2(fd, number, inheritable=True)
            if self.protect is not None:
                self.protect()
            if self.enter is not None:  # after that: what it mounts and opens has to be of the last namespace before bubblewrap's
                self.enter()
            fds.only(self._passed)
            syscall.confine(setuid=self.setuid, parent=parent)
            os.execve(self.argv[0], self.argv, {})  # noqa: S606
        except BaseException as error:  # noqa: BLE001  (nothing may return from here)
            try:  # on the status pipe, where bubblewrap would write JSON
                os.write(self._status, b"!" + str(error).encode("utf-8", "replace"))
            except OSError:
                pass
        os._exit(RunError.status)
