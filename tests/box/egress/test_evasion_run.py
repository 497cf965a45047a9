"""Ways around a list of hosts, tried in `inner run`, where each is stopped, and outside of any box, where each succeeds."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.box

GET = r"b'GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n'"
UDP = "s = socket.socket({family}, socket.SOCK_DGRAM); s.settimeout(2)\ns.sendto(b'ask', ({to!r}, {port})); print(s.recv(99))"
CURL = "import subprocess; print(subprocess.run(['curl', '-sS', '-m', '4', *{}], capture_output=True).stdout)"

ATTACKS = {
    "an address of another host": f"print(say('45.45.45.66', {GET.format('evil.test')}))",
    "an address of an allowed host": f"print(say('45.45.45.45', {GET.format('allowed.test')}))",
    "IPv6": f"print(say('2a00:45::45', {GET.format('six.test')}, family=socket.AF_INET6))",
    "IPv4 mapped into IPv6": f"print(say('::ffff:45.45.45.66', {GET.format('evil.test')}, family=socket.AF_INET6))",
    "a decimal address": CURL.format(["http://757935426/"]),
    "a hexadecimal address": CURL.format(["http://0x2d2d2d42/"]),
    "an octal address": CURL.format(["http://055.055.055.0102/"]),
    "a name of its own making": CURL.format(["--resolve", "allowed.test:80:45.45.45.66", "http://allowed.test/"]),
    "another name": CURL.format(["http://evil.test/"]),
    "a name below an allowed one": CURL.format(["http://sub.allowed.test/"]),
    "a name that ends in an allowed one": CURL.format(["http://xallowed.test/"]),
    "an allowed name before the real one": CURL.format(["http://allowed.test.evil.test/"]),
    "an allowed name as a user": CURL.format(["http://allowed.test@evil.test/"]),
    "upper case": CURL.format(["http://EVIL.TEST/"]),
    "fronting with TLS": "print(fetch('allowed.test', 'evil.test'))",
    "TLS without a name": "c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n"
    "s = c.wrap_socket(socket.create_connection(('allowed.test', 443), 20)); s.sendall("
    + GET.format("evil.test")
    + "); print(s.recv(999))",
    "fronting with HTTP": f"print(say('allowed.test', {GET.format('evil.test')}))",
    "a second request for another host": "print(say('allowed.test', b'GET /a HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'"
    " b'GET /marked HTTP/1.1\\r\\nHost: evil.test\\r\\nConnection: close\\r\\n\\r\\n'))",
    "another port of an allowed host": "print(say('allowed.test', b'INNERCANARY', 7777, end=True))",
    "a name that leads to the host itself": f"print(say('loop.test', {GET.format('loop.test')}))",
    "a name that leads into the local network": f"print(say('lan.test', {GET.format('lan.test')}))",
    "the host's loopback": f"print(say('127.0.0.1', {GET.format('localhost')}))",
    "another resolver": UDP.format(family="socket.AF_INET", to="45.45.45.66", port=53),
    "a resolver on the host": UDP.format(family="socket.AF_INET", to="127.0.0.1", port=53),
    "UDP to an allowed host": UDP.format(family="socket.AF_INET", to="45.45.45.45", port=53),
    "an abstract socket of the host": "s = socket.socket(socket.AF_UNIX); s.connect('\\0inner-test-evasion'); print(s.recv(99))",
}
ANSWERS = dict.fromkeys(ATTACKS, b"INNERCANARY") | {
    "an address of an allowed host": b"GOOD GET", "IPv6": b"GOOD-six GET", "fronting with TLS": b"GOOD GET", "TLS without a name": b"GOOD GET",
    "fronting with HTTP": b"GOOD GET", "a second request for another host": b"GET /marked",
}  # fmt: skip
# Names that the list of this test has as well, so that it is not the list which stops them.
LISTED = ("allowed.test", "loop.test", "lan.test")
OTHERS = """\
import socket, sys, threading
def answer(s):
    while True: s.sendto(b'INNERCANARY', s.recvfrom(99)[1])
for to in ('45.45.45.66', '45.45.45.45', '127.0.0.1'):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((to, 53))
    threading.Thread(target=answer, args=(s,), daemon=True).start()
s = socket.socket(socket.AF_UNIX); s.bind('\\0inner-test-evasion'); s.listen(); print('ready', flush=True)
while True:
    c, _ = s.accept(); c.sendall(b'INNERCANARY'); c.close()
"""


@pytest.fixture(scope="module")
def others(world):
    """More of the world: who answers over UDP, and on a socket without a file."""
    process = world.program("/usr/bin/python3", "-c", OTHERS)
    assert process.stdout.readline() == "ready\n", process.communicate()
    yield
    process.kill()
    process.communicate()


@pytest.mark.parametrize("name", ATTACKS)
def test_stopped_in_the_box_and_good_outside(world, others, name):
    code = ["/usr/bin/python3", "-I", "-c", world.prelude + ATTACKS[name]]
    outside = world.box(code, open=True)
    assert ANSWERS[name] in outside["out"].encode(), outside
    world.seen()
    flags = [word for host in LISTED for word in ("--allow-host", host)]
    inside = world.inner("run", *flags, "--", *code)
    assert ANSWERS[name] not in inside["out"].encode(), inside
    assert "INNERCANARY" not in inside["out"], inside
    reached = [
        text for address, _, text in world.seen()["seen"] if address != "45.45.45.45" or "evil" in text or "/marked" in text
    ]
    assert reached == [], reached
