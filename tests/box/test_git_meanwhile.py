"""What happens to a repository while a box works in it, and what becomes of the box's commits: nothing of the user's is overwritten."""

from __future__ import annotations

import subprocess

import pytest
from program import INNER, killed, wait_for
from projects import OPEN, sound

pytestmark = pytest.mark.box


def test_what_was_changed_outside_meanwhile_is_not_overwritten(machine):
    project = machine.project()
    box = subprocess.Popen(
        [*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", "echo box > n; git add n; git commit -qm box; touch ready; while [ ! -e go ]; do sleep 0.05; done"],
        cwd=project, env=machine.env, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(project / "ready", box)
    machine.sh("echo o > outside; git add outside; git commit -qm outside; touch go", project)
    stderr = box.communicate(timeout=60)[1]
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "outside"
    assert "kept as `refs/inner/" in stderr
    assert "box" in machine.git("log", "--all", "--format=%s", cwd=project).split("\n")
    sound(machine, project)


def test_two_boxes_of_one_project_commit_to_two_branches(machine):
    project = machine.project()
    boxes = [
        subprocess.Popen([*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", f"git update-ref refs/heads/{name} $(git commit-tree -m {name} -p HEAD HEAD^{{tree}})"], cwd=project, env=machine.env, stdin=subprocess.DEVNULL)
        for name in ("left", "right")
    ]  # fmt: skip
    assert [box.wait(60) for box in boxes] == [0, 0]
    assert {"left", "right"} <= set(machine.git("log", "--all", "--format=%s", cwd=project).split("\n"))
    sound(machine, project)


def test_a_repository_that_the_box_throws_away_or_makes_anew_is_as_it_was(machine):
    """What agents do who want a clean start. What is missing in the new one was not deleted from the old one."""
    project = machine.project()
    machine.sh("echo s >> a; git stash -q; echo staged > staged; git add staged; git branch more", project)
    look = "git for-each-ref --format='%(refname) %(objectname)' refs/heads refs/tags refs/stash; cat .git/HEAD; git stash list; git ls-files -s; git status --short; git reflog"
    before = machine.sh(look, project)
    done = machine.box("rm -rf .git 2>/dev/null; true", project)
    assert "the box removed `.git`, or made it anew: yours is as it was\n" in done.stderr
    assert machine.sh(look, project) == before
    done = machine.box("rm -rf .git 2>/dev/null; git init -q -b main; git add a; git commit -qm anew", project)
    assert "what was committed there is kept below `refs/inner/" in done.stderr
    assert machine.sh(look, project) == before
    assert machine.git("for-each-ref", "--format=%(subject)", "refs/inner", cwd=project) == "anew"
    sound(machine, project)
    machine.box("rm -rf .git", project, profile=OPEN, status=None)
    assert not (project / ".git/HEAD").exists()


def test_what_a_killed_run_committed_is_recovered_by_the_next(machine):
    project = machine.project()
    box = subprocess.Popen(
        [*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", "echo k >> a; git commit -qam killed; touch ready; sleep 600"],
        cwd=project, env=machine.env, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    wait_for(project / "ready", box)
    assert (project / ".mcp.json").exists()
    assert (project / ".zed").is_dir()
    killed(box)
    (project / "ready").unlink()
    elsewhere = machine.project("elsewhere", git=False)
    machine.box("true", elsewhere)
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "killed"
    assert machine.git("status", "--short", cwd=project) == ""
    assert not (project / ".mcp.json").exists()
    sound(machine, project)


def test_gc_outside_meanwhile_harms_nothing(machine):
    project = machine.project("proj", "for i in 1 2 3 4; do echo $i >> a; git commit -qam $i; done")
    box = subprocess.Popen(
        [*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", "touch ready; while [ ! -e go ]; do sleep 0.05; done; git fsck && git log --stat | cat && git commit -q --allow-empty -m after"],
        cwd=project, env=machine.env, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(project / "ready", box)
    machine.sh("git gc -q --prune=now; touch go", project)
    assert box.wait(60) == 0
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "after"
    sound(machine, project)


def test_many_branches_come_at_once_and_those_that_clash_are_kept(machine):
    project = machine.project()
    box = subprocess.Popen(
        [*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", "c=$(git commit-tree -m c -p HEAD HEAD^{tree}); for i in $(seq 60); do echo create refs/heads/b$i $c; done | git update-ref --stdin; touch ready; while [ ! -e go ]; do sleep 0.05; done"],
        cwd=project, env=machine.env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(project / "ready", box)
    machine.sh("git branch b7; touch go", project)
    stderr = box.communicate(timeout=60)[1]
    assert machine.git("log", "-1", "--format=%s", "b7", cwd=project) == "one"
    assert machine.git("log", "-1", "--format=%s", "b60", cwd=project) == "c"
    assert stderr.count("kept as") == 1
    assert "refs/heads/b7" in stderr
