"""`inner run` with a list of hosts, from the lines of its profile to what is told at the end."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess

import pytest
from program import INNER

from egress.held import until
from egress.runs import egress_of, shell
from inner.launch import tree

pytestmark = pytest.mark.box

LIST = '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["allowed.test", "@github"]\nnetwork_deny = ["b.wild.test"]\n'


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


def test_what_is_allowed_and_out_of_reach_is_told_apart_from_what_is_denied(world):
    done = world.inner("run", "--allow-host", "nowhere.test", "--", "curl", "-s", "-m", "3", "http://nowhere.test/")
    assert "inner: allowed, and not reached from this machine: nowhere.test:80: the name does not exist\n" in done["err"]
    assert "denied" not in done["err"]
    shown = world.inner("log", "show")["out"]
    assert "failed   nowhere.test:80: the name does not exist\n" in shown
