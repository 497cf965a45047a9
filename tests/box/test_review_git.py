"""Commits under review: the host's repository stays as it is until `inner apply`, and never gets more of git than objects and refs."""

from __future__ import annotations

import subprocess
import time

import pytest
from program import INNER, killed
from reviewed import BACKENDS, World

pytestmark = pytest.mark.box

WHO = "git -c user.name=box -c user.email=box@example.test"


@pytest.fixture(params=BACKENDS)
def world(request, place):
    made = World(place, request.param)
    made.git = lambda *words, cwd=None: git(made, *words, cwd=cwd)
    return made


def git(world, *words, cwd=None):
    env = {**world.env, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    line = ["git", "-c", "user.name=me", "-c", "user.email=me@example.test", "-c", "init.defaultBranch=main", *words]
    done = subprocess.run(line, cwd=cwd or world.project, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(world):
    world.git("init", "-q")
    world.write("f", "one\n")
    world.git("add", ".")
    world.git("commit", "-qm", "first")
    return world.git("rev-parse", "HEAD")


def another(world):
    """A repository beside the project, to be a submodule of it."""
    origin = world.home / "origin"
    origin.mkdir()
    git(world, "init", "-q", cwd=origin)
    (origin / "s").write_text("s\n")
    git(world, "add", ".", cwd=origin)
    git(world, "commit", "-qm", "sub first", cwd=origin)
    return origin


def test_commits_come_with_apply_and_not_before(world):
    first = repository(world)
    world.sh(f"echo two >>f; {WHO} commit -qam second; git branch other; git log --oneline | wc -l")
    assert world.git("rev-parse", "HEAD") == first
    assert world.git("status", "--porcelain") == ""
    shown = world.inner("diff", "--stat").stdout
    assert "M f  +1 -0" in shown
    assert ": main  " in shown
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert world.git("log", "--format=%s").split("\n") == ["second", "first"]
    assert world.git("rev-parse", "other") == world.git("rev-parse", "main")
    assert world.git("status", "--porcelain") == ""
    assert world.git("fsck", "--strict") == ""
    assert world.reviews() == []


def test_discarded_commits_are_gone(world):
    first = repository(world)
    world.sh(f"echo two >>f; {WHO} commit -qam second")
    assert world.inner("discard", "--all", "--yes").returncode == 0
    assert world.git("rev-parse", "HEAD") == first
    assert world.git("count-objects").startswith("3 objects")


def test_a_commit_without_a_change_of_files_is_kept_too(world):
    repository(world)
    world.sh(f"{WHO} commit -q --allow-empty -m empty")
    assert len(world.reviews()) == 1
    assert world.inner("apply", "--yes").returncode == 0
    assert world.git("log", "--format=%s").split("\n") == ["empty", "first"]


ATTACK = """
cd .git 2>/dev/null || exit 0
mkdir -p hooks; for h in post-checkout pre-commit post-commit reference-transaction post-index-change; do
  printf '#!/bin/sh\\ntouch %s\\n' "$1" >hooks/$h; chmod +x hooks/$h; done
printf '[core]\\n\\tfsmonitor = touch %s\\n\\thooksPath = hooks\\n[alias]\\n\\tst = !touch %s\\n' "$1" "$1" >>config
rm -f config; printf '[core]\\n\\trepositoryformatversion = 0\\n\\tfsmonitor = touch %s\\n' "$1" >config
echo "../evil" >commondir
cd ..; mkdir -p evil sub/.git/hooks; git init -q sub/nested
printf '[core]\\n\\tfsmonitor = touch %s\\n' "$1" >>sub/nested/.git/config
printf '#!/bin/sh\\ntouch %s\\n' "$1" >sub/nested/.git/hooks/post-index-change; chmod +x sub/nested/.git/hooks/post-index-change
true
"""


def test_nothing_of_git_that_runs_programs_comes_over(world):
    repository(world)
    before = (world.project / ".git/config").read_text()
    mark = world.home / "ran"
    world.run("sh", "-c", ATTACK, "sh", str(mark))
    world.inner("apply", "--yes")
    assert (world.project / ".git/config").read_text() == before
    for place in (world.project, world.project / "sub", world.project / "sub/nested"):
        subprocess.run(["git", "status"], cwd=place, env=world.env, capture_output=True)
        subprocess.run(["git", "commit", "-qm", "x", "--allow-empty"], cwd=place, env=world.env, capture_output=True)
    assert not mark.exists()


def test_the_same_attack_without_a_box_runs(world):
    repository(world)
    mark = world.home / "ran"
    subprocess.run(["sh", "-c", ATTACK, "sh", str(mark)], cwd=world.project, env=world.env, check=True)
    subprocess.run(["git", "status"], cwd=world.project / "sub/nested", env=world.env, capture_output=True)
    assert mark.exists()


def test_a_new_repository_comes_without_its_settings_and_hooks(world):
    world.sh(
        f"git init -q -b main new; cd new; echo x >f; git add f; {WHO} commit -qm made; echo y >g; git add g; git config core.fsmonitor 'touch ran'"
    )
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    new = world.project / "new"
    assert git(world, "log", "--format=%s", cwd=new) == "made"
    assert git(world, "status", "--porcelain", cwd=new) == "A  g"
    assert "fsmonitor" not in (new / ".git/config").read_text()
    assert not (new / "ran").exists()
    assert world.reviews() == []


def test_a_repository_deeper_down_keeps_its_git_folder_and_is_told_once(world):
    deep = world.project / "a/b"
    deep.mkdir(parents=True)
    git(world, "init", "-q", cwd=deep)
    git(world, "commit", "-q", "--allow-empty", "-m", "one", cwd=deep)
    world.sh(f"cd a/b; echo x >f; git add f; {WHO} commit -qm two; rm -rf .git/hooks; touch .git/hooks")
    assert world.inner("diff", "--stat").stdout.splitlines() == ["M a/b/.git/  [may run code outside: git]", "A a/b/f  +1 -0"]
    done = world.inner("apply", "--yes")
    assert done.returncode == 1
    assert done.stderr.count("left as it is") == 1
    assert git(world, "log", "--format=%s", cwd=deep) == "one"
    assert (deep / "f").read_text() == "x\n"


def test_a_branch_that_moved_outside_stays_and_the_boxs_is_kept_beside(world):
    repository(world)
    world.sh(f"echo box >g; git add g; {WHO} commit -qm box")
    world.write("h", "host\n")
    world.git("add", "h")
    world.git("commit", "-qm", "host")
    mine = world.git("rev-parse", "main")
    world.inner("apply", "--yes")
    assert world.git("rev-parse", "main") == mine
    kept = world.git("for-each-ref", "--format=%(subject)", "refs/inner")
    assert kept == "box"


def test_a_linked_work_tree(world):
    repository(world)
    tree = world.home / "tree"
    world.git("worktree", "add", "-q", str(tree), "-b", "side")
    time.sleep(0.02)
    done = world.inner(
        "run", "--review", "--no-network", "--", "sh", "-c", f"echo x >x; git add x; {WHO} commit -qm side", cwd=tree
    )
    assert done.returncode == 0, done.stderr
    assert world.git("log", "--format=%s", "side") == "first"
    done = world.inner("apply", "--yes", cwd=tree)
    assert done.returncode == 0, done.stderr
    assert world.git("log", "--format=%s", "side").split("\n") == ["side", "first"]
    assert git(world, "status", "--porcelain", cwd=tree) == ""


def test_a_submodule(world):
    origin = another(world)
    repository(world)
    world.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(origin), "sub")
    world.git("commit", "-qm", "with a submodule")
    world.sh(f"cd sub; echo t >t; git add t; {WHO} commit -qm 'sub second'; cd ..; git add sub; {WHO} commit -qm bump")
    assert git(world, "log", "--format=%s", cwd=world.project / "sub") == "sub first"
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert git(world, "log", "--format=%s", cwd=world.project / "sub").split("\n") == ["sub second", "sub first"]
    assert world.git("log", "--format=%s").split("\n")[0] == "bump"
    assert world.git("status", "--porcelain") == ""


def test_a_work_tree_that_the_box_added(world):
    repository(world)
    world.sh(
        f"git worktree add -q -b side tree; cd tree; echo x >x; git add x; {WHO} commit -qm side; echo y >y; git add y; git worktree add -q --detach ../loose"
    )
    assert not (world.project / "tree").exists()
    shown = world.inner("diff", "--stat")
    assert f"G {world.project}: the work tree {world.project}/tree" in shown.stdout
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert "left as it is" not in done.stderr
    tree = world.project / "tree"
    assert git(world, "log", "--format=%s", cwd=tree).split("\n") == ["side", "first"]
    assert git(world, "status", "--porcelain", cwd=tree) == "A  y"
    assert git(world, "status", "--porcelain", cwd=world.project / "loose") == ""
    assert git(world, "worktree", "list", "--porcelain").count("worktree ") == 3
    world.git("fsck", "--strict")
    assert world.inner("diff").returncode != 0  # nothing is left to review


def test_a_work_tree_is_not_half_applied(world):
    repository(world)
    world.sh("git worktree add -q -b side tree; rm -r .git/worktrees/tree; git worktree add -q -b other loose; echo x >loose/x")
    done = world.inner("apply", "--yes")
    assert not (world.project / "tree/.git").exists()
    assert "left as it is: `tree/.git`" in done.stderr
    assert git(world, "status", "--porcelain", cwd=world.project / "loose") == "?? x"


def test_a_git_file_that_names_a_place_of_the_boxs_choice_is_not_applied(world, tmp_path):
    repository(world)
    for name in ("evil", "evil/objects", "evil/refs", "tree", "other"):
        (world.project / name).mkdir()
    world.write("evil/HEAD", "ref: refs/heads/main\n")
    world.write("evil/config", "[core]\n\tfsmonitor = touch pwned\n")
    world.sh(
        f"echo gitdir: {world.project}/evil >tree/.git; echo gitdir: {world.project}/.git/worktrees/../../evil >other/.git; {WHO} commit -q --allow-empty -m more"
    )
    world.inner("apply", "--yes")
    assert not (world.project / "tree/.git").exists()
    assert not (world.project / "other/.git").exists()
    assert world.git("log", "--format=%s").split("\n")[0] == "more"


def test_a_submodule_that_the_box_added(world):
    origin = another(world)
    git(world, "bundle", "create", "-q", f"{world.project}/origin", "HEAD", "main", cwd=origin)
    repository(world)
    world.sh(f"git -c protocol.file.allow=always submodule --quiet add ./origin sub; {WHO} commit -qm 'with a submodule'")
    shown = world.inner("diff", "--stat")
    assert f"G {world.project}: the submodule sub" in shown.stdout
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert git(world, "log", "--format=%s", cwd=world.project / "sub") == "sub first"
    assert world.git("status", "--porcelain") == ""
    world.git("submodule", "init")
    assert world.git("submodule", "status").endswith("sub (heads/main)")


def test_commits_of_a_killed_run_can_be_applied(world):
    repository(world)
    time.sleep(0.02)
    script = f"echo two >>f; {WHO} commit -qam second; echo ready; sleep 60"
    with subprocess.Popen([*INNER, "run", "--review", "--no-network", "--", "sh", "-c", script],
                          cwd=world.project, env=world.env, stdout=subprocess.PIPE, text=True) as box:  # fmt: skip
        assert box.stdout.readline() == "ready\n"
        killed(box)
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert world.git("log", "--format=%s").split("\n") == ["second", "first"]
    assert world.git("status", "--porcelain") == ""
    assert list((world.state / "runs").glob("*/git-*")) == []


def test_git_alone_can_be_applied(world):
    repository(world)
    world.sh(f"echo two >>f; echo other >other; {WHO} commit -qam second")
    assert world.inner("apply", ".git", "--yes").returncode == 0
    assert world.git("log", "--format=%s").split("\n") == ["second", "first"]
    assert not (world.project / "other").exists()
    assert world.inner("apply", "--yes").returncode == 0
    assert world.git("status", "--porcelain") == "?? other"
