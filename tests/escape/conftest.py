"""The stage: one template and one victim for each worker, a home of its own for each attempt.

Attempts in a box have theirs at the same path, one after the other, where inner has been started before: it reads the profile
that it knows. Those in the open may leave something that goes on, and are made where nobody else ever is.
"""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path

import pytest
import stage as theatre


@pytest.fixture(scope="session")
def scenery(tmp_path_factory):
    place = tmp_path_factory.mktemp("scenery")
    sockets = Path(tempfile.mkdtemp(prefix="inner-e-"))  # short: the address of a socket has 107 bytes
    made = theatre.template(place)
    child, told = theatre.victim(sockets)
    with theatre.Stage(place / "s", made, told, sockets) as first:
        kept = theatre.lived(place, first)
    yield made, told, sockets, kept
    child.kill()
    child.wait()
    ctypes.CDLL(None).mq_unlink(told["QUEUE"].encode())
    theatre.shutil.rmtree(sockets)
    theatre.sweep()


@pytest.fixture
def lived_in(scenery, tmp_path_factory):
    *more, kept = scenery
    with theatre.Stage(kept.parent / "s", *more, kept) as made:
        yield made


@pytest.fixture
def stage(scenery, tmp_path):
    with theatre.Stage(tmp_path / "s", *scenery[:-1]) as made:
        yield made
