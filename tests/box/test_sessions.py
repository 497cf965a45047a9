"""Several runs at once: which live, ending them, and a second command in the box of one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from living import living, wait
from program import INNER, inner

pytestmark = [pytest.mark.box, pytest.mark.usefixtures("home")]


@contextlib.contextmanager
def box(*words, script="echo here > ready; sleep 1000"):
    """A run that lives, and its id."""
    run = subprocess.Popen(
        [*INNER, "run", *words, "--", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wait(lambda: os.path.exists("ready") or run.poll() is not None)
        assert run.poll() is None, run.stderr.read()
        os.unlink("ready")
        run.id = next(entry["id"] for entry in living() if entry["pid"] == run.pid)
        yield run
    finally:
        run.kill()
        run.communicate()


def test_only_living_runs_are_listed():
    inner("run", "--", "true")
    assert inner("ps").stderr == "inner: no run lives\n"
    with box() as run:
        [entry] = living()
        assert (entry["id"], entry["state"], entry["command"][0]) == (run.id, "running", "sh")
        assert entry["processes"] == 2
        assert run.id in inner("ps").stdout
        run.kill()
        run.wait()
        assert living() == []


def test_stop_ends_the_whole_tree():
    with box(script="setsid sleep 1001 & sleep 1002 & echo here > ready; wait") as run:
        assert inner("stop", run.id[-6:]).stdout == run.id + "\n"
        assert run.wait(20) == 128 + 15
    assert living() == []
    assert "stopped by `inner stop`" in inner("log", "show").stdout


def test_stop_ends_what_ignores_being_asked():
    with box(script="trap '' TERM HUP INT; echo here > ready; while :; do sleep 1; done") as run:
        began = time.monotonic()
        assert inner("stop", run.id, "--grace", "1").returncode == 0
        assert time.monotonic() - began < 15
        assert run.wait(20) == 128 + 9


def test_stop_ends_a_run_that_has_no_record(home):
    """One that has only begun, or found no room for it."""
    with box() as run:
        (home / "state/inner/runs" / run.id / "record").unlink()
        done = inner("stop", run.id)
        assert (done.returncode, done.stdout, done.stderr) == (0, run.id + "\n", "")
        assert run.wait(20) == -15  # inner itself was asked to end


def told(*words):
    done = inner(*words)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_run_that_is_not_named_well_is_answered_with_what_can_be_typed():
    log = "hint: `inner log list` shows those that have ended\n"
    assert told("stop") == told("exec") == (2, f"error: no run lives\n{log}")
    assert told("attach") == (2, "error: no detached run lives\nhint: `inner run --detach` starts one\n")
    assert told("log", "show") == (2, "error: no run has been recorded yet\nhint: `inner run` makes the first\n")
    inner("run", "--", "true")
    ended = inner("log", "list").stdout.splitlines()[1].split()[0]
    for words, status in ((("stop", ended), 2), (("exec", ended, "--", "ls"), 125), (("attach", ended), 125)):
        found, said = told(*words)
        assert (found, said.partition("any more")[0]) == (status, f"error: run {ended} does not live ")
        assert said.endswith(f"\nhint: `inner log show {ended[-6:]}` tells how it ended\n")
    with box(script="echo here > ready; exec sleep 1000") as run:
        name, shown = run.id[-6:], "(sh -c echo here > ready; ex...)"
        assert told("stop") == (2, f"error: which run?\nhint: `inner stop {name}` {shown}\n")
        assert told("exec") == (2, f"error: which run?\nhint: `inner exec {name} -- bash` {shown}\n")
        assert told("exec", run.id)[1].startswith("error: which command?\nhint: `inner exec ID -- bash`")
        assert told("exec", "zz", "--", "ls", "a b") == (
            125, f"error: there is no living run `zz`\nhint: `inner exec {name} -- ls 'a b'` {shown}\n",
        )  # fmt: skip
        assert told("attach") == (2, "error: no detached run lives\nhint: `inner run --detach` starts one\n")
        with box() as other:
            status, said = told("stop", "20")
            assert (status, said.partition("\n")[0]) == (2, "error: 2 living runs match `20`")
            assert f"`inner stop {name}` (" in said
            assert f"`inner stop {other.id[-6:]}` (" in said
            assert said.endswith("; `inner ps` shows more of them\n")
        assert told("log", "show", "20")[1].startswith("error: 3 runs match `20`\nhint: say more of it: ")


def test_stop_all_and_what_cannot_be_meant():
    assert inner("stop").returncode == 2
    assert inner("stop", "20").returncode == 2
    assert inner("stop", "--all").stderr == "inner: no run lives\n"
    with box(), box():
        assert len(inner("stop", "--all").stdout.split()) == 2


def test_a_number_that_is_another_process_now_is_left_alone(home):
    """The record names the process of inner; somebody else has the number now, and does not hold the run's lock."""
    with box() as run:
        folder = home / "state/inner/runs" / run.id
        innocent = subprocess.Popen(["sleep", "1000"])
        try:
            text = (folder / "record").read_text()
            (folder / "record").write_text(text.replace(f'"pid":{run.pid}', f'"pid":{innocent.pid}', 1))
            assert inner("stop", run.id).returncode == 1
            assert inner("exec", run.id, "--", "true").returncode == 125
            assert innocent.poll() is None
        finally:
            innocent.kill()
            innocent.wait()


# --- exec -----------------------------------------------------------------------------------------------------------------------

LOOK = (
    "for ns in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$ns; done; "
    "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status; pwd; umask; readlink /proc/self/root; cat /proc/self/cgroup; "
    "ulimit -c; python3 -c 'import resource; print(resource.getrlimit(resource.RLIMIT_NPROC))'; ls -A / ~; env | grep -v '^_=' | sort"
)


@pytest.mark.parametrize("words", [(), ("--network",)])
def test_a_second_command_has_what_the_first_has_and_no_more(words):
    with box(
        *words, "--limit-pids", "50", "-e", "COLOUR=blue  sky", script=f"({LOOK}) > first 2>&1; echo here > ready; sleep 1000"
    ) as run:
        second = inner("exec", run.id, "--", "sh", "-c", f"({LOOK}) 2>&1")
        first = Path("first").read_text()
    assert second.stdout == first
    assert "COLOUR=blue  sky" in first
    assert "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n" in first


def test_its_status_and_streams():
    with box() as run:
        done = inner("exec", run.id, "--", "sh", "-c", "cat; echo err >&2; exit 7", input="given\n", stdin=None)
        assert (done.returncode, done.stdout, done.stderr) == (7, "given\n", "err\n")
        assert inner("exec", run.id, "--", "sh", "-c", "kill -9 $$").returncode == 137
        assert inner("exec", run.id, "--", "nosuch").returncode == 127
        assert inner("exec", run.id, "--", "/etc/passwd").returncode == 126
        assert inner("exec", "nosuch", "--", "true").returncode == 125


ATTACKS = {
    "a capability": "unshare -m true",
    "a keyring": "python3 -c \"import ctypes,os,sys; sys.exit(ctypes.CDLL(None).syscall({'x86_64':250}.get(os.uname().machine,219), 0, -3, 0) < 0)\"",
    "an open folder": "python3 -c \"import os; os.open('.', os.O_RDONLY, dir_fd=FOLDER)\"",
    "the starter": "grep -aq 'inner.__main[_]_' /proc/[0-9]*/cmdline",
    "a write outside": "touch /usr/made",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_second_command_cannot_have(attack):
    with box() as run:
        folder = os.open("/", os.O_RDONLY)
        try:
            done = inner("exec", run.id, "--", "bash", "-c", ATTACKS[attack].replace("FOLDER", str(folder)), pass_fds=(folder,))
        finally:
            os.close(folder)
        assert done.returncode != 0, done.stdout


def test_memory_of_the_starter_cannot_be_read_from_the_box():
    """Between fork and exec the new process is still inner, environment and all: the box watches for it and tries."""
    watch = (
        "import os, time\nend = time.time() + 90\nseen = 0\nopen('ready', 'w').close()\nwhile time.time() < end:\n"
        "    for pid in os.listdir('/proc'):\n        if pid.isdigit() and int(pid) > 3:\n"
        "            try:\n                text = open(f'/proc/{pid}/environ', 'rb').read() + open(f'/proc/{pid}/cmdline', 'rb').read()\n"
        "            except OSError:\n                seen += 1\n                continue\n"
        "            if b'CANARY' in text:\n                open('stolen', 'wb').write(text)\n"
    )
    Path("watch.py").write_text(watch)
    with box(script="exec python3 watch.py") as run:
        for _ in range(5):
            assert inner("exec", run.id, "--", "true", env={**os.environ, "SECRET_TOKEN": "CANARY"}).returncode == 0
        assert run.poll() is None
    assert not os.path.exists("stolen")


def test_it_ends_with_its_box_and_with_inner():
    def found():
        return subprocess.run(["pgrep", "-xf", "sleep 1003"], capture_output=True).stdout

    with box() as run:
        second = subprocess.Popen(
            [*INNER, "exec", run.id, "--", "sh", "-c", "echo; exec sleep 1003"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        second.stdout.readline()
        assert found()
        second.kill()
        second.communicate()
        wait(lambda: not found())
        third = subprocess.Popen(
            [*INNER, "exec", run.id, "--", "sh", "-c", "echo; exec sleep 1003"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        third.stdout.readline()
        inner("stop", run.id)
        assert third.wait(20) in {128 + 9, 128 + 15}
        third.stdout.close()


def test_its_processes_count_for_the_limit_of_the_box():
    forks = "import os, time\nn = 0\ntry:\n    while n < 60:\n        if os.fork() == 0:\n            time.sleep(3)\n            os._exit(0)\n        n += 1\nexcept OSError:\n    pass\nprint(n)"
    with box("--limit-pids", "20") as run:
        assert int(inner("exec", run.id, "--", "python3", "-c", forks).stdout) <= 18


def test_it_has_a_terminal_of_its_own():
    with box() as run:
        script = f"import pty, sys; sys.exit(pty.spawn({[*INNER, 'exec', run.id, '--', 'sh', '-c', 'tty; test -t 0 && echo yes']!r}) >> 8)"
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
        )
        assert "yes" in done.stdout
