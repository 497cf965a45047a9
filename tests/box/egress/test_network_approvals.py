"""`inner approvals`: what is allowed and denied while a box runs, for how long, and who may say so."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from egress.held import until
from egress.runs import shell

pytestmark = pytest.mark.box

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
    assert done["status"] == 1, done
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
