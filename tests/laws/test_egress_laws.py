"""Egress: what must hold for any bytes and any names."""

from __future__ import annotations

import ipaddress
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from inner.egress import dns, http, tls
from inner.egress.address import packed, special, text
from inner.egress.gates import TLS, Plain, Proxy, Refused, Sniff, Target
from inner.egress.rules import normal_host, normal_name, parse, rules

TARGET = Target("a.example", 80, parse("a.example"))
NAMED = Target("a.example", 8080, parse("a.example:8080"))

edges = st.sampled_from(
    [str(edge) for net in ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
     "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "fc00::/7", "fe80::/10", "2000::/3", "2001::/23", "2001:db8::/32",
     "2002::/16", "64:ff9b::/96", "::ffff:0:0/96", "3fff::/20")
     for n in (ipaddress.ip_network(net),)
     for edge in (n[0], n[-1], *([n[0] - 1] if int(n[0]) else []), *([n[-1] + 1] if int(n[-1]) < 2**n.max_prefixlen - 1 else []))]
)  # fmt: skip
addresses = st.one_of(st.ip_addresses().map(str), edges)


@given(addresses)
@settings(max_examples=1500)
def test_what_we_call_public_is_public_for_ipaddress_too(address):
    found = ipaddress.ip_address(address)
    if not special(packed(address)):
        assert found.is_global
        assert not found.is_multicast
        assert not found.is_reserved
        assert not found.is_private
        if found.version == 6:
            assert found.ipv4_mapped is None
            assert found.sixtofour is None
            assert found.teredo is None


def test_ordinary_addresses_are_public():
    for address in ("1.1.1.1", "9.255.255.255", "11.0.0.0", "45.45.45.45", "100.63.255.255", "100.128.0.0", "223.255.255.255", "172.15.0.1",
                    "172.32.0.1", "2400::1", "2600::1", "2a00:1450::1", "2001:4860::1", "2001:200::1", "2003::1"):  # fmt: skip
        assert special(packed(address)) == "", address


@given(st.ip_addresses())
def test_addresses_read_as_they_are_written(address):
    assert packed(str(address)) == address.packed
    assert ipaddress.ip_address(text(address.packed)) == address


@given(st.text(alphabet="0123456789.:abcdefxX[]%", max_size=24))
def test_nothing_is_an_address_for_us_that_is_none_for_ipaddress(written):
    raw = packed(written)
    if raw:
        assert ipaddress.ip_address(written).packed == raw


labels = st.text(alphabet=string.ascii_letters + string.digits + "-_", min_size=1, max_size=10)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)


@given(st.one_of(names, st.text(max_size=40)))
def test_a_normal_name_is_normal(name):
    once = normal_name(name)
    assert normal_name(once) == once
    assert once == once.lower()
    if once:
        assert normal_name(once.upper() + ".") == once
        assert not packed(once)
    host = normal_host(name)
    assert normal_host(host) == host


@given(st.lists(names, max_size=4), st.lists(names, max_size=3), names, st.integers(1, 65535))
def test_deny_only_takes_away(allowed, denied, name, port):
    allowed, denied = ([n for n in some if normal_name(n) and not n.lower().endswith("localhost")] for some in (allowed, denied))
    free, held = rules(allowed), rules(allowed, denied)
    if held.decide(name, port).allow:
        assert free.decide(name, port).allow
        assert normal_name(name) not in {normal_name(n) for n in denied}
        assert normal_name(name) in {normal_name(n) for n in allowed}
        assert port in (80, 443)


@given(names, st.lists(labels, min_size=1, max_size=3))
def test_a_wildcard_is_everything_below_and_nothing_else(base, below):
    if not normal_name(base) or "localhost" in base.lower():
        return
    asked = rules(["*." + base])
    assert not asked.decide(base, 443).allow
    inner = ".".join([*below, base])
    assert asked.decide(inner, 443).allow == bool(normal_name(inner))
    assert not asked.decide("x" + base, 443).allow


@given(st.binary(max_size=600))
def test_dns_never_fails(message):
    asked = dns.query(message)
    if asked is not None:
        reply = dns.answer(asked, asked.fault)
        assert reply[:2] == message[:2]
        assert dns.query(reply) is None  # an answer is not answered: no loops
        assert len(reply) <= len(message) + 16


pieces = st.lists(st.integers(1, 40), max_size=60)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    out = []
    for size in sizes:
        out.append(data[:size])
        data = data[size:]
    return [*out, data]


def outcome(gate, parts):
    out = b""
    try:
        for part in parts:
            out += gate.feed(part)
    except Refused:
        return "refused"
    return out, gate.open, gate.held


fragment = st.sampled_from(
    [b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"Host: a.example\r\n", b"Host: evil.example\r\n", b"Host: a.example:8080\r\n", b"\r\n", b"\n", b"\r",
     b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc", b" ", b"\t", b"X: y\r\n", b"CONNECT evil.example:443 HTTP/1.1\r\n",
     b"\x16\3\1", b"\0", b"SSH-2.0-x\r\n", b"GET http://evil.example/ HTTP/1.1\r\n", b"GET http://a.example/ HTTP/1.0\r\n", b"Connection: close\r\n"]
)  # fmt: skip
streams = st.one_of(st.lists(fragment, max_size=14).map(b"".join), st.binary(max_size=80))


@given(streams, pieces)
@settings(max_examples=600)
def test_pieces_do_not_matter(data, sizes):
    """However the bytes are cut, a gate says the same; and it never says a host that is not its own."""
    for make in (lambda: Plain(TARGET), lambda: TLS(TARGET), lambda: Sniff(NAMED), lambda: Plain(TARGET, once=True)):
        whole, cutted = outcome(make(), [data]), outcome(make(), cut(data, sizes))
        if "refused" not in (whole, cutted):
            assert whole == cutted
        if whole == "refused":
            # what was right at the beginning may have gone on before the rest was seen to be wrong
            assert cutted == "refused"


@given(st.lists(fragment, max_size=14).map(b"".join), pieces)
@settings(max_examples=600)
def test_what_goes_on_is_read_the_same_by_another_parser(data, sizes):
    """All that a plain gate lets through is, for a second reading, whole requests for the one host that is allowed."""
    gate = Plain(TARGET)
    out = b""
    try:
        for part in cut(data, sizes):
            out += gate.feed(part)
    except Refused:
        pass
    again = http.Requests()
    for _, item in again.feed(out):
        if isinstance(item, http.Request):
            assert item.form in ("origin", "asterisk")
            assert normal_host(item.host) == "a.example"
    assert b"evil.example" not in out


@given(st.binary(max_size=300))
def test_tls_never_fails_otherwise(data):
    try:
        tls.Hello().feed(b"\x16\3\1" + data)
    except tls.NotTLS:
        pass


@given(streams)
def test_the_proxy_never_leads_elsewhere(data):
    asked = rules(["a.example"])
    one = Proxy(asked)
    try:
        out = one.feed(data)
    except Refused:
        return
    if one.target is not None:
        assert one.target.name == "a.example"
    else:
        assert out == b""
