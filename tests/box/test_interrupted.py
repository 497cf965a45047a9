"""What takes long says so, and an interruption leaves nothing behind: of a copy, at once; after a kill, by the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from program import INNER, inner

FILES = 6_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A folder that takes a moment to copy."""
    top = tmp_path_factory.mktemp("large")
    for number in range(FILES):
        folder = top / str(number // 500)
        folder.mkdir(exist_ok=True)
        (folder / str(number)).write_bytes(b"x" * 2000)
    return top


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Home, project and the state folder."""
    for name in ("home", "project"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "home/.local/state/inner"


def copying(large, state):
    """A run that copies, once it has said so. Stopped in the middle for longer than it keeps silent: how fast the disk is does not matter."""
    process = subprocess.Popen([*INNER, "run", "-m", f"{large}:/copy:safe-rw", "--", "true"], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until and not any(state.glob("runs/*/copy-0/*/*")):
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    process.send_signal(signal.SIGCONT)
    assert "files so far" in process.stderr.readline()
    assert any(state.glob("runs/*/*"))
    return process


def left(state):
    """What there is of runs beyond records, and of placeholders in the project."""
    runs = [path for path in state.glob("runs/*/*") if path.name not in ("record", "output")]
    return runs + list(state.glob("live/*")) + list(Path.cwd().iterdir())


def test_ctrl_c_while_it_copies_leaves_nothing(large, world):
    process = copying(large, world)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert process.wait(60) == -signal.SIGINT
    assert time.monotonic() - began < 30
    assert "Traceback" not in process.stderr.read()
    assert left(world) == []
    assert sum(len(files) for _, _, files in os.walk(large)) == FILES


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_another_end_leaves_the_next_run_removes(large, world, signum):
    process = copying(large, world)
    process.send_signal(signum)
    assert process.wait(60) == -signum
    assert inner("run", "--", "true").returncode == 0
    assert left(world) == []
