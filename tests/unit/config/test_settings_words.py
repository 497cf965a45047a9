"""One word for each agent: known at once where no file can have an alias, and never instead of one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from configured import REPOSITORY, Machine

from inner.cli import command_names
from inner.commands.alias import expanded
from inner.config.words import MOST, WORDS, usual


def at_once(machine: Machine, *argv: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(machine.project)
    found = list(usual(argv, machine.env))
    monkeypatch.setattr(os, "environ", machine.env)
    slow = expanded(list(argv), known=command_names())
    assert found in (list(argv), slow), "at once, or not at all: never something else"
    return found


def test_the_five_agents_have_their_words_and_no_word_is_a_command() -> None:
    assert WORDS.keys() >= {"claude", "aider", "gemini", "codex", "opencode"}
    assert not WORDS.keys() & command_names()


def test_what_follows_goes_to_the_agent(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    found = at_once(machine, "codex", "--version", "--", "a b", monkeypatch=monkeypatch)
    assert found == ["run", "-p", "codex-interactive", "--", "--version", "--", "a b"]
    assert at_once(machine, "claude", monkeypatch=monkeypatch) == ["run", "-p", "claude-interactive", "--"]


@pytest.mark.parametrize("argv", [["run", "--", "claude"], ["version"], ["Claude"], ["./claude"], ["--help"], [""]])
def test_nothing_else_is_touched(machine: Machine, argv: list[str]) -> None:
    assert usual(argv, machine.env) is argv


def test_no_words_are_no_words(machine: Machine) -> None:
    assert list(usual([], machine.env)) == []


@pytest.mark.parametrize("key", ["aliases", '"aliases"', '"\\u0061liases"', '"a\\U0000006ciases"'])
@pytest.mark.parametrize("scope", ["user", "project"])
def test_where_a_file_may_have_an_alias_it_is_read(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, key: str, scope: str
) -> None:
    text = f'[{key}]\nclaude = "version"\n'
    if scope == "user":
        machine.put(machine.home / ".config/inner/config.toml", text)
    else:
        machine.trust(machine.inner_toml(text))
    assert at_once(machine, "claude", monkeypatch=monkeypatch) == ["claude"]
    assert expanded(["claude"], known=command_names()) == ["version"]


def test_settings_without_an_alias_do_not_slow_it_down(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.put(machine.home / ".config/inner/config.toml", 'default_profile = "node-22"\n')
    machine.inner_toml('[profiles.x]\nextends = "shell"\n')
    assert at_once(machine, "claude", monkeypatch=monkeypatch)[0] == "run"


@pytest.mark.parametrize("odd", ["fifo", "folder", "large"])
def test_an_odd_file_is_left_to_those_who_complain(machine: Machine, odd: str) -> None:
    path = machine.home / ".config/inner/config.toml"
    path.parent.mkdir(parents=True)
    if odd == "fifo":
        os.mkfifo(path)
    elif odd == "folder":
        path.mkdir()
    else:
        machine.put(path, b"#" * MOST)
    assert list(usual(["claude"], machine.env)) == ["claude"]


def test_a_start_by_one_word_imports_no_more_than_a_plain_run(machine: Machine) -> None:
    program = machine.put(machine.home / "bin/claude", "#!/bin/sh\n")
    program.chmod(0o755)
    machine.env["PATH"] = f"{program.parent}:/usr/bin:/bin"
    code = "import sys; sys.argv[1:] = ['claude']; from inner.config.words import usual; from inner import front; assert front.read(list(usual(sys.argv[1:], {'HOME': '/nonexistent'}))); print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=machine.project,
    )
    assert not {"typer", "pydantic", "tomllib", "re", "json", "typing", "pathlib", "subprocess"} & set(done.stdout.split())
