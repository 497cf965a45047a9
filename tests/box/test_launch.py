"""A box from its start to its status: how it ended, what is called before anything runs, what the start imports."""

from __future__ import annotations

import subprocess
import sys

import launched
import pytest
from launched import BASE, SPACES, STUBBORN, WORDS, run

pytestmark = pytest.mark.box


@pytest.mark.parametrize(
    ("command", "status", "reason", "signum"),
    [
        (["true"], 0, "exit", 0),
        (["sh", "-c", "exit 9"], 9, "exit", 0),
        (["sh", "-c", "exit 1"], 1, "exit", 0),
        (["sh", "-c", "exit 127"], 127, "exit", 0),
        (["sh", "-c", "exit 126"], 126, "exit", 0),
        (["sh", "-c", "exit 125"], 125, "exit", 0),
        (["sh", "-c", "nosuch-command"], 127, "exit", 0),
        (["sh", "-c", "kill -9 $$"], 137, "signal", 9),
        (["sh", "-c", "kill -TERM $$"], 143, "signal", 15),
        (["sh", "-c", "echo 'bwrap: execvp x: No such file or directory' >&2; exit 1"], 1, "exit", 0),
        (["nosuch-command"], 127, "not-found", 0),
        (["/nosuch/command"], 127, "not-found", 0),
        (["--no-such-command"], 127, "not-found", 0),
        (["/etc/passwd"], 126, "not-executable", 0),
        (["/etc"], 126, "not-executable", 0),
    ],
)
def test_status(command, status, reason, signum):
    done = run(*command)
    assert (done.returncode, done.outcome["reason"], done.outcome["signal"]) == (status, reason, signum)
    assert done.outcome["started"] == (reason in {"exit", "signal"})


@pytest.mark.parametrize(
    "words", [("--ro-bind", "/nosuch", "/x"), ("--chdir", "/nosuch"), ("--no-such-option",), ("--tmpfs", "/proc/1/x")]
)
def test_a_box_that_cannot_be_made(words):
    done = run("true", words=(*WORDS, *words))
    assert (done.returncode, done.outcome["reason"]) == (125, "setup")
    assert "bwrap: " in done.outcome["stderr"]
    assert done.stderr == b""  # told once, by whoever prints the outcome


def test_messages_are_escaped():
    done = run("true", words=(*WORDS, "--ro-bind", "/\x1b]0;owned\x07\u202e", "/x"))
    assert done.outcome["reason"] == "setup"
    assert "\\x1b]0;owned\\x07\\u202e" in done.outcome["stderr"]
    assert done.outcome["stderr"].isprintable()


def test_without_bubblewrap():
    done = run("true", options={"bwrap": "/nosuch/bwrap"})
    assert b"RunError: cannot start `/nosuch/bwrap`" in done.stderr
    assert done.outcome == {}


def test_the_status_cannot_be_forged():
    done = run("bash", "-c", 'for f in $(seq 3 255); do echo "{\\"exit-code\\": 0 }" >&$f; done 2>/dev/null; exit 9')
    assert done.returncode == 9


def test_output_and_status_of_a_quick_command():
    for _ in range(20):
        done = run("sh", "-c", "echo out; echo err >&2; exit 3")
        assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)


def test_without_a_pid_namespace():
    words = (*BASE, *(word for word in SPACES if word != "--unshare-pid"))
    for command, status in (("exit 5", 5), ("kill -9 $$", 137)):
        assert run("sh", "-c", command, words=words).returncode == status
    for command, more in (
        ("nosuch", ()),
        ("true", ("--chdir", "/nosuch")),
    ):  # cannot be told apart there, see inner.launch.outcome
        done = run(command, words=(*words, *more))
        assert (done.returncode, done.outcome["reason"]) == (125, "setup")
        assert "nosuch: No such file or directory" in done.outcome["stderr"]
    assert run("sh", "-c", STUBBORN["double-forked"], words=words, options={"timeout": 0.6, "grace": 0.4}).returncode == 124


def test_callback_before_anything_runs(tmp_path):
    code = f"import os, time; time.sleep(0.3); open({str(tmp_path / 'mark')!r}, 'w').write(os.readlink(f'/proc/{{pid}}/ns/net'))"
    words = (*WORDS, "--ro-bind", str(tmp_path), str(tmp_path))
    done = run("sh", "-c", f"readlink /proc/self/ns/net; cat {tmp_path}/mark", words=words, options={"started": code})
    first, second = done.stdout.split()
    assert first == second


BESIDE = """
import atexit, os, time
pid = os.fork()
if pid == 0:
    os.closerange(3, 1000)
    time.sleep(60)
    os._exit(0)
def left():
    print("is there" if os.waitpid(pid, os.WNOHANG) == (0, 0) else "is gone", flush=True)
    os.kill(pid, 9)
atexit.register(left)
beside = (pid, os.pipe()[0], lambda say: True)
"""


def test_what_was_begun_beside_a_box_is_left_to_whoever_began_it():
    for bwrap, reason in ((launched.BWRAP, "exit"), ("/bin/false", "setup")):
        done = run("true", options={"bwrap": bwrap, "meanwhile": BESIDE, "started": "pass"})
        assert (done.stdout, done.outcome["reason"]) == (b"is there\n", reason)


@pytest.mark.parametrize("which", ["started", "meanwhile"])
def test_callback_that_fails(which, tmp_path):
    words = (*WORDS, "--bind", str(tmp_path), str(tmp_path))
    done = run("touch", f"{tmp_path}/ran", words=words, options={"started": "pass", which: "raise RuntimeError('no')"})
    assert b"RuntimeError: no" in done.stderr
    assert done.outcome == {}
    assert not (tmp_path / "ran").exists()


def test_the_start_imports_nothing_dear():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import inner.launch.supervisor, inner.launch.pty;"
        "from inner.launch import syscall; syscall.load(); print(*sys.modules)"
    )
    modules = set(
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, launched.REPOSITORY], capture_output=True, check=True, text=True
        ).stdout.split()
    )
    dear = {"dataclasses", "typing", "enum", "re", "json", "pathlib", "subprocess", "socket", "signal", "threading", "logging", "functools",
            "contextlib", "shutil", "tempfile", "ctypes", "collections", "array"}  # fmt: skip
    assert modules & dear == set()
