"""docs/explanation/system-calls.md says what the filter does: its table is made from the rules, its numbers are theirs."""

from __future__ import annotations

import re
from pathlib import Path

from inner import seccomp

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "system-calls.md"
BEGIN, END = "compared by tests/docs/test_system_calls.py -->\n", "<!-- end of table -->"
ANSWERS = {seccomp.EPERM: "EPERM", seccomp.EIO: "EIO", seccomp.ENOSYS: "ENOSYS", seccomp.EPROTONOSUPPORT: "EPROTONOSUPPORT",
           seccomp.EAFNOSUPPORT: "EAFNOSUPPORT"}  # fmt: skip


def table() -> str:
    lines = ["| group | calls | answer | why |", "|---|---|---|---|"]
    for group in seccomp.GROUPS:
        for at, rule in enumerate(group.rules):
            calls = " ".join(f"`{name}`" for name in rule.calls) + (" (some arguments)" if rule.tests else "")
            given = [answer for *_, answer in rule.tests] + [rule.answer]
            answers = ", ".join(dict.fromkeys(f"`{ANSWERS[answer]}`" for answer in given if answer != seccomp.ALLOW))
            lines.append(f"| {'' if at else group.title} | {calls} | {answers} | {'' if at else group.why} |")
    return "\n".join(lines) + "\n"


def test_the_table_is_the_filter_s():
    text = PAGE.read_text()
    written = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert written == table(), f"the table in {PAGE.name} has to be:\n{table()}"


def test_the_groups_that_can_be_allowed_are_named():
    named = re.search(r"the groups (.*?) are no longer refused", PAGE.read_text(), re.DOTALL)
    assert re.findall(r'"(.*?)"', named[1]) == [group.title for group in seccomp.GROUPS if not group.nested]


def test_the_last_number_and_the_machines_are_named():
    text = PAGE.read_text()
    assert f"a number above {seccomp.LAST}," in text
    assert f"There is a filter for {' and for '.join(seccomp.MACHINES)}." in text
