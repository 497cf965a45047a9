"""Ports of a box on the host's loopback: they lead in and not out, and each belongs to one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from egress.runs import egress_of, shell

pytestmark = pytest.mark.box

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
