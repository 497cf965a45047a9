"""What a box leaves in the project so that it runs outside later. Each attack succeeds from an open box, and is stopped in ours."""

import os
import stat

import pytest

pytestmark = pytest.mark.box


RUN = "touch $M/ran"
FSMONITOR = f"'{RUN}; false'"
EVIL = f"rm -rf evil; cp -r .git evil 2>/dev/null || git init -q --bare evil; git --git-dir=evil config core.bare false; git --git-dir=evil config core.fsmonitor {FSMONITOR}"
SUB = "git submodule --quiet add ../lib lib; git commit -qm sub"
HUSKY = "mkdir .hooks; printf '#!/bin/sh\\n' > .hooks/pre-commit; chmod +x .hooks/pre-commit; git config core.hooksPath .hooks"
HOOK = f"printf '#!/bin/sh\\n{RUN}\\n'"

# name: (what the project is made with, what the box does, what the user does afterwards)
GIT = {
    "a new hook": ("", f"{HOOK} > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout", "git checkout -q other"),
    "an existing hook": ("", f"echo '{RUN}' > .git/hooks/pre-commit", "git commit -q --allow-empty -m x"),
    "the configuration": ("", f"git config core.fsmonitor {FSMONITOR}", "git status"),
    "the configuration, written over": ("", f"printf '[core]\\n\\tfsmonitor = {RUN}; false\\n' >> .git/config", "git status"),
    "the configuration, by rename": ("", f"cp .git/config c; git config -f c core.fsmonitor {FSMONITOR}; mv -f c .git/config", "git status"),
    "hooksPath": ("", f"mkdir h; {HOOK} > h/post-checkout; chmod +x h/post-checkout; git config core.hooksPath h", "git checkout -q other"),
    "the whole folder, moved": ("", f"mv .git g; cp -r g .git; {HOOK} > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout", "git checkout -q other"),
    "commondir": ("", f"{EVIL}; echo $PWD/evil > .git/commondir", "git status"),
    "config.worktree": ("git config extensions.worktreeConfig true", f"git config -f .git/config.worktree core.fsmonitor {FSMONITOR}", "git status"),
    "a file that is included": ("git config include.path ../.shared; echo > .shared", f"git config -f .shared core.fsmonitor {FSMONITOR}", "git status"),
    "a file that is included, by rename": ("git config include.path ../.shared; echo > .shared", f"git config -f s core.fsmonitor {FSMONITOR}; mv -f s .shared", "git status"),
    "an included file that is missing": ("git config include.path ../.shared", f"git config -f .shared core.fsmonitor {FSMONITOR}", "git status"),
    "hooks in the tree": (HUSKY, f"echo '{RUN}' >> .hooks/pre-commit", "git commit -q --allow-empty -m x"),
    "hooks in the tree, moved": (HUSKY, f"mv .hooks h; cp -r h .hooks; echo '{RUN}' >> .hooks/pre-commit", "git commit -q --allow-empty -m x"),
    "hooks in the tree that are missing": ("git config core.hooksPath .hooks", f"mkdir .hooks; {HOOK} > .hooks/pre-commit; chmod +x .hooks/pre-commit", "git commit -q --allow-empty -m x"),
    "hooks that are a link": ("mkdir h; mv .git/hooks/pre-commit h; rm -r .git/hooks; ln -s ../h .git/hooks", f"{HOOK} > h/pre-commit", "git commit -q --allow-empty -m x"),
    "a hook that is a link": ("mkdir h; mv .git/hooks/pre-commit h; ln -s ../../h/pre-commit .git/hooks", f"{HOOK} > h/pre-commit; mv h h2; cp -r h2 h; {HOOK} > h/pre-commit", "git commit -q --allow-empty -m x"),
    "settings that are a link": ("mv .git/config c; ln -s ../c .git/config", f"printf '[core]\\n\\tfsmonitor = {RUN}; false\\n' >> c", "git status"),
    "a program that settings name": ("mkdir t; echo true > t/m.sh; git config core.fsmonitor 'sh t/m.sh; false'", f"echo '{RUN}' >> t/m.sh; mv t t2; cp -r t2 t; echo '{RUN}' >> t/m.sh", "git status"),
    "a submodule's configuration": (SUB, f"git -C lib config core.fsmonitor {FSMONITOR}", "git status"),
    "a submodule's hooks": (SUB, f"mkdir -p .git/modules/lib/hooks; {HOOK} > .git/modules/lib/hooks/post-checkout; chmod +x .git/modules/lib/hooks/post-checkout", "git -C lib checkout -q -b x"),
    "a submodule's git file": (SUB, f"cp -r .git/modules/lib evil; git config -f evil/config core.worktree $PWD/lib; git config -f evil/config core.fsmonitor {FSMONITOR}; echo 'gitdir: ../evil' > lib/.git || (mv lib l2; cp -r l2 lib; rm lib/.git; echo 'gitdir: ../evil' > lib/.git)", "git status"),
    "a gitlink with a repository": ("", f"git init -q n; git -C n commit -q --allow-empty -m x; git -C n config core.fsmonitor {FSMONITOR}; git add n", "git status"),
    "a gitlink that is committed": ("", f"git init -q n; git -C n commit -q --allow-empty -m x; git -C n config core.fsmonitor {FSMONITOR}; git add n; git commit -qm n", "git status"),
    "a rebase that waits": ("", f"GIT_SEQUENCE_EDITOR=\"sh -c 'echo break > \\$0; echo exec {RUN} >> \\$0'\" git rebase -q -i --root", "git rebase --continue"),
    "a bare repository": ("", f"git init -q --bare docs; git --git-dir=docs config core.bare false; git --git-dir=docs config core.worktree ..; git --git-dir=docs config core.fsmonitor {FSMONITOR}", "cd docs; git status"),
    "a nested repository": ("", f"git init -q src/n; git -C src/n config core.fsmonitor {FSMONITOR}", "git -C src/n status"),
    "a nested repository, deep down": ("", f"mkdir -p $(printf 'd/%.0s' $(seq 60)); cd $(printf 'd/%.0s' $(seq 60)); git init -q n; git -C n config core.fsmonitor {FSMONITOR}", "cd $(printf 'd/%.0s' $(seq 60))/n; git status"),
    "a nested repository in a folder that is shut": ("", f"git init -q s/n; git -C s/n config core.fsmonitor {FSMONITOR}; chmod 000 s", "chmod 700 s; git -C s/n status"),
    "a git file": ("", f"{EVIL}; mkdir d; echo 'gitdir: ../evil' > d/.git", "git -C d status"),
    "a git folder that is a link": ("", f"{EVIL}; mkdir d; ln -s ../evil d/.git", "git -C d status"),
    "a worktree that was made in the box": ("", f"git worktree add -q wt; {EVIL}; rm -f wt/.git; echo 'gitdir: ../evil' > wt/.git", "git -C wt status"),
    "a stash": ("", f"git stash list; mkdir -p .git/info; echo '* filter=x' > .git/info/attributes; git config filter.x.smudge '{RUN}'; git config filter.x.clean '{RUN}; cat'", "echo y > a; git add a"),
}  # fmt: skip


@pytest.mark.parametrize("name", GIT)
def test_git_runs_nothing_outside(machine, name):
    setup, attack, trigger = GIT[name]
    if "lib" in setup:
        machine.project("lib")
    victim = machine.project("victim", setup)
    machine.open_box(attack, victim)
    machine.sh(trigger, victim, check=False)
    assert machine.touched() == ["ran"], "the attack is none"
    (machine.marks / "ran").unlink()
    project = machine.project("proj", setup)
    machine.box(attack, project, status=None)
    machine.sh(trigger, project, check=False)
    machine.sh("git status; git stash list; git log --stat", project)
    assert machine.touched() == []


NO_GIT = {
    "a repository": (f"git init -q .; git config core.fsmonitor {FSMONITOR}", "git status"),
    "a bare one": (f"git init -q --bare .; git --git-dir=. config core.bare false; git --git-dir=. config core.worktree .; git --git-dir=. config core.fsmonitor {FSMONITOR}", "git status"),
    "a git file": (f"git init -q e; git -C e config core.fsmonitor {FSMONITOR}; git -C e config core.worktree $PWD; mv e/.git f; echo 'gitdir: f' > .git", "git status"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_GIT)
def test_a_project_without_git_gets_none(machine, name):
    attack, trigger = NO_GIT[name]
    victim = machine.project("victim", git=False)
    machine.open_box(attack, victim)
    machine.sh(trigger, victim, check=False)
    assert machine.touched() == ["ran"], "the attack is none"
    (machine.marks / "ran").unlink()
    project = machine.project("proj", git=False)
    machine.box(attack, project, status=None)
    machine.sh(trigger, project, check=False)
    assert machine.touched() == []
    assert not (project / ".git").exists()


WORKTREE = {
    "its git file": (f"cp -r $(git rev-parse --git-common-dir) evil; git --git-dir=evil config core.bare false; git --git-dir=evil config core.fsmonitor {FSMONITOR}; git --git-dir=evil config core.worktree $PWD; echo 'gitdir: evil' > .git || (mv .git g; echo 'gitdir: evil' > .git)", "git status"),
    "the common configuration": (f"c=$(git rev-parse --git-common-dir); git config -f $c/config core.fsmonitor {FSMONITOR}", "git status"),
    "the common hooks": (f"c=$(git rev-parse --git-common-dir); {HOOK} > $c/hooks/post-checkout; chmod +x $c/hooks/post-checkout", "git checkout -q -b x"),
    "its commondir": (f"cp -r $(git rev-parse --git-common-dir) evil; git --git-dir=evil config core.fsmonitor {FSMONITOR}; echo $PWD/evil > $(git rev-parse --git-dir)/commondir", "git status"),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKTREE)
def test_a_linked_worktree_runs_nothing_outside(machine, name):
    attack, trigger = WORKTREE[name]
    for run in ("victim", "proj"):
        machine.project(f"{run}-main", f"git worktree add -q ../{run} -b wt")
        project = machine.home / run
        if run == "victim":
            machine.open_box(attack, project)
        else:
            machine.box(attack, project, status=None)
        machine.sh(trigger, project, check=False)
        assert machine.touched() == (["ran"] if run == "victim" else []), run
        for mark in machine.marks.iterdir():
            mark.unlink()


NAMES = [
    ".envrc", ".inner.toml", "inner.toml", ".inner/config.toml", ".config/inner.toml", ".mcp.json", ".vscode/tasks.json", ".vscode/settings.json", ".idea/workspace.xml",
    ".zed/tasks.json", ".devcontainer/devcontainer.json", ".cursor/mcp.json", ".cursor/rules/x.mdc", ".claude/settings.json", ".claude/settings.local.json", ".claude/hooks/x",
    ".codex/config.toml", ".gemini/settings.json", ".opencode/x", ".vimrc", ".exrc", ".nvim.lua", ".dir-locals.el", ".gdbinit", "opencode.json", ".aider.conf.yml", ".mise.toml",
    ".husky/pre-commit",
]  # fmt: skip
WRITE = """f={name}; d=$(dirname $f); mkdir -p $d; echo EVIL > $f
[ $d = . ] || grep -qs EVIL $f || {{ mv $d $d.old && mkdir -p $d && echo EVIL > $f; }}
grep -qs EVIL $f || {{ echo EVIL > t; mv -f t $f; ln -f t $f; rm -f $f && echo EVIL > $f; }}"""


@pytest.mark.parametrize("there", [False, True], ids=["missing", "existing"])
def test_files_that_steer_programs_are_as_they_were(machine, there):
    def made(name):
        project = machine.project(name, "rm -r .vscode", git=False)
        for path in NAMES if there else ():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_text("mine\n")
        return project

    def evil(project):
        return [n for n in NAMES if (project / n).is_file() and "EVIL" in (project / n).read_text()]

    attack = "\n".join(WRITE.format(name=name) for name in NAMES)
    victim, project = made("victim"), made("proj")
    machine.open_box(attack, victim)
    assert evil(victim) == NAMES
    before = sorted(os.listdir(project))
    done = machine.box(attack, project, status=None)
    assert evil(project) == []
    if there:
        assert [(project / n).read_text() for n in NAMES] == ["mine\n"] * len(NAMES)
    else:
        left = [n for n in sorted(os.listdir(project)) if n not in before and not n.endswith(".held-by-inner")]
        assert left in ([], [".config"], [".config", "t"], ["t"])
        assert "out of effect" in done.stderr


def test_placeholders_cannot_be_swapped_and_nothing_of_them_stays(machine):
    project = machine.project("proj", "rm -r .vscode", git=False)
    before = sorted(os.listdir(project))
    done = machine.box(
        "for f in .mcp.json .zed .codex .vscode .git; do mv $f m.$f && echo MOVED; rm -rf $f; echo x > $f; echo x > $f/x; ln $f l.$f; [ -e $f ] || echo GONE; done; ls -A",
        project,
        status=None,
    )
    assert "MOVED" not in done.stdout
    assert "GONE" not in done.stdout
    assert sorted(os.listdir(project)) == before


def test_a_hard_link_to_something_protected_cannot_be_made(machine):
    project = machine.project()
    attack = "ln .vscode/tasks.json one; ln .git/config two; echo EVIL | tee -a one two"
    machine.open_box(attack, machine.project("victim"))
    assert "EVIL" in (machine.home / "victim/.vscode/tasks.json").read_text()
    machine.box(attack, project, status=None)
    assert "EVIL" not in (project / ".vscode/tasks.json").read_text()
    assert "EVIL" not in (project / ".git/config").read_text()


def test_set_id_bits_are_taken_away_and_others_stay(machine):
    project = machine.project()
    attack = "cp /bin/true one; cp /bin/true two; chmod 4755 one; chmod 2711 two; chmod 0111 two; chmod 2111 two"
    victim = machine.project("victim")
    machine.open_box(attack, victim)
    assert (victim / "one").stat().st_mode & stat.S_ISUID
    machine.box("cp /bin/true one; chmod 4755 one || echo EPERM; cp /bin/true two; chmod 2111 two", project, status=None)
    for name in ("one", "two"):
        assert not (project / name).stat().st_mode & 0o6000


def test_what_is_left_is_told_and_names_are_escaped(machine):
    project = machine.project("proj", "echo all: > Makefile; git add -A; git commit -qm m")
    done = machine.box(
        "ln -s /etc/passwd out; ln -s ../../x up; ln -s a fine; mkfifo pipe; echo x >> Makefile; echo y > CLAUDE.md; mkdir -p $'e\\e]0;EVIL\\a'; echo > $'e\\e]0;EVIL\\a/package.json'",
        project,
    )
    assert "\x1b" not in done.stderr
    for word in ("out -> /etc/passwd", "up -> ../../x", "pipe", "Makefile", "CLAUDE.md", "package.json"):
        assert word in done.stderr, word
    assert "fine ->" not in done.stderr


def test_a_run_that_changes_nothing_says_nothing(machine):
    project = machine.project("proj", "rm -r .vscode; git commit -qam less")
    assert machine.box("ls; git status; git log", project).stderr == ""


def test_a_tree_of_4000_folders_in_each_other_is_survived(machine):
    project = machine.project()
    machine.box(
        "python3 - <<'E'\nimport os\nfor _ in range(4000):\n    os.mkdir('d'); os.chdir('d')\nopen('f', 'w').close(); os.chmod('f', 0o4755)\nE\necho > CLAUDE.md",
        project,
    )
    here = os.open(project, os.O_RDONLY)
    for _ in range(4000):
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    assert not os.stat("f", dir_fd=here).st_mode & 0o6000
    os.close(here)
    machine.sh("rm -rf d", project)


def test_a_repository_of_the_users_that_is_committed_to_stays_in_effect(machine):
    project = machine.project()
    machine.sh("mkdir -p x/y; cd x/y; git init -q n; cd n; git commit -q --allow-empty -m one", project)
    done = machine.box("cd x/y/n; echo > f; git add f; git commit -qm two", project)
    assert machine.git("log", "--format=%s", cwd=project / "x/y/n").split("\n") == ["two", "one"]
    assert "out of effect" not in done.stderr
    machine.box("cd x/y/n; git config alias.x '!true'", project)
    assert (project / "x/y/n/.git/HEAD.held-by-inner").exists()


def test_a_protected_name_that_is_a_link_is_refused(machine):
    project = machine.project("proj", "rm -r .vscode; ln -s ../../elsewhere .vscode", git=False)
    done = machine.box("true", project, status=None)
    assert done.returncode in (3, 125)
    assert "`.vscode` is a symbolic link" in done.stderr
    assert not (machine.home.parent / "elsewhere").exists()


PROTECT = 'schema_version = "1"\nname = "p"\nextends = "shell"\n[sandbox]\n{}\n'


def test_names_of_the_profile_are_protected(machine):
    project = machine.project("proj", "mkdir -p ci/x; echo mine > ci/x/deploy.sh")
    profile = PROTECT.format('protect = ["ci/x/deploy.sh", "Makefile", "a/b/c"]')
    attack = "echo EVIL > ci/x/deploy.sh; mv ci c2; mkdir -p ci/x a2/b; echo EVIL > ci/x/deploy.sh; echo EVIL > Makefile; mkdir -p d; ls"
    machine.box(attack, project, profile=profile, status=None)
    assert (project / "ci/x/deploy.sh").read_text() == "mine\n"
    assert not (project / "Makefile").exists()
    done = machine.box("true", project, profile=PROTECT.format('protect = ["/etc/x"]'), status=None)
    assert "not below the folder" in done.stderr


def test_masked_files_are_not_read_and_git_overlooks_them(machine):
    project = machine.project(
        "proj",
        "echo SECRET > .env; mkdir -p c/d/e; echo SECRET > c/d/e/k.pem; echo SECRET > keys; git add keys; git commit -qm keys; echo SECRET > .env.local",
    )
    profile = PROTECT.format('mask = [".env*", "keys", "c/**/*.pem"]')
    done = machine.box(
        "grep -rs SECRET . ; git status --short; echo x > .env.new; echo y >> a; git commit -qam y; cat .env; mv c z; cat z/d/e/k.pem",
        project,
        profile=profile,
        status=None,
    )
    assert "SECRET" not in done.stdout
    assert " keys" not in done.stdout
    assert machine.git("show", "HEAD:keys", cwd=project) == "SECRET"
    assert (project / ".env").read_text() == "SECRET\n"
    assert (project / ".env.new").read_text() == "x\n"
    assert "SECRET" in machine.box("cat .env", project).stdout
