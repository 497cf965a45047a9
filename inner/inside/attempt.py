"""What an attempt to break out is, and how one is run. Standard library only; needs nothing but its siblings of `inner.inside`.

An attempt is a function of the facts (what the host has laid out for it, see `inner.launch.canaries`). It returns what it got hold
of, raises OSError when the kernel stopped it, Held when something else did, and Seen when only the host can tell. All of them are
harmless when they succeed: they touch what was laid out for them, themselves, or a file that they remove.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import platform
import select
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Facts = dict[str, Any]
    Function = Callable[[Facts], str]

SECONDS = 5
ATTEMPTS: dict[str, tuple[str, str, Any]] = {}  # name -> group, title, function
MACHINE = platform.machine()


class Held(Exception):
    """Stopped, and by what."""


class Seen(Exception):
    """Only the host can tell: `evidence` is what it has to look for."""


def attempt(group: str, title: str) -> Callable[[Function], Function]:
    """Register a function under its own name, with dashes. `title` is what it tries to do."""

    def register(function: Function) -> Function:
        ATTEMPTS[function.__name__.strip("_").replace("_", "-")] = (group, title, function)
        return function

    return register


def libc() -> ctypes.CDLL:
    """The C library, with errno."""
    return ctypes.CDLL(None, use_errno=True)


def call(x86_64: int, aarch64: int, *arguments: Any) -> int:
    """A system call by number; raises OSError. A call that the machine does not have is ENOSYS."""
    number = x86_64 if MACHINE == "x86_64" else aarch64
    if number < 0:
        raise OSError(errno.ENOSYS, "not on this machine")
    library = libc()
    library.syscall.restype = ctypes.c_long
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(library.syscall(ctypes.c_long(number), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def checked(result: int) -> int:
    """The result of a function of the C library; raises OSError for -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def run(function: Function, facts: Facts) -> dict[str, str]:
    """In a child of its own: `state` is "broken", "held" or "seen", `text` what was got, or by what it was stopped."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(SECONDS)
        with contextlib.suppress(BaseException):
            os.write(writer, json.dumps(_outcome(function, facts)).encode())
        os._exit(0)
    os.close(writer)
    text = b""
    while select.select([reader], [], [], SECONDS + 1)[0]:
        piece = os.read(reader, 65536)
        if not piece:
            break
        text += piece
    else:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if text:
        found: dict[str, str] = json.loads(text)
        return found
    number = os.waitstatus_to_exitcode(status)
    return {"state": "held", "text": signal.Signals(-number).name if number < 0 else f"status {number}"}


def _outcome(function: Function, facts: Facts) -> dict[str, str]:
    try:
        got = function(facts)
    except Held as held:
        return {"state": "held", "text": str(held)}
    except Seen as seen:
        return {"state": "seen", "text": str(seen)}
    except OSError as problem:
        return {"state": "held", "text": errno.errorcode.get(problem.errno or 0, str(problem))}
    return {"state": "broken", "text": got}
