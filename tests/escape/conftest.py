"""The stage: one template and one victim for each worker, a home of its own for each attempt."""

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
    yield made, told, sockets
    child.kill()
    child.wait()
    ctypes.CDLL(None).mq_unlink(told["QUEUE"].encode())
    theatre.shutil.rmtree(sockets)
    theatre.sweep()


@pytest.fixture
def stage(scenery, tmp_path):
    with theatre.Stage(tmp_path / "s", *scenery) as made:
        yield made
