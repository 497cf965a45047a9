"""Work trees that a box adds are work trees outside: what git keeps of them is made by inner, and nothing of it runs anything."""

from __future__ import annotations

import os
import subprocess

import pytest
from program import INNER, killed, wait_for
from projects import OPEN

pytestmark = pytest.mark.box


def trees(machine, project):
    """Place -> what it stands on, as git outside sees it; broken ones would be told by prune."""
    assert machine.git("worktree", "prune", "--dry-run", "-v", cwd=project) == ""
    listed = machine.git("worktree", "list", "--porcelain", cwd=project).split("\n\n")
    rows = [dict(line.partition(" ")[::2] for line in block.splitlines()) for block in listed]
    return {row["worktree"]: row.get("branch", row["HEAD"]) for row in rows}


def test_one_that_was_added_in_the_box_is_one_outside(machine):
    project = machine.project()
    done = machine.box(
        "git worktree add -q wt -b topic; cd wt; echo x >> a; git commit -qam in; echo s > s; git add s; echo u >> a; git status --short",
        project,
    )
    assert trees(machine, project) == {str(project): "refs/heads/main", f"{project}/wt": "refs/heads/topic"}
    assert machine.git("status", "--short", cwd=project / "wt") == done.stdout.strip() == "M a\nA  s"
    assert machine.git("log", "-1", "--format=%s", cwd=project / "wt") == "in"
    assert "out of effect" not in done.stderr
    machine.sh(
        "git commit -qam outside && git push -q . HEAD:refs/heads/pushed && git worktree add -q ../two && git stash list",
        project / "wt",
    )
    machine.git("fsck", "--strict", cwd=project)


def test_several_deep_and_detached_ones_and_those_moved_and_removed_again(machine):
    project = machine.project()
    machine.box(
        "mkdir -p d/e; git worktree add -q --detach d/e/w; (cd d/e/w; echo x > x; git add x; git commit -qm x); git worktree add -q one; "
        "git worktree move one two; git worktree add -q gone; git worktree remove gone; git worktree add -q lost; rm -r lost; git worktree prune",
        project,
    )
    found = trees(machine, project)
    assert set(found) == {str(project), f"{project}/d/e/w", f"{project}/two"}
    assert machine.git("log", "-1", "--format=%s", found[f"{project}/d/e/w"], cwd=project) == "x"


def test_the_next_box_works_in_it_wherever_it_is(machine):
    project = machine.project()
    machine.box("git worktree add -q d/e/wt -b topic", project)
    done = machine.box(
        "cd d/e/wt; git status --short; git commit -q --allow-empty -m second; echo evil > .git", project, status=None
    )
    assert "Read-only file system" in done.stderr
    assert machine.git("log", "-1", "--format=%s", "topic", cwd=project) == "second"
    machine.box("git commit -q --allow-empty -m third", project / "d/e/wt")
    assert machine.git("log", "-1", "--format=%s", cwd=project / "d/e/wt") == "third"
    assert trees(machine, project)[f"{project}/d/e/wt"] == "refs/heads/topic"


def test_one_of_a_project_that_is_a_linked_work_tree_itself(machine):
    main = machine.project("main", "git worktree add -q ../proj -b proj")
    project = machine.home / "proj"
    machine.box("git worktree add -q sub -b sub; git -C sub commit -q --allow-empty -m sub", project)
    assert set(trees(machine, main)) == {str(main), str(project), f"{project}/sub"}
    assert (project / "sub/.git").read_text() == f"gitdir: {main}/.git/worktrees/sub\n"
    assert machine.git("log", "-1", "--format=%s", cwd=project / "sub") == "sub"


@pytest.mark.parametrize("way", ["mkfifo", "mkdir", "ln -s /nowhere"])
def test_what_is_in_the_way_of_its_git_file_holds_nobody_up(machine, way):
    project = machine.project()
    linked = project.parent / "linked"
    machine.git("worktree", "add", "-q", "../linked", cwd=project)
    done = machine.box(
        f"git worktree add -q wt -b topic; {way} wt/.git.new-by-inner; git -C wt commit -q --allow-empty -m in", linked
    )
    assert done.returncode == 0
    assert machine.git("log", "-1", "--format=%s", "topic", cwd=project) == "in"
    if way != "mkdir":
        assert machine.git("log", "-1", "--format=%s", cwd=linked / "wt") == "in"


def test_one_in_another_folder_that_is_mounted_writable(machine):
    project = machine.project()
    (machine.home / "trees").mkdir()
    machine.box(
        "git worktree add -q ../trees/w; git -C ../trees/w commit -q --allow-empty -m w",
        project,
        "-m",
        f"{machine.home}/trees:{machine.home}/trees:rw",
    )
    assert set(trees(machine, project)) == {str(project), f"{machine.home}/trees/w"}
    assert machine.git("log", "-1", "--format=%s", cwd=machine.home / "trees/w") == "w"


def test_one_that_goes_with_the_box_is_told_with_what_makes_it_again(machine):
    project = machine.project()
    done = machine.box(
        "git worktree add -q ../w -b topic; git -C ../w commit -q --allow-empty -m w; git worktree add -q --detach ../x; git -C ../x commit -q --allow-empty -m x",
        project,
    )
    assert f"the work tree `{machine.home}/w` that the box added is none outside" in done.stderr
    assert "`git worktree add PATH topic` makes another one" in done.stderr
    machine.sh("git worktree add -q ../again topic", project)
    assert machine.git("log", "-1", "--format=%s", cwd=machine.home / "again") == "w"
    assert "x" in machine.git("log", "--all", "--format=%s", cwd=project).split("\n")


def test_a_branch_with_a_name_of_the_boxs_choice_is_no_command_where_it_is_pasted(machine):
    project = machine.project()
    done = machine.box("git worktree add -q ../w -b 'a;touch${IFS}ran;$(touch${IFS}ran)'", project)
    line = done.stderr.partition("`git worktree add PATH ")[2].partition("` makes")[0]
    machine.sh(f"git worktree add -q ../again {line}", project)
    assert (machine.home / "again").is_dir()
    assert not (project / "ran").exists()


def test_those_that_were_there_are_seen_kept_and_their_branches_not_taken(machine):
    project = machine.project("proj", "git worktree add -q ../out -b out; git worktree add -q in -b in")
    before = trees(machine, project)
    done = machine.box(
        "git worktree list; git checkout out; git checkout in; git worktree remove in; git worktree prune; git gc -q; git branch -D out",
        project,
        status=None,
    )
    assert {line.split()[0] for line in done.stdout.splitlines()} == set(before)
    assert done.stderr.count("is already checked out at") == 2
    assert "remove or move it outside of the box" in done.stderr
    assert trees(machine, project) == before
    assert (project / "in/a").exists()
    linked = machine.box("git checkout main", project / "in", status=None)
    assert "already checked out" in linked.stderr


def test_its_operation_that_waits_waits_outside(machine):
    project = machine.project(
        "proj", "git checkout -q other; echo o > a; git commit -qam o; git checkout -q main; echo m > a; git commit -qam m"
    )
    machine.box("git worktree add -q wt -b topic; cd wt; git rebase other || true", project)
    assert "rebase in progress" in machine.git("status", cwd=project / "wt")
    machine.sh("echo both > a; git add a; GIT_EDITOR=true git rebase --continue", project / "wt")
    assert machine.git("log", "-2", "--format=%s", cwd=project / "wt").split("\n") == ["m", "o"]


def test_a_sparse_one_has_no_deleted_files_outside(machine):
    project = machine.project("proj", "git sparse-checkout set src")
    machine.box("git worktree add -q wt -b topic", project)
    assert machine.git("status", "--short", cwd=project / "wt") == ""


def test_what_the_user_adds_outside_while_a_box_runs_stays_in_effect(machine):
    project = machine.project()
    box = subprocess.Popen([*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", "touch r; while [ ! -e g ]; do sleep 0.05; done"],
                           cwd=project, env=machine.env, stdin=subprocess.DEVNULL)  # fmt: skip
    wait_for(project / "r", box)
    machine.sh("git worktree add -q mine; touch g", project)
    assert box.wait(60) == 0
    assert f"{project}/mine" in trees(machine, project)


def test_one_of_a_killed_run_comes_with_the_next(machine):
    project = machine.project()
    script = "git worktree add -q wt -b topic; git -C wt commit -q --allow-empty -m k; touch r; sleep 600"
    box = subprocess.Popen([*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", script],
                           cwd=project, env=machine.env, stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    wait_for(project / "r", box)
    killed(box)
    elsewhere = machine.project("elsewhere", git=False)
    machine.box("true", elsewhere)
    assert f"{project}/wt" in trees(machine, project)
    assert machine.git("log", "-1", "--format=%s", cwd=project / "wt") == "k"


HOSTILE = {
    "a hook and settings of its own": "git worktree add -q wt; cd .git/worktrees/wt; mkdir hooks; printf '#!/bin/sh\\ntouch $M/ran\\n' > hooks/post-checkout; "
    "chmod +x hooks/*; git config -f config core.fsmonitor 'touch $M/ran; false'; cp config config.worktree; echo . > commondir; mkdir objects refs",
    "another folder's name": "git worktree add -q wt; echo $PWD/../victim/.git > .git/worktrees/wt/gitdir",
    "a git file that leads elsewhere": "git worktree add -q wt; git init -q e; git -C e config core.fsmonitor 'touch $M/ran; false'; git -C e config core.worktree $PWD/wt; echo \"gitdir: $PWD/e/.git\" > wt/.git",
    "a link in the place of its folder": "git worktree add -q wt; mv wt ../proj/w; ln -s w wt",
    "a name that climbs": "git worktree add -q wt; mkdir '.git/worktrees/..x'; cp -r .git/worktrees/wt/* .git/worktrees/..x; sed -i 's,wt,../../hooks,' .git/worktrees/wt/gitdir",
    "a git file that is a link": "git worktree add -q wt; mv wt/.git wt/g; ln -s g wt/.git",
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_nothing_that_a_box_writes_beside_it_runs_outside(machine, how):
    victim = machine.project("victim")
    project = machine.project()
    before = sorted(os.listdir(victim)), (victim / ".git/HEAD").read_text()
    machine.box(HOSTILE[how], project, status=None)
    after = "for d in . wt w e ../victim; do (cd $d 2>/dev/null && git status && git checkout -q -f -b x$RANDOM && git commit -q --allow-empty -m x); done"
    machine.sh(after, project, check=False)
    assert machine.touched() == []
    assert sorted(os.listdir(victim)) == before[0]
    kept = project / ".git/worktrees"
    names = {file.name for tree in (kept.iterdir() if kept.is_dir() else ()) for file in tree.iterdir()}
    assert names <= {"HEAD", "index", "gitdir", "commondir", "ORIG_HEAD", "logs", "COMMIT_EDITMSG", "refs"}
    assert machine.git("config", "--list", "--local", cwd=project).count("fsmonitor") == 0


def test_the_same_settings_run_where_nothing_is_protected(machine):
    for how in ("a hook and settings of its own", "a git file that leads elsewhere"):
        project = machine.project(f"open{len(how)}")
        machine.sh("git config extensions.worktreeConfig true", project)
        machine.open_box(HOSTILE[how].replace("echo . > commondir; mkdir objects refs", "true"), project)
        machine.sh("git status; git checkout -q -b y", project / "wt", check=False)
        assert machine.touched() == ["ran"], how
        os.unlink(machine.marks / "ran")


def test_a_writable_git_folder_has_them_as_git_made_them(machine):
    project = machine.project()
    machine.box("git worktree add -q wt -b topic", project, profile=OPEN)
    assert f"{project}/wt" in trees(machine, project)
