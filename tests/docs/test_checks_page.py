"""`docs/reference/checks.md` says of every check and every attempt what the program says (`pytest --update-golden` writes it anew)."""

from __future__ import annotations

from pathlib import Path

import pytest

from inner.checks import CHECKS
from inner.checks.attacks import NAMES
from inner.inside.attempt import ATTEMPTS

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/checks.md"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines) + "\n"


TABLES = {
    "checks": lambda: table(
        ("check", "severity", "passes when", "granted by"),
        [(f"`{c.name}`", c.severity, c.title, f'`allow = ["{c.key}"]`' if c.key else "") for c in CHECKS],
    ),
    "attempts": lambda: table(
        ("group", "attempt", "what it tries"),
        [(ATTEMPTS[name][0], f"`{name}`", ATTEMPTS[name][1]) for name in sorted(NAMES, key=lambda name: ATTEMPTS[name][0])],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_the_table_that_the_program_has(name, request):
    text = PAGE.read_text()
    begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->\n"
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    if request.config.getoption("--update-golden"):
        PAGE.write_text(before + begin + TABLES[name]() + end + after)
    assert PAGE.read_text().split(begin)[1].split(end)[0] == TABLES[name](), "`pytest --update-golden tests/docs` writes it anew"


def test_names_and_titles_are_fit_for_a_table_and_a_terminal():
    for text in (*(c.name + c.title for c in CHECKS), *(name + ATTEMPTS[name][1] for name in NAMES)):
        assert text.isascii() and text.isprintable() and "|" not in text and not text.endswith(".")
    assert len({c.name for c in CHECKS}) == len(CHECKS)
