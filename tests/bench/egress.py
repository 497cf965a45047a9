"""What the way out of a box costs: the same client and server directly over loopback, through socat (a relay in C that copies), from
inner's box with a list of hosts, and from sandbox-runtime's, in turns. Connections go to the same server, an entry `localhost:PORT`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pairs import Runner

SIZE, CONNECTS, TURNS = 256 << 20, 200, 2000
NAMES = {
    "down": f"{SIZE >> 20} MiB in one stream to the client",
    "up": f"{SIZE >> 20} MiB in one stream from the client",
    "connect": "a new connection, and a byte there and back",
    "turn": "a byte there and back",
}
# Prints the seconds of each, as JSON. Where a proxy is named it is asked to connect, as its environment says.
CLIENT = """\
import base64, json, os, socket, sys, time
port, size, connects, turns, hold = map(int, sys.argv[1:])
proxy = os.environ.get("HTTP_PROXY", "").partition("//")[2].rstrip("/")
word, _, place = proxy.rpartition("@")
def dial():
    s = socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2]) if place else port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if place:
        known = f"Proxy-Authorization: Basic {base64.b64encode(word.encode()).decode()}\\r\\n" if word else ""
        s.sendall(f"CONNECT localhost:{port} HTTP/1.1\\r\\nHost: localhost:{port}\\r\\n{known}\\r\\n".encode())
        answer = b""
        while not answer.endswith(b"\\r\\n\\r\\n"): answer += s.recv(1) or sys.exit("no answer")
        assert b" 200 " in answer, answer
    return s
def exact(s, size, into=bytearray(1 << 20)):
    while size:
        got = s.recv_into(into, min(size, len(into)))
        if not got: sys.exit(f"{size} bytes are missing")
        size -= got
if hold:
    kept = [dial() for _ in range(hold)]
    for s in kept: s.sendall(b"E"); exact(s, 1)
    print("held", flush=True); time.sleep(60)
found = {}
for name, order in (("down", b"D"), ("up", b"U")):
    s = dial(); began = time.perf_counter(); s.sendall(order + size.to_bytes(8, "big"))
    if order == b"D": exact(s, size)
    else:
        piece, left = bytes(1 << 20), size
        while left: left -= s.send(piece[:left])
        exact(s, 1)
    found[name] = [time.perf_counter() - began]; s.close()
found["connect"] = times = []
for _ in range(connects):
    began = time.perf_counter(); s = dial(); s.sendall(b"E"); exact(s, 1); times.append(time.perf_counter() - began); s.close()
s, found["turn"] = dial(), (times := [])
for _ in range(turns):
    began = time.perf_counter(); s.sendall(b"E"); exact(s, 1); times.append(time.perf_counter() - began)
print(json.dumps(found))
"""


def serve(listener: socket.socket) -> None:
    """`D` and a size: sends so much; `U` and a size: takes so much and says `E`; `E`: says `E`."""

    def one(conn: socket.socket) -> None:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        piece, into = bytes(1 << 20), bytearray(1 << 20)
        with conn:
            while order := conn.recv(1):
                if order == b"E":
                    conn.sendall(b"E")
                    continue
                left = int.from_bytes(conn.recv(8, socket.MSG_WAITALL), "big")
                while left:
                    left -= conn.send(piece[:left]) if order == b"D" else conn.recv_into(into, min(left, len(into)))
                if order == b"U":
                    conn.sendall(b"E")

    while True:
        conn, _ = listener.accept()
        threading.Thread(target=one, args=(conn,), daemon=True).start()


class Ways:
    """A context: the server runs. `measure` gives medians of seconds by way and by name (`NAMES`)."""

    def __init__(self, runner: Runner, inner: str, project: str) -> None:
        self.runner, self.inner, self.project = runner, inner, project
        self._ends: list[int] = []

    def __enter__(self) -> Ways:
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = listener.getsockname()[1]
        server = os.fork()
        if server == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve(listener)
        listener.close()
        self._ends.append(server)
        program = Path(self.project) / "client.py"
        program.write_text(CLIENT)
        program.chmod(0o644)
        client = ["/usr/bin/python3", "-I", str(program)]
        self.words = [str(SIZE), str(CONNECTS), str(TURNS), "0"]
        allow = ["run", "--allow-host", f"localhost:{self.port}", "--"]
        self.client = [self.inner, *allow, *client]
        self.ways = {"loopback": [*client, str(self.port)], "inner": [*self.client, str(self.port)]}
        if shutil.which("socat", path=self.runner.env["PATH"]):
            self.ways["socat"] = [*client, str(self._relay())]
        if shutil.which("srt", path=self.runner.env["PATH"]):
            settings = Path(self.project).parent / "srt.json"
            network = {"allowedDomains": ["localhost"], "deniedDomains": []}
            settings.write_text(
                json.dumps({"network": network, "filesystem": {"denyRead": [], "allowWrite": ["."], "denyWrite": []}})
            )
            settings.chmod(0o644)
            self.ways["srt"] = ["srt", "--settings", str(settings), *client, str(self.port)]
        return self

    def _relay(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        options = "fork,reuseaddr,nodelay,bind=127.0.0.1,backlog=1024"
        line = ["socat", "-b", "65536", f"TCP-LISTEN:{port},{options}", f"TCP:127.0.0.1:{self.port},nodelay"]
        self._ends.append(self.runner.fork(line, "/"))
        time.sleep(0.3)
        return port

    def __exit__(self, *_: object) -> None:
        for pid in self._ends:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)

    def measure(self, rounds: int) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, list[float]]] = {}
        for _ in range(rounds):
            for way, line in list(self.ways.items()):
                try:
                    said = json.loads(self.runner.output([*line, *self.words], self.project))
                except RuntimeError as problem:
                    if way in ("loopback", "inner"):
                        raise
                    print(f"bench: left out: {problem}", file=sys.stderr)
                    del self.ways[way]
                    found.pop(way, None)
                    continue
                for name, times in said.items():
                    found.setdefault(way, {}).setdefault(name, []).append(statistics.median(times))
        return {way: {name: statistics.median(times) for name, times in one.items()} for way, one in found.items()}
