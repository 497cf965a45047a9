from __future__ import annotations

import pytest

from inner.egress import dns


def ask(name: str, kind: int = 1, *, flags: int = 0x0100, count: int = 1, family: int = 1, tail: bytes = b"") -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label)
    return (
        b"\x12\x34" + flags.to_bytes(2, "big") + count.to_bytes(2, "big") + bytes(6) + labels + b"\0"
        + kind.to_bytes(2, "big") + family.to_bytes(2, "big") + tail
    )  # fmt: skip


def test_a_question_and_its_answer():
    asked = dns.query(ask("A.example"))
    assert asked is not None
    assert (asked.number, asked.name, asked.kind, asked.fault) == (0x1234, "A.example", dns.A, 0)
    reply = dns.answer(asked, dns.NOERROR, b"\x7f\x12\0\2")
    assert reply == (b"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" + ask("A.example")[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\x12\0\2")
    assert dns.answer(asked, dns.NXDOMAIN) == b"\x12\x34\x81\x83\0\1\0\0\0\0\0\0" + ask("A.example")[12:]


def test_an_opt_record_is_no_trouble():
    asked = dns.query(ask("a.example", tail=b"\0\0\x29\4\xd0\0\0\0\0\0\0"))
    assert asked is not None
    assert asked.fault == 0
    assert asked.question == ask("a.example")[12:]


@pytest.mark.parametrize("message", [b"", b"\0" * 11, ask("a", flags=0x8180), b"\x12\x34\x80\0" + bytes(8)])
def test_silence(message):
    assert dns.query(message) is None


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (ask("a", count=0), dns.FORMERR),
        (ask("a", count=2), dns.FORMERR),
        (ask("a")[:-1], dns.FORMERR),
        (ask("a")[:13], dns.FORMERR),
        (bytes(4) + b"\0\1" + bytes(6) + b"\xc0\x0c\0\1\0\1", dns.FORMERR),
        (ask("a.b") + bytes(5000), dns.FORMERR),
        (ask(".".join(["a" * 63] * 4)), dns.FORMERR),
        (ask("a", flags=0x2800), dns.NOTIMP),
        (ask("a", family=3), dns.NOTIMP),
        (bytes(4) + b"\0\1" + bytes(6) + b"\3a.b\0\0\1\0\1", dns.FORMERR),
    ],
)
def test_faults(message, fault):
    asked = dns.query(message)
    assert asked is not None
    assert asked.fault == fault
    assert dns.answer(asked, asked.fault)[3] & 15 == fault


def test_over_tcp_in_pieces():
    stream = dns.Stream()
    data = dns.framed(ask("a")) + dns.framed(ask("b"))
    found = [message for i in range(len(data)) for message in stream.feed(data[i : i + 1])]
    assert found == [ask("a"), ask("b")]
    for bad in (b"\xff\xff", b"\0\1"):
        with pytest.raises(ValueError, match="impossible length"):
            dns.Stream().feed(bad)
