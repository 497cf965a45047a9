"""What ends the command with a signal that was meant for inner ends inner with it, after all is given back: shell loops and make end."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import subprocess
import sys
import time

import pytest
from program import INNER, ROOT, inner

pytestmark = pytest.mark.box

HANDLED = "trap 'exit 3' INT; echo begun; while :; do sleep 0.05; done"


def loop(screen, *command, before="while true", name="loop"):
    """A script whose loop starts boxes, each of which leaves a line in `count`."""
    path = screen.project.parent / name
    path.write_text(
        f"{before}; do echo x >> {screen.project.parent}/count; {shlex.join([*INNER, 'run', '--', *command])}; done\n"
    )
    return path


def count(screen):
    return len((screen.project.parent / "count").read_text().split())


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
def test_who_waits_sees_the_signal_and_all_is_given_back(project, signum):
    """A folder of the box's own is `rw`, so there are placeholders to remove; what limits cores is set so that one would be written."""

    def cores():
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))

    process = subprocess.Popen(
        [*INNER, "run", "--", "sh", "-c", "echo begun; exec sleep 60"], stdout=subprocess.PIPE, cwd=project, preexec_fn=cores
    )
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signum)
    status = os.waitpid(process.pid, 0)[1]
    assert os.WIFSIGNALED(status)
    assert (os.WTERMSIG(status), os.WCOREDUMP(status)) == (signum, False)
    process.returncode = status
    state = project.parent / "home/.local/state/inner"
    assert list(state.glob("live/*")) == list(project.iterdir()) == []
    assert f"killed by {signum.name}" in inner("log", "list", cwd=project).stdout


def test_a_command_that_takes_the_signal_ends_as_it_likes(project):
    process = subprocess.Popen([*INNER, "run", "--", "sh", "-c", HANDLED], stdout=subprocess.PIPE, cwd=project)
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 3


@pytest.mark.parametrize("own", ["exit 130", "kill -INT $$"])
def test_a_command_that_ends_so_by_itself_ends_nobody_else(project, own):
    assert inner("run", "--", "sh", "-c", own, cwd=project).returncode == 130


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_a_signal_to_the_group_ends_a_shell_s_loop(screen, shell):
    """As of a terminal that is not the box's: what it writes goes into a pipe."""
    script = loop(screen, "sh", "-c", "echo begun; exec sleep 60")
    process = subprocess.Popen(
        [shell, str(script)], stdout=subprocess.PIPE, cwd=screen.project, start_new_session=True,
        env={**os.environ, "HOME": str(screen.project.parent / "home")},
    )  # fmt: skip
    assert process.stdout.readline() == b"begun\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT
    assert count(screen) == 1


@pytest.mark.parametrize("before", ["while true", "for i in 1 2 3"])
@pytest.mark.parametrize("start", ["source", "bash", "dash"])
def test_ctrl_c_at_a_terminal_ends_the_shell_s_loop(screen, before, start):
    script = loop(screen, "sh", "-c", "echo begun; exec sleep 1000.7", before=before)
    screen.line(f"{start} {script}")
    screen.wait("begun")
    screen.front("sleep", "1000.7")
    screen.taken()
    screen.key("C-c")
    screen.last("host$ ")
    screen.line("echo status-$?")
    screen.wait("status-130")
    assert count(screen) == 1


def test_ctrl_c_at_a_terminal_ends_make_which_would_go_on(screen):
    words = shlex.join([*INNER, "run", "--", "sleep", "1000.8"])
    (screen.project / "Makefile").write_text(f"all: one two\none:\n\t-{words}\ntwo:\n\ttouch two\n")
    screen.line("make")
    screen.front("sleep", "1000.8")
    screen.taken()
    screen.key("C-c")
    screen.last("host$ ")
    assert not (screen.project / "two").exists()


def test_ctrl_c_that_the_command_handles_leaves_the_loop_alone(screen):
    script = loop(screen, "sh", "-c", HANDLED, before="for i in 1 2")
    screen.line(f"clear; bash {script}; echo status-$?")
    for number in (1, 2):
        screen.wait(lambda text, number=number: text.count("begun") == number)
        screen.taken()
        screen.key("C-c")
    screen.wait("status-3")
    assert count(screen) == 2


def test_ctrl_c_at_the_prompt_of_a_shell_in_the_box_is_that_shell_s(screen):
    """It ends with the status of its last command, which is 130 as well."""
    script = loop(screen, "bash", "--norc", "--noprofile", before="export PS1='box$ '; for i in 1 2")
    script.write_text(script.read_text().replace(" run -- ", " run -e 'PS1=box$ ' -- "))
    screen.line(f"clear; bash {script}; echo status-$?")
    for number in (1, 2):
        screen.wait(lambda text, number=number: text.count("box$") == 2 * number - 1)
        screen.key("C-c")
        screen.wait(lambda text, number=number: text.count("box$") == 2 * number)
        screen.key("C-d")
    screen.wait("status-130")
    assert count(screen) == 2


@pytest.mark.parametrize("words", [("unshare", "--user", "--pid", "--fork"), ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")])
def test_who_cannot_be_killed_by_it_exits_with_its_number(words):
    """Pid 1 of a container, and what runs under nohup(1)."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from inner.ending import die; die(2)"
    assert subprocess.run([*words, sys.executable, "-I", "-c", code], timeout=60, check=False).returncode == 130


def test_ctrl_c_ends_what_inner_does_itself_in_the_same_way(project):
    fifo = project / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen([*INNER, "run", "--args-file", str(fifo), "--", "true"], cwd=project)
    with open(fifo, "wb"):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT


def test_a_second_command_in_the_box_ends_inner_exec_in_the_same_way(project):
    first = subprocess.Popen([*INNER, "run", "--", "sh", "-c", "echo begun; exec sleep 60"], stdout=subprocess.PIPE, cwd=project)
    assert first.stdout.readline() == b"begun\n"
    (run,) = (project.parent / "home/.local/state/inner/live").iterdir()
    second = subprocess.Popen([*INNER, "exec", run.name, "--", "sh", "-c", "echo begun; exec sleep 60"], stdout=subprocess.PIPE)
    assert second.stdout.readline() == b"begun\n"
    second.send_signal(signal.SIGINT)
    assert second.wait(60) == -signal.SIGINT
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == -signal.SIGTERM
