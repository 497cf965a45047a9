"""A box that is left when inner and bubblewrap are killed before inner knew of it: the next run ends it, and nobody else's."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time

import pytest
from program import inner

from inner.launch import tree
from inner.launch.lost import end_lost

pytestmark = pytest.mark.box
BWRAP = shutil.which("bwrap") or "bwrap"


@pytest.fixture
def boxes():
    """box(name): a box as inner starts it, which waits for its gate, with its arguments in a memory file of that name; the process
    that watches it, and its pid 1. Each gets one word for its command, as tests may run side by side.
    """
    ids = []

    def box(name):
        wait, gate = os.pipe()
        words = [
            "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--block-fd", str(wait), "--sync-fd", str(gate),
        ]  # fmt: skip
        args = os.memfd_create(name, 0)
        os.write(args, b"".join(word.encode() + b"\0" for word in words))
        os.lseek(args, 0, os.SEEK_SET)
        kept = fcntl.fcntl(args, fcntl.F_DUPFD, 90)  # as high as inner's own: bubblewrap closes the first it reads
        watcher = subprocess.Popen([BWRAP, "--args", str(args), "--", "sleep", "1000"], pass_fds=(wait, gate, args, kept))
        for fd in (wait, gate, args, kept):
            os.close(fd)
        until = time.monotonic() + 10
        while not tree.children(watcher.pid) or not tree.namespace(tree.children(watcher.pid)[0]):
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(0.1)  # it is at its gate
        ids.append((watcher, tree.children(watcher.pid)[0]))
        return ids[-1]

    yield box
    for watcher, pid in ids:
        watcher.kill()
        watcher.wait()
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def lives(pid):
    return tree.stat(pid)[:1] not in ([], [b"Z"])


def gone(pid):
    until = time.monotonic() + 5
    while lives(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not lives(pid)


def lose(watcher):
    watcher.kill()
    watcher.wait()


def test_a_box_that_nobody_watches_is_ended_and_no_other(boxes):
    (lost, left), (_, watched), (theirs, others) = boxes("inner"), boxes("inner"), boxes("other")
    lose(lost)
    lose(theirs)
    assert lives(left) and lives(others)  # that is what it is about
    end_lost()
    assert gone(left)
    assert lives(watched) and lives(others)


def test_the_next_run_does_so_when_the_record_of_a_killed_one_knows_no_box(boxes, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    state = tmp_path / "home/.local/state/inner"
    for folder in ("runs/20260101-000000-abcdef", "live"):
        (state / folder).mkdir(parents=True, mode=0o700)
    for folder in (state, state / "runs", state / "live"):
        folder.chmod(0o700)
    (state / "live/20260101-000000-abcdef").touch(0o600)
    lost, left = boxes("inner")
    lose(lost)
    assert lives(left)
    assert inner("run", "--", "true", cwd=tmp_path / "project").returncode == 0
    assert gone(left)
