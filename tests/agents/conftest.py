"""A home with the things a user has, a project in it, the real agents on PATH, and a model of our own to talk to."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from agent_world import World
from model_api import Api
from program import ROOT
from programs import prepare


@pytest.fixture(scope="session")
def place() -> Path:
    """A folder of the user who runs the tests: agents are installed there, and the homes of tests are not below /tmp."""
    return Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache/inner-tests/agents")


@pytest.fixture(scope="session")
def programs(place) -> str:
    """PATH entries of the agents, which are installed when they are not yet."""
    return prepare(place)


@pytest.fixture
def world(place: Path, programs: str):
    root = Path(tempfile.mkdtemp(prefix="test-", dir=place))
    yield World(root, programs)
    shutil.rmtree(root, ignore_errors=True)  # a box of a test that failed may still be going away


@pytest.fixture
def api():
    """api(command, delay=0): a model that wants to have this command run."""
    running: list[Api] = []

    def start(command: str = "true", delay: float = 0.0) -> Api:
        running.append(Api(command, delay).__enter__())
        return running[-1]

    yield start
    for one in running:
        one.__exit__()


@pytest.fixture
def recorded(request):
    """recorded(name, text): `text`, without what differs from run to run, is what docs/agents/NAME.txt holds."""

    def same(name: str, text: str, **more: str) -> None:
        for pattern, instead in (*more.items(), *PLAIN):
            text = re.sub(pattern, instead, text)
        text = "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
        path = ROOT / "docs/agents" / f"{name}.txt"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == path.read_text(), f"{path} differs: `pytest --update-golden` writes it anew"

    return same


PLAIN = (
    (r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[=>78]", ""),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
    (r"/\S*/home/project", "~/project"),
    (r"after \d+\.\d s", "after 2.0 s"),
    (r"succeeded in \d+ms", "succeeded in 0ms"),
    (r"\(Caused by .*", "(...)"),
    (r"Ripgrep is not available[^\n]*\n", ""),  # it is, on some machines
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "00000000-0000-0000-0000-000000000000"),
    (r"\b[0-9a-f]{7}\b(?= )", "1234567"),
)
