from __future__ import annotations

import pytest

from inner.egress import http
from inner.egress.gates import HELD, TLS, Plain, Proxy, Raw, Refused, Sniff, Target, gate
from inner.egress.rules import parse, rules

TARGET = Target("a.example", 80, parse("a.example"))
NAMED = Target("a.example", 8080, parse("a.example:8080"))


def head(text: str) -> http.Request:
    return http.parse(text.replace("\n", "\r\n").encode("latin-1"))


def test_a_head():
    found = head("POST /p?q HTTP/1.1\nHost: a.example:8080\nX-Y:  z\t\nContent-Length: 3\n\n")
    assert found == http.Request(
        b"POST", "origin", "a.example", 8080, b"/p?q", b"1.1",
        ((b"Host", b"a.example:8080"), (b"X-Y", b"z"), (b"Content-Length", b"3")), 3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET http://b.example HTTP/1.1", ("absolute", "b.example", 0, b"/")),
        ("GET HTTP://b.example:81/x?y HTTP/1.1", ("absolute", "b.example", 81, b"/x?y")),
        ("GET http://b.example?y/z HTTP/1.1", ("absolute", "b.example", 0, b"/?y/z")),
        ("CONNECT b.example:443 HTTP/1.1", ("authority", "b.example", 443, b"")),
        ("CONNECT [2a00::1]:443 HTTP/1.1", ("authority", "[2a00::1]", 443, b"")),
        ("OPTIONS * HTTP/1.1", ("asterisk", "a.example", 0, b"*")),
    ],
)
def test_targets(line, expected):
    found = head(f"{line}\nHost: a.example\n\n")
    assert (found.form, found.host, found.port, found.path) == expected


BAD = [
    "GET / HTTP/1.1\n\n", "GET / HTTP/1.0\n\n", "GET / HTTP/2.0\nHost: a\n\n", "GET / HTTP/1.2\nHost: a\n\n", "GET /\nHost: a\n\n",
    "GET  / HTTP/1.1\nHost: a\n\n", "GET / / HTTP/1.1\nHost: a\n\n", " GET / HTTP/1.1\nHost: a\n\n", "G\x00T / HTTP/1.1\nHost: a\n\n",
    "GET /\t HTTP/1.1\nHost: a\n\n", "GET /#x HTTP/1.1\nHost: a\n\n", "GET /\xe9 HTTP/1.1\nHost: a\n\n", "GET x HTTP/1.1\nHost: a\n\n",
    "GET https://a/ HTTP/1.1\nHost: a\n\n", "GET ftp://a/ HTTP/1.1\nHost: a\n\n", "GET http:///x HTTP/1.1\nHost: a\n\n",
    "GET http://u@a/ HTTP/1.1\nHost: a\n\n", "GET http://a%2eb/ HTTP/1.1\nHost: a\n\n", "GET http://a\\b/ HTTP/1.1\nHost: a\n\n",
    "CONNECT a HTTP/1.1\nHost: a\n\n", "CONNECT a:0 HTTP/1.1\nHost: a\n\n", "CONNECT a:99999 HTTP/1.1\nHost: a\n\n",
    "CONNECT http://a:443/ HTTP/1.1\nHost: a\n\n", "CONNECT a:443 HTTP/1.1\nHost: a\nContent-Length: 1\n\n",
    "GET / HTTP/1.1\nHost: a\nHost: a\n\n", "GET / HTTP/1.1\nHost: a b\n\n", "GET / HTTP/1.1\nHost: a,b\n\n", "GET / HTTP/1.1\nHost: \n\n",
    "GET / HTTP/1.1\nHost: a:\n\n", "GET / HTTP/1.1\nHost: a:x\n\n", "GET / HTTP/1.1\nHost: a:1:2\n\n", "GET / HTTP/1.1\nHost: \xe9\n\n",
    "GET / HTTP/1.1\nHost : a\n\n", "GET / HTTP/1.1\nHost: a\n X: y\n\n", "GET / HTTP/1.1\n: a\nHost: a\n\n", "GET / HTTP/1.1\nX\nHost: a\n\n",
    "GET / HTTP/1.1\nHost: a\nX: \x00\n\n", "GET / HTTP/1.1\nHost: a\nX: \x7f\n\n", "GET / HTTP/1.1\nHost: a\nX\xe9: y\n\n",
    "POST / HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 1\n\n", "POST / HTTP/1.1\nHost: a\nContent-Length: +1\n\n",
    "POST / HTTP/1.1\nHost: a\nContent-Length: 1, 1\n\n", "POST / HTTP/1.1\nHost: a\nContent-Length:\n\n",
    "POST / HTTP/1.1\nHost: a\nContent-Length: 0x1\n\n", "POST / HTTP/1.1\nHost: a\nContent-Length: 1\nTransfer-Encoding: chunked\n\n",
    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: identity\n\n",
    "POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked\n\n", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: x\n\n",
    "GET / HTTP/1.1\nHost: [::1\n\n", "GET / HTTP/1.1\nHost: [::1]x\n\n", "GET / HTTP/1.1\nHost: a\n" + "X: y\n" * 300 + "\n",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_heads_that_can_be_read_in_two_ways(text):
    with pytest.raises(http.BadRequest):
        head(text)


def test_render_leaves_out_what_is_not_for_the_other_end():
    found = head(
        "GET http://a.example/x HTTP/1.1\nHost: b\nConnection: Upgrade, X-Drop, Content-Length\nUpgrade: websocket\nX-Drop: 1\n"
        "Proxy-Authorization: s\nAuthorization: placeholder\nContent-Length: 0\nAccept: */*\n\n"
    )
    assert http.render(found, host=b"a.example", add=((b"authorization", b"Bearer s"),)) == (
        b"GET /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\nAccept: */*\r\nauthorization: Bearer s\r\n\r\n"
    )
    assert http.render(found, host=b"a.example", close=True).endswith(b"Connection: close\r\n\r\n")


def test_bodies():
    body = http.Body(http.CHUNKED)
    data = b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\nGET"
    assert body.feed(data) == len(data) - 3
    assert body.done
    one = http.Body(http.CHUNKED)
    assert sum(one.feed(data[i : i + 1]) for i in range(len(data))) == len(data) - 3
    counted = http.Body(3)
    assert (counted.feed(b"ab"), counted.done, counted.feed(b"cd"), counted.done) == (2, False, 1, True)


@pytest.mark.parametrize(
    "data",
    [b"5;x=y\r\nhello\r\n0\r\n\r\n", b"5\nhello\r\n", b"5\r\nhelloX\r\n", b"5\r\nhello\n", b"0\r\nTrailer: x\r\n\r\n", b"\r\n", b"-1\r\n", b"0x5\r\n",
     b" 5\r\n", b"5 \r\n", b"fffffffffffff\r\n", b"g\r\n", b"5\r\nhello0\r\n\r\n"],
)  # fmt: skip
def test_chunks_that_can_be_read_in_two_ways(data):
    with pytest.raises(http.BadRequest):
        http.Body(http.CHUNKED).feed(data)


REQUEST = b"POST /%d HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc"


def test_one_request_after_the_other_whole_and_byte_by_byte():
    data = b"\r\n" + REQUEST % 1 + REQUEST % 2 + b"GET /3 HTTP/1.1\r\nHost: A.Example.\r\n\r\n"
    expected = REQUEST % 1 + REQUEST % 2 + b"GET /3 HTTP/1.1\r\nHost: a.example\r\n\r\n"
    assert Plain(TARGET).feed(data) == expected
    slow = Plain(TARGET)
    assert b"".join(slow.feed(data[i : i + 1]) for i in range(len(data))) == expected
    assert slow.between


def test_every_request_is_checked():
    plain = Plain(TARGET)
    assert plain.feed(REQUEST % 1)
    with pytest.raises(Refused) as caught:
        plain.feed(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert caught.value.answer.startswith(b"HTTP/1.1 421 ")
    with pytest.raises(Refused):
        Plain(TARGET).feed(REQUEST % 1 + b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")


def test_once_means_once():
    plain = Plain(TARGET, once=True)
    out = plain.feed(REQUEST % 1 + REQUEST % 2)
    assert out.count(b"POST") == 1
    assert b"Connection: close" in out
    assert plain.feed(REQUEST % 3) == b""


def test_a_head_is_bounded_and_nonsense_is_seen_early():
    plain = Plain(TARGET)
    with pytest.raises(Refused):
        for _ in range(100):
            plain.feed(b"GET /" + b"a" * 1000)
    with pytest.raises(Refused):
        Plain(TARGET).feed(b"\x16\3\1\0\5")


def test_tls_gate_is_bounded():
    one = TLS(TARGET)
    piece = b"\x16\3\1\0\1"
    with pytest.raises(Refused):
        one.feed(piece + b"\1" + piece + b"\0" + piece + b"\x7f" + piece + b"\xff")
        for _ in range(HELD):
            one.feed(piece + b"\0")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "raw"), (b"\0\0\0\x08\4\xd2\x16\x2f", "raw"), (b"AMQP\0\0\x09\1", "raw"), (b"*1\r\n$4\r\nPING\r\n", "raw"),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "http"), (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "http"),
        (b"get\t/ http/1.1\r\n", "refused"), (b" GET / HTTP/1.1\r\nHost: evil\r\n\r\n", "refused"), (b"PRI * HTTP/2.0\r\n\r\n", "refused"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "refused"), (b"\x16\3\1\0\5\2\0\0\1\0", "refused"), (b"EHLO me\r\n", "raw"),
        (b"GET / HTTP/1.1\nHost: evil\n\n", "refused"),
    ],
)  # fmt: skip
def test_sniffing(data, kind):
    for step in (len(data), 1):
        one = Sniff(NAMED)
        out = b""
        try:
            for i in range(0, len(data), step):
                out += one.feed(data[i : i + step])
        except Refused:
            assert kind == "refused"
            assert out == b""
            continue
        assert kind != "refused", (step, out)
        assert one.open == (kind == "raw")
        assert out.strip() == data.strip().replace(b"a.example", b"a.example:8080") if kind == "http" else out == data


def test_sniffing_that_takes_too_long():
    one = Sniff(NAMED)
    assert one.feed(b"PING") == b""
    assert one.undecided
    assert one.hurry() == b"PING"
    assert not one.undecided
    assert one.feed(b"MORE") == b"MORE"  # once it is late, nothing waits any more
    assert one.feed(b"\r\n!") == b"\r\n!"
    assert one.open
    late = Sniff(NAMED)
    late.feed(b"GET / HT")
    assert late.hurry() == b"GET / HT"
    with pytest.raises(Refused):
        late.feed(b"TP/1.1\r\nHost: evil.example\r\n\r\n")
    blank = Sniff(NAMED)
    assert blank.feed(b"\n") == b""
    assert blank.hurry() == b"\n"
    assert [blank.feed(b"\n") for _ in range(9000)] == [b"\n"] * 9000
    with pytest.raises(Refused):
        blank.feed(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    hello = Sniff(NAMED)
    hello.feed(b"\x16\3\1")
    assert not hello.undecided
    assert hello.hurry() == b""


def test_which_gate():
    assert isinstance(gate(Target("a", 443, parse("a.example"))), TLS)
    assert isinstance(gate(Target("a", 80, parse("a.example"))), Plain)
    assert isinstance(gate(Target("a", 443, parse("a.example:443"))), Sniff)
    assert isinstance(gate(Target("localhost", 443, parse("localhost:443"))), Raw)


def test_the_proxy():
    asked = rules(["a.example", "a.example:22"])
    one = Proxy(asked)
    assert one.feed(b"CONNECT A.example:22 HTTP/1.1\r\nHost: x\r\n\r\nSSH-2.0-x\r\n") == b"SSH-2.0-x\r\n"
    assert one.target == Target("a.example", 22, asked.allow[1])
    plain = Proxy(asked)
    out = plain.feed(b"GET http://a.example/x HTTP/1.1\r\nHost: evil\r\nContent-Length: 2\r\n\r\n1")
    assert out == b"GET /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\n1"
    assert plain.gate is not None
    assert plain.gate.feed(b"2GET http://a.example/y HTTP/1.1\r\nHost: a\r\n\r\n") == b"2"
    for bad in (b"CONNECT evil:443", b"CONNECT a.example:23", b"GET http://evil/", b"GET /", b"OPTIONS *"):
        with pytest.raises(Refused) as caught:
            Proxy(asked).feed(bad + b" HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert caught.value.answer.startswith(b"HTTP/1.1 4")


def test_the_proxy_waits_where_the_user_is_asked():
    asked = rules(["a.example"], ["evil.example"])
    one = Proxy(asked, lambda host, verdict: not verdict.final)
    assert one.feed(b"CONNECT B.example:22 HTTP/1.1\r\nHost: x\r\n\r\nSSH-2.0-x\r\n") == b""
    assert (one.waits, one.target, one.asked) == (True, None, ("b.example", 22))
    verdict = rules(["b.example:22"]).decide("b.example", 22)
    assert one.settle(verdict) == b"SSH-2.0-x\r\n"
    assert (one.waits, one.target) == (False, Target("b.example", 22, verdict.entry))
    for never in (b"CONNECT evil.example:443", b"CONNECT 2130706433:443"):
        with pytest.raises(Refused):
            Proxy(asked, lambda host, verdict: not verdict.final).feed(never + b" HTTP/1.1\r\nHost: x\r\n\r\n")
