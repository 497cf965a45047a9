"""What README promises, on each release from nothing: installed by an ordinary user, a box, its verification, git."""

from __future__ import annotations

WORK = """
git init -q -b main ~/repo && cd ~/repo
inner run -- sh -c 'echo text > file; git add file; git commit -q -m first; echo reboot > .git/hooks/post-commit'
echo "$?"
git log --format='%an <%ae> %s'
git status --short
ls .git/hooks | grep -v '[.]sample$'
"""


def test_the_first_command_of_readme_installs_it_and_runs_a_box(each):
    said = "install: inner 0.1.0 is in /home/tester/.local/bin\n"
    said += 'install: put it on your PATH: export PATH="/home/tester/.local/bin:$PATH"\n'
    assert each.first == (0, "hello from the box\ninner\n", said)


def test_a_command_that_does_nothing_says_nothing(each):
    assert each.sh("cd project; inner run -- true") == (0, "", "")
    assert each.sh("cd project; inner run -- sh -c 'exit 7'") == (7, "", "")


def test_every_check_of_the_box_holds(each):
    done = each.sh("cd project; inner verify -p shell")
    head, *checks, total, verdict = [line for line in done.out.splitlines() if line]
    assert (done.status, done.err, head, verdict) == (
        0, "", "profile shell in /home/tester/project, network off", "[ok] sandbox conformant",
    )  # fmt: skip
    assert total == f"{len(checks)} of {len(checks)} hold, 0 told"
    assert [line for line in checks if not line.startswith("[ok] ")] == []
    assert len(checks) > 60


def test_a_commit_from_the_box_is_the_users_and_its_hooks_are_closed(each):
    each.sh("git config --global user.name Tester; git config --global user.email tester@machine.test")
    refused = "sh: 1: cannot create .git/hooks/post-commit: Read-only file system\n"
    assert each.sh(WORK) == (1, "2\nTester <tester@machine.test> first\n", refused)
