"""IP addresses as text and bytes, and which of them belong to the public internet. Pure.

`ipaddress` costs 5 ms to import and its answer differs between Python versions; the tables here are those of IANA, read strictly:
what is special-purpose is not public, also where a registry calls it "globally reachable". Tests compare the two.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket
else:
    import _socket


def packed(text: str) -> bytes:
    """The 4 or 16 bytes of an address in its usual spelling, b"" for all others: octal, hexadecimal, short, scoped."""
    if ":" in text:
        try:
            return _socket.inet_pton(_socket.AF_INET6, text)
        except (OSError, ValueError):
            return b""
    parts = text.split(".")
    if len(parts) != 4:
        return b""
    for part in parts:
        # "010" is 8 for inet_aton(3) and 10 for others: neither is meant here
        if not (part.isascii() and part.isdigit()) or len(part) > 3 or (part[0] == "0" and part != "0") or int(part) > 255:
            return b""
    return bytes(int(part) for part in parts)


def text(address: bytes) -> str:
    """The usual spelling of 4 or 16 bytes."""
    return _socket.inet_ntop(_socket.AF_INET if len(address) == 4 else _socket.AF_INET6, address)


def _network(written: str) -> tuple[int, int]:
    base, _, bits = written.partition("/")
    raw = packed(base)
    return int.from_bytes(raw, "big"), len(raw) * 8 - int(bits)


# IANA IPv4 Special-Purpose Address Registry, with multicast (RFC 5771) and the reserved class E (RFC 1112)
SPECIAL4 = tuple(
    (*_network(net), why)
    for net, why in (
        ("0.0.0.0/8", "this network"), ("10.0.0.0/8", "private"), ("100.64.0.0/10", "private"), ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"), ("172.16.0.0/12", "private"), ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"), ("192.88.99.0/24", "6to4"), ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved"), ("198.51.100.0/24", "documentation"), ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"), ("240.0.0.0/4", "reserved"),
    )
)  # fmt: skip
# IANA IPv6: only 2000::/3 is unicast space that is given out; these parts of it are special. The rest is named for the message.
SPECIAL6 = tuple(
    (*_network(net), why)
    for net, why in (
        ("::/128", "this network"), ("::1/128", "loopback"), ("::ffff:0:0/96", "IPv4-mapped"), ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"), ("fc00::/7", "private"), ("fe80::/10", "link-local"), ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"), ("2001:db8::/32", "documentation"), ("2002::/16", "6to4"), ("3fff::/20", "documentation"),
    )
)  # fmt: skip


def special(address: bytes) -> str:
    """Why 4 or 16 bytes are no public unicast address: "loopback", "private", "link-local", ...; "" when they are one."""
    number = int.from_bytes(address, "big")
    if len(address) == 4:
        for base, shift, why in SPECIAL4:
            if number >> shift == base >> shift:
                return why
        return ""
    if len(address) != 16:
        return "not an address"
    for base, shift, why in SPECIAL6:
        if number >> shift == base >> shift:
            return why
    return "" if number >> 125 == 1 else "reserved"


def synthesised(address: bytes) -> bool:
    """True for what a DNS64 makes of a public IPv4 address (RFC 6052): not dialled, and no sign of an attack either."""
    return address[:12] == b"\0\x64\xff\x9b" + bytes(8) and len(address) == 16 and not special(address[12:])
