"""The fixture `world`: servers with public-looking addresses in a network namespace of their own, made without root. `run`: runs in it. `asking`: runs that ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from program import INNER

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HOSTS = """\
127.0.0.1 localhost
45.45.45.45 allowed.test a.wild.test b.wild.test deep.b.wild.test wild.test other.test
45.45.45.66 evil.test allowed.test.evil.test xallowed.test sub.allowed.test
2a00:45::45 six.test
45.45.45.45 both.test
2a00:45::45 both.test
127.0.0.1 loop.test
10.1.2.3 lan.test
169.254.169.254 meta.test
45.45.45.45 mixed.test
127.0.0.1 mixed.test
::ffff:127.0.0.1 mapped.test
45.45.45.99 nobody.test
"""
SETUP = """\
set -e
ip link set lo up
ip addr add 45.45.45.45/32 dev lo
ip addr add 45.45.45.66/32 dev lo
ip addr add 10.1.2.3/32 dev lo
ip -6 addr add 2a00:45::45/128 dev lo nodad
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
ulimit -n "$(ulimit -H -n)"
folder=$1; shift
exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all "$@" "$folder"
"""


class World:
    """`box(argv, allow=...)` runs a command in a box of that world."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prelude = PRELUDE
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "--net", "--mount", "--fork", "--kill-child",
             "/bin/sh", "-c", SETUP, "sh", str(folder), sys.executable, str(HERE / "world.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
        )  # fmt: skip
        self.pid = self._answer()
        self.home, self.project = folder / "home", folder / "home/project"
        self.project.mkdir(parents=True)

    def _answer(self):
        line = self._process.stdout.readline()
        assert line, "the world has ended"
        return json.loads(line)

    def _ask(self, **asked):
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def box(self, argv, allow=(), deny=(), **more):
        self.seen()
        done = self._ask(box={"argv": list(argv), "allow": list(allow), "deny": list(deny), "ro": [str(self.folder)], **more})
        assert "failed" not in done, done["failed"]
        assert more.get("refused") or "refused" not in done, done
        return done

    def python(self, code: str, allow=(), deny=(), **more):
        """Python in the box; its standard output, as JSON when it is that."""
        done = self.box(["/usr/bin/python3", "-I", "-c", PRELUDE + code], allow, deny, **more)
        assert done["status"] == 0, done
        return done

    def inner(self, *words, env=None, cwd=None, timeout=60):
        """`inner WORDS...` in that world, outside of any box: status, out, err."""
        outside = {"PYTHONPATH": "", "HOME": str(self.home), "SSL_CERT_FILE": str(self.folder / "ca.pem"), **(env or {})}
        return self._ask(box={"argv": [*INNER, *words], "open": True, "outside": outside, "cwd": str(cwd or self.project),
                              "timeout": timeout})  # fmt: skip

    def program(self, *words, env=None, cwd=None, **popen):
        """The same as a process that lives on, joined to that world: `subprocess.Popen`."""
        outside = {**os.environ, "HOME": str(self.home), "SSL_CERT_FILE": str(self.folder / "ca.pem"), **(env or {})}
        return subprocess.Popen(
            ["nsenter", "--preserve-credentials", "--user", "--net", "--mount", f"--target={self.pid}",
             "/bin/sh", "-c", 'cd "$0" && exec "$@"', str(cwd or self.project), *words], env=outside,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **popen},
        )  # fmt: skip

    def profile(self, name, text):
        """A profile of the user of that world."""
        path = self.home / f".config/inner/profiles/{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'schema_version = "1"\n{text}')
        path.chmod(0o644)
        return path

    def seen(self):
        return self._ask(seen=True)

    def hosts(self, text: str = HOSTS) -> None:
        self._ask(hosts=text)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)


PRELUDE = """\
import os, socket, ssl, sys, time
def say(to, data=b"", port=80, end=False, wait=3.0, family=socket.AF_INET):
    s = socket.socket(family); s.settimeout(wait)
    out = b""
    try:
        s.connect((to, port))
        if data: s.sendall(data)
        if end: s.shutdown(socket.SHUT_WR)
        while piece := s.recv(65536): out += piece
    except OSError as e: out += b"<" + type(e).__name__.encode() + b">"
    s.close()
    return out
def hello(name):
    c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO(); s = c.wrap_bio(i, o, server_hostname=name)
    try: s.do_handshake()
    except ssl.SSLWantReadError: pass
    return o.read()
def fetch(to, name, port=443, path="/", host=None, sock=None, verify=""):
    c = ssl.create_default_context(cafile=verify or None)
    if not verify: c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
    try:
        s = c.wrap_socket(sock or socket.create_connection((to, port), 15), server_hostname=name)
        s.sendall(f"GET {path} HTTP/1.1\\r\\nHost: {host or name}\\r\\nConnection: close\\r\\n\\r\\n".encode())
        out = b""
        while piece := s.recv(65536): out += piece
        return out
    except OSError as e: return b"<" + type(e).__name__.encode() + b" " + str(e).encode() + b">"
def dns(name, kind=1, to="127.18.0.1"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
    q = b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\\0\\0" + bytes([kind]) + b"\\0\\1"
    try: s.sendto(q, (to, 53)); return s.recv(4096)
    except OSError as e: return type(e).__name__.encode()
"""


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    folder.chmod(0o755)
    (folder / "hosts").write_text(HOSTS)
    (folder / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\nworld:x:1000:1000::{folder}/home:/bin/sh\n")
    (folder / "resolv.conf").write_text("nameserver 127.0.0.254\n")
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    subject = "subjectAltName=DNS:allowed.test,DNS:*.wild.test,DNS:wild.test,DNS:six.test,DNS:both.test,IP:45.45.45.45"
    for argv in (
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=ca.test",
         "-keyout", "ca.key", "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign"],
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=w.test",
         "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "key.pem", "-out", "cert.pem", "-addext", subject,
         "-addext", "basicConstraints=critical,CA:FALSE"],
    ):  # fmt: skip
        subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True)
    found = World(folder)
    yield found
    found.close()


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


@pytest.fixture
def run(world):
    """`inner run` that lives on; ended when the test is."""
    begun = []

    def start(*words, **more):
        process = world.program(*INNER, "run", *words, **more)
        begun.append(process)
        assert process.stdout.readline() == "ready\n", process.communicate()
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)
