"""`git_dir = "protected"`: git works in the box, the work arrives outside, and nothing of the git folder can be changed."""

from __future__ import annotations

import os

import pytest
from projects import OPEN, sound

pytestmark = pytest.mark.box


def test_commits_of_the_box_arrive(machine):
    project = machine.project()
    done = machine.box(
        "echo more >> a; git commit -qam 'from the box'; echo new > n; git add n; git commit -qm second; git status --short",
        project,
    )
    assert done.stdout == ""
    assert machine.git("log", "--format=%s", cwd=project).split("\n") == ["second", "from the box", "one"]
    assert machine.git("status", "--short", cwd=project) == ""
    assert machine.git("reflog", "-1", "--format=%gs", cwd=project).startswith("inner: ")
    sound(machine, project)


def test_everyday_git_works_in_the_box_and_outside_afterwards(machine):
    project = machine.project()
    machine.box(
        """set -e
        git checkout -q -b topic; echo t > t; git add t; git commit -qm topic
        git checkout -q main; echo m >> a; git commit -qam main; git merge -q -m merged topic
        git checkout -q other; echo o > o; git add o; git commit -qm o; git rebase -q main
        git tag -a v1 -m one; git branch -m topic renamed;
        git notes add -m note HEAD; git gc -q; git pack-refs --all; git fsck
        echo unstaged >> a; echo staged > s; git add s; git worktree add -q ../w -b w; git -C ../w status; git log --all --oneline | wc -l""",
        project,
    )
    assert machine.git("symbolic-ref", "HEAD", cwd=project) == "refs/heads/other"
    assert machine.git("log", "--format=%s", "-2", "renamed", cwd=project).split("\n") == ["topic", "one"]
    assert machine.git("cat-file", "-t", "v1", cwd=project) == "tag"
    assert machine.git("notes", "show", cwd=project) == "note"
    assert machine.git("status", "--short", cwd=project) == "M a\nA  s"
    assert "topic" not in machine.git("branch", "--format=%(refname:short)", cwd=project).split()
    sound(machine, project)


def test_the_first_commit_of_a_repository(machine):
    project = machine.project(git=False)
    machine.sh("git init -q", project)
    machine.box("git add a src; git commit -qm first", project)
    assert machine.git("log", "--format=%s", cwd=project) == "first"
    assert machine.git("status", "--short", cwd=project) == "?? .vscode/"
    sound(machine, project)


def test_a_stash_of_several_entries_goes_both_ways(machine):
    project = machine.project("proj", "echo 1 >> a; git stash -q; echo 2 >> a; git stash -q")
    machine.box(
        "git stash pop -q; git commit -qam popped; echo 3 >> a; git stash -q; echo 4 >> src/b; git stash -q; git stash list",
        project,
    )
    assert machine.git("stash", "list", cwd=project).count("\n") == 2
    assert machine.git("stash", "show", "-p", "stash@{0}", cwd=project).endswith("+4")
    assert machine.git("stash", "show", "-p", "stash@{2}", cwd=project).endswith("+1")
    machine.box("git stash clear", project)
    assert machine.git("stash", "list", cwd=project) == ""
    sound(machine, project)


def test_an_unfinished_merge_is_finished_in_the_box_and_the_other_way_round(machine):
    clash = "git checkout -q other; echo o > a; git commit -qam o; git checkout -q main; echo m > a; git commit -qam m; git merge -q other"
    project = machine.project("proj", clash + " || true")
    assert machine.git("ls-files", "-u", cwd=project)
    machine.box(
        "git status | grep -q unmerged || git status | grep -q 'fix conflicts'; echo both > a; git add a; git commit -qm merged",
        project,
    )
    assert machine.git("log", "-1", "--format=%P", cwd=project).count(" ") == 1
    assert "MERGING" not in machine.git("status", cwd=project)
    assert not (project / ".git/MERGE_HEAD").exists()
    two = machine.project("two")
    machine.box(f"{clash} || true", two)
    assert (two / ".git/MERGE_HEAD").exists()
    assert machine.git("ls-files", "-u", cwd=two).count("\n") == 2
    machine.sh("echo both > a; git add a; git commit -qm merged", two)
    assert machine.git("log", "-1", "--format=%P", cwd=two).count(" ") == 1
    sound(machine, two)


@pytest.mark.parametrize("shape", ["sha256", "packed", "shallow", "index4", "branch-with-folders"])
def test_other_shapes_of_repository(machine, shape):
    if shape == "sha256":
        project = machine.project(git=False)
        machine.sh("git init -q --object-format=sha256; git add -A; git commit -qm one; git branch other", project)
    elif shape == "shallow":
        machine.project("origin", "for i in 1 2 3; do echo $i >> a; git commit -qam $i; done")
        machine.sh("git clone -q --depth 1 --no-local file://$PWD/origin proj", machine.home)
        project = machine.home / "proj"
    else:
        script = {
            "packed": "git pack-refs --all; git gc -q",
            "index4": "git update-index --index-version 4",
            "branch-with-folders": "git checkout -q -b a/b/c",
        }[shape]
        project = machine.project("proj", script)
    machine.box("echo x >> a; git commit -qam x; echo y > y; git add y", project)
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "x"
    assert machine.git("status", "--short", cwd=project) == "A  y"
    sound(machine, project)


def test_a_linked_worktree(machine):
    main = machine.project("main", "git worktree add -q ../proj -b wt")
    project = machine.home / "proj"
    done = machine.box("echo x >> a; git commit -qam x; git status --short; cat .git", project)
    assert done.stdout.startswith("gitdir: ")
    assert machine.git("log", "-1", "--format=%s", "wt", cwd=main) == "x"
    assert machine.git("status", "--short", cwd=project) == ""
    assert machine.git("status", "--short", cwd=main) == ""
    assert machine.git("log", "-1", "--format=%s", "main", cwd=main) == "one"
    sound(machine, main)


def test_a_linked_worktree_in_the_project(machine):
    project = machine.project("proj", "git worktree add -q wt; echo wt >> .git/info/exclude")
    machine.box(
        "cd wt; echo x >> a; git commit -qam 'in wt'; cd ..; echo y >> a; git commit -qam 'in proj'; git status --short", project
    )
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "in proj"
    assert machine.git("log", "-1", "--format=%s", cwd=project / "wt") == "in wt"
    assert machine.git("status", "--short", cwd=project) == ""
    assert machine.git("status", "--short", cwd=project / "wt") == ""
    sound(machine, project)


def test_a_branch_that_another_worktree_stands_on_is_not_moved(machine):
    main = machine.project("main", "git worktree add -q ../proj -b wt")
    done = machine.box("git update-ref refs/heads/main $(git commit-tree -m moved HEAD^{tree})", machine.home / "proj")
    assert machine.git("log", "-1", "--format=%s", "main", cwd=main) == "one"
    assert "kept as `refs/inner/" in done.stderr
    assert "moved" in machine.git("log", "--all", "--format=%s", cwd=main).split("\n")


def test_a_project_that_is_a_folder_of_a_repository(machine):
    top = machine.project("top", "echo secret > .env")
    done = machine.box(
        "git status --short; echo x >> b; git commit -qam x; git status --short; ls -A ..; git log --format=%s", top / "src"
    )
    assert "secret" not in done.stdout
    assert "D " not in done.stdout
    assert machine.git("show", "--stat", "--format=%s", cwd=top).startswith("x\n")
    assert machine.git("show", "--name-only", "--format=", cwd=top) == "src/b"
    assert machine.git("status", "--short", cwd=top) == "?? .env"
    assert (top / "a").read_text() == "a\n"
    sound(machine, top)


def test_submodules_from_above_and_from_inside(machine):
    machine.project("lib")
    project = machine.project("proj", "git submodule --quiet add ../lib lib; git commit -qm sub")
    machine.box(
        "cd lib; echo x >> a; git commit -qam 'in lib'; cd ..; git add lib; git commit -qm bump; git submodule status", project
    )
    assert machine.git("log", "-1", "--format=%s", cwd=project / "lib") == "in lib"
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "bump"
    assert machine.git("status", "--short", cwd=project) == ""
    machine.box("echo y >> a; git commit -qam inside; git status --short", project / "lib")
    assert machine.git("log", "-1", "--format=%s", cwd=project / "lib") == "inside"
    assert machine.git("status", "--short", cwd=project) == "M lib"
    sound(machine, project)


def test_repositories_in_a_folder_that_is_none(machine):
    work = machine.home / "work"
    work.mkdir()
    for name in ("one", "two"):
        machine.project(f"work/{name}")
    done = machine.box(
        "for p in one two; do (cd $p; echo x >> a; git commit -qam $p; echo bad >> .git/config); done", work, status=None
    )
    assert "Permission denied" in done.stderr
    for name in ("one", "two"):
        assert machine.git("log", "-1", "--format=%s", cwd=work / name) == name
        assert "bad" not in (work / name / ".git/config").read_text()
    assert "out of effect" not in done.stderr


def test_reftable_is_refused_with_a_reason(machine):
    project = machine.project("proj", "git config core.repositoryformatversion 1; git config extensions.refStorage reftable")
    done = machine.box("true", project, status=None)
    assert done.returncode in (3, 125)
    assert "refstorage = reftable" in done.stderr
    assert 'git_dir = "ro"' in done.stderr


def test_read_only_git(machine):
    project = machine.project("proj", "git config http.extraheader 'Authorization: TOKEN'")
    profile = OPEN.replace('"rw"', '"ro"')
    done = machine.box(
        "git log --format=%s; cat .git/config; echo x >> a; git commit -qam x || echo refused", project, profile=profile
    )
    assert done.stdout.startswith("one\n")
    assert done.stdout.endswith("refused\n")
    assert "TOKEN" not in done.stdout


def test_settings_of_work_trees_and_submodules_are_not_told_by_read_only_git(machine):
    machine.project("sub", "echo s > s; git add s; git commit -qm s")
    token = "remote.x.url https://me:TOKEN@host.test/x"
    project = machine.project(
        "proj",
        f"git -c protocol.file.allow=always submodule --quiet add --name deep/lib ../sub lib; git commit -qm lib; git -C lib config {token};"
        f" git config extensions.worktreeConfig true; git config --worktree {token}; git worktree add -q ../tree; git -C ../tree config --worktree {token}",
    )
    profile = OPEN.replace('"rw"', '"ro"')
    for place in (project, machine.home / "tree", project / "lib"):
        done = machine.box(
            f"grep -rs TOKEN . {project}/.git; git status --short && git log --format=%s -1", place, profile=profile
        )
        assert "TOKEN" not in done.stdout
        assert done.stdout.splitlines()[-1] in ("lib", "s")


def test_a_partial_clone(machine):
    machine.project(
        "origin",
        "for i in 1 2 3; do echo $i > a; git commit -qam $i; done; git config uploadpack.allowFilter true; git config uploadpack.allowAnySHA1InWant true",
    )
    machine.sh("git clone -q --filter=blob:none --no-local file://$PWD/origin proj", machine.home)
    project = machine.home / "proj"
    machine.box("echo x >> a; git commit -qam x; git log --oneline", project)
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "x"
    assert machine.git("status", "--short", cwd=project) == ""


def test_a_repository_of_a_group_stays_one(machine):
    project = machine.project("proj", "git init -q --shared=group")
    old = os.umask(0o077)
    try:
        machine.box("echo x >> a; git commit -qam x", project)
    finally:
        os.umask(old)
    made = list((project / ".git/objects/pack").iterdir())
    assert made
    assert {place.stat().st_mode & 0o040 for place in made} == {0o040}
