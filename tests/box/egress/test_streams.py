"""What models and tools speak besides one request and one answer: events as they come, HTTP/2 both ways at once, websockets, uploads
that ask first, an answer that takes its time. By every way out that there is: TLS, plain HTTP, with a credential, by the proxy.
"""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

pytestmark = pytest.mark.box

WAYS = {
    "tls": ("https://allowed.test", "", False),
    "http": ("http://allowed.test", "", False),
    "with a credential": ("http://allowed.test", "", True),
    "by the proxy": ("https://allowed.test", "-x http://127.18.0.1:3128", False),
    "in absolute form": ("http://allowed.test", "-x http://127.18.0.1:3128", False),
}


def box(world, argv, way, **more):
    credential = {"source": "env:API_KEY", "hosts": ["allowed.test"]}
    outside = {"API_KEY": "s3cret-key", "SSL_CERT_FILE": str(world.folder / "ca.pem")}
    done = world.box(argv, ["allowed.test"], credentials={"api": credential} if WAYS[way][2] else {}, outside=outside, **more)
    assert done["status"] == 0, done
    return done


def curl(world, way, words, **more):
    base, proxy, _ = WAYS[way]
    script = f"curl -sS --no-buffer --cacert {world.folder}/ca.pem {proxy} {words.format(base=base)}"
    return box(world, ["sh", "-c", script], way, **more)["out"]


STAMP = "| python3 -c \"import os, time\nwhile d := os.read(0, 99): print(time.monotonic(), d.split(b'\\n')[0].decode(), flush=True)\""


@pytest.mark.parametrize("way", WAYS)
def test_events_arrive_one_by_one(world, way):
    """A model's answer is shown word by word: nothing on the way may wait for more."""
    times = [float(line.split()[0]) for line in curl(world, way, "{base}/events/5 " + STAMP).splitlines() if "data:" in line]
    assert len(times) == 5
    assert all(after - before > 0.1 for before, after in pairwise(times)), times


@pytest.mark.parametrize("way", WAYS)
def test_an_upload_that_asks_first_is_let_go_on(world, way):
    script = "head -c 9000000 /dev/zero > /tmp/f; "
    base, proxy, _ = WAYS[way]
    line = f"curl -sS --cacert {world.folder}/ca.pem {proxy} -H 'Expect: 100-continue' --expect100-timeout 20 -T /tmp/f {base}/put -w ' %{{time_total}}'"
    out = box(world, ["sh", "-c", script + line], way)["out"]
    assert "body=9000000" in out
    assert float(out.split()[-1]) < 15  # the server's word came through: nobody waited for the time to be over


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_may_take_its_time(world, way):
    assert "GOOD" in curl(world, way, "{base}/late/4")


SOCKET = """\
def upgrade(s):
    s.settimeout(5)
    s.sendall(b'GET /socket HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Key: x\\r\\n\\r\\n')
    head = b''
    while b'\\r\\n\\r\\n' not in head: head += s.recv(1)
    if b' 101 ' not in head: return head.split(b'\\r\\n')[0]
    s.sendall(b'\\x81\\x82masked'); return s.recv(99)
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
print(upgrade(c.wrap_socket(socket.create_connection(('allowed.test', 443), 20), server_hostname='allowed.test')))
print(upgrade(socket.create_connection(('allowed.test', 80), 20)))
"""


def test_websockets_over_tls_and_an_answer_where_they_cannot_be(world):
    """On plain HTTP every request is looked at, so a connection stays one of requests: the server never sees the wish."""
    out = world.python(SOCKET, ["allowed.test"])["out"].splitlines()
    assert out == ["b'\\x81\\x82masked'", "b'HTTP/1.1 200 OK'"]


HTTP2 = """\
const h = require('http2'), fs = require('fs')
const s = h.createSecureServer({key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem')})
s.on('stream', (one, head) => { one.respond({':status': 200, 'content-type': 'application/grpc'}, {waitForTrailers: true})
  one.on('data', d => one.write('GOOD ' + d)); one.on('end', () => one.end())
  one.on('wantTrailers', () => one.sendTrailers({'grpc-status': '0'})) })
s.listen(9443, '45.45.45.45', () => console.log('ready'))
"""
CALLS = """\
const c = require('http2').connect('https://allowed.test:9443', {ca: require('fs').readFileSync(process.argv[1])})
let left = 20
for (let n = 0; n < 20; n++) { const s = c.request({':method': 'POST', ':path': '/call'}); let got = ''
  s.on('data', d => { got += d; if (got === `GOOD a${n}`) s.end('b') })
  s.on('trailers', t => { console.log(got, t['grpc-status']); if (!--left) c.close() }); s.write(`a${n}`) }
"""


def test_http2_with_many_calls_both_ways_at_a_time(world):
    """As gRPC does: one connection, streams in both directions, trailers."""
    server = world.program("node", "-e", HTTP2, cwd=world.folder)
    try:
        assert server.stdout.readline() == "ready\n"
        out = world.box(["node", "-e", CALLS, str(world.folder / "ca.pem")], ["allowed.test:9443"])["out"].splitlines()
        assert sorted(out) == sorted(f"GOOD a{n}GOOD b 0" for n in range(20))
    finally:
        server.kill()
        server.communicate()


def test_http2_without_tls_is_refused_and_said(world):
    """Its requests are compressed against each other, so nobody on the way can say for whom they are."""
    done = world.box(["curl", "-sS", "--http2-prior-knowledge", "http://allowed.test:8080/"], ["allowed.test:8080"])
    assert done["status"] != 0
    assert [e["reason"] for e in done["events"] if e["verdict"] == "deny"] == ["HTTP/2 without TLS"]


def test_udp_is_refused_at_once(world):
    """QUIC falls back to TCP when it is, and waits when it is not."""
    code = (
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((socket.gethostbyname('allowed.test'), 443)); s.settimeout(30)\n"
        "a = time.monotonic(); s.send(b'x')\ntry: s.recv(9)\nexcept OSError as e: print(type(e).__name__, time.monotonic() - a < 20)"
    )
    assert world.python(code, ["allowed.test"])["out"] == "ConnectionRefusedError True\n"


def test_the_question_whose_an_address_is_has_no_answer_and_is_no_denial(world):
    done = world.box(["sh", "-c", "getent hosts 127.18.0.2 45.45.45.66; getent ahosts allowed.test"], ["allowed.test"])
    assert "127.18.0.2" in done["out"]
    assert done["events"] == []


QUERIES = [("allowed.test", kind) for kind in (1, 28, 12, 15, 16, 33, 43, 46, 48, 64, 65, 255)]


def test_every_kind_of_question_is_answered_at_once(world):
    """A, and nothing of AAAA, SRV, SVCB, HTTPS (which could hide the name in TLS), DNSKEY and so on; with EDNS and DO, over UDP and TCP."""
    code = (
        "def ask(name, kind, tcp):\n"
        "    q = b'\\x12\\x34\\1\\x20\\0\\1\\0\\0\\0\\0\\0\\1' + b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\\0' + kind.to_bytes(2, 'big') + b'\\0\\1'\n"
        "    q += b'\\0\\0\\x29\\x10\\0\\0\\0\\x80\\0\\0\\0'\n"
        "    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM); s.settimeout(2); s.connect(('127.18.0.1', 53))\n"
        "    s.send(len(q).to_bytes(2, 'big') + q if tcp else q); r = s.recv(999); r = r[2:] if tcp else r\n"
        "    return [r[:2] == q[:2], r[3] & 15, r[7]]\n"
        f"import json; print(json.dumps([ask(n, k, t) for n, k in {QUERIES!r} for t in (0, 1)] + [ask('evil.test', k, 0) for k in (1, 28, 65)]))\n"
    )
    found = json.loads(world.python(code, ["allowed.test"])["out"])
    kinds = [kind for _, kind in QUERIES for _ in range(2)]
    assert found == [[True, 0, int(kind in (1, 255))] for kind in kinds] + [[True, 3, 0]] * 3


def test_a_range_of_addresses_is_no_entry_and_the_hint_helps(world):
    done = world.inner("run", "--allow-host", "45.45.45.0/24", "--", "true")
    assert (done["status"], "45.45.45.0:443" in done["err"]) == (125, True)
