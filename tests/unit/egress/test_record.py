from __future__ import annotations

import json
import os

from inner.egress.record import BURST, Done, Record, quoted
from inner.egress.server import Clock


def test_hostile_text_is_escaped():
    for text in ("a", 'a"b\\c', "\0\x1b]0;x\7\n\r\t\x7f", "\x9b31m", "é\u2028\u202e", "\U0001f600", "\udc80"):
        assert quoted(text).isascii()
        assert quoted(text).isprintable()
        assert json.loads(quoted(text)) == text


def lines(fd: int) -> list[dict]:
    return [json.loads(line) for line in os.read(fd, 1 << 20).splitlines()]


def test_lines_and_what_is_lost():
    out, into = os.pipe()
    record = Record(into)
    record.write(1.5, "connect", ("a\nb", 443), ("deny", "no"))
    record.write(2.0, "close", ("a", 1), ("allow", ""), Done(1, 2, 0.5))
    assert lines(out) == [
        {"time": 1.5, "event": "connect", "host": "a\nb", "port": 443, "verdict": "deny", "reason": "no"},
        {
            "time": 2.0,
            "event": "close",
            "host": "a",
            "port": 1,
            "verdict": "allow",
            "reason": "",
            "sent": 1,
            "received": 2,
            "seconds": 0.5,
        },
    ]
    for _ in range(3 * BURST):
        record.write(2.0, "dns", ("x", 0), ("deny", "no"))
        if record.waiting:
            lines(out)
            record.flush()
    os.set_blocking(out, False)
    while True:
        try:
            lines(out)
        except BlockingIOError:
            break
    record.write(10.0, "dns", ("y", 0), ("deny", "no"))
    lost, last = lines(out)
    assert lost["event"] == "lost"
    assert lost["count"] > 2 * BURST - 10
    assert last["host"] == "y"
    os.close(out)
    record.write(11.0, "dns", ("z", 0), ("deny", "no"))
    assert record.fd == -1
    os.close(into)


def test_a_reader_that_does_not_read_costs_bounded_memory():
    out, into = os.pipe()
    record = Record(into)
    for n in range(20_000):
        record.write(float(n), "dns", ("x" * 255, 0), ("deny", "y" * 400))
    assert len(record._held) < (1 << 18) + 1000
    os.close(out)
    os.close(into)


def test_the_clock():
    clock = Clock()
    clock.now = 100.0
    clock.set("a", 5.0)
    clock.set("b", 5.0)
    clock.set("c", 1.0)
    clock.start("a", 5.0)
    clock.now = 101.0
    assert list(clock.due()) == ["c"]
    clock.set("a", 5.0)
    assert clock.oldest(5.0) == "b"
    clock.now = 105.5
    assert list(clock.due()) == ["b"]
    clock.clear("a")
    clock.clear("a")
    clock.now = 1000.0
    assert list(clock.due()) == []
    assert clock.left() == -1
