"""Long work says how far it is: not in its first second, then now and then, whatever it does meanwhile."""

import re
import signal
import time

import pytest

from inner import progress
from inner.progress import Busy, Progress


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 0.05)
    monkeypatch.setattr(progress, "NEXT", 0.05)


def test_what_is_counted_is_told_after_a_while(monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 0.5)
    monkeypatch.setattr(progress, "NEXT", 60.0)
    said = []
    counted = Progress(said.append, lambda files: f"{files} files")
    counted(1)
    assert (said, counted.told) == ([], False)
    time.sleep(0.51)
    counted(2)
    counted(3)
    assert (said, counted.told) == (["2 files"], True)


@pytest.mark.parametrize("work", [lambda: time.sleep(0.2), lambda: [i for _ in range(200) for i in range(30_000)]])
def test_what_cannot_be_counted_is_told_by_time(work):
    said, handler = [], signal.getsignal(signal.SIGALRM)
    with Busy(said.append, "working"):
        work()
    assert said
    assert re.fullmatch(r"working: \d+ s so far", said[0])
    assert signal.getsignal(signal.SIGALRM) == handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_nothing_is_told_of_short_work_nor_to_nobody(monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 0.5)
    said = []
    with Busy(said.append, "working"), Busy(None, "in it"):
        pass
    time.sleep(0.6)
    assert said == []
