"""A question where the user sees it: at the terminal of the run, in one beside it, and in `inner approvals --watch`."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
from program import INNER

from egress.held import decide, held, questions, until

pytestmark = pytest.mark.box

TOLD = "inner: wild.test:80 is not on the list, and waits for your answer: `inner approvals allow wild.test` in another terminal"


def on_a_terminal(world, script, answer):
    """What a terminal shows of `inner run --ask`, until it ends; `answer(seen)` is called until it is true."""
    ours, theirs = pty.openpty()
    process = world.program(*INNER, "run", "--ask", "--", "bash", "-c", script, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen, done = b"", False
    end = time.monotonic() + 40
    try:
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.05)[0]:
                seen += os.read(ours, 4096)
            done = done or bool(answer(seen))
    except OSError:  # EIO: nobody has the other side any more
        pass
    finally:
        os.close(ours)
        process.wait(30)
    assert done, seen
    return seen.decode()


@pytest.fixture
def go(world):
    """Holds a script (`GO`) until the terminal has shown what came before."""
    path = world.project / "go"
    yield path
    path.unlink()


GO = "while [ ! -e go ]; do sleep 0.05; done"


def test_a_terminal_is_told_at_once_at_the_beginning_of_a_line(world, go):
    def answer(seen):
        if b"fetching" in seen:
            go.touch()
        return TOLD.encode() in seen and decide(world, "allow", "wild.test")

    seen = on_a_terminal(world, f"printf 'fetching... '; {GO}; curl -sS http://wild.test/; echo BYE", answer)
    assert seen.count(TOLD) == 1
    assert f"fetching... \r\n{TOLD}\r\n" in seen
    assert "GOOD GET" in seen


@pytest.mark.parametrize("screen", ["printf '\\033[?1049hdrawn'", "stty -icanon -echo; echo drawn"])
def test_a_full_screen_program_is_not_written_over(world, go, screen):
    """It has the other screen, or reads key by key: the question is listed, and nothing is drawn."""

    def answer(seen):
        if b"drawn" in seen:
            go.touch()
        return questions(world) and decide(world, "deny", "wild.test")

    seen = on_a_terminal(world, f"{screen}; {GO}; curl -sS http://wild.test/; printf '\\033[?1049l'; stty sane; echo BYE", answer)
    assert "waits" not in seen
    assert seen.index("BYE") < seen.index("denied: wild.test:80: denied by `wild.test`")


def test_in_two_terminals_side_by_side(world, tmp_path):
    """As a user does it: a shell in a box on the left, `inner approvals` on the right."""
    tmux = [str(shutil.which("tmux")), "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    joined = ["nsenter", "--preserve-credentials", "--user", "--net", "--mount", f"--target={world.pid}"]
    env = {**os.environ, "HOME": str(world.home), "TERM": "xterm-256color", "SHELL": "/bin/bash", "PS1": "$ "}
    program = tmp_path / "inner"
    program.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in INNER[:-1]) + f' "{INNER[-1]}" "$@"\n')
    program.chmod(0o755)
    shell = f"cd '{world.project}' && exec bash --norc --noprofile"

    def tell(*words):
        return subprocess.run([*tmux, *words], env=env, check=True, capture_output=True, text=True, timeout=60).stdout

    def shows(number, text):
        return until(lambda: text in tell("capture-pane", "-p", "-J", "-t", f"t.{number}"))

    def type_(number, text):
        tell("send-keys", "-t", f"t.{number}", "-l", text)
        tell("send-keys", "-t", f"t.{number}", "Enter")

    start = [*joined, *tmux, "new-session", "-d", "-s", "t", "-x", "300", "-y", "50", shell]
    subprocess.run(
        start, env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60
    )
    try:
        tell("split-window", "-h", "-t", "t", shell)
        type_(0, f"{program} run --ask -- bash --norc --noprofile")
        shows(0, "bash-")
        type_(0, "curl -sS http://wild.test/")
        shows(0, "waits for your answer")
        type_(1, f"{program} approvals")
        shows(1, "for an answer")
        type_(1, f"{program} approvals allow wild.test --once")
        shows(1, "this once")
        shows(0, "GOOD GET")
        type_(0, "exit")
    finally:
        tell("kill-server")


def test_a_watch_puts_each_question_and_takes_the_answer(world, asking):
    ours, theirs = pty.openpty()
    watch = world.program(*INNER, "approvals", "--watch", stdin=theirs, stdout=theirs, stderr=theirs)
    asking.begun.append(watch)
    os.close(theirs)
    seen = b""

    def shows(text):
        nonlocal seen
        while text not in seen:
            assert select.select([ours], [], [], 30)[0], seen
            seen += os.read(ours, 4096)

    process = asking(
        "curl -sS http://wild.test/1; curl -sS http://wild.test/2; curl -sS http://evil.test/; curl -sS http://other.test/"
    )
    for name, answer in (("wild.test", b"o\n"), ("wild.test", b"maybe\ny\n"), ("evil.test", b"n\n"), ("other.test", b"\n")):
        seen = b""
        shows(f"(shell) waits for {name}:80: [y]es, [o]nce, [n]o, Enter: later? ".encode())
        os.write(ours, answer)
        if answer != b"\n":
            shows(b"may not reach" if answer == b"n\n" else b"may reach")
    assert held(world) == ["other.test:80"]
    decide(world, "deny", "other.test")
    out, _ = process.communicate(timeout=60)
    assert out.count("GOOD") == 2
    watch.send_signal(signal.SIGINT)
    assert watch.wait(60) == -2
    os.close(ours)


def test_a_watch_that_nobody_can_answer_prints(world, asking):
    watch = world.program(*INNER, "approvals", "--watch")
    asking.begun.append(watch)
    asking("curl -sS http://wild.test/")
    assert re.fullmatch(r"run \S+ \(shell\) waits for wild\.test:80\n", watch.stdout.readline())
