"""`docs/reference/json.md` has a table of what commands print with `--json`, made from what they print (`pytest --update-golden`)."""

from __future__ import annotations

import json
import re

import pytest
from docs_console import Shell
from program import ROOT

PAGE = ROOT / "docs/reference/json.md"
BEGIN, END = "<!-- begin: kinds -->\n", "<!-- end: kinds -->\n"
BEFORE = (
    "inner run --review -p claude-one-shot --arg x",
    "echo x > ~/.toolrc; inner run --trace -- cat ~/.toolrc",
    "inner run --detach --allow-host a.test -- sleep 60",
    "rm -f .inner.toml; echo 'default_profile = \"python\"' > .inner.toml; inner trust --yes",
)
COMMANDS = (
    "inner run --dry-run --json -- true", "inner why ~/.ssh --json", "inner verify --json", "inner verify --attack --json",
    "inner log list --json", "inner log show --json", "inner ps --json", "inner approvals --json", "inner diff --json", "inner diff --list --json",
    "inner profile list --json", "inner profile show --resolved --json", "inner profile explain --json", "inner profile diff shell python --json",
    "inner trust --list --json", "inner config show --json", "inner config path --json", "inner version --json", "inner profile suggest --json", "inner doctor --json",
)  # fmt: skip


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What every command prints, parsed, where there is something to tell."""
    root = tmp_path_factory.mktemp("json")
    root.chmod(0o755)
    shell = Shell(root)
    for command in BEFORE:
        shell.run(command)
    try:
        return {command: json.loads(shell.run(f"{command} 2>/dev/null")) for command in COMMANDS}
    finally:
        shell.run("inner stop --all")


def row(command, answer):
    data, several = answer["data"], ""
    if isinstance(data, list):
        assert data, f"`{command}` has nothing to list, so nothing is compared"
        data, several = data[0], "a list: "
    if command == "inner config show --json":
        assert all(one.keys() == {"value", "set_by"} for one in data.values())
        return f"| `{answer['kind']}` | `{command}` | each setting by its name: `value`, `set_by` |\n"
    return f"| `{answer['kind']}` | `{command}` | {several}{', '.join(f'`{key}`' for key in data if key != 'type')} |\n"


def test_every_command_prints_one_object_with_its_schema(printed):
    for command, answer in printed.items():
        assert (answer["schema"], set(answer)) == (1, {"schema", "kind", "data"}), command


def test_the_page_has_the_keys_that_are_printed(printed, request):
    table = "| kind | command | data |\n|---|---|---|\n" + "".join(row(*one) for one in printed.items())
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    if request.config.getoption("--update-golden"):
        PAGE.write_text(before + BEGIN + table + END + rest.split(END)[1])
    assert PAGE.read_text().split(BEGIN)[1].split(END)[0] == table, "`pytest --update-golden tests/docs` writes it anew"


def test_every_kind_of_the_program_is_on_the_page():
    source = "".join(path.read_text() for path in (ROOT / "inner/commands").glob("*.py"))
    kinds = set(re.findall(r'ui\.json\(\s*"([a-z]+)"', source))
    assert kinds == set(re.findall(r"(?m)^\| `([a-z]+)` \| `inner ", PAGE.read_text()))
