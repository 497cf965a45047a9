"""What a client may say on a connection, and when the rest of it needs no more looking. Pure: bytes in, checked bytes out.

A gate stands between the client and the other end. `feed` returns what may go on, which may be nothing yet, or raises Refused;
`open` says that everything from here on passes. Each gate holds a bounded number of bytes.
"""

from __future__ import annotations

from inner.egress import http, tls
from inner.egress.rules import HTTP, HTTPS, normal_host
from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from inner.egress.rules import Entry, Rules, Verdict

    class Gate(Protocol):
        """See the head of this file. `held` counts the bytes that wait for more."""

        @property
        def open(self) -> bool: ...
        @property
        def held(self) -> int: ...
        def feed(self, data: bytes) -> bytes: ...


HELD = 40_000  # bytes that a client may send before it has said what it wants
SPACE = b"\r\n\t \v\f"
LINE, METHOD = 8192, 1024  # bytes of a first line, and of its first word, while it may be HTTP


class Refused(Exception):
    """The client may not say this. `reason` is for people, `answer` what the client is told, if anything."""

    def __init__(self, reason: str, answer: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer


@frozen
class Target:
    """Where a connection goes: a normal name or address, a port, and the entry that allows it."""

    name: str
    port: int
    entry: Entry

    @property
    def literal(self) -> bool:
        """An address, not a name."""
        return self.entry.kind == "address"


class Raw:
    """Everything passes: a service of this machine, whose port the list names."""

    open = True
    held = 0

    def feed(self, data: bytes) -> bytes:
        """`data`."""
        return data


class TLS:
    """TLS whose ClientHello asks for the name that is allowed."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.open = False
        self._hello = tls.Hello()
        self._raw = bytearray()

    @property
    def held(self) -> int:
        return len(self._raw)

    def feed(self, data: bytes) -> bytes:
        """All that came, once the name is known and right."""
        self._raw += data
        try:
            done = self._hello.feed(data)
        except tls.NotTLS as problem:
            raise Refused(str(problem), tls.DENIED if self._raw[:1] == b"\x16" else b"") from None
        if not done:
            if len(self._raw) > HELD:
                raise Refused("a ClientHello that is too long", tls.DENIED)
            return b""
        asked = self._hello.name
        if not asked and not self.target.literal:
            raise Refused("TLS that does not say for which name", tls.DENIED)
        if asked and normal_host(asked) != self.target.name:
            raise Refused(f"TLS for another name, `{asked}`", tls.DENIED)
        self.open = True
        raw = bytes(self._raw)
        self._raw.clear()
        return raw


def denied(reason: str, status: int = 403, phrase: str = "Forbidden") -> Refused:
    """A refusal that an HTTP client can read."""
    return Refused(reason, http.reply(status, phrase, reason))


class Plain:
    """HTTP/1 requests, one after the other, each for the name that is allowed. Never open: the next request is read as well.

    `once`: no other request follows on this connection. `add`: header fields that replace those of the client.
    """

    open = False

    def __init__(self, target: Target, *, once: bool = False, add: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.target = target
        self.once = once
        self.add = add
        self.ended = False
        self._heads = 0
        self._requests = http.Requests()

    @property
    def held(self) -> int:
        return self._requests.held

    @property
    def between(self) -> bool:
        """No request is under way."""
        return self._requests.between

    def feed(self, data: bytes) -> bytes:
        """The requests in `data` as they go on: in origin form, with one Host."""
        if self.ended:
            return b""  # after the last request nobody listens
        try:
            items = self._requests.feed(data)
        except http.BadRequest as problem:
            raise denied(str(problem), problem.status, "Bad Request") from None
        return self.pass_on(items)

    def pass_on(self, items: list[tuple[str, http.Request | bytes]]) -> bytes:
        """The same for what has been read already."""
        out = []
        for _, item in items:
            if isinstance(item, bytes):
                out.append(item)
            elif self.once and self._heads:
                self.ended = True
                break
            else:
                out.append(self._head(item))
                self._heads += 1
        return b"".join(out)

    def after(self, requests: http.Requests) -> None:
        """Goes on with a connection on which the first head has been read by somebody else."""
        self._requests = requests

    def _head(self, request: http.Request) -> bytes:
        name, port = self.target.name, self.target.port
        if request.method == b"CONNECT":
            raise denied("CONNECT to something that is no proxy", 405, "Method Not Allowed")
        if request.method == b"TRACE" and self.add:
            raise denied("TRACE would give the credential back", 405, "Method Not Allowed")
        asked = normal_host(request.host)
        local = self.target.entry.kind == "local" and asked in ("localhost", "127.0.0.1", "::1")
        if asked != name and not local:
            raise denied(f"a request for another host, `{request.host}`", 421, "Misdirected Request")
        if request.port and request.port != port:
            raise denied(f"a request for another port, {request.port}", 421, "Misdirected Request")
        host = f"[{name}]" if ":" in name else name
        return http.render(
            request,
            host=host.encode() + (b"" if port in (HTTP, HTTPS) else b":%d" % port),
            add=self.add,
            close=self.once,
        )


class Sniff:
    """Any protocol on a port that the list names. What turns out to be TLS or HTTP is held to the same rules as elsewhere.

    A few bytes may be the beginning of an HTTP request, or all that another protocol has to say: `undecided`. Then somebody has
    to `hurry` after a moment, and from there on nothing is held. If it was HTTP after all, it ends with its first line, before it
    could name a host.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._line = bytearray()  # the first line as far as it has come, without the white space that some HTTP servers skip
        self._waiting = bytearray()
        self._late = False
        self._gate: Gate | None = None

    @property
    def undecided(self) -> bool:
        """It may be HTTP, or not."""
        return self._gate is None and bool(self._waiting)

    def hurry(self) -> bytes:
        """What waits to be understood, to go on as it is."""
        if self._gate is not None:
            return b""
        self._late = True
        waiting = bytes(self._waiting)
        self._waiting.clear()
        return waiting

    @property
    def open(self) -> bool:
        """Known to be TLS for the right name, or neither TLS nor HTTP."""
        return self._gate is not None and self._gate.open

    @property
    def held(self) -> int:
        return self._gate.held if self._gate else len(self._waiting)

    def feed(self, data: bytes) -> bytes:
        """As the gate would that it turns out to be."""
        if self._gate is not None:
            return self._gate.feed(data)
        self._waiting += data
        if len(self._waiting) > HELD:
            raise Refused("too much before it is clear what is wanted")
        self._line += data if self._line else data.lstrip(SPACE)
        self._gate = self._decide()
        if self._gate is None:
            return self.hurry() if self._late else b""
        if self._late and not self._gate.open:
            raise Refused("a request whose first line comes in pieces")
        waiting = bytes(self._waiting)
        self._waiting.clear()
        self._line.clear()
        return self._gate.feed(waiting)

    def _decide(self) -> Gate | None:
        if not self._late and self._waiting[:1] == b"\x16":
            return TLS(self.target)
        if not self._line:
            return None
        first, end, _ = bytes(self._line).partition(b"\n")
        size = 0
        while size < len(first) and first[size] in http.TCHAR:
            size += 1
        # no method, or not what follows one; what is odd further on is left to be refused, for some server may bear with it
        if not size or size > METHOD or first[size : size + 1] not in (b"", b" ", b"\t", b"\r"):
            return Raw()
        if end:
            return Plain(self.target) if b"HTTP/" in first.upper() else Raw()
        if len(first) > LINE:
            raise Refused("a first line that does not end")
        return None


class Proxy:
    """The first words to a proxy: CONNECT, or a request in absolute form. When `target` is set, `gate` takes over: `answer` goes
    to the client, `first` to the other end. `asks`: whether the user is to be asked about a host; then `settle` goes on."""

    open = False

    def __init__(self, rules: Rules, asks: Callable[[str, Verdict], bool] | None = None) -> None:
        self.rules = rules
        self.asks = asks
        self.target: Target | None = None
        self.gate: Gate | None = None
        self.answer = b""
        self.asked: tuple[str, int] = ("", 0)
        self.waits = False  # for the user's answer: not to be fed
        self._requests = http.Requests()
        self._items: list[tuple[str, http.Request | bytes]] = []

    @property
    def held(self) -> int:
        return self._requests.held

    def feed(self, data: bytes) -> bytes:
        """What goes on, which is nothing until there is a target."""
        try:
            items = self._requests.feed(data)
        except http.BadRequest as problem:
            raise denied(str(problem), problem.status, "Bad Request") from None
        if not items:
            return b""
        request = items[0][1]
        assert isinstance(request, http.Request)  # noqa: S101 - a head comes before any body
        if request.form not in ("authority", "absolute"):
            raise denied("this is a proxy, and that is not addressed to one", 400, "Bad Request")
        port = request.port or HTTP
        self.asked = (normal_host(request.host) or request.host, port)
        self._items = items
        verdict = self.rules.decide(request.host, port)
        if verdict.allow:
            return self.settle(verdict)
        if self.asks is None or not self.asks(request.host, verdict):
            raise denied(verdict.reason)
        self.waits = True
        return b""

    def settle(self, verdict: Verdict) -> bytes:
        """What goes on of the request that `verdict` allows."""
        items, self._items, self.waits = self._items, [], False
        request = items[0][1]
        assert isinstance(request, http.Request) and verdict.entry is not None  # noqa: S101, PT018 - allowed by an entry
        target = Target(*self.asked, verdict.entry)
        if request.form == "absolute":
            plain = Plain(target, once=True)
            plain.after(self._requests)
            self.gate = plain
            first = plain.pass_on(items)
        else:
            self.gate = gate(target)
            self.answer = b"HTTP/1.1 200 Connection established\r\n\r\n"
            rest = items[1][1]
            first = self.gate.feed(rest) if isinstance(rest, bytes) and rest else b""
        self.target = target
        return first


def gate(target: Target) -> Gate:
    """The gate for a connection to `target`: what may be spoken follows from whether the list names the port."""
    if target.entry.kind == "local":
        return Raw()
    if target.entry.port:
        return Sniff(target)
    return TLS(target) if target.port == HTTPS else Plain(target)
