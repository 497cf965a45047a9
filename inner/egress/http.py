"""HTTP/1.x requests (RFC 9110, RFC 9112) read strictly: bytes in, checked bytes out. Pure, bounded.

A proxy and a server that read the same bytes differently are how requests are smuggled. So whatever can be read in two ways is
refused: a bare line feed, a folded line, a space before the colon, two lengths, a length beside `chunked`, other codings, chunk
extensions, trailers. Connections are not upgraded: after that nobody could say where the next request begins.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 1 << 16  # bytes of a head
HEADERS = 200
END = b"\r\n\r\n"
TCHAR = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
CONTROL = frozenset((*range(32), 127))
HEX = frozenset(b"0123456789abcdefABCDEF")
CHUNKED = -1
ONCE = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))
# RFC 9110 7.6.1: for the next hop alone. What an upgrade needs goes too, and what would tell a proxy who asks.
HOP = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"te", b"upgrade", b"http2-settings", b"proxy-authorization",
                 b"proxy-authenticate"))  # fmt: skip


class BadRequest(ValueError):
    """The bytes are no request that we pass on. The text says why, in a few words; `status` is what a server would answer."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@frozen
class Request:
    """A head. `form` is "origin" (/path), "absolute" (http://host/path), "authority" (CONNECT) or "asterisk"; `host`, `port` are
    those of the target, or of the Host header where the target has none: not yet normalised, port 0 when there is none.
    `path` is the target in origin form. `length` counts the bytes of the body, or is CHUNKED."""

    method: bytes
    form: str
    host: str
    port: int
    path: bytes
    version: bytes  # b"1.1" or b"1.0"
    headers: tuple[tuple[bytes, bytes], ...]  # name as it was written, value without outer white space
    length: int = 0
    close: bool = False  # the client wants no other request on this connection


def _authority(text: bytes, reason: str) -> tuple[str, int]:
    """host[:port] of a target or a Host header. No user information: `allowed@other` has fooled too many."""
    if not text or not text.isascii() or not CONTROL.isdisjoint(text) or any(c in b' @/\\?#%"<>^`{|},' for c in text):
        raise BadRequest(reason)
    host, port = text, b""
    if text[:1] == b"[":
        inside, closed, rest = text.partition(b"]")
        host = inside + closed
        if not closed or (rest and rest[:1] != b":"):
            raise BadRequest(reason)
        port = rest[1:]
        marked = bool(rest)
    else:
        marked = b":" in text
        host, _, port = text.partition(b":")
    if marked and not (port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise BadRequest(reason)
    return host.decode("ascii"), int(port or b"0")


def parse(head: bytes) -> Request:
    """Reads a head, the empty line at its end included. Raises BadRequest."""
    lines = head.removesuffix(END).split(b"\r\n")
    line = lines[0].split(b" ")
    if len(line) != 3 or not line[0] or not TCHAR.issuperset(line[0]) or len(line[0]) > 24:
        raise BadRequest("not an HTTP request")
    method, target, protocol = line
    if protocol == b"HTTP/2.0":  # its preface (RFC 9113 3.4): who is asked for is compressed, and not for us to read
        raise BadRequest("HTTP/2 without TLS", 505)
    if protocol not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadRequest("not HTTP/1.1", 505)
    if not target or not target.isascii() or not CONTROL.isdisjoint(target) or b"#" in target:
        raise BadRequest("a target with bytes that no target has")
    if len(lines) > HEADERS:
        raise BadRequest("too many header fields", 431)
    headers, found = _headers(lines[1:])
    host, port = _authority(found[b"host"], "a Host header that is not one") if b"host" in found else ("", 0)
    form, path = "origin", target
    if method == b"CONNECT":
        form, path = "authority", b""
        host, port = _authority(target, "a CONNECT target that is not host:port")
        if not port:
            raise BadRequest("a CONNECT target without a port")
    elif target[:7].lower() == b"http://":
        form = "absolute"
        authority, slash, rest = target[7:].partition(b"/")
        if b"?" in authority:
            authority, _, rest = target[7:].partition(b"?")
            slash = b"/?"
        host, port = _authority(authority, "a target that is not http://host/path")
        path = (slash or b"/") + rest
    elif target == b"*":
        form = "asterisk"
    elif target[:1] != b"/":
        raise BadRequest("a target that is not a path")
    if not host:
        raise BadRequest("no Host header")
    version = protocol[5:]
    tokens = _tokens(value for name, value in headers if name.lower() in (b"connection", b"proxy-connection"))
    close = b"close" in tokens or (version == b"1.0" and b"keep-alive" not in tokens)
    return Request(method, form, host, port, path, version, headers, _length(found, version, method), close)


def _headers(lines: list[bytes]) -> tuple[tuple[tuple[bytes, bytes], ...], dict[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = []
    found: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or not TCHAR.issuperset(name):
            raise BadRequest("a header field that can be read in two ways")
        value = value.strip(b" \t")
        if not CONTROL.isdisjoint(value.replace(b"\t", b"")):
            raise BadRequest("a header field with control characters")
        key = name.lower()
        if key in ONCE:
            if key in found:
                raise BadRequest(f"two headers `{key.decode()}`")
            found[key] = value
        headers.append((name, value))
    return tuple(headers), found


def _tokens(values: Iterable[bytes]) -> set[bytes]:
    return {token.strip(b" \t").lower() for value in values for token in value.split(b",")}


def _length(found: dict[bytes, bytes], version: bytes, method: bytes) -> int:
    coding, length = found.get(b"transfer-encoding"), found.get(b"content-length")
    if coding is not None:
        if length is not None or version == b"1.0" or coding.lower() != b"chunked":
            raise BadRequest("a body whose length can be read in two ways")
        return CHUNKED
    if length is None:
        return 0
    if not length.isdigit() or len(length) > 15:
        raise BadRequest("a Content-Length that is not a number")
    if method == b"CONNECT" and int(length):
        raise BadRequest("a CONNECT with a body")
    return int(length)


def render(request: Request, *, host: bytes, add: tuple[tuple[bytes, bytes], ...] = (), close: bool = False) -> bytes:
    """The head in origin form, as it goes upstream: one Host of our own, none of the fields that are for us, none of those that
    `Connection` names. A field of `add` replaces all of its name."""
    drop = HOP | {b"host"} | {name.lower() for name, _ in add}
    # what is said once for the body's sake stays, whatever `Connection` claims: naming Content-Length there is an old trick
    named = _tokens(value for name, value in request.headers if name.lower() == b"connection") - ONCE
    lines = [b" ".join((request.method, request.path, b"HTTP/" + request.version)), b"Host: " + host]
    lines += [name + b": " + value for name, value in request.headers if name.lower() not in drop and name.lower() not in named]
    lines += [name + b": " + value for name, value in add]
    if close or request.close:
        lines.append(b"Connection: close")
    elif request.version == b"1.0":
        lines.append(b"Connection: keep-alive")
    return b"\r\n".join(lines) + END


class Body:
    """Measures the body of one request: `feed` returns how many bytes of `data` belong to it; `done` when it is complete."""

    def __init__(self, length: int) -> None:
        self.left = max(length, 0)
        self.chunked = length == CHUNKED
        self.done = length == 0
        self._line = bytearray()
        self._step = "size"  # size, data, after, end

    def feed(self, data: bytes) -> int:
        """Raises BadRequest for chunks that can be read in two ways."""
        if not self.chunked:
            take = min(self.left, len(data))
            self.left -= take
            self.done = not self.left
            return take
        at = 0
        while at < len(data) and not self.done:
            if self._step == "data":
                take = min(self.left, len(data) - at)
                self.left -= take
                at += take
                if not self.left:
                    self._step = "after"
                continue
            self._line.append(data[at])
            at += 1
            if data[at - 1] == 10:
                self._ended()
            elif len(self._line) > 12:
                raise BadRequest("a chunk that can be read in two ways")
        return at

    def _ended(self) -> None:
        line = bytes(self._line)
        self._line.clear()
        text = line.removesuffix(b"\r\n")
        if text + b"\r\n" != line or (self._step == "size") != bool(text) or not HEX.issuperset(text):
            raise BadRequest("a chunk that can be read in two ways")
        if self._step == "end":
            self.done = True
        elif self._step == "after":
            self._step = "size"
        else:
            self.left = int(text, 16)
            self._step = "data" if self.left else "end"


class Requests:
    """The requests of one connection, one after the other. `feed` gives them as ("head", Request) and ("body", bytes) in order;
    a head is given when it is complete, bytes of a body as they come."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._body: Body | None = None

    @property
    def between(self) -> bool:
        """Nothing of a request has come since the last one was complete."""
        return not self._head and self._body is None

    @property
    def held(self) -> int:
        """Bytes of a head that is not complete."""
        return len(self._head)

    def feed(self, data: bytes) -> list[tuple[str, Request | bytes]]:
        """Raises BadRequest; what came before in the same piece is then lost, as it should be."""
        found: list[tuple[str, Request | bytes]] = []
        while data:
            if self._body is not None:
                size = self._body.feed(data)
                found.append(("body", data[:size]))
                data = data[size:]
            else:
                data = self._gather(data, found)
            if self._body is not None and self._body.done:
                self._body = None
        return found

    def _gather(self, data: bytes, found: list[tuple[str, Request | bytes]]) -> bytes:
        before = len(self._head)
        self._head += data
        # empty lines before a request are to be ignored (RFC 9112 2.2)
        while self._head[:2] == b"\r\n":
            del self._head[:2]
            before = 0
        end = self._head.find(END, max(0, before - 3))
        if end < 0:
            if len(self._head) > LONGEST:
                raise BadRequest("a head that is too long", 431)
            self._hopeless(before)
            return b""
        head, rest = bytes(self._head[: end + 4]), bytes(self._head[end + 4 :])
        self._head.clear()
        if len(head) > LONGEST:
            raise BadRequest("a head that is too long", 431)
        request = parse(head)
        found.append(("head", request))
        if request.method == b"CONNECT":
            found.append(("body", rest))  # not a body: what the client already said to the other end
            return b""
        self._body = Body(request.length)
        return rest

    def _hopeless(self, before: int) -> None:
        """Says no to what is no request, without waiting for the rest of it."""
        line = bytes(self._head[:64])
        method = line.partition(b" ")[0]
        if line and (not TCHAR.issuperset(method) or len(method) > 24) and line != b"\r":
            raise BadRequest("not an HTTP request")
        new = self._head[max(0, before - 1) :]
        if new.count(b"\n") != new.count(b"\r\n") + (new[:1] == b"\n"):
            raise BadRequest("a line that ends without a carriage return")


def reply(status: int, phrase: str, text: str) -> bytes:
    """An answer of our own, after which the connection is closed."""
    body = f"inner: {text}\n".encode("ascii", "replace")
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode("ascii") + body
