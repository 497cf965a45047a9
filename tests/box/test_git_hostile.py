"""A project or a box that means harm: what a repository says is not obeyed outside, and what no git would take does not come."""

from __future__ import annotations

import pytest
from projects import GIT_ENV, sound

pytestmark = pytest.mark.box


def test_a_log_does_not_tell_who_pulled_as_whom(machine):
    """Git notes a URL in its log as it was typed, and where it keeps one itself without what comes before the `@`."""
    project = machine.project("proj", "git init -q --bare ../up; git push -q ../up main; git clone -q ../up ../other; cd ../other; "
        "git commit -q --allow-empty -m theirs; git push -q origin HEAD:main; cd ../proj; "
        "git -c url.$PWD/../up.insteadOf=https://user:SECRET@host.test/x pull -q https://user:SECRET@host.test/x main")  # fmt: skip
    assert "SECRET" in machine.git("reflog", cwd=project)
    done = machine.box("grep -rs SECRET .git; git reflog -1", project)
    assert "SECRET" not in done.stdout
    assert "pull -q https://host.test/x main: Fast-forward" in done.stdout


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
