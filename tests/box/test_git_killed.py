"""Bringing commits back can be killed between any two steps: done again, it ends where it would have ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from program import ROOT
from projects import Machine

from inner.launch import shadow
from inner.paths import HostPath
from inner.plan.model import Shadow

pytestmark = pytest.mark.box

RUN = "20260101-000000-abcdef"
BEFORE = (
    "git checkout -q other; echo o > a; git commit -qam o; git checkout -q main; echo m > a; git commit -qam m; echo 2 > src/b; git commit -qam m2; "
    "git branch gone; git branch moves; echo s > src/b; git stash -q; git worktree add -q ../linked -b linked"
)
INSIDE = """
git -c protocol.file.allow=always submodule --quiet add $HOME/lib lib; git -C lib commit -q --allow-empty -m below; git add lib; git commit -qm sub
git stash drop -q; echo 1 > src/b; git stash -q; git stash -q; git tag -a v1 -m one; git branch -D gone; git branch -f moves HEAD~1; git branch -m other renamed
git worktree add -q wt -b tree; cd wt; echo w > w; git add w; git commit -qm w; echo x > x; git add x; git rebase -q renamed; cd ..
git checkout -q --detach; git rebase -q renamed -x 'touch $M/ran'; echo staged > staged; git add staged
"""
# Kills the process at the n-th thing that it does to the disk, before or after it is done. What git does in between ends by itself.
KILLED = """
import os, subprocess, sys
sys.path.insert(0, {root!r})
count = [0]
def counted(call):
    def wrapped(*args, **more):
        count[0] += 1
        if count[0] == 2 * {at} + 1: os._exit(9)
        try: return call(*args, **more)
        finally:
            count[0] += 1
            if count[0] == 2 * {at} + 2: os._exit(9)
    return wrapped
for name in ("rename", "unlink", "mkdir", "rmdir", "makedirs", "chmod", "link"): setattr(os, name, counted(getattr(os, name)))
subprocess.run = counted(subprocess.run)
from inner.launch import bringback, gitstate, gittrees, rundir
for module in (rundir, gitstate, gittrees): module.write = counted(module.write)
print(bringback.bring_back({into!r}, {run!r}))
print(count[0] // 2)
"""


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path / "home")


def prepared(machine, inside=INSIDE, before=BEFORE):
    """A repository, and the copy of its git folder that a box has left: made here by git itself, in the place of the real one."""
    machine.project("lib")
    project = machine.project("proj", before)
    into = machine.home / "state/runs" / RUN / "git-0"
    into.parent.mkdir(parents=True)
    git, real = project / ".git", machine.home / "real"
    objects = (str(real / "objects"),)
    config = b"[core]\n\trepositoryformatversion = 0\n"
    shadow.make(
        Shadow(
            HostPath(str(project)),
            HostPath(str(git)),
            HostPath(str(git)),
            HostPath(str(into)),
            objects,
            config,
            within=(HostPath(str(project)),),
        )
    )
    os.rename(git, real)
    os.rename(into / "shadow", git)
    (git / "hooks").mkdir()
    machine.sh(inside, project, check=False)
    shutil.rmtree(git / "hooks")
    os.rename(git, into / "shadow")
    os.rename(real, git)
    return project, into


def state(machine, project):
    """Everything that a user sees of it."""
    return machine.sh(
        "git for-each-ref --format='%(refname) %(objectname)'; git symbolic-ref HEAD || git rev-parse HEAD; git ls-files -s; git stash list --format=%gs; git status --porcelain; "
        "git status | sed -n 1,12p; cat .git/rebase-merge/git-rebase-todo; git worktree list; git worktree prune -n -v; cd wt; git status; git ls-files -s; git log --format=%s; cat .git; cd ../lib; git log --format=%s; git status; git config --list --local; cat .git; cd ..; "
        "find .git -name '*.lock' -o -name '*.new' -o -name '*.old'; git fsck 2>&1 | grep -v dangling",
        project, check=False,
    )  # fmt: skip


def bring(machine, into, at):
    script = KILLED.format(root=str(ROOT), at=at, into=str(into), run=RUN)
    return subprocess.run([sys.executable, "-I", "-c", script], env=machine.env, capture_output=True, text=True, timeout=120)


def test_killed_between_any_two_steps_it_is_done_again(machine, tmp_path):
    project, into = prepared(machine)
    saved = tmp_path / "saved"
    shutil.copytree(machine.home, saved, symlinks=True)

    def afresh():
        shutil.rmtree(machine.home)
        shutil.copytree(saved, machine.home, symlinks=True)

    done = bring(machine, into, -9)
    assert done.returncode == 0, done.stderr
    assert "could not be taken over" not in done.stdout
    wanted, steps = state(machine, project), int(done.stdout.splitlines()[-1])
    for part in (
        "refs/tags/v1",
        "refs/heads/renamed",
        "refs/heads/tree",
        f"refs/inner/{RUN}",
        "below",
        "rebase in progress",
        "/wt ",
        "A  staged",
    ):
        assert part in wanted
    assert "touch" not in wanted
    assert steps > 60
    for at in range(0, steps, 9):
        afresh()
        assert bring(machine, into, at).returncode == 9, at
        again = bring(machine, into, -9)
        assert again.returncode == 0, again.stderr
        assert "could not be taken over" not in again.stdout, (at, again.stdout)
        assert state(machine, project) == wanted, at


def test_killed_while_many_refs_are_written_at_once_it_is_done_again_and_no_lock_stays(machine, tmp_path):
    many = "for i in $(seq 250); do echo create refs/heads/b/$i HEAD; done | git update-ref --stdin; git for-each-ref --format='delete %(refname)' refs/heads/old | git update-ref --stdin"
    old = "for i in $(seq 250); do echo create refs/heads/old/$i $(git commit-tree -m $i HEAD^{tree}); done | git update-ref --stdin"
    project, into = prepared(machine, many, old)
    saved = tmp_path / "saved"
    shutil.copytree(machine.home, saved, symlinks=True)
    steps = int(bring(machine, into, -9).stdout.splitlines()[-1])
    wanted = state(machine, project)
    assert wanted.count("refs/heads/b/") == wanted.count(f"refs/inner/{RUN}/heads/old/") == 250
    locked = 0
    for at in range(steps - 24, steps):
        shutil.rmtree(machine.home)
        shutil.copytree(saved, machine.home, symlinks=True)
        assert bring(machine, into, at).returncode == 9, at
        locked += (project / ".git/packed-refs.lock").exists()
        assert bring(machine, into, -9).returncode == 0
        assert state(machine, project) == wanted, at
        assert [place.name for place in (project / ".git").glob("packed-refs*")] == ["packed-refs"]
    assert locked > 1


def test_done_twice_it_is_done_once(machine):
    project, into = prepared(machine)
    assert bring(machine, into, -9).returncode == 0
    first = state(machine, project)
    assert bring(machine, into, -9).returncode == 0
    assert state(machine, project) == first


def test_what_does_not_fit_on_the_disk_stays_beside_the_runs_and_can_be_taken_from_there(machine):
    """A file that may not grow is what a full disk looks like to git."""
    project, into = prepared(machine)
    before = state(machine, project)
    script = KILLED.format(root=str(ROOT), at=-9, into=str(into), run=RUN)
    limited = f'ulimit -f 0; exec {sys.executable} -I -c "$0"'
    done = subprocess.run(["bash", "-c", limited, script], env=machine.env, capture_output=True, text=True, timeout=120)
    assert "could not be taken over" in done.stdout, done.stderr
    assert state(machine, project) == before
    kept = machine.home / "state/kept" / f"{RUN}-git-0"
    assert kept.is_dir()
    line = done.stdout.partition("could not be taken over")[2].partition("`")[2].partition("`")[0]
    assert line == str(kept)


def test_what_git_could_not_take_is_taken_with_the_command_that_the_warning_has(machine):
    project, into = prepared(machine, "head -c 100000 /dev/urandom > big; git add big; git commit -qm big")
    script = KILLED.format(root=str(ROOT), at=-9, into=str(into), run=RUN)
    limited = f'ulimit -f 50; exec {sys.executable} -I -c "$0"'
    done = subprocess.run(["bash", "-c", limited, script], env=machine.env, capture_output=True, text=True, timeout=120)
    command = done.stdout.partition("when that is mended: `")[2].partition("`")[0]
    subprocess.run(["sh", "-c", command], cwd=project, env=machine.env, check=True, timeout=60)
    assert machine.git("log", "-1", "--format=%s", "box/000000", cwd=project) == "big"
