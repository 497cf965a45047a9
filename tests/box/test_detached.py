"""Runs that go on without their user: what they print and return, and the terminal of whoever attaches."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest
from living import living, wait
from program import INNER, inner

from inner.launch import tree

pytestmark = [pytest.mark.box, pytest.mark.usefixtures("home")]


@pytest.fixture
def home(home, monkeypatch):
    (home / "runtime").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "runtime"))
    yield home
    inner("stop", "--all", "--grace", "0")


def detached(script, *words):
    done = inner("run", "--detach", *words, "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Screen:
    """A terminal with `inner attach` on it."""

    def __init__(self, run, rows=30, columns=100):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(INNER[0], [*INNER, "attach", run])
        self.text = b""
        self.resize(rows, columns)

    def resize(self, rows, columns):
        import fcntl
        import struct

        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def until(self, wanted, seconds=20):
        end = time.monotonic() + seconds
        while wanted not in self.text:
            assert time.monotonic() < end, self.text
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.fd, 65536)
                except OSError:
                    assert wanted in self.text, self.text

    def type(self, keys):
        os.write(self.fd, keys)

    def close(self):
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


def test_what_it_returns_from_is_a_command_that_runs(home):
    mounts = []
    for number in range(200):  # bubblewrap takes its time for them
        (home / f"mounted/{number}").mkdir(parents=True)
        mounts += ["-m", f"{home}/mounted/{number}:/data/{number}"]
    run = detached("sleep 1000", *mounts)
    [started] = [
        line for line in (home / f"state/inner/runs/{run}/record").read_text().splitlines() if '"event":"started"' in line
    ]
    [command] = tree.children(json.loads(started)["pid"])
    assert tree.read(f"/proc/{command}/cmdline").startswith((b"sh\0", b"sleep\0"))


def test_it_prints_its_id_and_goes_on():
    run = detached("echo started > here; sleep 1000")
    wait(lambda: os.path.exists("here"))
    [entry] = living()
    assert (entry["id"], entry["detached"]) == (run, True)
    assert inner("stop", run).returncode == 0
    assert living() == []


def test_what_keeps_it_from_starting_is_told_at_once():
    done = inner("run", "--detach", "--", "nosuch")
    assert (done.returncode, done.stdout) == (127, "")
    assert living() == []


def test_nothing_of_the_caller_is_held_open():
    began = time.monotonic()
    done = subprocess.run(
        ["sh", "-c", '"$@" | cat', "sh", *INNER, "run", "--detach", "--", "sleep", "30"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
    )
    assert done.returncode == 0
    assert time.monotonic() - began < 15


def test_attach_shows_what_was_written_and_takes_keys():
    run = detached("echo before; read line; echo got:$line; exit 7")
    screen = Screen(run)
    screen.until(b"before")
    screen.type(b"words\r")
    screen.until(b"got:words")
    assert screen.close() == 7
    assert "exit status 7" in inner("log", "show", run).stdout


def test_the_detach_key_leaves_the_run_to_itself():
    run = detached("echo before; read line; echo got:$line > result; sleep 1000")
    screen = Screen(run)
    screen.until(b"before")
    screen.type(b"\x1cd")
    screen.until(f"\ninner: run {run} goes on without you: `inner attach {run[-6:]}` shows it again".encode())
    assert screen.close() == 0
    assert living()[0]["id"] == run
    screen = Screen(run)
    screen.until(b"before")
    screen.type(b"again\r")
    wait(lambda: os.path.exists("result"))
    screen.type(b"\x1cd")
    assert screen.close() == 0


def test_the_detach_key_twice_is_the_key():
    run = detached("stty raw -echo; echo ready; dd bs=1 count=2 2>/dev/null | od -An -tx1; sleep 1000")
    screen = Screen(run)
    screen.until(b"ready")
    screen.type(b"\x1c\x1cx")
    screen.until(b"1c 78")


def test_the_window_has_the_size_of_who_is_attached():
    run = detached("while :; do stty size; sleep 0.2; done")
    screen = Screen(run, 31, 97)
    screen.until(b"31 97")
    screen.resize(41, 111)
    screen.until(b"41 111")


def test_a_second_viewer_takes_the_place_of_the_first():
    run = detached("echo before; read line; sleep 1000")
    first = Screen(run)
    first.until(b"before")
    second = Screen(run)
    second.until(b"before")
    first.until(b"somebody else has attached")
    assert first.close() == 125


def test_output_that_nobody_reads_neither_stops_the_run_nor_grows():
    detached("yes 0123456789012345678901234567890123456789 | head -c 30000000; echo end > done; sleep 1000")
    wait(lambda: os.path.exists("done"), 60)
    keeper = parent(living()[0]["pid"])
    with open(f"/proc/{keeper}/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak < 80_000  # kB


def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(") ")[2].split()[1])


def test_the_last_of_its_output_is_kept():
    run = detached("echo the last words")
    wait(lambda: not living())
    wait(lambda: inner("log", "show", run, "--output").returncode == 0)
    assert "the last words" in inner("log", "show", run, "--output").stdout


def test_the_socket_is_ours_alone_and_goes_with_the_run(home):
    run = detached("sleep 1000")
    assert (home / "runtime/inner").stat().st_mode & 0o777 == 0o700
    assert (home / f"runtime/inner/{run}.sock").is_socket()
    shown = inner("exec", run, "--", "sh", "-c", "ls -A $XDG_RUNTIME_DIR; ls " + str(home / "runtime")).stdout
    assert "inner" not in shown
    inner("stop", run)
    wait(lambda: not (home / f"runtime/inner/{run}.sock").exists())


def test_a_run_whose_keeper_is_killed_ends(home):
    run = detached("sleep 1000")
    keeper = parent(living()[0]["pid"])
    os.kill(keeper, signal.SIGKILL)
    wait(lambda: not living())
    assert inner("attach", run).returncode == 125
