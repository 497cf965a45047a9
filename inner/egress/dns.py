"""DNS messages (RFC 1035) as far as a resolver needs them that answers from a table: bytes in, bytes out. Pure.

Nothing in a query is passed on to anybody. What cannot be read gets a format error, or silence when not even its number is there.
"""

from __future__ import annotations

from inner.frozen import frozen

A, AAAA, IN, ANY = 1, 28, 1, 255
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP = 0, 1, 2, 3, 4
HEADER = 12
LONGEST = 4096  # bytes of a query; a question has at most 271, the rest may be an OPT record
RESPONSE, RECURSION = 0x8000, 0x0080
OPCODE, DESIRED = 0x7800, 0x0100


@frozen
class Query:
    """One question. `name` as it was asked, labels joined by dots, bytes beyond ASCII as in Latin-1; `fault` an rcode when it
    cannot be answered; `question` its bytes, to be repeated."""

    number: int
    name: str = ""
    kind: int = 0
    flags: int = 0
    question: bytes = b""
    fault: int = NOERROR


def query(message: bytes) -> Query | None:
    """Reads a query; None when there is nothing to answer (too short, or itself an answer)."""
    if len(message) < HEADER:
        return None
    number, flags, questions = (int.from_bytes(message[at : at + 2], "big") for at in (0, 2, 4))
    if flags & RESPONSE:
        return None
    if flags & OPCODE:
        return Query(number, flags=flags, fault=NOTIMP)
    bad = Query(number, flags=flags, fault=FORMERR)
    if questions != 1 or len(message) > LONGEST:
        return bad
    labels: list[str] = []
    at, length = HEADER, 0
    while True:
        if at >= len(message):
            return bad
        size = message[at]
        if size == 0:
            break
        if size > 63 or at + 1 + size > len(message):  # a pointer has the upper bits set: none belongs into a question
            return bad
        label = message[at + 1 : at + 1 + size]
        if b"." in label:  # would read as two labels
            return bad
        labels.append(label.decode("latin-1"))
        length += size + 1
        if length > 254:
            return bad
        at += 1 + size
    end = at + 5
    if end > len(message):
        return bad
    kind, family = int.from_bytes(message[at + 1 : at + 3], "big"), int.from_bytes(message[at + 3 : end], "big")
    fault = NOERROR if family in (IN, ANY) else NOTIMP
    return Query(number, ".".join(labels), kind, flags, message[HEADER:end], fault)


def answer(asked: Query, code: int = NOERROR, address: bytes = b"", ttl: int = 60) -> bytes:
    """The reply: `address` (4 or 16 bytes) as the one record, when there is one."""
    flags = RESPONSE | RECURSION | (asked.flags & (OPCODE | DESIRED)) | code
    counts = (1 if asked.question else 0, 1 if address else 0, 0, 0)
    parts = [value.to_bytes(2, "big") for value in (asked.number, flags, *counts)]
    parts.append(asked.question)
    if address:
        kind = A if len(address) == 4 else AAAA
        parts += [b"\xc0\x0c", kind.to_bytes(2, "big"), IN.to_bytes(2, "big"), ttl.to_bytes(4, "big")]
        parts += [len(address).to_bytes(2, "big"), address]
    return b"".join(parts)


class Stream:
    """Queries that come over TCP: each has its length in front (RFC 1035 4.2.2). Holds one query at most."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now. Raises ValueError for one that is longer than any query."""
        self._held += data
        found = []
        while len(self._held) >= 2:
            size = int.from_bytes(self._held[:2], "big")
            if size > LONGEST or size < HEADER:
                raise ValueError("a DNS query of an impossible length")
            if len(self._held) < 2 + size:
                break
            found.append(bytes(self._held[2 : 2 + size]))
            del self._held[: 2 + size]
        return found


def framed(message: bytes) -> bytes:
    """A message as it travels over TCP."""
    return len(message).to_bytes(2, "big") + message
