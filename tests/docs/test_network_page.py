"""The pages about the network and credentials say what holds: their profiles are valid, their commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inner.agents import NAMES, agent
from inner.config.document import parse
from inner.egress.groups import ASKED, TABLES
from inner.egress.names import PROXY_PORT
from inner.plan.network import RESOLVER
from inner.profile.source import source

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("how-to/network.md", "how-to/credentials.md", "explanation/network.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_profile_is_valid(page):
    found = re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    for text in found:
        source(parse(f'schema_version = "1"\n{text}'.encode(), file=page, source="user"))
    assert found or page.startswith("explanation")


def test_every_entry_is_read_as_the_table_says():
    from inner.egress.rules import parse as entry

    rows = re.findall(r"^\| (`[^|]+) \|", (DOCS / "how-to/network.md").read_text(), re.MULTILINE)
    entries = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    for text in entries[entries.index("example.org") :]:
        if text.startswith("@"):
            assert text[1:] in (*ASKED, *TABLES)
        else:
            entry(text)
    assert {f"@{name}" for name in (*ASKED, *TABLES)} <= set(entries)


def test_the_proxy_is_where_the_page_says():
    assert f"http://{RESOLVER}:{PROXY_PORT}" in (DOCS / "how-to/network.md").read_text()


def test_every_agent_whose_api_can_be_moved_is_in_the_table():
    page = (DOCS / "how-to/credentials.md").read_text()
    for name in NAMES:
        for base in agent(name).BASE_URLS:
            line = [row for row in page.splitlines() if row.startswith("|") and f"`{base.host}`" in row and name in row.lower()]
            assert line, (name, base.host)
            assert any(f"`{header}`" in row for header, _ in base.keys for row in line)


def test_every_option_is_one():
    from inner.commands.options import RUN

    known = {name for option in RUN for name in option.names} | {
        "--for",
        "--once",
        "--save",
        "--watch",
        "--resolved",
        "--json",
        "--extends",
    }
    for page in PAGES:
        lines = [line for line in (DOCS / page).read_text().splitlines() if line.startswith("inner ")]
        for line in lines:
            words = line.partition("#")[0].partition(" -- ")[0].split()
            assert {word for word in words if word.startswith("--")} <= known, line
