"""What the pages show of a terminal is what a terminal shows (`pytest --update-golden tests/docs` writes it anew)."""

from __future__ import annotations

import os

import pytest
from docs_console import PAGES, Shell, has_blocks, rewritten, same
from program import ROOT

SHOWING = [page for page in PAGES if has_blocks(page)]


@pytest.mark.parametrize("page", SHOWING, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_page_shows_what_is_printed(page, tmp_path, request):
    os.umask(0o022)
    tmp_path.chmod(0o755)
    text, wrong = rewritten(page, tmp_path)
    if request.config.getoption("--update-golden"):
        page.write_text(text)
        return
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("page", "printed", "holds"),
    [
        ("a\n", "a\n", True), ("a\n", "b\n", False), ("a\n", "a\nb\n", False), ("a\nb\n", "a\n", False),
        ("a ... c\n", "a b c\n", True), ("a ... c\n", "a b\nc\n", False), ("...\nz\n", "a\nb\nz\n", True), ("...\nz\n", "a\n", False),
        ("", "", True), ("", "a\n", False), ("took 0.3 s\n", "took 0.1 s\n", True), ("a.c\n", "abc\n", False),
    ],
)  # fmt: skip
def test_dots_stand_for_any_text_and_nothing_else_does(page, printed, holds):
    assert same(page, printed) is holds


def test_the_shell_remembers_where_it_is_and_what_was_set(tmp_path):
    shell = Shell(tmp_path)
    assert shell.run("pwd") == "/home/me/project\n"
    shell.run("cd /tmp; export A=b; false")
    assert shell.run("echo $? $A; pwd") == "1 b\n/tmp\n"
