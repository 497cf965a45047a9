"""Thousands of refs that a box makes or removes: they come at once, as git would have made them, and nothing of anybody's is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from program import INNER

pytestmark = pytest.mark.box

MADE = """c=$(git commit-tree -m c -p HEAD HEAD^{tree}); git tag -a -m t base $c
for i in $(seq 300); do echo create refs/heads/b/$i $c; echo create refs/tags/t$i $(git rev-parse base); echo create refs/notes/n$i $c; done | git update-ref --stdin
"""
WAIT = "touch ready; while [ ! -e go ]; do sleep 0.05; done"
REFS = ("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)")


def meanwhile(machine, project, inside, outside):
    """What a box said whose last act is to wait for something that happens outside."""
    line = [*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", inside + WAIT]
    box = subprocess.Popen(line, cwd=project, env=machine.env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (project / "ready").exists():
        assert box.poll() is None
        time.sleep(0.02)
    machine.sh(outside + "\ntouch go", project)
    stderr = box.communicate(timeout=60)[1]
    assert box.returncode == 0
    return stderr


def whole(machine, project):
    machine.git("fsck", "--strict", cwd=project)
    assert [place.name for place in (project / ".git").glob("packed-refs*")] in ([], ["packed-refs"])
    assert not list((project / ".git").rglob("*.lock"))


@pytest.mark.parametrize(
    "before", ["", "git tag -a -m old old; git pack-refs --all; git branch loose", "git config core.sharedRepository group"]
)
def test_they_are_outside_what_they_are_in_the_box(machine, before):
    project = machine.project("proj", before)
    done = machine.box(MADE + f"git {REFS[0]} '{REFS[1]}' > seen", project)
    assert ("300 new branches were written at once: their logs" in done.stderr) == ("shared" not in before)
    seen = (project / "seen").read_text()
    assert seen.count("\n") > 900
    assert machine.git(*REFS, cwd=project) == seen.strip()
    whole(machine, project)
    files = [place for place in (project / ".git/refs").rglob("*") if place.is_file()]
    assert (len(files) < 20) == ("shared" not in before)
    machine.git("branch", "-D", "b/7", cwd=project)
    machine.sh("git checkout -q b/8; git commit -q --allow-empty -m on; git pack-refs --all; git gc -q", project)
    assert machine.git(*REFS, cwd=project).count("\n") == seen.count("\n") - 2


def test_those_that_clash_with_what_was_made_outside_meanwhile_are_kept(machine):
    project = machine.project()
    outside = """git branch b/7; mkdir -p .git/refs/tags/t8; git rev-parse HEAD > .git/refs/tags/t8/below; git symbolic-ref refs/notes/n9 refs/heads/main
    git branch b/10; git pack-refs --all; echo ref: refs/heads/none > .git/refs/tags/t11"""
    said = meanwhile(machine, project, MADE, outside)
    for name, theirs in (
        ("heads/b/7", "one"),
        ("tags/t8/below", "one"),
        ("notes/n9", "one"),
        ("heads/b/10", "one"),
        ("heads/b/11", "c"),
    ):
        assert machine.git("log", "-1", "--format=%s", f"refs/{name}", cwd=project) == theirs
    for name in ("heads/b/7", "tags/t8", "heads/b/10"):
        assert f"`refs/{name}` of the box is kept" in said
    assert machine.git("symbolic-ref", "refs/notes/n9", cwd=project) == "refs/heads/main"
    kept = machine.git("for-each-ref", "--format=%(refname) %(objecttype)", "refs/inner", cwd=project)
    assert kept.count("\n") + 1 == said.count("is kept as")
    assert machine.git("log", "-1", "--format=%s", "refs/heads/b/300", cwd=project) == "c"
    assert not list((project / ".git").rglob("*.lock"))


def test_a_lock_of_somebody_else_is_not_taken_away_and_they_come_all_the_same(machine):
    project = machine.project()
    said = meanwhile(machine, project, MADE, "touch .git/packed-refs.lock .git/refs/heads/b7.lock")
    assert "is kept" not in said
    assert (project / ".git/packed-refs.lock").exists()
    assert machine.git("log", "-1", "--format=%s", "refs/heads/b/300", cwd=project) == "c"


def test_a_ref_that_somebody_is_about_to_make_is_theirs(machine):
    project = machine.project()
    said = meanwhile(machine, project, MADE, "mkdir .git/refs/heads/b; touch .git/refs/heads/b/7.lock")
    assert said.count("is kept as") == 1
    assert "`refs/heads/b/7` of the box is kept" in said


def test_what_is_no_branch_and_what_is_not_there_does_not_come_with_them(machine):
    project = machine.project()
    wrong = "echo $(git rev-parse base) refs/heads/wrong >> .git/packed-refs; echo 1111111111111111111111111111111111111111 refs/heads/missing >> .git/packed-refs"
    done = machine.box(f"{MADE} git pack-refs --all; sed -i 1d .git/packed-refs; {wrong}", project)
    refs = machine.git("for-each-ref", "--format=%(refname)", cwd=project).split("\n")
    assert "refs/heads/b/300" in refs
    assert not {"refs/heads/wrong", "refs/heads/missing"} & set(refs)
    assert "`refs/heads/wrong` of the box is kept" in done.stderr
    whole(machine, project)


def test_those_that_the_box_removes_are_kept_all_and_told_in_a_few_lines(machine):
    many = "for i in $(seq 400); do echo create refs/heads/old/$i $(git commit-tree -m $i HEAD^{tree}); done | git update-ref --stdin; git pack-refs --all"
    project = machine.project("proj", many)
    said = meanwhile(
        machine,
        project,
        "git for-each-ref --format='delete %(refname)' refs/heads/old | git update-ref --stdin\n",
        "git branch -f old/7 main",
    )
    assert machine.git("for-each-ref", "--format=%(refname)", "refs/heads", cwd=project).split() == [
        "refs/heads/main", "refs/heads/old/7", "refs/heads/other",
    ]  # fmt: skip
    kept = machine.git("for-each-ref", "--format=%(subject)", "refs/inner", cwd=project).split()
    assert sorted(kept, key=int) == [str(number) for number in range(1, 401)]
    assert said.count("\n") < 30
    assert "380 other refs are kept" in said
    whole(machine, project)


LOOSE = """import os, subprocess
sha = subprocess.check_output(["git", "rev-parse", "HEAD"])
for part in range(10):
    os.makedirs(f".git/refs/tags/{part}")
    with open(f".git/refs/tags/{part}/0", "wb") as file:
        file.write(sha)
    for number in range(1, 20_100):
        os.link(f".git/refs/tags/{part}/0", f".git/refs/tags/{part}/{number}")
"""


@pytest.mark.slow
def test_more_than_are_looked_at_are_not_cut_in_silence_and_nothing_is_lost(machine):
    project = machine.project()
    (project / "loose.py").write_text(LOOSE)
    said = machine.box("git commit -q --allow-empty -m precious; git rev-parse HEAD > made; python3 loose.py", project).stderr
    assert "more than 200,000 refs in files of their own; `git pack-refs --all` in the box" in said
    place = Path(said.partition("they are in `")[2].partition("`")[0])
    made = (project / "made").read_text().strip()
    assert (place / "shadow/objects" / made[:2] / made[2:]).is_file()
    assert sum(len(files) for _, _, files in os.walk(place / "shadow/refs/tags")) == 201_000
    assert machine.git("for-each-ref", "refs/tags", cwd=project) == ""
    shutil.rmtree(place)


def test_names_that_clash_among_themselves_lose_nothing(machine):
    project = machine.project()
    forged = 'rm -r .git/refs/heads; for i in $(seq 300); do for n in b$i b$i/x "b$i y"; do echo $(git commit-tree -m "$i-$n" HEAD^{tree}) "refs/heads/$n"; done; done > list; '
    machine.box(f"{forged} cat list >> .git/packed-refs; mkdir .git/refs/heads", project)
    listed = (project / "list").read_text().split("\n")[:-1]
    there = set(machine.git("for-each-ref", "--format=%(objectname)", cwd=project).split())
    assert {line.split(" ")[0] for line in listed} <= there
    machine.git("fsck", cwd=project)
