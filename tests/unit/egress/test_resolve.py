"""Who asks for a name is answered once and not kept when he goes away."""

from __future__ import annotations

import select
import threading
import weakref

from inner.egress.resolve import QUEUE, Resolver

FOUND = (b"\x2d\x2d\x2d\x2d",), ""


class Asker:
    def __init__(self):
        self.answers = []

    def told(self, answer):
        self.answers.append(answer)


def settle(resolver, done):
    poll = select.poll()
    poll.register(resolver.fd, select.POLLIN)
    while not done():
        assert poll.poll(60_000), "no answer"
        resolver.collect(0.0)


def test_a_name_is_asked_once_however_many_want_it():
    asked, gate = [], threading.Event()
    resolver = Resolver(lambda name: asked.append(name) or (gate.wait(60) and FOUND))
    askers = [Asker() for _ in range(20)]
    for one in askers:
        resolver.ask("a.test", 0.0, one.told)
    gate.set()
    settle(resolver, lambda: all(one.answers for one in askers))
    assert asked == ["a.test"]
    assert all(one.answers == [FOUND] for one in askers)


def test_who_has_gone_away_is_neither_told_nor_kept():
    gate = threading.Event()
    resolver = Resolver(lambda _name: gate.wait(60) and FOUND)
    gone, stays = Asker(), Asker()
    for one in (gone, stays):
        resolver.ask("a.test", 0.0, one.told)
    seen = weakref.ref(gone)
    resolver.forget("a.test", gone.told)
    del gone, one
    assert seen() is None
    gate.set()
    settle(resolver, lambda: stays.answers)
    assert stays.answers == [FOUND]


def test_the_queue_is_bounded():
    gate = threading.Event()
    resolver = Resolver(lambda _name: gate.wait(60) and FOUND)
    askers = [Asker() for _ in range(QUEUE + 1)]
    for number, one in enumerate(askers):
        resolver.ask(f"{number}.test", 0.0, one.told)
    assert askers[-1].answers == [((), "too many names at once")]
    gate.set()
    settle(resolver, lambda: all(one.answers for one in askers))
