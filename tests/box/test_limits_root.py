"""Limits by control groups, as root has them on every host: memory, processor time, processes, and what is told of them."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest
from program import INNER, inner

pytestmark = [pytest.mark.box, pytest.mark.root, pytest.mark.usefixtures("home")]

EAT = "import sys; x = bytearray(200 << 20); print(len(x))"
SPIN = "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass\nprint(time.process_time())"


def groups():
    found = subprocess.run(["find", "/sys/fs/cgroup", "-name", "inner-*"], capture_output=True, text=True).stdout.split()
    return {path.rpartition("/")[2] for path in found}


def ours(home):
    return {f"inner-{name}" for name in os.listdir(home / "state/inner/runs")} & groups()


def test_memory_is_bounded_and_the_end_says_why(home):
    done = inner("run", "--limit-memory", "64M", "--", "python3", "-c", EAT)
    assert (done.returncode, done.stdout) == (137, "")
    assert inner("run", "--limit-memory", "512M", "--", "python3", "-c", EAT).stdout == "209715200\n"
    shown = [run["why"] for run in json.loads(inner("log", "list", "--json").stdout)["data"]]
    assert "out of memory: the kernel ended a process when the limit was reached" in shown
    assert ours(home) == set()


def test_the_user_is_told_when_the_command_died_of_it(home):
    (home / "p.toml").write_text('schema_version = "1"\nname = "p"\nextends = "shell"\n[output]\nsummary = true\n')
    done = inner("run", "-p", str(home / "p.toml"), "--limit-memory", "64M", "--", "sh", "-c", f"python3 -c '{EAT}'; exit 3")
    assert done.returncode == 3
    assert "the limit of 64M was reached, and 1 process was ended for it" in done.stderr
    assert "inner run --limit-memory SIZE" in done.stderr


def test_processor_time_is_bounded():
    assert float(inner("run", "--limit-cpu", "0.3", "--", "python3", "-c", SPIN).stdout) < 0.6


def test_the_number_of_processes_is_bounded_and_counted():
    forks = "import os, time\nn = 0\ntry:\n    while n < 60:\n        if os.fork() == 0:\n            time.sleep(60)\n        n += 1\nexcept OSError:\n    pass\nprint(n)"
    assert inner("run", "--limit-pids", "20", "--", "python3", "-c", forks).stdout == "19\n"
    assert json.loads(inner("log", "show", "--json").stdout)["data"]["processes"] == 21  # and pid 1 of the box


def test_a_profile_that_requires_limits_runs(home):
    (home / "p.toml").write_text('schema_version = "1"\nname = "p"\nextends = "shell"\n[sandbox]\nrequire = ["limits"]\n')
    assert inner("run", "-p", str(home / "p.toml"), "--", "true").returncode == 0


def test_the_group_of_a_killed_inner_is_removed_by_the_next_run(home):
    run = subprocess.Popen([*INNER, "run", "--", "sleep", "1000"], stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while not (os.path.isdir(home / "state/inner/runs") and ours(home)):
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.5)
    finally:
        run.kill()
        run.wait()
    assert ours(home) != set()
    assert inner("run", "--", "true").returncode == 0
    assert ours(home) == set()
