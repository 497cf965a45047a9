"""What README promises, on each machine: installed by an ordinary user, a box, its verification, attacks on it, git."""

from __future__ import annotations

from on import on

from inner import __version__

EVERY = on("trixie", "bookworm", "forky", "plain")
LISTEN = 'until [ "$(ss -Htln sport = :80 | wc -l)" = 2 ]; do sleep 0.2; done'
WORK = """
git init -q -b main ~/repo && cd ~/repo
inner run -- sh -c 'echo text > file; git add file; git commit -q -m first; echo reboot > .git/hooks/post-commit'
echo "$?"
git log --format='%an <%ae> %s'
git status --short
ls .git/hooks | grep -v '[.]sample$'
"""


@on("trixie", "bookworm")
def test_the_first_command_of_readme_installs_it_and_runs_a_box(machine):
    said = f"install: inner {__version__} is in /home/tester/.local/bin\n"
    said += 'install: put it on your PATH: export PATH="/home/tester/.local/bin:$PATH"\n'
    assert machine.first == (0, "hello from the box\ninner\n", said)


@EVERY
def test_a_command_that_does_nothing_says_nothing(machine):
    assert machine.sh("cd project; inner run -- true") == (0, "", "")
    assert machine.sh("cd project; inner run -- sh -c 'exit 7'") == (7, "", "")


@EVERY
def test_every_check_of_the_box_holds(machine, request):
    plain = request.node.callspec.params["machine"] == "plain"
    done = machine.sh("cd project; inner verify -p shell")
    head, *checks, total, verdict = [line for line in done.out.splitlines() if line]
    assert (done.status, done.told, head, verdict) == (
        0, "", "profile shell in /home/tester/project, network off", "[ok] sandbox conformant",
    )  # fmt: skip
    told = [line for line in checks if not line.startswith("[ok] ")]
    assert total == f"{len(checks) - len(told)} of {len(checks)} hold, {len(told)} told"
    assert [" ".join(line.split()) for line in told] == plain * [
        "[--] limits not limited on this host: `memory`, `processor time` (no control group can be made here)"
    ]
    assert len(checks) > 60


@EVERY
def test_attacks_are_held(machine):
    done = machine.sh("cd project; inner verify -p shell --attack")
    held, _, rest = done.out.splitlines()[-1].partition(" held, ")
    assert (done.status, done.told, rest) == (0, "", "0 open as the profile says, 0 broken"), done.out
    assert int(held) > 85


@EVERY
def test_a_host_is_allowed_and_no_other(machine):
    """`good.test` and `evil.test` are addresses of the machine's own (its /etc/hosts)."""
    serve = "for host in 45.45.45.45 45.45.45.66; do ip address replace $host/32 dev lo; python3 -m http.server 80 -b $host -d /srv/page & done"
    machine.root("sh", "-c", f"mkdir -p /srv/page; echo served > /srv/page/index.html; ({serve}) > /dev/null 2>&1; {LISTEN}")
    ask = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=30).read())"

    def boxed(host, *options):
        return machine.sh(f"cd project; inner run {' '.join(options)} -- python3 -c '{ask}' http://{host}/ 2> /dev/null")

    assert machine.sh(f"python3 -c '{ask}' http://evil.test/") == (0, "b'served\\n'\n", "")  # outside of a box
    assert boxed("good.test", "--allow-host", "good.test:80") == (0, "b'served\\n'\n", "")
    assert boxed("evil.test", "--allow-host", "good.test:80") == (1, "", "")
    assert boxed("good.test") == (1, "", "")


@EVERY
def test_a_commit_from_the_box_is_the_users_and_its_hooks_are_closed(machine):
    machine.sh("git config --global user.name Tester; git config --global user.email tester@machine.test")
    refused = "sh: 1: cannot create .git/hooks/post-commit: Read-only file system\n"
    done = machine.sh(WORK)
    assert (done.status, done.out, done.told) == (1, "2\nTester <tester@machine.test> first\n", refused)
