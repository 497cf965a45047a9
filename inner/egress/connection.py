"""One connection out of the box, from its first byte to its last: head, way to the other end (`outbound`), relay, end.

Nothing goes to the other end before a gate has passed it, and only to an address that was checked a moment ago. Each phase has
its time. Sockets never block; the loop and the limits that are shared are `server`'s.
"""

from __future__ import annotations

import select

from inner.egress import http, relay
from inner.egress.gates import Plain, Refused, Sniff, Target
from inner.egress.outbound import CLOSED, DIAL, HEAD, LINGER, OPEN, OUT, RESOLVE, Outbound
from inner.egress.record import Done
from inner.egress.relay import DONE, READ, WAIT, WRITE, Direction, Lost
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket

    from inner.egress.gates import Gate
    from inner.egress.server import Server
else:
    import _socket

# seconds
HEAD_TIME = 15.0  # to say what is wanted
SNIFF_TIME = 0.1  # to go on with what may be the first line of a request, or is all there is
LINGER_TIME = 2.0  # to take the answer to what was refused
HALF_TIME = 300.0  # to go on sending to an end that has said all

PIECE = 1 << 14
PIECES = 16  # before others have their turn
IN, GONE = select.EPOLLIN, select.EPOLLHUP | select.EPOLLERR


class Connection(Outbound):
    """See the head of this file. `target` is None until a proxy's client has named one."""

    __slots__ = (
        "_began", "_deaf", "_down", "_ended", "_half", "_held", "_pending", "_up", "_up_wants",
        "client", "gate", "once", "received", "sent",
    )  # fmt: skip
    event = "connect"  # what its decisions are called in the record

    def __init__(self, server: Server, client: _socket.socket, asked: tuple[str, int], target: Target | None, gate: Gate) -> None:
        super().__init__(server, asked, target)
        self.client = client
        self.gate = gate
        self.once = False  # let through without being on the list
        self.sent = self.received = 0
        self._began = server.now
        self._pending = bytearray()  # passed by the gate, not yet sent
        self._held = 0  # of the gate and pending, as `server` knows it
        self._ended = False  # the client has sent all it will
        self._deaf = False  # the other end takes nothing any more
        self._half = False
        self._up_wants = READ
        self._up: Direction | None = None
        self._down: Direction | None = None
        server.watch(client, IN, self.on_client)

    def begin(self) -> None:
        """The first step, once the server knows the connection."""
        if self.target is not None and (self.gate.open or isinstance(self.gate, Sniff)):
            self._resolve()  # the other end may be the one to speak first
        else:
            self.server.clock.set(self, HEAD_TIME)
        self._turn()

    # --- events -----------------------------------------------------------------------------------------------------------

    def on_client(self, events: int) -> None:
        """The client can be read, or written to, or is gone."""
        if self.phase == LINGER:
            self._discard()
        elif events & GONE and self.phase in (RESOLVE, DIAL):
            self.close("fail", "the client went away")
        else:
            self._turn()

    def on_upstream(self, _events: int) -> None:
        """The same for the other end."""
        if self.phase == DIAL:
            self._dialled()
        elif self.phase == OPEN:
            self._turn()

    def late(self) -> None:
        """The time for what it is doing is over."""
        if self.phase == OPEN and isinstance(self.gate, Sniff) and self.gate.undecided:
            self._pending += self.gate.hurry()
            self._turn()
        elif self.phase == HEAD or (self.phase == OPEN and not self._half):
            self.refuse(Refused("too slow to say what is wanted", http.reply(408, "Request Timeout", "too slow")))
        elif self.phase == DIAL and self._addresses:
            self._forget_upstream()
            self._dial()
        elif self.phase in (RESOLVE, DIAL):
            self._fail("no answer in time")
        else:
            self.close()

    # --- the two directions -----------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        try:
            self._pump_up()
            if self.phase == OPEN:
                self._pump_down()
        except Refused as refusal:
            self.refuse(refusal)
        except Lost as lost:
            if self.phase == OPEN:
                self.close(reset=True)
            else:
                self.close("fail", "the client went away" if lost.source else "the other end went away", reset=True)
        if self.phase == OPEN and self._down is not None and self._down.wants == DONE:
            if self._up_wants == DONE:
                self.close()
            elif self._deaf:
                self._linger()
            elif not self._half:
                self._half = True
                self.server.clock.set(self, HALF_TIME)
        self._pace()
        self._interest()

    def _pump_up(self) -> None:
        """From the client to the other end. Raises Refused, Lost."""
        for _ in range(PIECES):
            if self._up_wants == DONE or self.phase > OPEN:
                return
            if self._pending and not self._deaf:
                if self.phase != OPEN:
                    self._up_wants = WAIT
                    return
                if not self._send():
                    return
            elif self._ended and isinstance(self.gate, Sniff) and self.gate.undecided and not self._deaf:
                self._pending += self.gate.hurry()
            elif self._ended:
                self._finish_up()
                return
            elif self.gate.open and not self._deaf:
                if self.phase == OPEN:
                    self._splice_up()
                else:
                    self._up_wants = WAIT  # the kernel keeps it until there is somebody to give it to
                return
            elif not self._read():
                return
        self._up_wants = WRITE if self._pending else READ

    def _send(self) -> bool:
        assert self.upstream is not None  # noqa: S101 - OPEN
        try:
            size = self.upstream.send(self._pending)
        except BlockingIOError:
            self._up_wants = WRITE
            return False
        except OSError:
            self._stop_listening()
            return True
        del self._pending[:size]
        self.sent += size
        self._account()
        return True

    def _read(self) -> bool:
        try:
            data = self.client.recv(PIECE)
        except BlockingIOError:
            self._up_wants = READ
            return False
        except OSError:
            raise Lost(source=True) from None
        if not data:
            self._ended = True
        elif not self._deaf:
            self._hear(data)
        return True

    def _hear(self, data: bytes) -> None:
        """What the client says, through the gate."""
        self._pending += self.gate.feed(data)
        self._account()
        if self.phase == HEAD and self._pending:
            self._resolve()

    def _pace(self) -> None:
        """Somebody who has begun to say what he wants must come to the end of it."""
        if self.phase == OPEN and not self._half:
            if not self.gate.held or self._deaf:
                self.server.clock.clear(self)
            elif isinstance(self.gate, Sniff) and self.gate.undecided:
                self.server.clock.start(self, SNIFF_TIME)
            else:
                self.server.clock.start(self, HEAD_TIME)

    def _splice_up(self) -> None:
        assert self.upstream is not None  # noqa: S101 - OPEN
        if self._up is None:
            self._up = Direction(self.client, self.upstream, self.server.pipes)
        before = self._up.count
        try:
            self._up.pump()
        except Lost as lost:
            if lost.source:
                raise
            self._up.drop()
            self._up = None
            self._stop_listening()
            self._up_wants = READ
            return
        finally:
            if self._up is not None:
                self.sent += self._up.count - before
        self._up_wants = self._up.wants

    def _finish_up(self) -> None:
        if self.phase == HEAD:
            self.close("fail", "the client went away")
        elif self.phase == OPEN:
            if isinstance(self.gate, Plain) and not self.gate.between and not self._deaf:
                raise Lost(source=True)  # half a request: the other end must not take it for a whole one
            assert self.upstream is not None  # noqa: S101 - OPEN
            relay.finish(self.upstream)
            self._up_wants = DONE
        else:
            self._up_wants = WAIT

    def _stop_listening(self) -> None:
        """The other end takes nothing more; it may still have something to say, and the client is to hear it."""
        self._deaf = True
        self._pending.clear()
        self._account()

    def _pump_down(self) -> None:
        """From the other end to the client. Raises Lost."""
        if self._down is None or self._down.wants == DONE:
            return
        try:
            self._down.pump()
        except Lost as lost:
            raise Lost(source=not lost.source) from None  # seen from the client's side
        finally:
            self.received = self._down.count

    def _connected(self) -> None:
        assert self.upstream is not None and self.target is not None  # noqa: S101, PT018 - DIAL
        self.server.clock.clear(self)
        self.phase = OPEN
        self._down = Direction(self.upstream, self.client, self.server.pipes)
        self._up_wants = READ
        self.server.report(self.event, self.asked, ("allow", f"allowed by `{self.target.entry.text}`"))
        self._turn()

    def recall(self) -> None:
        """Ends it when the rules, which have changed, do not allow it any more."""
        if self.target is not None and self.phase not in (LINGER, CLOSED):
            for port in {self.target.port, self._port()}:
                verdict = self.server.rules.decide(self.target.name, port)
                if verdict.final or not (verdict.allow or self.once):
                    self.close("deny", verdict.reason, reset=True)
                    return

    # --- the end ----------------------------------------------------------------------------------------------------------

    def _excuse(self, text: str, status: int = 403, phrase: str = "Forbidden") -> bytes:
        """An answer of ours, where the client speaks HTTP and has had none from the other end."""
        return http.reply(status, phrase, text) if isinstance(self.gate, Plain) else b""

    def _fail(self, why: str) -> None:
        self._end("fail", why, self._excuse(why, 502, "Bad Gateway"))

    def refuse(self, refusal: Refused) -> None:
        """Ends it because of what the client said, or where that would have led."""
        if self.phase != CLOSED:
            self._end("deny", refusal.reason, refusal.answer)

    def _end(self, verdict: str, reason: str, answer: bytes) -> None:
        if self.phase == OPEN or not answer:
            self.close(verdict, reason, reset=True)
            return
        self.server.report(self.event, self.asked, (verdict, reason))
        self._forget_upstream()
        try:
            self.client.send(answer)
        except OSError:
            pass
        self._linger()

    def _linger(self) -> None:
        """Says nothing more and listens a while: a socket that is closed with bytes unread takes its last words back (RFC 9112
        9.6)."""
        if self._down is not None:
            self._done()
        self._forget_upstream()
        self.phase = LINGER
        self.server.clock.set(self, LINGER_TIME)
        try:
            relay.finish(self.client)
        except OSError:
            self.close()
            return
        self.server.watch(self.client, IN, self.on_client)
        self._discard()

    def _discard(self) -> None:
        try:
            for _ in range(PIECES):
                if not self.client.recv(PIECE):
                    self.close()
                    return
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _done(self) -> None:
        """The last line about a connection that had another end."""
        if self._down is not None:
            seconds = self.server.now - self._began
            self.server.report("close", self.asked, ("allow", ""), Done(self.sent, self.received, seconds))
            for direction in (self._up, self._down):
                if direction is not None:
                    direction.drop()
            self._up = self._down = None

    def close(self, verdict: str = "", reason: str = "", *, reset: bool = False) -> None:
        """Ends it at once. With a verdict that is a decision of its own, to be recorded."""
        if self.phase == CLOSED:
            return
        self.phase = CLOSED
        if verdict:
            self.server.report(self.event, self.asked, (verdict, reason))
        self._done()
        self._pending.clear()
        self._held = self.server.account(self._held, 0)
        if reset:
            relay.reset(self.client)
            if self.upstream is not None:
                relay.reset(self.upstream)
        self._forget_upstream()
        self.server.forget(self.client)
        self.server.ended(self)

    def _account(self) -> None:
        held = self.gate.held + len(self._pending)
        if held != self._held:
            self._held = self.server.account(self._held, held)

    def _interest(self) -> None:
        if self.phase > OPEN:
            return
        up, down = self._up_wants, self._down.wants if self._down is not None else WAIT
        self.server.want(self.client, (IN if up == READ else 0) | (OUT if down == WRITE else 0))
        if self.phase == OPEN and self.upstream is not None:
            self.server.want(self.upstream, (OUT if up == WRITE else 0) | (IN if down == READ else 0))
