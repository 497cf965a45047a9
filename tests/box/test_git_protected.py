"""`git_dir = "protected"`: git works in the box, the work arrives outside, and nothing of the git folder can be changed."""

import os
import signal
import subprocess
import time

import pytest
from program import INNER
from projects import GIT_ENV, OPEN

pytestmark = pytest.mark.box


def sound(machine, project):
    """The repository is whole, and its folder has nothing of ours in it."""
    machine.git("fsck", "--strict", cwd=project)
    assert not list((project / ".git").glob("*.lock"))
    assert not list((machine.home / ".local/state/inner/runs").glob("*/git-*"))


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


def wait_for(path, process):
    until = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


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
    os.kill(box.pid, signal.SIGKILL)
    box.wait()
    (project / "ready").unlink()
    time.sleep(0.5)
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


def test_the_repositorys_secrets_are_not_in_the_box(machine):
    project = machine.project(
        "proj", "git config http.extraheader 'Authorization: TOKEN'; git remote add origin https://user:SECRET@host.test/x"
    )
    done = machine.box("grep -rs -e TOKEN -e SECRET .git; git remote -v", project)
    assert "TOKEN" not in done.stdout
    assert "SECRET" not in done.stdout
    assert "host.test/x" in done.stdout


@pytest.mark.parametrize("kind", ["file", "alternates"])
def test_a_project_cannot_name_another_repository_of_the_host(machine, kind):
    machine.project("private", "echo INNERCANARY > c; git add c; git commit -qm c")
    project = machine.home / "evil"
    project.mkdir()
    if kind == "file":
        (project / ".git").write_text(f"gitdir: {machine.home}/private/.git\n")
    else:
        machine.sh("git init -q; git commit -q --allow-empty -m x", project)
        (project / ".git/objects/info/alternates").write_text(f"{machine.home}/private/.git/objects\n")
    blob = machine.git("rev-parse", "HEAD:c", cwd=machine.home / "private")
    outside = machine.git("cat-file", "-p", blob, cwd=project)
    assert outside == "INNERCANARY"
    done = machine.box(f"git cat-file -p {blob}; grep -rsl INNERCANARY / --include=c", project, status=None)
    assert "INNERCANARY" not in done.stdout
    if kind == "file":
        assert "does not point back" in done.stderr
        return
    mount = done.stderr.partition("git may not work there; `-m ")[2].partition("`")[0]
    assert "INNERCANARY" in machine.box(f"git cat-file -p {blob}", project, "-m", mount).stdout


def test_a_git_folder_that_is_a_link_is_refused(machine):
    project = machine.project("proj", "mv .git ../elsewhere; ln -s ../elsewhere .git")
    done = machine.box("true", project, status=None)
    assert done.returncode in (3, 125)
    assert "symbolic link" in done.stderr


@pytest.mark.parametrize(
    "how", ["rm .git/packed-refs", "rm .git/packed-refs; mkfifo .git/packed-refs", "truncate -s 1T .git/packed-refs"]
)
def test_without_a_list_of_refs_no_branch_counts_as_deleted(machine, how):
    project = machine.project("proj", "git branch third")
    before = machine.git("for-each-ref", cwd=project)
    machine.box(how, project)
    assert machine.git("for-each-ref", cwd=project) == before
    machine.box("git branch -q -D third", project)
    assert "refs/heads/third" not in machine.git("for-each-ref", cwd=project)


@pytest.mark.parametrize("name", ["index", "packed-refs", "logs/HEAD"])
def test_a_file_of_git_that_takes_no_room_and_says_it_is_huge_is_not_copied(machine, name):
    """As an archive can bring it: the copy would fill the disk, or the memory."""
    project = machine.project("proj", f"truncate -s 1T .git/{name}")
    assert (project / ".git" / name).stat().st_blocks * 512 < 1 << 20
    done = machine.box("true", project, status=125)
    assert f"cannot copy git's state of `{project}`: `{name.rpartition('/')[2]}` has more than" in done.stderr
    assert 'git_dir = "ro"' in done.stderr
    kept = [path for path in (machine.home / ".local/state/inner").rglob("*") if path.is_file()]
    assert sum(path.stat().st_blocks * 512 for path in kept) < 1 << 22


def test_git_outside_is_not_asked_by_what_the_project_says(machine):
    """A hostile repository: everything in its configuration that runs programs, before, during and after a run with commits."""
    project = machine.project()
    for name in (
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "core.alternateRefsCommand",
        "core.askPass",
        "credential.helper",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "diff.external",
    ):
        machine.git("config", name, f"touch $M/{name}; false", cwd=project)
    for hook in ("reference-transaction", "post-index-change", "pre-auto-gc", "post-checkout", "post-rewrite"):
        (project / ".git/hooks" / hook).write_text(f'#!/bin/sh\n[ -n "$M" ] && touch $M/{hook}; touch {machine.marks}/{hook}\n')
        (project / ".git/hooks" / hook).chmod(0o755)
    machine.box("echo x >> a; git -c core.fsmonitor= commit -qam x; git checkout -q -b y; echo z > z; git add z", project)
    assert machine.touched() == []
    machine.git("status", cwd=project)
    assert machine.touched()
    assert GIT_ENV


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


def test_refs_that_are_none_and_objects_that_are_missing_do_not_come(machine):
    project = machine.project()
    done = machine.box(
        """echo 1111111111111111111111111111111111111111 > .git/refs/heads/missing
        git rev-parse HEAD > '.git/refs/heads/a b'; git rev-parse HEAD > $'.git/refs/heads/e\\e[31m'; git update-ref refs/remotes/origin/main HEAD; git replace HEAD $(git commit-tree -m fake HEAD^{tree})
        echo x >> a; git --no-replace-objects commit -qam x
        ln -s /etc/passwd .git/refs/heads/link; ln -s /etc .git/refs/heads/folder; mkfifo .git/refs/heads/pipe; ln -sf /etc/passwd .git/ORIG_HEAD; mkfifo .git/MERGE_HEAD""",
        project, status=None,
    )  # fmt: skip
    assert "\x1b" not in done.stderr
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "x"
    refs = machine.git("for-each-ref", "--format=%(refname)", cwd=project).split("\n")
    assert {"refs/heads/main", "refs/heads/other"} <= set(refs)
    assert [r for r in refs if not r.startswith("refs/inner/")] == ["refs/heads/main", "refs/heads/other"]
    sound(machine, project)


def test_objects_that_git_would_not_take_from_a_stranger_do_not_come_and_are_kept(machine):
    project = machine.project()
    evil = """blob=$(echo x | git hash-object -w --stdin); t=$(printf '100644 .git\\0' | cat - <(echo -n $blob | xxd -r -p) | git hash-object -w -t tree --literally --stdin)
    git update-ref refs/heads/evil $(git commit-tree -m evil $t)"""
    evil = evil.replace("xxd -r -p", "python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))'")
    victim = machine.project("victim")
    machine.open_box(evil, victim)
    assert "evil" in machine.git("branch", "--format=%(refname:short)", cwd=victim).split()
    done = machine.box(evil, project, status=None)
    assert "evil" not in machine.git("branch", "--format=%(refname:short)", cwd=project).split()
    assert "could not be taken over" in done.stderr
    assert list((machine.home / ".local/state/inner/kept").iterdir())
    sound(machine, project)


def test_an_index_with_names_that_git_forbids_changes_nothing(machine):
    project = machine.project()
    forge = """
import hashlib, subprocess
subprocess.run(['sh', '-c', 'printf "#!/bin/sh\\\\ntouch $M/ran" > xgit; mkdir -p xgit.d/hooks; cp xgit xgit.d/hooks/post-checkout; git add xgit.d; rm -r xgit.d xgit'], check=True)
data = open('.git/index', 'rb').read()[:-20].replace(b'xgit.d/hooks', b'.git/./hooks')
open('.git/index', 'wb').write(data + hashlib.sha1(data).digest())
"""
    machine.box(f"python3 - <<'E'{forge}E", project, status=None)
    assert "hooks" not in machine.git("ls-files", cwd=project)
    machine.sh("git status; git checkout -q -f other", project)
    assert machine.touched() == []
