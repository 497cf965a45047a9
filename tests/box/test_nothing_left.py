"""A run ends when its time is up, and with everything that it started."""

from __future__ import annotations

import os
import subprocess
import time

import launched
import pytest
from launched import STUBBORN, WORDS, run
from program import killed

pytestmark = pytest.mark.box


def alive(mark: str) -> list[str]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if mark.encode() in file.read() and int(pid) != os.getpid():
                    found.append(pid)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("name", STUBBORN)
def test_time_is_up(name):
    mark = f"mark{os.getpid()}{name.replace(' ', '')}"
    began = time.monotonic()
    done = run("sh", "-c", STUBBORN[name], mark, options={"timeout": 0.6, "grace": 0.4})
    assert (done.returncode, done.outcome["reason"]) == (124, "timeout")
    assert time.monotonic() - began < 30
    assert alive(mark) == []


def test_the_grace_is_used():
    done = run(
        "bash",
        "-c",
        "trap 'sleep 0.2; echo tidy; exit 0' TERM; while :; do sleep 0.05; done",
        options={"timeout": 2, "grace": 20},
    )
    assert (done.returncode, done.stdout) == (124, b"tidy\n")


SHARED = tuple(word for word in WORDS if word != "--unshare-pid")


@pytest.mark.parametrize("words", [WORDS, SHARED], ids=["own pid namespace", "the host's"])
def test_nothing_outlives_the_run(tmp_path, words):
    """Nor does anything see the others die, and go on."""
    script = f"for n in $(seq 200); do sleep 60 & done; touch {tmp_path}/up; wait -n; touch {tmp_path}/late"
    begin = f"(setsid setsid bash -c '{script}' </dev/null >/dev/null 2>&1 &); until [ -e {tmp_path}/up ]; do sleep 0.02; done; echo held"
    assert run("sh", "-c", begin, words=(*words, "--bind", str(tmp_path), str(tmp_path))).stdout == b"held\n"
    assert alive(f"{tmp_path}/late") == []
    assert not (tmp_path / "late").exists()


AGAIN = """
use POSIX;
my $end = time + 40;
for (1..20) {
    next if fork;
    setsid;
    POSIX::close($_) for 0..2;
    while (time < $end) { POSIX::_exit(0) if fork }
    POSIX::_exit(0);
}
"""


def test_what_is_another_process_at_every_moment_is_ended():
    """Twenty of them, each of which forks and ends, and so does its child: no number is the one to kill for long."""
    mark = f"mark{os.getpid()}again"
    began = time.monotonic()
    assert run("perl", "-e", AGAIN, mark, words=SHARED).returncode == 0
    assert alive(mark) == []
    assert time.monotonic() - began < 30  # else they have ended by themselves


def test_nothing_outlives_a_killed_supervisor(tmp_path):
    words = (*WORDS, "--bind", str(tmp_path), str(tmp_path))
    process = subprocess.Popen(
        launched.argv("sh", "-c", f"echo ready; sleep 60; touch {tmp_path}/late", words=words), stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    killed(process)
    assert alive(f"{tmp_path}/late") == []
    assert not (tmp_path / "late").exists()


def test_nothing_outlives_a_supervisor_that_cannot_load_what_stays_beside_the_box(tmp_path):
    """It has been installed anew, or removed, since it began."""
    options = {"missing": ["inner.launch.watch"], "started": "raise AssertionError"}
    for words in (WORDS, SHARED):
        done = run("sh", "-c", f": {tmp_path}; sleep 60", words=words, options=options)
        assert b"import of inner.launch.watch halted" in done.stderr
        assert alive(str(tmp_path)) == []
        done = run("sh", "-c", f": {tmp_path}; sleep 60", words=words, options={"missing": ["inner.launch.watch"]})
        assert b"import of inner.launch.watch halted" in done.stderr
        assert alive(str(tmp_path)) == []


def test_a_process_that_the_start_makes_beside_the_box_outlives_it(tmp_path):
    """As the keeper of a scope of systemd's does, until what was used has been read."""
    started = f"""
import os, time
child = os.fork()
if child == 0:
    os.closerange(0, 1 << 12)
    time.sleep(60)
    os._exit(0)
with open({str(tmp_path / "child")!r}, "w") as file:
    file.write(str(child))
"""
    assert launched.run("true", options={"started": started}).returncode == 0
    child = int((tmp_path / "child").read_text())
    with open(f"/proc/{child}/stat") as file:
        assert file.read().rpartition(")")[2].split()[0] == "S"
    os.kill(child, 9)
