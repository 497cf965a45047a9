from __future__ import annotations

import pytest

from inner.egress.address import packed, special, synthesised, text
from inner.egress.names import Listener, Names, extra, listeners
from inner.egress.rules import normal_host, normal_name, parse, rules
from inner.errors import ConfigError
from inner.origin import Origin


@pytest.mark.parametrize(
    ("entry", "name", "port", "kind"),
    [
        ("example.org", "example.org", 0, "name"),
        ("EXAMPLE.Org.", "example.org", 0, "name"),
        ("example.org:22", "example.org", 22, "name"),
        ("*.Sub.example", "sub.example", 0, "wildcard"),
        ("*.sub.example:8443", "sub.example", 8443, "wildcard"),
        ("45.45.45.45", "45.45.45.45", 0, "address"),
        ("45.45.45.45:25", "45.45.45.45", 25, "address"),
        ("2A00:45:0::45", "2a00:45::45", 0, "address"),
        ("[2a00:45::45]:22", "2a00:45::45", 22, "address"),
        ("10.0.0.1:8080", "10.0.0.1", 8080, "address"),
        ("localhost:3000", "localhost", 3000, "local"),
        ("127.0.0.1:3000", "127.0.0.1", 3000, "local"),
        ("[::1]:3000", "::1", 3000, "local"),
        ("lan:mirror.corp.example:8080", "mirror.corp.example", 8080, "name"),
        ("under_score.example", "under_score.example", 0, "name"),
    ],
)
def test_entries(entry, name, port, kind):
    found = parse(entry)
    assert (found.name, found.port, found.kind) == (name, port, kind)


@pytest.mark.parametrize(
    "entry",
    ["", ".", "*", "a.*.example", "*example.org", "*.", "a..b", "-a.example", "a-.example", "a b", "a:0", "a:65536", "a:x", "a:", "a:1:2",
     "http://example.org/", "example.org/path", "user@example.org", "localhost", "127.0.0.1", "[::1]", "x.localhost:80", "127.0.0.2:80",
     "0.0.0.0:80", "10.0.0.1", "169.254.169.254:80", "[fe80::1]:80", "224.0.0.1:80", "192.0.2.1", "[::ffff:45.45.45.45]:80",
     "0x7f.1", "127.1:80", "2130706433:80", "010.0.0.1:80", "1.2.3", "a.1", "@nobody", "a\n.example", "a" * 64 + ".example",
     ("a" * 60 + ".") * 5 + "example", "*.1.2.3.4", "[2002:7f00:1::]:80", "[64:ff9b::1]:80", "\u2028.example"],
)  # fmt: skip
def test_what_is_no_entry(entry):
    with pytest.raises(ConfigError) as caught:
        parse(entry, Origin("user", "/etc/x.toml", 3))
    assert caught.value.where == "/etc/x.toml:3"
    assert caught.value.hint
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()


def test_decisions():
    asked = rules(
        ["a.example", "b.example:22", "*.w.example", "localhost:8080", "45.45.45.45", "lan:m.example"],
        ["x.w.example", "a.example:80", "*.deep.w.example"],
    )
    yes = [("a.example", 443), ("A.EXAMPLE.", 443), ("b.example", 22), ("q.w.example", 80), ("p.q.w.example", 443), ("localhost", 8080),
           ("127.0.0.1", 8080), ("::1", 8080), ("[::1]", 8080), ("45.45.45.45", 443), ("m.example", 80), ("y.x.w.example", 443)]  # fmt: skip
    no = [("a.example", 80), ("a.example", 22), ("b.example", 443), ("w.example", 443), ("x.w.example", 443), ("x.w.example", 22),
          ("z.deep.w.example", 443), ("sub.a.example", 443), ("xa.example", 443), ("a.example.evil", 443), ("localhost", 80),
          ("127.0.0.1", 443), ("127.0.0.2", 8080), ("45.45.45.46", 443), ("045.45.45.45", 443), ("a.example\0", 443),
          ("a.example:443", 443), ("", 443), (".", 443), ("a..example", 443), ("\u212a.example", 443), ("a\u3002example", 443)]  # fmt: skip
    assert [one for one in yes if not asked.decide(*one).allow] == []
    assert [one for one in no if asked.decide(*one).allow] == []
    assert asked.decide("b.example", 22).entry.port == 22
    assert asked.decide("a.example", 443).entry.port == 0


def test_verdicts_explain_themselves():
    asked = rules(["a.example"], ["*.bad.example"], {"sandbox.network_allow[a.example]": Origin("user", "/p.toml", 7)})
    verdict = asked.decide("a.example", 443)
    assert verdict.entry is not None
    assert str(verdict.entry.origin) == "/p.toml:7"
    assert asked.decide("x.bad.example", 1).reason == "denied by `*.bad.example`"
    assert asked.decide("a.example", 22).reason == "port 22 is not on the list"
    assert asked.decide("c.example", 22).reason == "not on the list"
    assert asked.decide("0x7f.1", 22).reason == "not a host name"


def test_deny_wins_over_every_port_and_wildcard():
    asked = rules(
        ["a.example:22", "a.example", "*.example", "localhost:80", "45.45.45.45"], ["a.example", "localhost", "45.45.45.45"]
    )
    for port in (1, 22, 80, 443, 65535):
        assert not asked.decide("a.example", port).allow
    assert not asked.resolves("a.example").allow
    assert not asked.decide("127.0.0.1", 80).allow
    assert not asked.decide("45.45.45.45", 443).allow
    assert asked.decide("b.example", 443).allow
    assert asked.refuses_address(packed("45.45.45.45"), 443, asked.allow[0])


def test_a_port_that_is_named_permits_more():
    """`host` and `host:443` both allow 443; the second says that it need not be TLS."""
    assert rules(["a.example", "a.example:443"]).decide("a.example", 443).entry.port == 443
    assert rules(["*.example", "a.example:443"]).decide("a.example", 443).entry.port == 443


def test_addresses_in_other_spellings_are_none():
    for other in (
        "127.1",
        "0x7f000001",
        "017700000001",
        "2130706433",
        "127.0.0.01",
        "127.0.0.1.",
        "1.2.3.4.5",
        "256.1.1.1",
        "::1%lo",
        " 1.1.1.1",
        "1.1.1.1\n",
        "",
        "١.1.1.1",
    ):
        assert packed(other) == b"", other
    assert packed("0.0.0.0") == bytes(4)
    assert text(packed("2A00::0:1")) == "2a00::1"
    assert normal_host("[1.2.3.4]") == ""
    assert normal_name("1.2.3.4") == ""


def test_special_addresses():
    assert special(packed("45.45.45.45")) == ""
    assert special(packed("2a00:45::1")) == ""
    why = {"127.9.9.9": "loopback", "10.1.1.1": "private", "100.64.0.1": "private", "169.254.169.254": "link-local", "::1": "loopback",
           "fd00::1": "private", "fe80::1": "link-local", "::ffff:8.8.8.8": "IPv4-mapped", "2002:808:808::1": "6to4", "64:ff9b::808:808": "NAT64",
           "2001:0:1::": "reserved", "ff02::1": "multicast", "255.255.255.255": "reserved", "::8.8.8.8": "reserved", "fec0::1": "reserved"}  # fmt: skip
    assert {name: special(packed(name)) for name in why} == why
    assert packed("fe80::1%eth0") == b""
    assert special(b"") == special(b"abc") == "not an address"
    assert synthesised(packed("64:ff9b::2d2d:2d2d"))
    assert not synthesised(packed("64:ff9b::7f00:1"))
    assert not synthesised(packed("45.45.45.45"))


def test_listeners():
    asked = rules(["a.example", "b.example:8443", "*.w.example", "localhost:3000", "45.45.45.45:9000", "[2a00::1]"])
    names = Names(asked)
    assert listeners(asked, names) == (
        Listener("127.18.0.1", 53, "udp"), Listener("127.18.0.1", 53), Listener("127.18.0.1", 3128),
        Listener("0.0.0.0", 443), Listener("0.0.0.0", 80), Listener("127.18.0.3", 8443),
        Listener("127.0.0.1", 3000), Listener("::1", 3000), Listener("45.45.45.45", 9000),
        Listener("2a00::1", 443), Listener("2a00::1", 80),
    )  # fmt: skip
    assert extra(asked) == ("45.45.45.45", "2a00::1")


def test_listeners_never_collide():
    asked = rules(["a.example:53", "b.example:3128", "*.c.example:3128", "*.c.example:9000", "d.example:9000", "localhost:9000"])
    found = listeners(asked, Names(asked))
    wide = {(one.port, one.kind) for one in found if one.address == "0.0.0.0"}
    assert wide == {(53, "tcp"), (3128, "tcp"), (9000, "tcp")}
    assert not [one for one in found if one.address not in ("0.0.0.0", "::1") and (one.port, one.kind) in wide]
    assert len(set(found)) == len(found)


def test_names_have_addresses_of_their_own_and_are_bounded():
    asked = rules(["a.example", "*.w.example"])
    names = Names(asked, limit=3)
    assert names.meant(names.address("a.example", 0)) == "a.example"
    lent = [names.address(f"{i}.w.example", 0.0) for i in range(3)]
    assert len({*lent, names.address("a.example", 0)}) == 4
    assert names.address("3.w.example", 1.0) == ""  # full, and nobody has been silent for long
    names.address("0.w.example", 299.0)  # asked for again: not the oldest any more
    assert names.address("3.w.example", 301.0) == lent[1]
    assert names.meant(lent[1]) == "3.w.example"
    assert names.meant(lent[0]) == "0.w.example"
    for nobody in ("127.18.9.9", "127.18.0.1", "127.0.0.2"):
        assert names.meant(nobody) == ""
    assert names.meant("127.0.0.1") == "127.0.0.1"
    assert names.meant("45.45.45.45") == "45.45.45.45"


def test_more_names_than_addresses():
    names = Names(rules([f"n{i}.example" for i in range(66_000)]))
    assert names.address("n0.example", 0) == "127.18.0.2"
    assert names.address("n65999.example", 0) == ""
