"""Reference pages that are made from the program (`pytest --update-golden tests/docs` writes them anew), or name all that it has."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
from program import ROOT

from inner import errors, surprise
from inner.cli import build
from inner.config.words import WORDS
from inner.profile.keys import KEYS

REFERENCE = ROOT / "docs/reference"


def commands(command, context, path):
    """The help of every command, each after its group."""
    own = command.make_context(path.rpartition(" ")[2], [], parent=context, resilient_parsing=True)
    if path == "inner":
        yield "", command.get_help(own)
    elif not command.hidden:
        yield path, command.get_help(own)
    for name in getattr(command, "commands", {}):
        yield from commands(command.commands[name], own, f"{path} {name}")


def page_of_commands():
    from typer.main import get_command

    parts = []
    for path, text in commands(get_command(build()), None, "inner"):
        parts.append((f"\n## {path}\n" if path else "") + f"\n```text\n{text.rstrip()}\n```\n")
    return "".join(parts)


def page_of_profiles():
    parts = []
    for path in sorted((ROOT / "profiles").glob("*.toml")):
        text = path.read_text()
        data = tomllib.loads(text)
        parts.append(f"\n## {path.stem}\n\n{data['description']}.\n\n```toml\n{text.strip()}\n```\n")
    return "".join(parts)


@pytest.mark.parametrize(("name", "make"), [("commands.md", page_of_commands), ("profiles.md", page_of_profiles)])
def test_the_page_is_made_from_the_program(name, make, request):
    path = REFERENCE / name
    head, mark, _ = path.read_text().partition("tests hold them equal -->\n")
    assert mark
    if request.config.getoption("--update-golden"):
        path.write_text(head + mark + make())
    assert path.read_text() == head + mark + make(), "`pytest --update-golden tests/docs` writes it anew"


def test_the_page_of_commands_is_what_is_printed():
    shown = re.search(r"## inner profile diff\n\n```text\n(.*?)\n```", (REFERENCE / "commands.md").read_text(), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-m", "inner", "profile", "diff", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown and shown[1].split() == done.stdout.split()


def test_every_exit_status_is_on_its_page():
    text = (REFERENCE / "exit-statuses.md").read_text()
    statuses = {one.status for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.InnerError)}
    assert statuses | {surprise.SURPRISE, 0, 124, 130} == {int(number) for number in re.findall(r"(?m)^\| (\d+) \|", text)}


def test_every_variable_of_ours_is_on_its_page():
    """Names in the source that begin with INNER_, but for the mark that a start leaves for itself."""
    text = (REFERENCE / "environment.md").read_text()
    source = "".join(path.read_text() for path in (ROOT / "inner").rglob("*.py"))
    found = set(re.findall(r"\bINNER_[A-Z_]*[A-Z]\b", source)) - {"INNER_STARTED_AGAIN"}
    assert found == set(re.findall(r"`(INNER_[A-Z_]*[A-Z])`", text))


def test_the_cheat_sheet_speaks_of_keys_and_options_that_exist():
    text = (REFERENCE / "cheat-sheet.md").read_text()
    page = (REFERENCE / "commands.md").read_text()
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)):
        assert option in page, option
    for command in set(re.findall(r"inner ((?:profile |log |config )?[a-z]+)", text)):
        assert f"## inner {command}\n" in page or command in WORDS, command
    keys = {key.rpartition(".")[2] for key in KEYS}
    for line in re.findall(r"(?ms)^```toml\n(.*?)^```", text):
        for key in re.findall(r"(?m)^([a-z_]+) =", line):
            assert key in keys | {"schema_version", "name", "extends", "hosts", "source", "header"}, key
