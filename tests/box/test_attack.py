"""`inner verify --attack`: in the box every attempt is stopped; where nothing stops it, the same attempt succeeds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from apart import apart
from asked import World, listening
from program import INNER

from inner.checks.attacks import BROKEN, GRANTS, HELD, NAMES, OPEN, judge
from inner.commands.attack import attacked, layout
from inner.launch import inquiry
from inner.launch.canaries import canaries, variables
from inner.settings import load

pytestmark = pytest.mark.box


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    (world.home / ".ssh").mkdir()
    (world.home / ".ssh/id_rsa").write_text("s3cret")
    world.env["SSH_AUTH_SOCK"] = str(world.home / "agent.sock")
    for place in ("hooks", "objects", "refs"):
        (world.project / ".git" / place).mkdir(parents=True)
    (world.project / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (world.project / ".git/config").write_text("[core]\n")
    with listening(world.home / "agent.sock"):
        yield world


def _attacked(path, features, host):
    return attacked(path, "", load(host), features, host)[0]


def states(world, text=""):
    report = apart(_attacked, world.profile(text), world.features, world.host)
    return {outcome.name: outcome.state for outcome in report.outcomes}, report


def tree(place):
    return sorted(str(path.relative_to(place)) for path in Path(place).rglob("*"))


def test_there_are_many_in_every_group(world):
    _, report = states(world)
    groups = {outcome.group for outcome in report.outcomes}
    assert len(report.outcomes) >= 80
    assert groups == {
        "files", "git and project", "descriptors", "sockets", "processes", "terminal", "kernel interfaces", "network", "environment",
        "privileges",
    }  # fmt: skip


def test_in_the_box_every_attempt_is_stopped_and_nothing_is_left_behind(world):
    before = tree(world.project), [path for path in tree(world.home) if not path.startswith((".local", ".cache"))]
    found, report = states(world)
    assert {name for name, state in found.items() if state != HELD} == set(), report
    assert (tree(world.project), [path for path in tree(world.home) if not path.startswith((".local", ".cache"))]) == before
    assert not [name for name in os.listdir(world.home / ".local/state/inner") if name.startswith("canaries")]


# --- where nothing stops them ---------------------------------------------------------------------------------------------


def _number(path, otherwise):
    return int(Path(path).read_text()) if Path(path).exists() else otherwise


def _speaks(family, kind):
    try:
        socket.socket(family, kind).close()
    except OSError:
        return False
    return True


# What this very machine forbids everybody, so that no open box shows it either.
FORBIDDEN = {
    "int80": os.uname().machine != "x86_64",
    "segments": os.uname().machine != "x86_64",
    "kernel-log": _number("/proc/sys/kernel/dmesg_restrict", 0) != 0 and os.getuid() != 0,
    "performance": _number("/proc/sys/kernel/perf_event_paranoid", -1) > 2 and os.getuid() != 0,
    "io-uring": _number("/proc/sys/kernel/io_uring_disabled", 0) != 0,
    "type-in": _number("/proc/sys/dev/tty/legacy_tiocsti", 1) == 0,
    "type-in-upper-bits": _number("/proc/sys/dev/tty/legacy_tiocsti", 1) == 0,
    "parameters": os.getuid() != 0,
    "proc-keys": not Path("/proc/keys").exists(),
    "machine-id": not (Path("/etc/machine-id").exists() and Path("/etc/machine-id").stat().st_size),
    "kernel-ciphers": not _speaks(38, socket.SOCK_SEQPACKET),
    "vsock": not _speaks(40, socket.SOCK_STREAM),
    "devices": not any(os.access(path, os.R_OK | os.W_OK) for path in ("/dev/fuse", "/dev/net/tun", "/dev/kvm", "/dev/vsock")),
}


def _session(master):
    """The terminal at the other end becomes the controlling one."""
    import fcntl
    import termios

    def become():
        os.setsid()
        fcntl.ioctl(os.open(os.ttyname(master), os.O_RDWR), termios.TIOCSCTTY, 0)

    return become


def _open(world, laid, wrap, left_out=(), **facts):
    """The attempts in a process that is not kept from anything, inside of `wrap`; which of them succeed."""
    subject, _ = world.subject()
    given, told = world.place / "given", world.place / "told"
    given.write_bytes(inquiry.message(inquiry.ATTACK, {**laid.facts, **facts, "left_out": left_out}))
    _, side = os.openpty()
    with given.open("rb") as source, told.open("wb") as sink:
        subprocess.run(
            [*wrap, sys.executable, "-I", "-S", "-B", "-c", inquiry.LOADER], stdin=source, stdout=sink, cwd=world.project, timeout=120,
            env={**world.env, **variables(laid.facts)}, close_fds=False, preexec_fn=_session(side), check=True,
        )  # fmt: skip
    answers = json.loads(told.read_bytes())
    return {o.name for o in judge(subject, answers, laid.saw) if o.state == BROKEN and o.name in answers}, answers


# One that connects to whatever it is told.
PROXY = """\
import os, select, socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    client, _ = server.accept()
    host, port = client.recv(4096).split()[1].decode().split(":")
    other = socket.create_connection((host, int(port)))
    client.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n" + other.recv(4096))
    client.close()
"""


@pytest.fixture
def proxy():
    with subprocess.Popen([sys.executable, "-I", "-c", PROXY], stdout=subprocess.PIPE) as process:
        yield ["127.0.0.1", int(process.stdout.readline())]
        process.kill()


def test_the_proxy_of_an_allowlist_does_not_reach_the_host(world):
    found, report = states(world, '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["example.test"]\n')
    assert {name for name, state in found.items() if state != HELD} == set(), report
    assert " 403 " in next(o.text for o in report.outcomes if o.name == "proxy-loopback")


def test_without_a_box_and_in_an_open_one_the_same_attempts_succeed(world, tmp_path, proxy):
    place = world.home / ".local/state/inner/canaries"
    place.mkdir(parents=True)
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    subject, _ = world.subject()
    broken, seen = set(), {}
    bwrap = [
        str(world.features.path), "--dev-bind", "/", "/", "--ro-bind", "/usr", "/usr", "--tmpfs", str(hiding), "--unshare-user",
        "--unshare-uts", "--unshare-pid", "--proc", "/proc", "--cap-add", "ALL",
    ]  # fmt: skip
    for name, wrap, facts in (
        ("none", [], {"left_out": ("privileges",), "proxy": proxy}),
        ("open", bwrap, {"masks": [str(hiding)], "logins": [str(world.home / ".ssh/id_rsa")]}),
    ):
        (place / name).mkdir()
        with canaries(str(place / name), project=str(world.project), home=str(world.home), **layout(subject)) as laid:
            found, answers = _open(world, laid, wrap, **facts)
        broken |= found
        seen[name] = answers
    stopped = {name: [seen[box].get(name) for box in seen] for name in set(NAMES) - broken}
    assert set(stopped) == {name for name, forbidden in FORBIDDEN.items() if forbidden}, stopped


# --- what a profile opens -------------------------------------------------------------------------------------------------

LINES = {
    'network_mode = "full"': '[sandbox]\nnetwork_mode = "full"',
    'seccomp = "off"': '[sandbox]\nseccomp = "off"',
    'allow = ["nested-user-ns"]': '[sandbox]\nallow = ["nested-user-ns"]',
    'root = "host-ro"': '[sandbox]\nroot = "host-ro"',
    "inherit_all = true": "[env]\ninherit_all = true",
    'git_dir = "rw"': '[sandbox]\ngit_dir = "rw"',
}


if os.getuid() == 0:  # what a box that root starts is refused: tests/box/test_root has it
    LINES = {line: text for line, text in LINES.items() if not line.startswith(("seccomp", "root", "allow"))}


@pytest.mark.parametrize("line", LINES)
def test_what_the_profile_opens_is_open_and_the_line_is_named(world, line):
    found, report = states(world, LINES[line])
    opened = {outcome.name for outcome in report.outcomes if outcome.state == OPEN}
    assert opened, report
    assert all(line in outcome.text for outcome in report.outcomes if outcome.state == OPEN)
    assert opened <= next(set(names) for names, text, _ in GRANTS if text == line)
    assert {name for name, state in found.items() if state == BROKEN} == set()


CLAUDE = 'agents = ["claude"]\n[sandbox]\nnetwork_mode = "allowlist"\n'


def test_the_login_that_an_agent_needs_is_open_and_nobody_elses(world):
    world.log_in(".claude/.credentials.json", ".codex/auth.json")
    found, _ = states(world, CLAUDE)
    assert (found["agent-login"], found["known-credentials"]) == (OPEN, HELD)
    assert states(world)[0]["agent-login"] == HELD


def test_answers_of_a_lying_box_remove_nothing_of_the_users(world, tmp_path):
    place = world.home / ".local/state/inner/canaries"
    place.mkdir(parents=True)
    (world.project / ".envrc").write_text("")
    (world.project / "empty").mkdir()
    (world.project / "notes").write_text("mine")
    (tmp_path / "outside").write_text("")
    (world.project / ".git/hooks").rmdir()
    (world.project / ".git/hooks").symlink_to(tmp_path)
    with canaries(str(place), project=str(world.project), home=str(world.home)) as laid:
        for path in (
            world.project / ".envrc",
            world.project / "notes",
            tmp_path / "outside",
            world.project / ".git/hooks/outside",
        ):
            assert not laid.saw(f"file {path}")
            assert path.exists()
        for evidence in ("signal 12", "datagram", "terminal", "end of it", "", "file ", "file /etc/passwd", "folder /"):
            assert not laid.saw(evidence)


def test_an_attempt_that_says_nothing_is_not_held(world):
    assert {outcome.state for outcome in judge(world.subject()[0], {}, lambda _: False)} == {BROKEN}
    nonsense = {name: [1, 2] for name in NAMES}
    assert {outcome.state for outcome in judge(world.subject()[0], nonsense, lambda _: True)} == {BROKEN}


def test_the_command_says_what_held_and_fails_when_something_did_not(world):
    done = subprocess.run(
        [*INNER, "verify", "--attack", "-p", world.profile(), "--json"], cwd=world.project, capture_output=True,
        timeout=120, env={**os.environ, **world.env},
    )  # fmt: skip
    data = json.loads(done.stdout)
    assert (data["schema"], data["kind"]) == (1, "attack")
    assert done.returncode == (1 if data["data"]["broken"] else 0)
    assert len(data["data"]["outcomes"]) == len(NAMES)
