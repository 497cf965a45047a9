"""Hosts that the user is asked about (`--ask`): the connection waits, the question is told, and what is decided meanwhile counts.

A question is a name and a port; its time runs from the first connection. Bounded are the questions that are open, the
connections that wait, and the names that nobody has answered about, which are refused at once from then on. What is on no list and
asked about has an address for as long; nothing is ever asked outside for it.
"""

from __future__ import annotations

import select

from inner.egress import tls
from inner.egress.connection import GONE, Connection
from inner.egress.gates import Raw, Refused, denied
from inner.egress.outbound import HELD
from inner.egress.relay import WAIT
from inner.egress.rules import HTTP, HTTPS, normal_name
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket
    from collections.abc import Callable, Iterator

    from inner.egress.rules import Rules, Verdict
    from inner.egress.server import Server
else:
    import _socket

CROWDED = "too many wait for an answer: not on the list"
TIME = 60.0  # seconds that a question is open
QUESTIONS, WAITING = 16, 64  # at a time
UNANSWERED = 64  # names; whoever was asked as often and has said nothing is not asked any more


class Question:
    """May the box reach this port of this name? `waiting` are the connections that hang on the answer."""

    def __init__(self, holds: Holds, host: str, port: int) -> None:
        self.holds, self.host, self.port = holds, host, port
        self.waiting: dict[Waiting, None] = {}
        self.until = holds.server.now + TIME

    def late(self) -> None:
        """Called by the clock: nobody has answered."""
        self.holds.unanswered.add(self.host)
        if not self.waiting:
            self.holds.server.report("connect", (self.host, self.port), ("deny", "nobody answered: not on the list"))
        self.holds.refuse(self, "nobody answered: not on the list")


class Holds:
    """The questions of one run. `spare` are names that are never asked about; `tell` is called once for each question."""

    def __init__(self, server: Server, spare: Rules, tell: Callable[[str], object]) -> None:
        self.server, self.spare, self.tell = server, spare, tell
        self.open: dict[tuple[str, int], Question] = {}
        self.unanswered: set[str] = set()
        server.holds = self

    def asks(self, host: str, verdict: Verdict) -> bool:
        """Whether the user is to be asked about a name that the rules do not allow: one that they do not deny either, and that
        could be a host's of the internet. `host` is hostile text."""
        name = normal_name(host)
        return (
            not (verdict.allow or verdict.final)
            and "." in name
            and not self.spare.resolves(name).allow
            and name not in self.unanswered
            and len(self.unanswered) < UNANSWERED
        )

    def take(self, connection: Waiting, host: str, port: int) -> bool:
        """Lets a connection wait; False when there is no room."""
        question = self.open.get((host, port))
        if sum(len(one.waiting) for one in self.open.values()) >= WAITING or (not question and len(self.open) >= QUESTIONS):
            return False
        if question is None:
            self.open[host, port] = question = Question(self, host, port)
            self.server.clock.set(question, TIME)
            self.server.report("hold", (host, port), ("ask", "not on the list"))
            self.tell(f"{host}:{port}")
        question.waiting[connection] = None
        return True

    def gone(self, connection: Waiting) -> None:
        """It has ended by itself; the question stays."""
        for question in self.open.values():
            question.waiting.pop(connection, None)

    def judge(self) -> None:
        """The rules have changed."""
        for question in list(self.open.values()):
            verdict = self.server.rules.decide(question.host, question.port)
            if verdict.allow:
                self.admit(question, verdict)
            elif verdict.final:
                self.refuse(question, verdict.reason)

    def admit(self, question: Question, verdict: Verdict, *, once: bool = False) -> int:
        """Lets what waits go on; returns how many that are. `once`: whatever the list says of it."""
        found = self._close(question)
        for connection in found:
            connection.once = once
            connection.admitted(verdict)
        return len(found)

    def refuse(self, question: Question, reason: str) -> None:
        """Ends what waits."""
        for connection in self._close(question):
            connection.unheld(reason)

    def end(self) -> None:
        """The run is over, and nobody has answered."""
        for question in list(self.open.values()):
            question.late()

    def _close(self, question: Question) -> list[Waiting]:
        self.server.clock.clear(question)
        del self.open[question.host, question.port]
        return list(question.waiting)

    def listed(self) -> Iterator[str]:
        """host, port, seconds left and connections of each open question, as text."""
        for one in self.open.values():
            yield f"{one.host}\0{one.port}\0{max(0, round(one.until - self.server.now))}\0{len(one.waiting)}"


class Waiting(Connection):
    """A connection that can hang on the user's answer, in the phase HELD. The answer is `admitted` or `unheld`."""

    __slots__ = ()

    if TYPE_CHECKING:

        def admitted(self, verdict: Verdict) -> None: ...
        def unheld(self, reason: str) -> None: ...

    def wait(self) -> bool:
        """Reads nothing before the answer: the kernel keeps what it has room for, and tells when the client has said all. False where
        too many wait."""
        if self.server.holds is None or not self.server.holds.take(self, *self.asked):
            return False
        self.phase = HELD
        self._up_wants = WAIT
        self.server.clock.clear(self)
        self.server.want(self.client, select.EPOLLRDHUP)
        return True

    def on_client(self, events: int) -> None:
        """While it waits: it has closed its side. One who has begun TLS, or has said nothing, is gone; others may wait for an answer."""
        if self.phase != HELD:
            super().on_client(events)
            return
        try:
            said = self.client.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
        except OSError:
            said = b""
        if events & GONE or said in (b"", b"\x16"):
            self.close("fail", "the client went away")
        else:
            self.server.want(self.client, 0)

    def close(self, verdict: str = "", reason: str = "", *, reset: bool = False) -> None:
        """Also what it waited for goes on without it."""
        if self.phase == HELD and self.server.holds is not None:
            self.server.holds.gone(self)
        super().close(verdict, reason, reset=reset)


class Held(Waiting):
    """A connection to an address that stands for a name on no list: nothing of it is read before the answer."""

    __slots__ = ()

    def __init__(self, server: Server, client: _socket.socket, asked: tuple[str, int]) -> None:
        super().__init__(server, client, asked, None, Raw())

    def begin(self) -> None:
        """Waits, or is refused where too many do."""
        if not self.wait():
            self.unheld(CROWDED)

    def admitted(self, verdict: Verdict) -> None:
        """From here on it is one like any other."""
        self.server.release(self.client)
        self.server.ended(self)
        self.server.admit(self.client, self.asked, verdict, once=self.once)

    def unheld(self, reason: str) -> None:
        """In the words of what is usually spoken at that port."""
        if self.asked[1] == HTTP:
            self.refuse(denied(reason))
        else:
            self.refuse(Refused(reason, tls.DENIED if self.asked[1] == HTTPS else b""))
