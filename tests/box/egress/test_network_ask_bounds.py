"""What `--ask` does not ask about, what an answer does not overrule, and where asking cannot be had."""

from __future__ import annotations

import re
import subprocess

import pytest

from egress.held import decide, held, questions, until

pytestmark = pytest.mark.box


def test_what_is_denied_or_no_name_is_not_asked_about(world):
    world.profile(
        "denies", '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_ask = true\nnetwork_deny = ["evil.test", "*.wild.test"]\n'
    )
    urls = "http://evil.test/ https://a.wild.test/ http://45.45.45.66/ http://nodots/ http://127.0.0.1/ http://10.1.2.3/"
    script = f"for url in {urls}; do curl -sS -m 20 $url; curl -sS -m 20 -x http://127.18.0.1:3128 $url; done"
    done = world.inner("run", "-p", "denies", "--", "bash", "-c", script)
    assert "waits for your answer" not in done["err"]
    assert "INNERCANARY" not in done["out"]


@pytest.mark.parametrize(
    ("name", "leads"), [("loop.test", "127.0.0.1 (loopback)"), ("meta.test", "169.254.169.254 (link-local)")]
)
@pytest.mark.parametrize("how", [[], ["--once"]])
def test_an_answer_does_not_overrule_the_check_of_addresses(world, asking, name, leads, how):
    process = asking(f"curl -sS http://{name}/")
    assert held(world) == [f"{name}:80"]
    decide(world, "allow", name, *how)
    out, err = process.communicate(timeout=60)
    assert "INNERCANARY" not in out
    assert f"{name}:80: the name leads to {leads}" in err


def test_what_an_agent_works_without_is_not_asked_about(world):
    from inner.agents import agent

    spare = agent("claude").OPTIONAL[0].partition(":")[0]
    world.profile("works", 'agents = ["claude"]\n[sandbox]\nnetwork_mode = "allowlist"\nnetwork_ask = true\n')
    done = world.inner("run", "-p", "works", "--entrypoint", "/bin/sh", "--", "-c", f"getent hosts {spare} || echo NONE")
    assert done["out"] == "NONE\n", done


def test_a_run_that_ends_with_a_question_open_tells_it(world, asking):
    process = asking("curl -sS http://wild.test/ & read line; kill %1", stdin=subprocess.PIPE)
    assert held(world) == ["wild.test:80"]
    _, err = process.communicate("\n", timeout=60)
    assert "denied: wild.test:80: nobody answered: not on the list" in err
    assert "to allow: `inner run --allow-host wild.test`" in err


@pytest.mark.slow
def test_nobody_answers_and_is_asked_no_more(world, asking):
    process = asking("time curl -sS http://wild.test/; curl -sS -m 5 http://wild.test/; curl -sS http://other.test/")
    assert held(world) == ["wild.test:80"]
    until(lambda: [one for one in questions(world) if one["host"] == "other.test"], 80)
    decide(world, "allow", "other.test")
    out, err = process.communicate(timeout=60)
    assert "inner: nobody answered: not on the list" in out
    assert 0 <= float(re.search(r"real\s+1m(\S+)s", err)[1]) < 30
    assert "Could not resolve host: wild.test" in err
    assert "denied: wild.test:80: nobody answered: not on the list" in err
    assert "to allow: `inner run --allow-host wild.test`" in err


def test_a_client_that_goes_away_leaves_the_question(world, asking):
    again = "for i in $(seq 100); do curl -skS -m 20 https://wild.test/ && break; sleep 0.1; done"
    process = asking(f"curl -sS -m 1 https://wild.test/; echo gone; {again}")
    assert process.stdout.readline() == "gone\n"
    decide(world, "allow", "wild.test")
    assert "GOOD" in process.communicate(timeout=60)[0]


FLOOD = """\
import threading, urllib.request
def one(n): say(f'n{n}.wild.test', b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n', wait=9)
for n in range(300): threading.Thread(target=one, args=(n,), daemon=True).start()
for n in range(200): threading.Thread(target=one, args=(0,), daemon=True).start()
time.sleep(2); print(urllib.request.urlopen('http://allowed.test/').read(), flush=True); sys.stdin.readline(); os._exit(0)
"""


def test_a_box_cannot_ask_without_end(world, asking):
    """Names and connections without number: some wait, the others are refused, and allowed hosts are reached as ever."""
    (world.project / "flood.py").write_text(world.prelude + FLOOD)
    process = asking("exec python3 flood.py", "--allow-host", "allowed.test", stdin=subprocess.PIPE)
    assert "GOOD" in process.stdout.readline()
    found = questions(world)
    assert 0 < len(found) <= 16
    assert sum(one["connections"] for one in found) <= 64
    decide(world, "deny", "*.wild.test")
    assert questions(world) == []
    _, err = process.communicate("\n", timeout=60)
    assert 0 < err.count("waits for your answer") <= 16


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("run", "--ask", "--network", "--", "true"), "takes a network with a list"),
        (("run", "--ask", "--no-network", "--", "true"), "takes a network with a list"),
        (("approvals", "allow", "a.test", "--once", "--for", "1m"), "once is for what is allowed"),
        (("approvals", "deny", "a.test", "--once"), "once is for what is allowed"),
        (("approvals", "--once"), "there is nothing to decide"),
        (("approvals", "--watch", "--json"), "stands alone"),
    ],
)
def test_what_contradicts_itself(world, words, text):
    done = world.inner(*words)
    assert done["status"] in (2, 125)
    assert text in done["err"]


def test_a_box_that_shares_the_network_cannot_ask(world):
    world.profile("open", '[sandbox]\nnetwork_mode = "full"\nnetwork_ask = true\n')
    done = world.inner("run", "-p", "open", "--", "true")
    assert done["status"] == 125
    assert "open.toml:4" in done["err"]
    assert 'hint: `network_mode = "allowlist"`' in done["err"]
    assert world.inner("run", "-p", "open", "--network", "--", "true")["status"] == 0  # said in so many words


def test_a_project_that_is_not_trusted_cannot_make_it_ask(world):
    project = world.home / "foreign"
    project.mkdir(exist_ok=True)
    lines = '[profiles.p]\nextends = "shell"\n[profiles.p.sandbox]\nnetwork_ask = true\nnetwork_mode = "allowlist"\n'
    (project / ".inner.toml").write_text(lines)
    done = world.inner("run", "-p", "p", "--allow-host", "allowed.test", "--dry-run", "--", "true", cwd=project)
    assert "about any other" not in done["out"]
    told = world.inner("run", "--ask", "--dry-run", "--", "true", cwd=project)["out"]
    assert "ask        about any other  the command line" in told


def test_the_box_and_why_say_that_it_asks(world):
    world.profile("asks", '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_ask = true\n')
    assert "asked about any other" in world.inner("run", "-p", "asks", "--", "cat", "/run/inner/box.md")["out"]
    assert "you will be asked about it" in world.inner("why", "-p", "asks", "wild.test")["out"]
    done = world.inner("verify", "-p", "asks", timeout=120)
    assert "network-policy" not in done["out"].partition("FAIL")[2], done
