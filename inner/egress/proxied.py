"""A client of the proxy: it names where it wants to go, which is nowhere before the rules or the user allow it. From then on it is a
connection like any other.
"""

from __future__ import annotations

from inner.egress.connection import HEAD_TIME
from inner.egress.gates import Proxy, Refused, Sniff, denied
from inner.egress.hold import CROWDED, Waiting
from inner.egress.names import PROXY_PORT
from inner.egress.outbound import HEAD
from inner.egress.relay import READ, Lost
from inner.frozen import TYPE_CHECKING
from inner.plan.network import RESOLVER

if TYPE_CHECKING:
    import socket as _socket

    from inner.egress.rules import Verdict
    from inner.egress.server import Server


class Proxied(Waiting):
    """`proxy` reads its first words; `gate` is another one as soon as there is a target."""

    __slots__ = ("proxy",)

    def __init__(self, server: Server, client: _socket.socket) -> None:
        self.proxy = Proxy(server.rules, server.holds.asks if server.holds is not None else None)
        super().__init__(server, client, (RESOLVER, PROXY_PORT), None, self.proxy)

    def _hear(self, data: bytes) -> None:
        if self.target is None:
            self._go_on(self.proxy.feed(data))
        else:
            super()._hear(data)

    def _go_on(self, first: bytes) -> None:
        """`first` is what the proxy has let through: nothing while there is no target."""
        self._pending += first
        if self.proxy.target is not None:
            self._take_over()
        elif self.proxy.waits:
            self.asked = self.proxy.asked
            if not self.wait():
                raise denied(CROWDED)
        self._account()
        if self.phase == HEAD and self._pending:
            self._resolve()

    def _take_over(self) -> None:
        """It has said where it wants to go, and may."""
        proxy = self.proxy
        assert proxy.target is not None and proxy.gate is not None  # noqa: S101, PT018 - that is when this is called
        self.target, self.gate, self.asked = proxy.target, proxy.gate, (proxy.target.name, proxy.target.port)
        if proxy.answer:
            try:
                self.client.send(proxy.answer)  # the first bytes of this socket: there is room
            except OSError:
                raise Lost(source=True) from None
        if self.gate.open or isinstance(self.gate, Sniff):
            self._resolve()

    def admitted(self, verdict: Verdict) -> None:
        """It is still to be heard."""
        self.phase = HEAD
        self._up_wants = READ
        try:
            self._go_on(self.proxy.settle(verdict))
            if self.phase == HEAD:
                self.server.clock.set(self, HEAD_TIME)
        except Refused as refusal:
            self.refuse(refusal)
        except Lost:
            self.close("fail", "the client went away", reset=True)
        else:
            self._turn()

    def unheld(self, reason: str) -> None:
        self.refuse(denied(reason))

    def refuse(self, refusal: Refused) -> None:
        """Ends it; what it has asked for, allowed or not, is what the record tells."""
        if self.target is None and self.proxy.asked[0]:
            self.asked = self.proxy.asked
        super().refuse(refusal)
