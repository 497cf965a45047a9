"""An operation that waits for the user goes both ways, and what it would run when it goes on does not come out of a box."""

from __future__ import annotations

import os
import subprocess

import pytest

pytestmark = pytest.mark.box

CLASH = "git checkout -q other; echo o > a; git commit -qam o; git checkout -q main; echo m > a; git commit -qam m; echo 2 > src/b; git commit -qam m2; "
MANY = "for i in 1 2 3 4 5 6 7 8; do echo $i > src/b; git commit -qam c$i; done; "
BOTH = "echo both > a; git add a; export GIT_EDITOR=true; "


def subjects(machine, project, *words):
    return machine.git("log", "--format=%s", *words, cwd=project).split("\n")


# before, in the box, outside afterwards, subjects of the branch then
WAITING = {
    "rebase": (CLASH, "git rebase other", BOTH + "git rebase --continue", ["m2", "m", "o", "one"]),
    "rebase given up": (CLASH, "git rebase other", "git rebase --abort", ["m2", "m", "one"]),
    "interactive rebase": (CLASH, "GIT_SEQUENCE_EDITOR=\"sed -i '1s/pick/edit/; 2s/pick/fixup/'\" git rebase -q -i HEAD~2", "GIT_EDITOR=true git rebase --continue", ["m", "one"]),
    "rebase of merges": (CLASH + "git checkout -q -b x main~1; echo x > x; git add x; git commit -qm x; git checkout -q main; git merge -q -m merged x", "git rebase -q --rebase-merges other",
                         BOTH + "git rebase --continue", ["merged", "x", "m2", "m", "o", "one"]),
    "rebase with branches below": (CLASH + "git branch below HEAD~1", "git rebase -q --update-refs other", BOTH + "git rebase --continue", ["m2", "m", "o", "one"]),
    "rebase by patches": (CLASH, "git rebase -q --apply other", BOTH + "git rebase --continue", ["m2", "m", "o", "one"]),
    "rebase with local changes": (CLASH + "echo mine > src/new; git add src/new", "git rebase -q --autostash other", BOTH + "git rebase --continue; test -e src/new", ["m2", "m", "o", "one"]),
    "merge of several": (CLASH + "git checkout -q -b x main~2; echo x > x; git add x; git commit -qm x; git checkout -q -b y main~2; echo y > y; git add y; git commit -qm y; git checkout -q main",
                         "git merge -q --no-commit x y", "git commit -qm octopus; test $(git log -1 --format=%P | wc -w) = 3", ["octopus", "y", "x", "m2", "m", "one"]),
    "cherry-pick of several": (CLASH + "git checkout -q -b third HEAD~1; echo t > a; git commit -qam t", "git cherry-pick -x main~1 main", BOTH + "git cherry-pick --continue", ["m2", "m", "t", "m", "one"]),
    "revert": (CLASH + "echo z > a; git commit -qam z", "git revert --no-edit HEAD~2 HEAD~1", BOTH + "git revert --continue", None),
    "am": (CLASH + "git checkout -q other; git format-patch -q -o ../patches main~2..main; cp -r ../patches .", "git am -q -3 patches/*", BOTH + "git am --continue", ["m2", "m", "o", "one"]),
    "bisect": (CLASH + MANY, "git bisect start HEAD HEAD~8 && git bisect bad", "git bisect good; git bisect good; test $(git rev-parse refs/bisect/bad) = $(git rev-parse :/c4); git bisect reset", None),
}  # fmt: skip


@pytest.mark.parametrize("what", WAITING)
def test_what_waits_when_the_box_ends_is_finished_outside(machine, what):
    before, inside, after, wanted = WAITING[what]
    project = machine.project("proj", before)
    done = machine.box(inside, project, status=None)
    assert "is unfinished, as the box left it" in done.stderr
    assert done.stderr.count("is unfinished") == 1
    machine.sh("set -e; " + after, project)
    assert "in progress" not in machine.git("status", cwd=project)
    assert "You are" not in machine.git("status", cwd=project)
    if wanted is not None:
        assert sorted(subjects(machine, project)) == sorted(wanted)
    if what == "rebase with branches below":
        assert subjects(machine, project, "below") == ["m", "o", "one"]
    left = [name for name in os.listdir(project / ".git") if name.endswith((".new", ".old", ".lock"))]
    assert left == []
    machine.git("fsck", "--strict", cwd=project)


@pytest.mark.parametrize("what", WAITING)
def test_what_waits_outside_is_finished_in_the_box(machine, what):
    before, inside, after, wanted = WAITING[what]
    project = machine.project("proj", before)
    machine.sh(inside, project, check=False)
    machine.box("set -e; " + after, project)
    status = machine.git("status", cwd=project)
    assert "in progress" not in status
    assert "You are" not in status
    if wanted is not None:
        assert sorted(subjects(machine, project)) == sorted(wanted)
    refs = machine.git("for-each-ref", "--format=%(refname)", "refs/bisect", "refs/rewritten", "refs/inner", cwd=project)
    assert refs == ""


def test_a_rebase_that_goes_on_in_the_box_and_stops_again(machine):
    project = machine.project(
        "proj", CLASH + "echo m3 > a; git commit -qam m3; git rebase -q other -x 'touch ${M:-/tmp}/ours' || true"
    )
    machine.box("echo again > a; git add a; GIT_EDITOR=true git rebase --continue", project, status=None)
    assert machine.git("ls-files", "-u", cwd=project)
    assert machine.touched() == []
    machine.sh("echo last > a; git add a; GIT_EDITOR=true git rebase --continue", project)
    assert subjects(machine, project) == ["m3", "m2", "m", "o", "one"]
    assert machine.touched() == ["ours"], "the user's own command is still in the list"


def test_what_was_moved_outside_meanwhile_is_not_mixed_with_what_waits_in_the_box(machine):
    from program import INNER
    from test_git_worktrees import wait_for

    project = machine.project("proj", CLASH)
    box = subprocess.Popen([*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", "git rebase -q other; touch r; while [ ! -e g ]; do sleep 0.05; done"],
                           cwd=project, env=machine.env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    wait_for(project / "r", box)
    machine.sh("git checkout -q -f -b elsewhere; touch g", project)
    assert "is not taken over: HEAD stands elsewhere outside" in box.communicate(timeout=60)[1]
    assert "in progress" not in machine.git("status", cwd=project)
    assert machine.git("symbolic-ref", "HEAD", cwd=project) == "refs/heads/elsewhere"


TODO = "mkdir -p .git/rebase-merge; cd .git/rebase-merge; git rev-parse HEAD > onto; cp onto orig-head; echo refs/heads/main > head-name; touch done interactive git-rebase-todo; echo 1 > end; echo 0 > msgnum; "
AM = "git checkout -q other; git format-patch -q -o ../p main~2..main; git am -q ../p/*; cd .git/rebase-apply; "
CONTINUE = (
    "export GIT_EDITOR=true; git rebase --continue; "
    + BOTH
    + "git rebase --continue; git am --continue; git cherry-pick --continue; git commit -qm x; git bisect good; git bisect reset; git rebase --abort; true"
)
HOSTILE = {
    "exec": TODO + "echo 'exec touch $M/ran' > git-rebase-todo",
    "its short name": TODO + "printf 'x touch $M/ran\\n  exec touch $M/ran\\n\\texec touch $M/ran\\nexec\\ttouch $M/ran\\n' > git-rebase-todo",
    "exec behind a carriage return": TODO + "printf 'break\\r\\nexec touch $M/ran\\r\\nx\\ttouch $M/ran' > git-rebase-todo",
    "exec in what is done": TODO + "echo 'exec touch $M/ran; false' > done; touch reschedule-failed-exec",
    "a strategy": "printf '#!/bin/sh\\ntouch $M/ran\\n' > git-merge-evil; chmod +x git-merge-evil; " + TODO + "echo evil > strategy; git rev-parse other | sed 's/^/pick /' > git-rebase-todo",
    "an author that is a command": TODO + "printf 'GIT_AUTHOR_NAME=`touch $M/ran`\\nGIT_AUTHOR_EMAIL=x\\nGIT_AUTHOR_DATE=y\\n' > author-script; echo edit HEAD > git-rebase-todo",
    "paths outside, for am": AM + "printf ' --unsafe-paths --directory=../marks' > apply-opt; printf -- '--- /dev/null\\n+++ b/ran\\n@@ -0,0 +1 @@\\n+x\\n' >> 0002",
    "names of a bisect": "git bisect start -q HEAD HEAD~8; echo \"'a' ; touch $M/ran\" > .git/BISECT_NAMES",
    "a start of a bisect": "git bisect start -q HEAD HEAD~8; echo '--upload-pack=touch $M/ran' > .git/BISECT_START",
    "a signature": TODO + "echo '-Sx' > gpg_sign_opt; echo 'exec touch $M/ran' > git-rebase-todo.backup",
    "options of a sequence": "git checkout -q -b third HEAD~9; echo t > a; git commit -qam t; git cherry-pick main~1 main~8; git config -f .git/sequencer/opts options.strategy evil; git config -f .git/sequencer/opts alias.x '!touch $M/ran'",
    "a link for a folder": "mkdir e; echo 'exec touch $M/ran' > e/git-rebase-todo; ln -s ../e .git/rebase-merge",
    "a branch that is none": TODO + "echo refs/../config > head-name",
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_nothing_that_waits_runs_or_writes_elsewhere(machine, how):
    project = machine.project("proj", CLASH + MANY)
    settings = (project / ".git/config").read_bytes()
    machine.box(HOSTILE[how], project, status=None)
    machine.sh("PATH=$PWD:$PATH; " + CONTINUE, project, check=False)
    assert machine.touched() == []
    assert (project / ".git/config").read_bytes() == settings


@pytest.mark.parametrize("how", ["exec", "its short name", "a strategy"])
def test_the_same_runs_where_nothing_is_protected(machine, how):
    project = machine.project("proj", CLASH + MANY)
    machine.open_box(HOSTILE[how], project)
    machine.sh("PATH=$PWD:$PATH; " + CONTINUE, project, check=False)
    assert machine.touched() == ["ran"]


def test_what_is_left_out_of_a_list_is_told(machine):
    project = machine.project("proj", CLASH)
    done = machine.box("git rebase other -x $'touch $M/ran; printf \\e[31m'", project, status=None)
    assert "left out of the unfinished rebase, because it would run or sign outside: `exec touch $M/ran; printf " in done.stderr
    assert "\x1b[31m" not in done.stderr
    machine.sh(BOTH + "git rebase --continue", project)
    assert subjects(machine, project) == ["m2", "m", "o", "one"]
    assert machine.touched() == []
