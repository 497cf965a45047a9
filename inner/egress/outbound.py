"""The way to the other end of a connection: its name looked up, its addresses checked, one of them dialled.

What the box asked for never decides where bytes go: only an address does that the host's resolver has given and the rules have
passed, and exactly its bytes are dialled. What comes before and after is `connection`'s.
"""

from __future__ import annotations

import errno
import select

from inner.egress import address
from inner.egress.gates import Refused
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket

    from inner.egress.gates import Target
    from inner.egress.resolve import Answer
    from inner.egress.server import Server
else:
    import _socket

# phases
HEAD, RESOLVE, DIAL, OPEN, LINGER, CLOSED, HELD = range(7)

SETUP_TIME = 30.0  # seconds to find the other end
DIAL_TIME = 10.0  # for the last address of a name
DIAL_NEXT = 2.0  # for one that is not the last
OUT = select.EPOLLOUT
LOCAL = (address.packed("127.0.0.1"), address.packed("::1"))


class Outbound:
    """The phases RESOLVE and DIAL. `target` is None until a proxy's client has named one."""

    __slots__ = ("_addresses", "asked", "phase", "server", "target", "upstream")

    def __init__(self, server: Server, asked: tuple[str, int], target: Target | None) -> None:
        self.server = server
        self.asked = asked
        self.target = target
        self.phase = HEAD
        self.upstream: _socket.socket | None = None
        self._addresses: list[bytes] = []

    if TYPE_CHECKING:

        def on_upstream(self, events: int) -> None: ...
        def refuse(self, refusal: Refused) -> None: ...
        def _connected(self) -> None: ...
        def _excuse(self, text: str) -> bytes: ...
        def _fail(self, why: str) -> None: ...

    def _resolve(self) -> None:
        target = self.target
        assert target is not None  # noqa: S101 - checked by whoever calls
        self.phase = RESOLVE
        self.server.clock.set(self, SETUP_TIME)
        if target.entry.kind == "local":
            self._addresses = list(LOCAL)
            self._dial()
        elif target.literal:
            self._resolved(((address.packed(target.name),), ""))
        else:
            self.server.resolver.ask(target.name, self.server.now, self._resolved)

    def _port(self) -> int:
        """The port of the other end."""
        return self.target.port if self.target is not None else 0

    def _resolved(self, answer: Answer) -> None:
        if self.phase != RESOLVE or self.target is None:
            return  # gone in the meantime
        found, why = answer
        usable = []
        for raw in found:
            refusal = self.server.rules.refuses_address(raw, self._port(), self.target.entry)
            if not refusal:
                usable.append(raw)
            elif not address.synthesised(raw):
                # one bad address among good ones is an attempt to get at it, or a mistake: neither is worth the risk
                self.refuse(Refused(f"the name leads to {address.text(raw)} ({refusal})", self._excuse("not a public address")))
                return
        if not usable:
            self._fail(why or "no address that can be used")
            return
        self._addresses = usable
        self._dial()

    def _socket(self, family: int) -> _socket.socket:
        """One to dial with."""
        return _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)

    def _dial(self) -> None:
        """Tries the next address. Exactly the bytes that were checked are dialled."""
        assert self.target is not None  # noqa: S101 - resolved
        problem = "no address"
        while self._addresses:
            raw = self._addresses.pop(0)
            family = _socket.AF_INET if len(raw) == 4 else _socket.AF_INET6
            try:
                sock = self._socket(family)
                code = sock.connect_ex((address.text(raw), self._port()))
            except OSError as error:
                problem = error.strerror or "cannot connect"
                continue
            if code in (0, errno.EINPROGRESS):
                sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
                sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
                self.upstream = sock
                self.phase = DIAL
                self.server.clock.set(self, DIAL_NEXT if self._addresses else DIAL_TIME)
                self.server.watch(sock, OUT, self.on_upstream)
                return
            sock.close()
            problem = errno.errorcode.get(code, str(code))
        self._fail(f"cannot connect: {problem}")

    def _dialled(self) -> None:
        assert self.upstream is not None  # noqa: S101 - DIAL
        code = self.upstream.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if code == 0:
            self._connected()
        elif self._addresses:
            self._forget_upstream()
            self._dial()
        else:
            self._fail(f"cannot connect: {errno.errorcode.get(code, str(code))}")

    def _forget_upstream(self) -> None:
        if self.upstream is not None:
            self.server.forget(self.upstream)
            self.upstream = None
        elif self.target is not None:
            self.server.resolver.forget(self.target.name, self._resolved)
