"""What is marked as code that would run outside."""

from __future__ import annotations

import pytest

from inner.launch.aftermath import STEERS
from inner.plan.protect import ALWAYS, LATE
from inner.review.changes import Change
from inner.review.hosted import leaves, runs


def change(path, kind="added", what="file", **more):
    return Change(0, path, kind, what, **more)


@pytest.mark.parametrize("name", [*ALWAYS, *LATE, *(name for names in STEERS.values() for name in names)])
def test_all_that_is_protected_in_a_plain_run_is_marked(name):
    name = name.rstrip("/")
    assert runs(change(name)) or runs(change(name, what="dir"))
    assert runs(change(f"deep/er/{name}")) or runs(change(f"deep/er/{name}/file"))


@pytest.mark.parametrize("path", ["README.md", "src/main.c", "a/b/makefile.txt", "git/config", "x.vscode", "HEAD.md", "src"])
def test_ordinary_files_are_not(path):
    assert runs(change(path)) == ""


def test_what_became_executable_is_and_what_was_is_not():
    assert runs(change("run", mode=0o755))
    assert runs(change("run", "mode", mode=0o755, old_mode=0o644))
    assert not runs(change("run", "modified", mode=0o755, old_mode=0o755))


def test_a_file_that_is_deleted_runs_nothing():
    assert runs(Change(0, ".envrc", "deleted", "", "file")) == ""


@pytest.mark.parametrize(
    ("path", "target", "out"),
    [
        ("l", "/etc/passwd", True), ("l", "..", True), ("l", "../x", True), ("a/l", "../x", False), ("a/l", "../../x", True), ("l", "a/../b", False),
        ("l", "a/../../b", True), ("l", "./x", False), ("a/b/l", "../../..", True), ("a/b/l", "../..", False),
    ],
)  # fmt: skip
def test_links_that_lead_out(path, target, out):
    assert leaves(change(path, what="link"), target) is out
