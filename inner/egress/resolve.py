"""Names to addresses, by the host's own resolver (getaddrinfo(3): hosts file, DNS, whatever it is set up to ask), in threads.

Only names that the rules allow come here. Answers are kept for half a minute, and what is dialled is the address that was
checked: nobody asks twice. At most THREADS questions are under way and QUEUE wait; a name is asked once however many want it.
"""

from __future__ import annotations

import _thread
import os

from inner.egress import address
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket
    from collections.abc import Callable

    Answer = tuple[tuple[bytes, ...], str]
else:
    import _socket

THREADS, QUEUE = 8, 512
STACK = 512 * 1024  # bytes; NSS modules are somebody else's code and need some
GOOD, BAD = 30.0, 5.0  # seconds that an answer is kept
KEPT = 4096  # names
ADDRESSES = 16  # of one name


def environment() -> None:
    """Sets what glibc's resolver reads (resolv.conf(5)), before its first use: the search list must not turn an allowed name that
    does not exist into another one, and a server that is silent must not hold a thread for long."""
    os.environ["LOCALDOMAIN"] = "."
    os.environ["RES_OPTIONS"] = "timeout:3 attempts:2"


def look_up(name: str) -> Answer:
    """The addresses of a name in the order in which they should be tried, or why there are none. Blocks."""
    try:
        found = _socket.getaddrinfo(name.encode("ascii"), None, 0, _socket.SOCK_STREAM)
    except (OSError, ValueError) as problem:
        code = problem.args[0] if problem.args else 0
        missing = code in (_socket.EAI_NONAME, getattr(_socket, "EAI_NODATA", _socket.EAI_NONAME))
        return (), "the name does not exist" if missing else "the name cannot be resolved now"
    raw = dict.fromkeys(address.packed(str(one[4][0])) for one in found)
    addresses = tuple(one for one in raw if one)[:ADDRESSES]
    return addresses, "" if addresses else "the name has no address"


class Resolver:
    """`fd` becomes readable when answers have come; `collect` then calls who waited for them. One thread uses an instance."""

    def __init__(self, look: Callable[[str], Answer] = look_up) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._work = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_SEMAPHORE)
        self._look = look
        self._asked: list[str] = []  # append and pop are atomic: the two sides share nothing else
        self._answered: list[tuple[str, Answer]] = []
        self._wanted: dict[str, dict[Callable[[Answer], None], None]] = {}
        self._kept: dict[str, tuple[float, Answer]] = {}
        self._threads = 0

    def ask(self, name: str, now: float, then: Callable[[Answer], None]) -> None:
        """Calls `then` with the answer: at once when it is known, else out of `collect`."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] > now:
            then(kept[1])
            return
        waiting = self._wanted.get(name)
        if waiting is not None:
            waiting[then] = None
            return
        if len(self._wanted) >= QUEUE:
            then(((), "too many names at once"))
            return
        if self._threads < min(THREADS, len(self._wanted) + 1) and not self._start():
            then(((), "no thread can be started to ask for it"))
            return
        self._wanted[name] = {then: None}
        self._asked.append(name)
        os.eventfd_write(self._work, 1)

    def forget(self, name: str, then: Callable[[Answer], None]) -> None:
        """Who asked does not want to know any more. The question itself goes on: others may ask it as well."""
        self._wanted.get(name, {}).pop(then, None)

    def _start(self) -> bool:
        """One more thread, where there can be one. False when there is none at all."""
        old = _thread.stack_size(STACK)
        try:
            _thread.start_new_thread(self._answer, ())
            self._threads += 1
        except RuntimeError:  # no more processes, or no memory
            pass
        finally:
            _thread.stack_size(old)
        return self._threads > 0

    def _answer(self) -> None:
        while True:
            os.eventfd_read(self._work)
            name = self._asked.pop(0)
            try:
                answer = self._look(name)
            except Exception:  # noqa: BLE001 - a thread that ends would leave its question open for ever
                answer = (), "the name cannot be resolved now"
            self._answered.append((name, answer))
            os.eventfd_write(self.fd, 1)

    def collect(self, now: float) -> None:
        """Hands out the answers that have come."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            pass
        while self._answered:
            name, answer = self._answered.pop(0)
            self._kept.pop(name, None)
            if len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[name] = now + (GOOD if answer[0] else BAD), answer
            for then in self._wanted.pop(name, ()):
                then(answer)
