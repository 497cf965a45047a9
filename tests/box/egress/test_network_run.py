"""`inner run` with a list of hosts, from the lines of its profile to what is told at the end."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest
from program import INNER

from egress.held import until
from inner.launch import tree

pytestmark = pytest.mark.box

LIST = '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["allowed.test", "@github"]\nnetwork_deny = ["b.wild.test"]\n'


@pytest.fixture
def run(world):
    """`inner run` that lives on; ended when the test is."""
    begun = []

    def start(*words, **more):
        process = world.program(*INNER, "run", *words, **more)
        begun.append(process)
        assert process.stdout.readline() == "ready\n", process.communicate()
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def egress_of(process) -> int:
    """The process that serves the network of a run."""
    line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    [found] = [int(pid) for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes() == line]
    return found


def shell(script, *words):
    return [*words, "--", "sh", "-c", script]


# --- explained ------------------------------------------------------------------------------------------------------------


def test_each_host_says_which_line_brought_it(world):
    world.profile("listed", LIST + '[credentials.api]\nsource = "env:NOT_SET"\nhosts = ["wild.test"]\n')
    plan = world.inner("run", "-p", "listed", "--allow-host", "other.test", "--dry-run", "--", "true")["out"]
    rows = dict(line.split(None, 2)[1:] for line in plan.splitlines() if line.startswith(("  allow ", "  deny ")))
    place = "~/.config/inner/profiles/listed.toml"
    assert rows["allowed.test"] == rows["github.com:22"] == f"{place}:4"
    assert rows["b.wild.test"] == f"{place}:5"
    assert rows["other.test"] == "the command line"
    assert rows["wild.test"].startswith(f"{place}:")
    assert "credential api: `authorization` for wild.test, put on outside" in plan
    for host, line in (("github.com:22", f"--> {place}:4"), ("b.wild.test", f"--> {place}:5"), ("wild.test", f"--> {place}:")):
        assert line in world.inner("why", host, "-p", "listed")["out"]
    resolved = world.inner("profile", "show", "--resolved", "listed")["out"]
    assert "allowed.test" in resolved
    assert "listed.toml:4" in resolved


def test_an_agent_brings_its_hosts(world):
    world.profile("agented", 'agents = ["claude"]\n[sandbox]\nnetwork_mode = "allowlist"\n')
    plan = world.inner("run", "-p", "agented", "--dry-run", "--", "true")["out"]
    assert [line.split(None, 2)[2] for line in plan.splitlines() if "api.anthropic" in line and "  allow" in line] == [
        "agent claude"
    ]
    assert world.inner("why", "api.anthropic.com", "-p", "agented")["out"].startswith("api.anthropic.com: allowed")


# --- told -----------------------------------------------------------------------------------------------------------------


def test_denied_hosts_are_summed_up_with_what_to_type(world):
    script = "curl -s http://evil.test/; sleep 5.1; curl -s http://evil.test/; curl -s http://allowed.test:22/; curl -s http://other.test/; curl -s http://b.wild.test"
    done = world.inner("run", "--allow-host", "allowed.test", *shell(script))
    assert done["err"].splitlines() == [
        "inner: denied: evil.test: not on the list, 2 times",
        "inner: denied: other.test: not on the list",
        "inner: denied: b.wild.test: not on the list",
        "inner: to allow: `inner run --allow-host evil.test --allow-host other.test --allow-host b.wild.test`, "
        'or `network_allow = ["evil.test", "other.test", "b.wild.test"]` under `[sandbox]`',
    ]
    again = world.inner(
        "run", "--allow-host", "evil.test", "--allow-host", "other.test", *shell("curl -s http://evil.test/ http://other.test/")
    )
    assert again["out"].count("GET / ") == 2
    assert again["err"] == ""


def test_many_are_counted_and_hostile_names_are_shown_and_not_offered(world):
    script = "for i in 1 2 3 4 5 6 7; do getent hosts n$i.test; done; getent hosts 'e\033[31m$(x).test'"
    done = world.inner("run", "--allow-host", "allowed.test", *shell(script))
    lines = done["err"].splitlines()
    assert [line.split()[2] for line in lines[:5]] == [f"n{i}.test:" for i in range(1, 6)]
    assert lines[5].startswith("inner: denied: and ")
    assert len(lines) == 7
    assert "\033" not in done["err"]
    assert "$(" not in done["err"]


def test_a_run_that_met_nothing_says_nothing(world):
    assert world.inner("run", "--allow-host", "allowed.test", *shell("curl -s http://allowed.test/"))["err"] == ""


def test_an_agents_telemetry_is_not_told(world):
    world.profile("telemetry", 'agents = ["gemini"]\n[sandbox]\nnetwork_mode = "allowlist"\n')
    done = world.inner("run", "-p", "telemetry", *shell("curl -s https://play.googleapis.com/; curl -s https://evil.test/"))
    assert "play.googleapis.com" not in done["err"]
    assert "denied: evil.test" in done["err"]


def test_a_terminal_is_left_before_anything_is_told(world):
    ours, theirs = pty.openpty()
    process = world.program(*INNER, "run", "--allow-host", "allowed.test", *shell("curl -s http://evil.test/; sleep 0.3; echo BYE"),
                            stdin=theirs, stdout=theirs, stderr=theirs)  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:
        pass
    process.wait(30)
    assert 0 <= seen.index(b"BYE") < seen.index(b"denied: evil.test"), seen


# --- the network process --------------------------------------------------------------------------------------------------


def test_without_its_network_process_a_box_reaches_nothing_and_the_user_is_told(world, run):
    script = "curl -s http://allowed.test/ >/dev/null && echo ready; read line; curl -sS -m 5 http://allowed.test/; curl -sS -m 5 http://127.18.0.2/"
    process = run("--allow-host", "allowed.test", *shell(script), stdin=subprocess.PIPE)
    egress = egress_of(process)
    os.kill(egress, signal.SIGKILL)
    until(lambda: tree.stat(egress)[:1] in ([], [b"Z"]))
    out, err = process.communicate("\n", timeout=60)
    assert out == ""
    assert "warning: the network of this run ended before it: it was killed; from then on the box reached no host" in err
    events = json.loads(world.inner("log", "show", "--json")["out"])["data"]["events"]
    [lost] = [e for e in events if e["event"] == "network"]
    assert (lost["verdict"], lost["reason"]) == ("fail", "it was killed")
    assert "ended before the box did" in world.inner("log", "show")["out"]


def test_a_network_process_that_ends_with_its_box_is_no_news(world):
    for _ in range(3):
        assert world.inner("run", "--allow-host", "allowed.test", "--", "true")["err"] == ""


# --- published ports ------------------------------------------------------------------------------------------------------

SERVER = """\
import socket, sys
family, where, port = (socket.AF_INET6 if sys.argv[1] == '::1' else socket.AF_INET), sys.argv[1], int(sys.argv[2])
s = socket.socket(family); s.bind((where, port)); s.listen(); print('ready', flush=True)
while True:
    c, who = s.accept(); data = c.recv(1 << 16); c.sendall(b'BOX ' + data); c.shutdown(1)
    while c.recv(1 << 16): pass
"""


def get(world, port, to="127.0.0.1"):
    code = world.prelude + f"print(say({to!r}, b'hello', {port}, end=True))"
    return world.box(["python3", "-I", "-c", code], open=True)["out"].strip()


@pytest.mark.parametrize("mode", ["off", "allowlist"])
@pytest.mark.parametrize("where", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_server_of_the_box_answers_on_the_hosts_loopback_and_nowhere_else(world, run, mode, where):
    more = ("--allow-host", "allowed.test") if mode == "allowlist" else ()
    process = run("--publish", "8471:3000", *more, "--", "python3", "-c", SERVER, where, "3000")
    assert [get(world, 8471) for _ in range(40)] == ["b'BOX hello'"] * 40
    assert "ConnectionRefused" in get(world, 8471, "45.45.45.45")
    assert "ConnectionRefused" in get(world, 3000)
    process.terminate()
    process.wait(30)
    assert "ConnectionRefused" in get(world, 8471)


def test_nothing_in_the_box_listens(world, run):
    run("--publish", "8472:3000", *shell("echo ready; sleep 60"))
    assert "ConnectionReset" in get(world, 8472)


def test_a_published_port_is_no_way_out(world):
    look = (
        world.prelude
        + "print(say('127.0.0.1', b'x', 8473), say('45.45.45.45', b'x', 80), say('127.18.0.1', b'x', 3128), dns('allowed.test'))"
    )
    done = world.inner("run", "--publish", "8473:3000", "--", "python3", "-I", "-c", look)
    assert done["out"].count("Error") == 4, done
    assert "BOX" not in done["out"]


def test_a_port_belongs_to_one_run(world, run):
    run("--publish", "8474", *shell("echo ready; sleep 60"))
    done = world.inner("run", "--publish", "8474", "--", "true")
    assert done["status"] == 125
    assert done["err"] == "error: cannot publish at port 8474 of 127.0.0.1: it is in use\nhint: `--publish 8475:8474`\n"


def test_what_cannot_be_published(world):
    for words, text in ((("--publish", "x"), "is no port"), (("--network", "--publish", "80"), "shares the host's network")):
        done = world.inner("run", *words, "--", "true")
        assert done["status"] == 125
        assert text in done["err"]


MANY = """\
import sys
held = []
for n in range(400):
    s = socket.create_connection(("127.0.0.1", 8475), 20); held.append(s)
for n, s in enumerate(held): s.sendall(b"%d" % n)
print(sum(s.recv(99) == b"BOX %d" % n for n, s in enumerate(held)))
"""
THREADED = """\
import socket, threading, urllib.request
urllib.request.urlopen("http://allowed.test/").read()  # the network process has looked up a name, which it does in threads
s = socket.create_server(("127.0.0.1", 3000), backlog=1024); print("ready", flush=True)
def one(c): c.sendall(b"BOX " + c.recv(99)); c.recv(1)
while True: threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()
"""


@pytest.mark.slow
def test_many_clients_of_a_published_port_at_a_time(world, run):
    process = run("--publish", "8475:3000", "--allow-host", "allowed.test", "--", "/usr/bin/python3", "-c", THREADED)
    egress = egress_of(process)
    for _ in range(3):
        done = world.box(["/usr/bin/python3", "-c", world.prelude + MANY], open=True)
        assert done["out"] == "400\n", done
    status = Path(f"/proc/{egress}/status").read_text()
    assert int(status.partition("VmHWM:")[2].split()[0]) < 80_000  # KiB


# --- approvals ------------------------------------------------------------------------------------------------------------

ASKING = "echo ready; for i in $(seq 400); do curl -s -m 5 http://wild.test/ && exit 0; sleep 0.1; done; exit 9"


def test_a_host_is_allowed_from_a_second_terminal(world, run):
    process = run("--allow-host", "allowed.test", *shell(ASKING))
    until(lambda: "wild.test  denied  not on the list" in world.inner("approvals")["out"])
    done = world.inner("approvals", "allow", "WILD.test.")
    assert (done["status"], done["out"]) == (0, "")
    out, err = process.communicate(timeout=60)
    assert "GOOD GET" in out
    assert "denied" not in err  # it was answered


def test_for_a_time_and_denied_again(world, run):
    process = run("--allow-host", "allowed.test", *shell("echo ready; sleep 60"))
    run_id = process.pid
    assert run_id

    def decided():
        return json.loads(world.inner("approvals", "--json")["out"])["data"][0]["decided"][0]

    began = time.monotonic()
    assert world.inner("approvals", "allow", "wild.test", "--for", "1s")["status"] == 0
    assert decided()["verdict"] == "allow" or time.monotonic() - began > 1
    denied = until(lambda: decided()["verdict"] == "deny" and decided())
    assert (time.monotonic() - began > 1, denied["reason"]) == (True, "the time for it is over")


def test_denying_ends_the_connections_there_are(world, run):
    code = world.prelude + (
        "s = socket.create_connection(('allowed.test', 7777)); s.settimeout(20); s.sendall(b'a'); assert s.recv(1) == b'a'; print('ready', flush=True)\n"
        "try: print('end', s.recv(1))\nexcept OSError as e: print(type(e).__name__)\nprint(say('allowed.test', b'', 7777))"
    )
    process = run("--allow-host", "allowed.test:7777", "--", "python3", "-I", "-c", code)
    assert world.inner("approvals", "deny", "allowed.test")["status"] == 0
    out, _ = process.communicate(timeout=60)
    assert out == "ConnectionResetError\nb'<gaierror>'\n"


def test_a_port_that_nobody_listened_to_is_opened(world, run):
    script = "echo ready; for i in $(seq 100); do bash -c 'exec 3<>/dev/tcp/wild.test/22 && head -c 8 <&3' 2>/dev/null && exit; sleep 0.1; done"
    process = run("--allow-host", "allowed.test", *shell(script))
    assert world.inner("approvals", "allow", "wild.test:22")["status"] == 0
    assert process.communicate(timeout=60)[0] == "SSH-2.0-"


def test_neither_a_denial_nor_the_check_of_addresses_is_overruled(world, run):
    world.profile(
        "held", '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["allowed.test"]\nnetwork_deny = ["evil.test"]\n'
    )
    script = (
        "echo ready; read line; curl -s -m 20 http://lan.test/; curl -s -m 20 http://loop.test/; curl -s -m 20 http://evil.test/"
    )
    process = run("-p", "held", *shell(script), stdin=subprocess.PIPE)
    done = world.inner("approvals", "allow", "evil.test")
    assert done["status"] == 125 or done["status"] == 1, done
    assert "denied by `evil.test`" in done["err"]
    for host in ("localhost:80", "lan:lan.test", "10.1.2.3:80", "127.0.0.1:80", "169.254.169.254"):
        assert world.inner("approvals", "allow", host)["status"] != 0, host
    assert world.inner("approvals", "allow", "lan.test")["status"] == 0  # the name; its address is looked at when it is dialled
    assert world.inner("approvals", "allow", "loop.test")["status"] == 0
    out, err = process.communicate("\n", timeout=60)
    assert "INNERCANARY" not in out
    assert "lan.test:80: the name leads to 10.1.2.3" in err
    assert (
        "inner: if that is where it should lead: `inner run --allow-host lan:lan.test:80`, or `lan:lan.test:80` in the list\n"
        in err
    )
    assert "lan:loop.test" not in err


def test_what_is_allowed_and_out_of_reach_is_told_apart_from_what_is_denied(world):
    done = world.inner("run", "--allow-host", "nowhere.test", "--", "curl", "-s", "-m", "3", "http://nowhere.test/")
    assert "inner: allowed, and not reached from this machine: nowhere.test:80: the name does not exist\n" in done["err"]
    assert "denied" not in done["err"]
    shown = world.inner("log", "show")["out"]
    assert "failed   nowhere.test:80: the name does not exist\n" in shown


def test_saved_in_the_users_own_profile_with_its_comments(world, run):
    path = world.profile("saved", '# mine\n[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["allowed.test"] # work\n')
    run("-p", "saved", *shell("echo ready; sleep 60"))
    assert world.inner("approvals", "allow", "wild.test:22", "--save")["status"] == 0
    assert world.inner("approvals", "deny", "evil.test", "--save")["status"] == 0
    text = path.read_text()
    assert 'network_allow = ["allowed.test", "wild.test:22"] # work\n' in text
    assert text.startswith('schema_version = "1"\n# mine\n[sandbox]\nnetwork_deny = ["evil.test"]\n')


def test_what_is_saved_and_would_not_count_is_said(world, run):
    path = world.profile("offline", 'extends = "shell"\n')
    run("-p", "offline", "--allow-host", "allowed.test", *shell("echo ready; sleep 60"))
    done = world.inner("approvals", "allow", "wild.test", "--save")
    assert "warning: the network of that profile is `off`" in done["err"]
    assert path.read_text().endswith('[sandbox]\nnetwork_allow = ["wild.test"]\n')


def test_the_profile_of_somebody_else_is_not_written(world, run):
    run("--allow-host", "allowed.test", *shell("echo ready; sleep 60"))
    done = world.inner("approvals", "allow", "wild.test", "--save")
    assert done["status"] == 2
    assert "`shell` of that run is not one of your own" in done["err"]
    assert 'decided": []' in world.inner("approvals", "--json")["out"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("allow",), "takes a host"),
        (("allow", "http://x"), "is not a host"),
        (("allow", "a.test", "--for", "never"), "is not a time"),
        (("deny", "a.test", "--for", "1m"), "a time is for what is allowed"),
        (("allow", "a.test", "nothere"), "no living run"),
        (("--save",), "nothing to decide"),
    ],
)
def test_what_cannot_be_decided(world, run, words, text):
    run("--allow-host", "allowed.test", *shell("echo ready; sleep 60"))
    done = world.inner("approvals", *words)
    assert done["status"] == 2
    assert text in done["err"]


def test_several_runs_have_to_be_told_apart(world, run):
    run("--allow-host", "allowed.test", *shell("echo ready; sleep 60"))
    run("--allow-host", "allowed.test", *shell("echo ready; sleep 60"))
    assert "which run?" in world.inner("approvals", "allow", "a.test")["err"]


def test_no_box_decides_for_itself(world, run):
    """The socket is not there; and who is in a user namespace of a box is not answered, where the user is."""
    world.profile(
        "shown", '[sandbox]\nroot = "host-ro"\nhome = "host-ro"\nnetwork_mode = "allowlist"\nnetwork_allow = ["allowed.test"]\n'
    )
    process = run(
        "-p", "shown", *shell("echo ready; find / -name network -type s 2>/dev/null; ls -A ~/.local/state/inner/runs; sleep 60")
    )
    [entry] = json.loads(world.inner("ps", "--json")["out"])["data"]
    folder = world.home / ".local/state/inner/runs" / entry["id"]
    assert (folder / "network").is_socket()
    assert folder.stat().st_mode & 0o077 == 0
    ask = (
        "import os, socket, sys\nos.chdir(sys.argv[1]); s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(5)\n"
        "s.connect('network')\ntry:\n  s.send(b'allow\\0wild.test\\0' + b'0'); print(s.recv(99))\nexcept OSError as e: print(type(e).__name__)"
    )
    asked = ["python3", "-c", ask, str(folder)]
    inside = world.box(["unshare", "--user", "--map-current-user", *asked], open=True)["out"]
    assert inside in ("b''\n", "BrokenPipeError\n", "ConnectionResetError\n")
    assert world.box(asked, open=True)["out"] == "b'ok'\n"
    process.terminate()
    out, _ = process.communicate(timeout=30)
    assert out == ""
