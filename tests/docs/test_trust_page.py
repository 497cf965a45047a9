"""The page about trust shows what is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from configured import REPOSITORY, Machine

FILE = """\
default_profile = "dev"
[profiles.dev]
extends = "node-22"
[profiles.dev.sandbox]
allow = ["npmrc"]
mask = [".env"]
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "machine"
    root.mkdir(mode=0o755)
    made = Machine(root.resolve())
    made.project.rename(made.home / "src-it")
    (made.home / "src").mkdir()
    made.project = (made.home / "src-it").rename(made.home / "src/it")
    made.inner_toml(FILE)
    return made


def shown(command: str) -> str:
    """The indented block that begins with `$ command`, without that line."""
    text = (REPOSITORY / "docs/how-to/trust.md").read_text()
    block = re.search(rf"(?m)^    \$ {re.escape(command)}\n((?:    .*\n|\n(?=    ))*)", text)
    assert block, command
    return re.sub(r"(built-in [a-z0-9.-]+\.toml):\d+", r"\1:N", re.sub(r"(?m)^    ", "", block[1]))


def test_what_inner_trust_prints(machine: Machine) -> None:
    done = machine.asked("trust", answer="y\n")
    assert done.out.replace("PROJECT", "~/src/it") == shown("inner trust")


def test_what_a_run_says_before(machine: Machine) -> None:
    done = machine.inner("run", "--dry-run", "--", "true")
    told = shown("inner run -- make test").removeprefix("warning: ").replace("~/src/it", "PROJECT")
    assert f"note: {told}" in done.out
