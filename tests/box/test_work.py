"""Real work in a box of the built-in profile `shell`: repositories, tests of projects, compilers. Nothing of it stays on the host
but the project's own files.
"""

from __future__ import annotations

import os
import subprocess
import textwrap

import pytest
from program import inner

pytestmark = pytest.mark.box


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".gitconfig").write_text(
        "[user]\n\tname = A User\n\temail = user@example.test\n\tsigningkey = ABCDEF\n[commit]\n\tgpgsign = true\n[init]\n\tdefaultBranch = trunk\n"
        '[core]\n\tpager = false\n\thooksPath = /nonexistent\n[alias]\n\tst = status --short\n[credential]\n\thelper = "!echo password=TOKEN"\n'
        '[url "https://u:TOKEN@example.test/"]\n\tinsteadOf = https://example.test/\n[http]\n\textraHeader = "Authorization: TOKEN"\n'
    )
    return folder


@pytest.fixture
def work(home, tmp_path):
    """work(script): runs it with sh in a box, in the folder `project`; fails unless it ends well."""
    project = tmp_path / "project"
    project.mkdir()
    before = tree(home)

    def run(script, *options, status=0):
        done = inner(
            "run", *options, "--", "sh", "-ec", textwrap.dedent(script), cwd=project, env={**os.environ, "HOME": str(home)}
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "inner" not in done.stderr, done.stderr  # it has nothing to say while all is well
        return done.stdout

    run.project = project
    yield run
    changed = {
        path for path in tree(home) ^ before if not path.startswith((".cache/inner", ".local/state/inner", ".cache", ".local"))
    }
    assert changed == set()
    for path in tree(home) - before:
        assert path in (".cache", ".local", ".local/state") or path.startswith((".cache/inner", ".local/state/inner"))


def tree(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def git(project, *words):
    """The host's git, on what the box left."""
    return subprocess.run(
        ["git", *words],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null"},
    ).stdout


def test_a_repository_from_its_first_commit_to_a_rebase(work):
    git(work.project, "init", "-q", "-b", "trunk")
    work(
        """
        echo one > file; git add file; git commit -qm 'First'
        git checkout -qb topic; echo topic > other; git add .; git commit -qm 'On the topic'
        git checkout -q trunk; echo two >> file; git commit -qam 'Second'
        git checkout -q topic; git rebase -q trunk
        git checkout -q trunk; git merge -q --no-ff -m 'Merge' topic
        git tag -a -m 'A release' v1
        git stash list; git gc -q; git worktree list
        test "$(git st)" = ""
        """
    )
    assert git(work.project, "log", "--format=%s %an %ae %cn %G?", "--topo-order").splitlines() == [
        "Merge A User user@example.test A User N",
        "On the topic A User user@example.test A User N",
        "Second A User user@example.test A User N",
        "First A User user@example.test A User N",
    ]
    assert git(work.project, "rev-parse", "v1^{commit}") == git(work.project, "rev-parse", "HEAD")
    assert git(work.project, "status", "--porcelain") == ""
    assert git(work.project, "fsck", "--strict") == ""
    owner = os.stat(work.project)
    assert all((path.lstat().st_uid, path.lstat().st_gid) == (owner.st_uid, owner.st_gid) for path in work.project.rglob("*"))


def test_git_of_the_box_knows_no_token_and_runs_nothing_of_the_users_configuration(work, home):
    subprocess.run(["git", "init", "-q"], cwd=work.project, check=True)
    said = work("git config --list --show-origin; env; cat /etc/gitconfig; grep -rs TOKEN ~ /etc /run 2>/dev/null || true")
    assert "TOKEN" not in said
    for key in ("hookspath", "core.pager", "credential", "extraheader", "insteadof", "signingkey"):
        assert key not in said.lower()
    outside = subprocess.run(
        ["git", "config", "--list"], capture_output=True, text=True, env={**os.environ, "HOME": str(home)}, check=True
    )
    assert "TOKEN" in outside.stdout and "hookspath" in outside.stdout.lower()


def test_where_the_home_is_shown_gits_files_are_not(home, tmp_path):
    (home / "more.inc").write_text("[http]\n\textraHeader = TOKEN\n")
    with (home / ".gitconfig").open("a") as file:
        file.write("[include]\n\tpath = more.inc\n")
    (tmp_path / "project").mkdir()
    (home / "notes").write_text("shown\n")
    for root in ("minimal", "host-ro") if os.geteuid() else ("minimal",):
        (tmp_path / "wide.toml").write_text(
            f'schema_version = "1"\nextends = "shell"\n[sandbox]\nhome = "host-ro"\nroot = "{root}"\n'
        )
        script = "cat ~/notes; git config user.name; cat ~/.gitconfig ~/more.inc; git config --list"
        done = inner(
            "run", "-p", "../wide.toml", "--", "sh", "-c", script, cwd=tmp_path / "project", env={**os.environ, "HOME": str(home)}
        )
        assert done.stdout.startswith("shown\nA User\n"), done.stderr
        assert "TOKEN" not in done.stdout


def test_the_repositorys_own_identity_wins_as_it_does_outside(work):
    subprocess.run(["git", "init", "-q"], cwd=work.project, check=True)
    subprocess.run(["git", "config", "user.email", "work@example.test"], cwd=work.project, check=True)
    subprocess.run(["git", "config", "commit.gpgsign", "true"], cwd=work.project, check=True)
    work(
        "touch a; git add a; git commit -qm A; mkdir /tmp/r; cd /tmp/r; git init -q; git config user.email test@example.test; git commit -q --allow-empty -m T; test $(git log --format=%ae) = test@example.test"
    )
    assert git(work.project, "log", "--format=%an %ae").strip() == "A User work@example.test"


def test_the_users_configuration_can_be_changed_in_the_box_and_is_not_outside(work, home):
    assert work("git config --global user.name Other; git config user.name").strip() == "Other"
    assert "Other" not in (home / ".gitconfig").read_text()


def test_a_python_project_with_an_environment_of_its_own(work):
    (work.project / "calc.py").write_text("def add(a, b):\n    return a + b\n")
    (work.project / "test_calc.py").write_text(
        "import unittest, calc\n\nclass T(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(calc.add(1, 2), 3)\n"
    )
    work(
        "python3 -m unittest -q 2>&1; python3 -m venv --without-pip .venv; .venv/bin/python -c 'import sys; assert sys.prefix != sys.base_prefix'"
    )
    assert (work.project / ".venv/bin/python").is_symlink()


def test_a_node_project(work):
    (work.project / "sum.test.js").write_text(
        "const test = require('node:test'); const assert = require('node:assert');\ntest('adds', () => assert.strictEqual(1 + 2, 3));\n"
    )
    said = work(
        'node --test 2>&1; node -e \'require("fs").writeFileSync("made.json", JSON.stringify({home: require("os").homedir()}))\''
    )
    assert "pass 1" in said
    assert (work.project / "made.json").exists()


def test_a_c_program(work):
    (work.project / "hello.c").write_text('#include <stdio.h>\nint main(void) { puts("hello from C"); return 0; }\n')
    (work.project / "Makefile").write_text("hello: hello.c\n\t$(CC) -O1 -o $@ $<\n")
    assert "hello from C" in work("cc -O1 -o hello hello.c; ./hello")
    assert subprocess.run([work.project / "hello"], capture_output=True, text=True).stdout == "hello from C\n"


def test_scratch_space_and_the_home_are_the_boxs_own(work, tmp_path):
    work("echo x > /tmp/left-by-a-box-of-the-tests; echo x > ~/left; mkdir -p ~/.config/x; echo x > /var/tmp/left-by-a-box")
    assert not os.path.exists("/tmp/left-by-a-box-of-the-tests") and not os.path.exists("/var/tmp/left-by-a-box")
    assert list(work.project.iterdir()) == []


def test_what_cannot_be_done_in_a_box_is_said_by_name(work):
    done = inner(
        "run", "--block", "make", "--", "sh", "-c", "apt-get install x; echo $?; make; /usr/bin/make; echo $?", cwd=work.project
    )
    assert done.stdout == "126\n126\n"
    assert done.stderr.splitlines()[0] == "inner: `apt-get` is blocked in this box (profile shell)"
    assert set(done.stderr.splitlines()[1:]) == {"inner: `make` is blocked in this box (profile shell)"}


def test_a_command_that_is_rewritten_gets_its_arguments_as_they_were(work, tmp_path):
    (tmp_path / "p.toml").write_text(
        'schema_version = "1"\nextends = "shell"\n[noop]\nrewrite = { docker = "printf \'<%s>\' \'a  b\'", ls = "ls -d" }\n'
    )
    done = inner(
        "run",
        "-p",
        "../p.toml",
        "--",
        "sh",
        "-c",
        "docker '' \"$(printf 'x\\ny')\" '*' \"it's\"; mkdir d; ls d; /usr/bin/ls -a d | wc -l",
        cwd=work.project,
    )
    assert done.stdout == "<a  b><><x\ny><*><it's>d\n2\n", done.stderr
