"""Signals as bytes on a pipe, so that one poll(2) waits for everything; and what a child must not inherit from Python."""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import signal as _signal
    from typing import Any
else:
    import _signal

FORWARDED = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2)
NOTICED = (*FORWARDED, _signal.SIGCHLD, _signal.SIGWINCH, _signal.SIGTSTP, _signal.SIGCONT)
PYTHON_IGNORES = (_signal.SIGPIPE, _signal.SIGXFSZ)


class Signals:
    """While open, the signals that concern a run arrive on `fd`, each as one byte. One that was ignored when we started stays
    ignored, as for every program under nohup(1). Main thread only (signal.set_wakeup_fd)."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._old: dict[int, Any] = {}
        self._wakeup = _signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for signum in NOTICED:
            if signum == _signal.SIGCHLD or _signal.getsignal(signum) != _signal.SIG_IGN:
                self._old[signum] = _signal.signal(signum, _nothing)
        self._old[_signal.SIGPIPE] = _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)

    def read(self) -> bytes:
        """The signals that arrived since, in order."""
        try:
            return os.read(self.fd, 512)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Puts every disposition back."""
        for signum, handler in self._old.items():
            if handler is not None:
                _signal.signal(signum, handler)
        _signal.set_wakeup_fd(self._wakeup)
        os.close(self.fd)
        os.close(self._write)


def _nothing(_signum: int, _frame: object) -> None:
    """The byte on the wake-up pipe is all we want: a handler, because an ignored signal would not be written there."""


def fresh() -> None:
    """In a child, before exec: what Python ignores is not ignored by the command, and nothing is blocked. What our caller ignored
    stays so. exec resets handlers (execve(2)), too late for a signal that comes before it: ours would swallow that."""
    _signal.set_wakeup_fd(-1)
    for signum in (*NOTICED, *PYTHON_IGNORES):
        if signum in PYTHON_IGNORES or _signal.getsignal(signum) is _nothing:
            _signal.signal(signum, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def suspend() -> None:
    """Stops our own process group, as the terminal would for Ctrl-Z, and returns when it is continued. In an orphaned group the
    kernel drops the signal (setpgid(2), POSIX 11.1.4): then this returns at once."""
    old = _signal.signal(_signal.SIGTSTP, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGTSTP,))
    os.kill(0, _signal.SIGTSTP)
    if old is not None:
        _signal.signal(_signal.SIGTSTP, old)
