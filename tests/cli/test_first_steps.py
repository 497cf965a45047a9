"""The first things that are typed: help, version, a first box."""

from __future__ import annotations

import re

import pytest
from program import inner

from inner.commands.help import GROUPS
from inner.commands.options import RUN


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("-h",), ("run", "--help"), ("profile", "--help"), ("config", "--help"), ("version", "--help")]
)
def test_help_is_there_for_every_command_and_fits_a_line(words):
    done = inner(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: inner")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_first_box(tmp_path):
    (tmp_path / "here").write_text("")
    done = inner("run", "--", "sh", "-c", "echo hello from the box; ls -A ~; ls", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello from the box\nhere\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]


def test_the_help_of_a_run_fits_a_screen_and_its_options_are_in_groups():
    text = inner("run", "--help").stdout
    assert len(text.splitlines()) <= 60
    assert re.findall(r"(?m)^(\S.*):$", text) == list(dict.fromkeys(option.group for option in RUN))


def test_every_command_is_in_a_group_of_the_help():
    text = inner().stdout
    assert re.findall(r"(?m)^(\S.*):$", text) == ["Options", *GROUPS]
    assert "..." not in text.partition("\n")[2]


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("runn",), "`runn` is no command of `inner`", "did you mean `run`? `inner --help` shows all"),
        (("profile", "shw"), "`shw` is no command of `inner profile`", "did you mean `show`? `inner profile --help` shows all"),
        (("ps", "-\x1b", "x"), "there is no option `-\\x1b`", "`inner ps --help` shows what it takes"),
        (("ps", "x", "\x1b[31m"), "`inner ps` takes no `x \\x1b[31m`", "`inner ps --help` shows what it takes"),
        (("\x1b[31m",), "`\\x1b[31m` is no command of `inner`", "`inner --help` shows all"),
        (("verify", "--profle", "x"), "there is no option `--profle`", "did you mean `--profile`? `inner verify --help` shows what it takes"),
    ],
)  # fmt: skip
def test_what_is_misspelt_gets_a_suggestion(words, error, hint):
    done = inner(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {error}\nhint: {hint}\n")


def test_help_is_also_a_word(tmp_path):
    for words, same in (
        (("help",), ("--help",)),
        (("help", "run"), ("run", "--help")),
        (("help", "profile", "new"), ("profile", "new", "--help")),
    ):
        assert (inner(*words).stdout, inner(*words).returncode) == (inner(*same).stdout, 0)
