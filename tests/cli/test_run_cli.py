"""`inner run` as it is typed: what it prints, where, and with which status. Whole transcripts."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from program import INNER
from typed import said, told

pytestmark = pytest.mark.box


@pytest.mark.parametrize(
    ("words", "status", "out"),
    [
        (("sh", "-c", "exit 7"), 7, ""),
        (("sh", "-c", "kill -TERM $$"), 128 + signal.SIGTERM, ""),
        (("sh", "-c", "kill -KILL $$"), 128 + signal.SIGKILL, ""),
        (("sh", "-c", "exit 125"), 125, ""),
        (
            ("printf", "%s|", "a\nb", "", "--bind", "--", "-w", "*", "$HOME", "\x1b[31m", "é"),
            0,
            "a\nb||--bind|--|-w|*|$HOME|\x1b[31m|é|",
        ),
        (("printf", "%s", "--help"), 0, "--help"),
        (("./script", "x y"), 0, "script: x y\n"),
    ],
)
def test_a_command_is_run_as_it_is_and_its_status_is_inners(here, words, status, out):
    (here / "script").write_text('#!/bin/sh\necho "script: $*"\n')
    (here / "script").chmod(0o755)
    assert told("--", *words) == (status, out, "")


def test_words_that_begin_with_an_option_are_the_shells(here):
    assert told("--", "-c", "echo $0", "name", env={**os.environ, "SHELL": "/bin/bash"}) == (0, "name\n", "")
    status, out, err = told("--", "--bind", "/", "/", env={**os.environ, "SHELL": "/bin/bash"})
    assert (status, out) == (2, "")
    assert err.startswith("/bin/bash: --bind: invalid option\n")


def test_the_order_of_arguments(here):
    (here.parent / "p.toml").write_text(
        'schema_version = "1"\nextends = "shell"\n[entrypoint]\ncmd = "printf"\nargs = ["<%s>", "profile"]\n'
    )
    Path("args").write_bytes(b"from a file\nof two lines\n")
    assert told("-p", "../p.toml", "--args-file", "args", "--arg", "one", "-a", "two", "--", "three", "--four") == (
        0, "<profile><one><two><three><--four><from a file\nof two lines\n>", "",
    )  # fmt: skip
    assert told("-p", "../p.toml", "--entrypoint", "echo", "--arg", "one", "--", "two") == (0, "one two\n", "")


@pytest.mark.parametrize(
    ("make", "status", "error"),
    [
        (None, 127, said("`./it` does not exist in `{here}`")),
        (lambda it: it.write_text("x"), 126, said("`./it` cannot be executed", hint="`chmod +x ./it`, or name its interpreter")),
        (lambda it: it.mkdir(), 126, said("`./it` is a folder", hint="`inner run -- COMMAND ARGS`")),
        (lambda it: (it.write_text("#!/none\n"), it.chmod(0o755)), 127, said("`./it` cannot be started in the box: it, or the interpreter it names, is not there")),
        (lambda it: it.symlink_to("/nonexistent/x"), 127, said("`./it` does not exist in `{here}`")),
        (lambda it: os.mkfifo(it), 126, said("`./it` cannot be executed", hint="`chmod +x ./it`, or name its interpreter")),
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_run(here, make, status, error):
    if make:
        make(here / "it")
    assert told("--", "./it") == (status, "", error.format(here=here))


def test_a_command_that_does_not_exist_or_is_not_shown(here):
    assert told("--", "nonesuch") == (
        127,
        "",
        said("`nonesuch` does not exist", hint="`inner run -- COMMAND ARGS`; commands are looked for on PATH"),
    )
    assert told("--", "\x1b[31mred") == (
        127,
        "",
        said("`\\x1b[31mred` does not exist", hint="`inner run -- COMMAND ARGS`; commands are looked for on PATH"),
    )
    tool = here.parent / "tools" / "mine"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho mine\n")
    tool.chmod(0o755)
    (here.parent / "off.toml").write_text('schema_version = "1"\nextends = "shell"\n[sandbox]\ntoolchains = "off"\n')
    hint = f"`-m {tool.parent}:{tool.parent}` shows its folder, read-only"
    missing = said(f"`{tool}` is not in the box: outside it is `{tool}`", hint=hint)
    assert told("-p", "../off.toml", "--", str(tool)) == (127, "", missing)
    assert told("-p", "../off.toml", "-m", f"{tool.parent}:{tool.parent}", "--", str(tool)) == (0, "mine\n", "")


def test_no_command_is_a_shell_that_reads_its_input(here):
    assert told(input="echo from stdin; pwd\nexit 3\n", stdin=None) == (3, f"from stdin\n{here}\n", "")


def test_a_run_without_a_terminal_has_none(here):
    assert told("-i", "--", "sh", "-c", "tty; exec 2>&1; (: > /dev/tty) || echo none")[1].splitlines()[0] == "not a tty"


def test_time_is_up(here):
    assert told("--timeout", "1", "--", "sh", "-c", "echo begun; sleep 60; echo never") == (
        124, "begun\n", "inner: ended after 1 s: the time limit of this run\n",
    )  # fmt: skip


def test_an_interrupt_reaches_the_command_and_its_status_comes_back(here):
    script = 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'
    child = subprocess.Popen([*INNER, "run", "--", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (9, "caught\n", "")


def test_a_repository_that_cannot_be_made_inside_is_explained(here):
    status, _, err = told("git", "init")
    assert status == 128
    assert err.endswith(
        "inner: no repository can be made here from inside: hooks and settings in a `.git` run outside; `git init` first, outside\n"
    )
    assert "inner:" not in told("git", "log")[2]
