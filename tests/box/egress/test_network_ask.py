"""`--ask`: what is on no list waits for the user, who answers from a second terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
from program import INNER

pytestmark = pytest.mark.box


def until(found, seconds=30.0):
    """What `found` gives, when it is something."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return answer


@pytest.fixture
def asking(world):
    """A run that asks; ended when the test is."""
    begun = []

    def start(script, *flags, **more):
        process = world.program(*INNER, "run", "--ask", *flags, "--", "bash", "-c", script, **more)
        begun.append(process)
        return process

    start.begun = begun
    yield start
    for process in begun:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def questions(world):
    """What waits in the boxes that run."""
    data = json.loads(world.inner("approvals", "--json")["out"])["data"]
    return [one for run in data for one in run["held"]]


def held(world):
    """The `HOST:PORT` that wait, as soon as something does."""
    return [f"{one['host']}:{one['port']}" for one in until(lambda: questions(world))]


def decide(world, *words, status=0):
    done = world.inner("approvals", *words)
    assert done["status"] == status, done
    return done["err"]


# --- clients wait and go on -----------------------------------------------------------------------------------------------

HALF = (
    "import socket; s = socket.create_connection(('wild.test', 80)); s.sendall(b'GET /ok HTTP/1.0\\r\\nHost: wild.test\\r\\n\\r\\n'); "
    "s.shutdown(1); print(s.recv(9999))"
)
NODE = "require('https').get('https://wild.test/ok', r => r.pipe(process.stdout))"
CLIENTS = {
    "https": ("curl -sS --cacert $CA https://wild.test/ok", "wild.test:443"),
    "http": ("curl -sS http://wild.test/ok", "wild.test:80"),
    "https by the proxy": ("curl -sS --cacert $CA -x http://127.18.0.1:3128 https://wild.test/ok", "wild.test:443"),
    "http by the proxy": ("curl -sS -x http://127.18.0.1:3128 -d 12345 http://wild.test/ok", "wild.test:80"),
    "node": (f'NODE_EXTRA_CA_CERTS=$CA node -e "{NODE}"', "wild.test:443"),
    "git": ("git -c http.sslCAInfo=$CA ls-remote https://wild.test/ok; echo GOOD", "wild.test:443"),
    "a server that speaks first": ("exec 3<>/dev/tcp/wild.test/22; head -n1 <&3", "wild.test:22"),
    "half a connection": (f'python3 -c "{HALF}"', "wild.test:80"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_waits_and_goes_on_when_it_is_allowed(world, asking, client):
    script, where = CLIENTS[client]
    world.seen()
    process = asking(script, "-m", f"{world.folder}:{world.folder}", "-e", f"CA={world.folder}/ca.pem")
    assert held(world) == [where]
    time.sleep(0.3)
    assert process.poll() is None
    assert world.seen()["seen"] == []  # not a byte has left, and nobody was dialled
    decide(world, "allow", where.removesuffix(":443").removesuffix(":80"))
    out, err = process.communicate(timeout=30)
    assert "GOOD" in out, (out, err)
    assert world.seen()["seen"] or client == "a server that speaks first"
    assert err.count(f"inner: {where} is not on the list, and waits for your answer: `inner approvals allow") == 1
    assert "denied" not in err


REFUSED = {
    "https": ("curl -sS https://evil.test/", "denied"),  # TLS has an alert for it, access_denied
    "http": ("curl -sS http://evil.test/", "inner: denied by `evil.test`"),
    "by the proxy": ("curl -sS -x http://127.18.0.1:3128 https://evil.test/", "403"),
    "something else": ("exec 3<>/dev/tcp/evil.test/22; head -n1 <&3", "reset"),
}


@pytest.mark.parametrize("client", REFUSED)
def test_a_client_is_told_no(world, asking, client):
    script, text = REFUSED[client]
    world.seen()
    process = asking(f"({script}) 2>&1; echo; getent hosts evil.test || echo GONE")
    [where] = held(world)
    decide(world, "deny", "evil.test")
    out, err = process.communicate(timeout=30)
    assert text in out
    assert out.endswith("GONE\n")  # the name does not exist any more, either
    assert f"denied: {where}: denied by `evil.test`" in err
    assert world.seen()["seen"] == []


# --- what is allowed, and for how long ------------------------------------------------------------------------------------

LONG = """\
import socket, sys
def take(s):
    try: print(s.recv(99), flush=True)
    except OSError as e: print(type(e).__name__, flush=True)
s = socket.create_connection(('wild.test', 22)); take(s); s.sendall(b'a'); take(s)
sys.stdin.readline(); s.sendall(b'b'); take(s); take(s)
take(socket.create_connection(('wild.test', 22)))
"""


def test_once_is_for_what_waits_and_goes_on_whatever_else_is_decided(world, asking):
    (world.project / "long.py").write_text(LONG)
    process = asking("exec python3 long.py", stdin=subprocess.PIPE)
    assert held(world) == ["wild.test:22"]
    assert "nothing waits for `wild.test`" in decide(world, "allow", "wild.test", "--once", status=125)  # ports 80 and 443
    assert "this once" in decide(world, "allow", "wild.test:22", "--once")
    assert process.stdout.readline().startswith("b'SSH-2.0-world GOOD")
    assert process.stdout.readline() == "b'a'\n"
    decide(world, "allow", "other.test")
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "b'b'\n"
    decide(world, "deny", "wild.test:22")  # a denial is for all that there are
    assert process.stdout.readline() == "ConnectionResetError\n"
    assert "ConnectionResetError" in process.stdout.readline()


def test_once_asks_the_next_time_again(world, asking):
    process = asking("curl -sS http://wild.test/1; curl -sS http://wild.test/2")
    for path in ("/1", "/2"):
        assert held(world) == ["wild.test:80"]
        decide(world, "allow", "wild.test", "--once")
        until(lambda path=path: any(path in line[2] for line in world.seen()["seen"]))
    out, err = process.communicate(timeout=20)
    assert out.count("GOOD") == 2
    assert err.count("waits for your answer") == 2


def test_a_time_ends_and_the_host_is_asked_about_again(world, asking):
    process = asking("curl -sS http://wild.test/; sleep 2; curl -sS http://wild.test/")
    assert held(world) == ["wild.test:80"]
    decide(world, "allow", "wild.test", "--for", "1s")
    time.sleep(2)
    assert held(world) == ["wild.test:80"]
    decide(world, "allow", "wild.test")
    assert process.communicate(timeout=20)[0].count("GOOD") == 2


def test_saved_in_the_profile(world):
    path = world.profile("asks", '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_ask = true\n')
    process = world.program(*INNER, "run", "-p", "asks", "--", "curl", "-sS", "http://wild.test/")
    assert held(world) == ["wild.test:80"]
    decide(world, "allow", "wild.test", "--save")
    assert "GOOD" in process.communicate(timeout=20)[0]
    assert 'network_allow = ["wild.test"]' in path.read_text()
    done = world.inner("run", "-p", "asks", "--", "curl", "-sS", "http://wild.test/")
    assert ("GOOD" in done["out"], done["err"]) == (True, "")


def test_several_connections_are_one_question(world, asking):
    process = asking("for i in 1 2 3 4 5; do curl -sS http://wild.test/$i & done; wait")
    [one] = until(lambda: [one for one in questions(world) if one["connections"] == 5])
    assert one["host"] == "wild.test"
    assert 30 < one["seconds"] <= 60
    assert re.search(r"wild\.test:80 +waits +for an answer, \d\d s more", world.inner("approvals")["out"])
    decide(world, "allow", "wild.test")
    out, err = process.communicate(timeout=20)
    assert out.count("GOOD") == 5
    assert err.count("waits for your answer") == 1


# --- what is not asked, or does not help ----------------------------------------------------------------------------------


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
    out, err = process.communicate(timeout=20)
    assert "INNERCANARY" not in out
    assert f"{name}:80: the name leads to {leads}" in err


def test_what_an_agent_works_without_is_not_asked_about(world):
    from inner.agents import agent

    spare = agent("claude").OPTIONAL[0].partition(":")[0]
    world.profile("works", 'agents = ["claude"]\n[sandbox]\nnetwork_mode = "allowlist"\nnetwork_ask = true\n')
    done = world.inner("run", "-p", "works", "--entrypoint", "/bin/sh", "--", "-c", f"getent hosts {spare} || echo NONE")
    assert done["out"] == "NONE\n", done


def test_a_run_that_ends_with_a_question_open_tells_it(world, asking):
    process = asking("curl -sS http://wild.test/ & sleep 2; kill %1")
    assert held(world) == ["wild.test:80"]
    _, err = process.communicate(timeout=20)
    assert "denied: wild.test:80: nobody answered: not on the list" in err
    assert "to allow: `inner run --allow-host wild.test`" in err


@pytest.mark.slow
def test_nobody_answers_and_is_asked_no_more(world, asking):
    process = asking("time curl -sS http://wild.test/; curl -sS -m 5 http://wild.test/; curl -sS http://other.test/")
    assert held(world) == ["wild.test:80"]
    until(lambda: [one for one in questions(world) if one["host"] == "other.test"], 80)
    decide(world, "allow", "other.test")
    out, err = process.communicate(timeout=20)
    assert "inner: nobody answered: not on the list" in out
    assert 0 <= float(re.search(r"real\s+1m(\S+)s", err)[1]) < 5
    assert "Could not resolve host: wild.test" in err
    assert "denied: wild.test:80: nobody answered: not on the list" in err
    assert "to allow: `inner run --allow-host wild.test`" in err


def test_a_client_that_goes_away_leaves_the_question(world, asking):
    again = "for i in $(seq 100); do curl -skS -m 1 https://wild.test/ && break; sleep 0.1; done"
    process = asking(f"curl -sS -m 1 https://wild.test/; echo gone; {again}")
    assert process.stdout.readline() == "gone\n"
    decide(world, "allow", "wild.test")
    assert "GOOD" in process.communicate(timeout=20)[0]


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
    _, err = process.communicate("\n", timeout=30)
    assert 0 < err.count("waits for your answer") <= 16


# --- the terminal of the run ----------------------------------------------------------------------------------------------

TOLD = "inner: wild.test:80 is not on the list, and waits for your answer: `inner approvals allow wild.test` in another terminal"


def on_a_terminal(world, script, answer):
    """What a terminal shows of `inner run --ask`, until it ends; `answer(seen)` is called until it is true."""
    ours, theirs = pty.openpty()
    process = world.program(*INNER, "run", "--ask", "--", "bash", "-c", script, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen, done = b"", False
    end = time.monotonic() + 40
    try:
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.05)[0]:
                seen += os.read(ours, 4096)
            done = done or bool(answer(seen))
    except OSError:  # EIO: nobody has the other side any more
        pass
    finally:
        os.close(ours)
        process.wait(30)
    assert done, seen
    return seen.decode()


@pytest.fixture
def go(world):
    """Holds a script (`GO`) until the terminal has shown what came before."""
    path = world.project / "go"
    yield path
    path.unlink()


GO = "while [ ! -e go ]; do sleep 0.05; done"


def test_a_terminal_is_told_at_once_at_the_beginning_of_a_line(world, go):
    def answer(seen):
        if b"fetching" in seen:
            go.touch()
        return TOLD.encode() in seen and decide(world, "allow", "wild.test")

    seen = on_a_terminal(world, f"printf 'fetching... '; {GO}; curl -sS http://wild.test/; echo BYE", answer)
    assert seen.count(TOLD) == 1
    assert f"fetching... \r\n{TOLD}\r\n" in seen
    assert "GOOD GET" in seen


@pytest.mark.parametrize("screen", ["printf '\\033[?1049hdrawn'", "stty -icanon -echo; echo drawn"])
def test_a_full_screen_program_is_not_written_over(world, go, screen):
    """It has the other screen, or reads key by key: the question is listed, and nothing is drawn."""

    def answer(seen):
        if b"drawn" in seen:
            go.touch()
        return questions(world) and decide(world, "deny", "wild.test")

    seen = on_a_terminal(world, f"{screen}; {GO}; curl -sS http://wild.test/; printf '\\033[?1049l'; stty sane; echo BYE", answer)
    assert "waits" not in seen
    assert seen.index("BYE") < seen.index("denied: wild.test:80: denied by `wild.test`")


def test_in_two_terminals_side_by_side(world, tmp_path):
    """As a user does it: a shell in a box on the left, `inner approvals` on the right."""
    tmux = [str(shutil.which("tmux")), "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    joined = ["nsenter", "--preserve-credentials", "--user", "--net", "--mount", f"--target={world.pid}"]
    env = {**os.environ, "HOME": str(world.home), "TERM": "xterm-256color", "SHELL": "/bin/bash", "PS1": "$ "}
    program = tmp_path / "inner"
    program.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in INNER[:-1]) + f' "{INNER[-1]}" "$@"\n')
    program.chmod(0o755)
    shell = f"cd '{world.project}' && exec bash --norc --noprofile"

    def tell(*words):
        return subprocess.run([*tmux, *words], env=env, check=True, capture_output=True, text=True, timeout=20).stdout

    def shows(number, text):
        return until(lambda: text in tell("capture-pane", "-p", "-J", "-t", f"t.{number}"))

    def type_(number, text):
        tell("send-keys", "-t", f"t.{number}", "-l", text)
        tell("send-keys", "-t", f"t.{number}", "Enter")

    start = [*joined, *tmux, "new-session", "-d", "-s", "t", "-x", "300", "-y", "50", shell]
    subprocess.run(
        start, env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20
    )
    try:
        tell("split-window", "-h", "-t", "t", shell)
        type_(0, f"{program} run --ask -- bash --norc --noprofile")
        shows(0, "bash-")
        type_(0, "curl -sS http://wild.test/")
        shows(0, "waits for your answer")
        type_(1, f"{program} approvals")
        shows(1, "for an answer")
        type_(1, f"{program} approvals allow wild.test --once")
        shows(1, "this once")
        shows(0, "GOOD GET")
        type_(0, "exit")
    finally:
        tell("kill-server")


def test_a_watch_puts_each_question_and_takes_the_answer(world, asking):
    ours, theirs = pty.openpty()
    watch = world.program(*INNER, "approvals", "--watch", stdin=theirs, stdout=theirs, stderr=theirs)
    asking.begun.append(watch)
    os.close(theirs)
    seen = b""

    def shows(text):
        nonlocal seen
        while text not in seen:
            assert select.select([ours], [], [], 30)[0], seen
            seen += os.read(ours, 4096)

    process = asking(
        "curl -sS http://wild.test/1; curl -sS http://wild.test/2; curl -sS http://evil.test/; curl -sS http://other.test/"
    )
    for name, answer in (("wild.test", b"o\n"), ("wild.test", b"maybe\ny\n"), ("evil.test", b"n\n"), ("other.test", b"\n")):
        seen = b""
        shows(f"(shell) waits for {name}:80: [y]es, [o]nce, [n]o, Enter: later? ".encode())
        os.write(ours, answer)
        if answer != b"\n":
            shows(b"may not reach" if answer == b"n\n" else b"may reach")
    assert held(world) == ["other.test:80"]
    decide(world, "deny", "other.test")
    out, _ = process.communicate(timeout=30)
    assert out.count("GOOD") == 2
    watch.send_signal(signal.SIGINT)
    assert watch.wait(20) == 130
    os.close(ours)


def test_a_watch_that_nobody_can_answer_prints(world, asking):
    watch = world.program(*INNER, "approvals", "--watch")
    asking.begun.append(watch)
    asking("curl -sS http://wild.test/")
    assert re.fullmatch(r"run \S+ \(shell\) waits for wild\.test:80\n", watch.stdout.readline())


# --- asked for, and not to be had -----------------------------------------------------------------------------------------


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
