"""Submodules that a box adds or fetches are submodules outside, with the box's commits in them and nothing else of what it wrote."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.box

ADD = "git -c protocol.file.allow=always submodule --quiet add"


def box(machine, project, script, **more):
    return machine.box(script, project, "-m", f"{machine.home}/lib:{machine.home}/lib:ro", **more)


def test_one_that_was_added_in_the_box_has_its_commits_outside(machine):
    machine.project("lib")
    project = machine.project()
    done = box(
        machine,
        project,
        f"{ADD} {machine.home}/lib lib; cd lib; echo x >> a; git commit -qam 'in lib'; echo s > s; git add s; cd ..; git add lib; git commit -qm sub",
    )
    lib = project / "lib"
    assert machine.git("log", "--format=%s", cwd=lib).split("\n") == ["in lib", "one"]
    assert machine.git("status", "--short", cwd=lib) == "A  s"
    assert machine.git("ls-tree", "HEAD", "lib", cwd=project).split()[2] == machine.git("rev-parse", "HEAD", cwd=lib)
    assert machine.git("config", "remote.origin.url", cwd=lib) == f"{machine.home}/lib"
    assert "`git submodule init` makes it known to git outside" in done.stderr
    assert "out of effect" not in done.stderr
    machine.sh(
        "git submodule init; git submodule --quiet update; git -C lib fetch -q; git -C lib log origin/main; git fsck; git -C lib fsck --strict",
        project,
    )
    again = box(machine, project, "cd lib; git commit -qm second; cat .git; echo evil >> .git", status=None)
    assert "Read-only file system" in again.stderr
    assert machine.git("log", "-1", "--format=%s", cwd=lib) == "second"


@pytest.mark.parametrize("source", ["./lib", "$PWD"])
def test_one_that_was_cloned_from_a_repository_of_the_project_is_whole_outside(machine, source):
    project = machine.project()
    machine.project("proj/lib")
    machine.box(f"{ADD} {source} mod; git -C mod commit -q --allow-empty -m below; git add mod; git commit -qm sub", project)
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "sub"
    assert machine.git("log", "--format=%s", cwd=project / "mod").split("\n") == ["below", "one"]
    machine.git("fsck", "--strict", cwd=project / "mod")
    assert not (project / ".git/modules/mod/objects/info/alternates").exists()


def test_what_one_says_it_borrows_from_elsewhere_is_not_lent(machine):
    """The commit is one that the host has and the box has not."""
    secret = machine.project("secret", "echo s > s; git add s; git commit -qm secret")
    name = machine.git("rev-parse", "HEAD", cwd=secret)
    project = machine.project()
    machine.project("proj/lib")
    places = f"printf '%s\\n' {secret}/.git/objects /run/inner/objects/9 >> .git/modules/mod/objects/info/alternates"
    machine.box(
        f"{ADD} ./lib mod; {places}; echo {name} > .git/modules/mod/refs/heads/taken; git -C mod commit -q --allow-empty -m below",
        project,
    )
    assert machine.git("log", "-1", "--format=%s", cwd=project / "mod") == "below"
    assert machine.git("cat-file", "-t", name, cwd=project / "mod", check=False) == ""


def test_one_that_was_not_fetched_is_fetched_in_the_box(machine):
    machine.project("lib")
    machine.project("origin", f"{ADD} {machine.home}/lib deep/lib; git commit -qm sub")
    machine.sh("git clone -q origin proj", machine.home)
    project = machine.home / "proj"
    box(
        machine,
        project,
        "git -c protocol.file.allow=always submodule --quiet update --init; git -C deep/lib checkout -q -b topic; git -C deep/lib commit -q --allow-empty -m topic",
    )
    assert machine.git("log", "-1", "--format=%s", "topic", cwd=project / "deep/lib") == "topic"
    machine.git("submodule", "init", cwd=project)
    assert machine.git("submodule", "status", cwd=project).startswith("+")


def test_one_in_another(machine):
    machine.project("lib")
    machine.project("middle", f"{ADD} {machine.home}/lib lib; git commit -qm sub")
    project = machine.project()
    machine.box(
        f"{ADD} {machine.home}/middle middle; cd middle; git -c protocol.file.allow=always submodule --quiet update --init; cd lib; git checkout -q -b topic; git commit -q --allow-empty -m deep",
        project, "-m", f"{machine.home}/lib:{machine.home}/lib:ro", "-m", f"{machine.home}/middle:{machine.home}/middle:ro",
    )  # fmt: skip
    assert machine.git("log", "-1", "--format=%s", "topic", cwd=project / "middle/lib") == "deep"
    assert machine.git("status", "--short", cwd=project / "middle") == "M lib"


HOSTILE = {
    "settings, hooks and an include": "printf '[core]\\n\\tfsmonitor = touch $M/ran; false\\n\\thooksPath = h\\n[include]\\n\\tpath = i\\n[filter \"x\"]\\n\\tclean = touch $M/ran\\n' >> .git/modules/lib/config; "
    "mkdir -p .git/modules/lib/hooks; printf '#!/bin/sh\\ntouch $M/ran\\n' > .git/modules/lib/hooks/post-checkout; chmod +x .git/modules/lib/hooks/*; echo '* filter=x' > .git/modules/lib/info/attributes",
    "an address that runs something": "git config -f .git/modules/lib/config remote.origin.url 'ext::touch $M/ran'; git config -f .git/modules/lib/config protocol.ext.allow always; git config -f .git/modules/lib/config remote.origin.uploadpack 'touch $M/ran'",
    "another work tree": "git config -f .git/modules/lib/config core.worktree $PWD/../victim",
    "a file that leads elsewhere": "git init -q e; git -C e config core.fsmonitor 'touch $M/ran; false'; git -C e config core.worktree $PWD/lib; echo \"gitdir: $PWD/e/.git\" > lib/.git",
    "a link for the folder": "mv .git/modules/lib x; ln -s ../../x .git/modules/lib; git config -f x/config core.fsmonitor 'touch $M/ran; false'",
    "commondir": "echo ../../../e > .git/modules/lib/commondir; git init -q --bare e; git -C e config core.fsmonitor 'touch $M/ran; false'",
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_nothing_that_a_box_writes_in_it_runs_outside(machine, how):
    machine.project("lib")
    victim = machine.project("victim")
    project = machine.project()
    before = sorted(os.listdir(victim)), (victim / ".git/HEAD").read_text()
    box(machine, project, f"{ADD} {machine.home}/lib lib; git commit -qm sub; {HOSTILE[how]}", status=None)
    machine.sh(
        "git submodule init; git status; git submodule update; cd lib && git status && git checkout -q -b y && echo z >> a && git add a && git commit -qm z; git fetch",
        project,
        check=False,
    )
    assert machine.touched() == []
    assert (sorted(os.listdir(victim)), (victim / ".git/HEAD").read_text()) == before


def test_the_same_settings_run_where_nothing_is_protected(machine):
    machine.project("lib")
    for how in ("settings, hooks and an include", "a file that leads elsewhere"):
        project = machine.project(f"open{len(how)}")
        machine.open_box(f"{ADD} {machine.home}/lib lib; git commit -qm sub; {HOSTILE[how]}", project)
        machine.sh("git status; cd lib; git status", project, check=False)
        assert machine.touched() == ["ran"], how
        os.unlink(machine.marks / "ran")
