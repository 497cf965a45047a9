"""inner's own end by a signal, the very last thing it does: a shell ends its loop, and make its work, when a child was killed by
SIGINT, and goes on when it exits with 130 (cons.org/cracauer/sigint.html). `$?` is 128 + n either way."""

from __future__ import annotations

import os
import signal
import sys

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

PR_SET_DUMPABLE = 4  # prctl(2)


def die(signum: int, *, group: bool = False) -> NoReturn:
    """End of it. `group`: as the terminal would have done had it not been the box's, the whole process group gets it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # as at any end
    if signal.getsignal(signum) != signal.SIG_IGN:  # under nohup(1) the command has not died of it either
        if (
            signum == signal.SIGQUIT
        ):  # the core that the user wanted is the command's; a limit is not asked by every core_pattern (core(5))
            from inner.launch import syscall

            syscall.prctl(PR_SET_DUMPABLE, 0)
        signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
        os.kill(0 if group else os.getpid(), signum)
    os._exit(128 + signum)  # pid 1 of a container is not killed by its own signal (pid_namespaces(7))
