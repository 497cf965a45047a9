"""`--ask`: what is on no list waits for the user, who answers from a second terminal; for how long an answer holds."""

from __future__ import annotations

import re
import subprocess
import time

import pytest
from program import INNER

from egress.held import decide, held, questions, until

pytestmark = pytest.mark.box

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
    out, err = process.communicate(timeout=60)
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
    out, err = process.communicate(timeout=60)
    assert text in out
    assert out.endswith("GONE\n")  # the name does not exist any more, either
    assert f"denied: {where}: denied by `evil.test`" in err
    assert world.seen()["seen"] == []


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
    assert "nothing waits for `wild.test`" in decide(world, "allow", "wild.test", "--once", status=1)  # ports 80 and 443
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
    out, err = process.communicate(timeout=60)
    assert out.count("GOOD") == 2
    assert err.count("waits for your answer") == 2


def test_a_time_ends_and_the_host_is_asked_about_again(world, asking):
    process = asking("curl -sS http://wild.test/; sleep 2; curl -sS http://wild.test/")
    assert held(world) == ["wild.test:80"]
    decide(world, "allow", "wild.test", "--for", "1s")
    assert held(world) == ["wild.test:80"]
    decide(world, "allow", "wild.test")
    out, err = process.communicate(timeout=60)
    assert (out.count("GOOD"), err.count("waits for your answer")) == (2, 2)


def test_saved_in_the_profile(world):
    path = world.profile("asks", '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_ask = true\n')
    process = world.program(*INNER, "run", "-p", "asks", "--", "curl", "-sS", "http://wild.test/")
    assert held(world) == ["wild.test:80"]
    decide(world, "allow", "wild.test", "--save")
    assert "GOOD" in process.communicate(timeout=60)[0]
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
    out, err = process.communicate(timeout=60)
    assert out.count("GOOD") == 5
    assert err.count("waits for your answer") == 1
