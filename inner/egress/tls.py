"""The name in a TLS ClientHello (RFC 8446, RFC 6066), read from bytes that come in pieces. Pure, bounded.

Nothing is decrypted and nothing changed: the bytes that were read are sent on as they came. With Encrypted ClientHello the name
that counts is the outer one, which is all that anybody on the way can see.
"""

from __future__ import annotations

HANDSHAKE, CLIENT_HELLO = 22, 1
SERVER_NAME, HOST_NAME = 0, 0
RECORD = 1 << 14  # bytes of a record
LONGEST = 1 << 15  # bytes of a ClientHello; post-quantum key shares need about 2,000
DENIED = b"\x15\x03\x01\x00\x02\x02\x31"  # a fatal alert `access_denied`, as a record


class NotTLS(ValueError):
    """The bytes are no ClientHello that we understand. The text says why, in a few words."""


class Hello:
    """Feed it until `done`. `name` is then the server's name as the client wrote it, "" when it wrote none. At most one
    ClientHello's worth of bytes is held."""

    def __init__(self) -> None:
        self.done = False
        self.name = ""
        self._record = bytearray()  # header, and what has come of the body
        self._message = bytearray()

    def feed(self, data: bytes) -> bool:
        """True when the name is known. What follows the ClientHello is not looked at. Raises NotTLS."""
        at = 0
        while at < len(data) and not self.done:
            if len(self._record) < 5:
                take = data[at : at + 5 - len(self._record)]
                self._record += take
                at += len(take)
                self._header()
                continue
            left = 5 + int.from_bytes(self._record[3:5], "big") - len(self._record)
            take = data[at : at + left]
            self._record += take
            at += len(take)
            self._message += take
            if len(take) == left:
                self._record.clear()
            self._look(whole=len(take) == left)
        return self.done

    def _header(self) -> None:
        head = self._record
        if head[0] != HANDSHAKE or (len(head) > 1 and head[1] != 3) or (len(head) > 2 and head[2] > 4):
            raise NotTLS("not TLS")
        if len(head) == 5:
            size = int.from_bytes(head[3:5], "big")
            if not 0 < size <= RECORD:
                raise NotTLS("a TLS record of an impossible length")

    def _look(self, *, whole: bool) -> None:
        message = self._message
        if message and message[0] != CLIENT_HELLO:
            raise NotTLS("TLS does not begin with a ClientHello")
        if len(message) < 4:
            return
        size = 4 + int.from_bytes(message[1:4], "big")
        if size > LONGEST:
            raise NotTLS("a ClientHello that is too long")
        if len(message) > size:
            raise NotTLS("something is packed behind the ClientHello")
        if len(message) == size and whole:
            self.name = _server_name(bytes(message[4:]))
            self.done = True
            message.clear()


class _Reader:
    """Takes counted fields off bytes; everything that does not fit is NotTLS."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        found = self.data[self.at : self.at + size]
        if len(found) < size:
            raise NotTLS("a ClientHello that is cut short")
        self.at += size
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def part(self, size: int) -> _Reader:
        """What a length of `size` bytes announces."""
        return _Reader(self.take(self.number(size)))

    @property
    def left(self) -> int:
        return len(self.data) - self.at


def _server_name(body: bytes) -> str:
    hello = _Reader(body)
    hello.take(2 + 32)  # version and random
    hello.part(1)  # session
    hello.part(2)  # ciphers
    hello.part(1)  # compression
    if not hello.left:
        return ""  # before extensions existed
    extensions = hello.part(2)
    if hello.left:
        raise NotTLS("a ClientHello with something behind its extensions")
    seen: set[int] = set()
    name = ""
    while extensions.left:
        kind = extensions.number(2)
        value = extensions.part(2)
        if kind in seen:
            raise NotTLS("a ClientHello that says the same thing twice")
        seen.add(kind)
        if kind == SERVER_NAME:
            name = _one_name(value)
    return name


def _one_name(value: _Reader) -> str:
    names = value.part(2)
    kind, name = names.number(1), names.part(2)
    if value.left or names.left or kind != HOST_NAME or not name.data or len(name.data) > 255:
        raise NotTLS("a ClientHello that does not name exactly one host")
    return name.data.decode("latin-1")
