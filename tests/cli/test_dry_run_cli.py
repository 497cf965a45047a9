"""`inner run --dry-run`: nothing starts, nothing secret is shown, and what is printed makes the same box."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from typed import told

pytestmark = pytest.mark.box


def test_a_dry_run_starts_nothing_and_shows_no_value(here):
    status, out, err = told(
        "--dry-run", "-e", "KEPT=shown", "--", "touch", "made", env={**os.environ, "TERM": "secret-of-the-caller"}
    )
    assert (status, err, list(here.iterdir())) == (0, "", [])
    assert "secret-of-the-caller" not in out
    lines = out.splitlines()
    assert lines[0] == "profile      shell: A shell in the project, without network"
    assert "command      touch made" in lines
    assert f"  {here}" in out
    assert "  KEPT                      set  the command line" in lines


def test_a_dry_run_as_json_is_one_document(here):
    status, out, err = told("--dry-run", "--json", "--", "true")
    document = json.loads(out)
    assert (status, err) == (0, "")
    assert (document["schema"], document["kind"], document["data"]["command"]) == (1, "plan", ["true"])
    assert {mount["type"] for mount in document["data"]["mounts"]} <= {
        "bind",
        "tmpfs",
        "overlay",
        "mask",
        "data",
        "symlink",
        "dir",
        "proc",
        "dev",
    }


def test_a_dry_run_of_what_cannot_be_is_the_same_error(here):
    assert told("--dry-run", "--", "nonesuch")[0] == 127
    assert told("--dry-run", "-w", "/", "--", "true")[0] == 125


def test_what_the_dry_run_prints_makes_the_same_box(here):
    """The lines for bash at its end run as they are, and leave nothing behind."""
    words = (
        "--",
        "sh",
        "-c",
        "echo in the box; ls -A ~ .; wc -l < /etc/gitconfig; mkdir .git/x 2>/dev/null || echo protected",
    )
    shown = told("--dry-run", *words)[1]
    places = json.loads(told("--dry-run", "--json", *words)[1])["data"]["guard"]["placeholders"]
    assert all(f"\n  {place['path']}\n" in shown for place in places)
    same = told(*words)[1]
    assert list(here.iterdir()) == []
    script = here.parent / "again"
    script.write_text(shown.partition("the same in bubblewrap's words")[2].partition("\n")[2])
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.stdout, done.returncode) == (same, 0), done.stderr
    assert same.startswith("in the box\n") and same.endswith("\nprotected\n")
    assert list(here.iterdir()) == []


def test_what_the_dry_run_prints_works_in_a_repository_and_leaves_it_alone(here):
    def git(*words):
        return subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, check=True).stdout

    git("init", "-q")
    git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "one")
    words = ("--", "sh", "-c", "git log --format=%s; echo x > .git/made && echo y > file; git status --short")
    shown = told("--dry-run", *words)[1]
    script = here.parent / "again"
    script.write_text(shown.partition("the same in bubblewrap's words")[2].partition("\n")[2])
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.stdout, done.returncode) == ("one\n?? file\n", 0), done.stderr
    assert sorted(path.name for path in here.iterdir()) == [".git", "file"]
    assert not (here / ".git/made").exists()


def test_the_dry_run_names_a_line_of_a_built_in_profile_by_the_profile(here):
    shown = told("--dry-run")[1]
    assert "(built-in shell.toml:" in shown
    assert "profiles/shell.toml" not in shown


def test_a_plan_as_json_is_never_mistaken_for_a_run(here):
    assert told("--json", "--", "touch", "made")[0] == 125
    assert list(here.iterdir()) == []
