"""`docs/explanation/threat-model.md`: what holds each claim is there, and every table of attempts holds one."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/explanation/threat-model.md"
TEXT = PAGE.read_text(encoding="utf-8")
LINKS = re.findall(r"\]\(([^)]+)\)", TEXT)


def test_each_linked_test_is_there():
    assert len(LINKS) > 20
    assert [link for link in LINKS if not (PAGE.parent / link).resolve().is_file()] == []


def test_each_claim_has_a_test():
    claims = [
        line for line in TEXT.partition("## What is defended")[2].partition("## ")[0].splitlines() if line.startswith("| ")
    ][1:]
    assert len(claims) >= 12
    assert [claim for claim in claims if "../../tests/" not in claim] == []


def test_each_table_of_attempts_holds_a_claim():
    tables = {path.name for path in (PAGE.parents[2] / "tests/escape").glob("tried_*.py")}
    assert tables == {Path(link).name for link in LINKS if "/escape/" in link}
