"""What the way through the egress process costs: `python tests/bench/egress.py [MIB] [ROUNDS]`, one table.

The same client and server three ways, in turns so that each meets the same machine: direct over loopback, through socat (a relay in C
that copies), and from a box with a list of hosts. Connections in the box are made to the same server, an entry `localhost:PORT`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INNER = [
    sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[0] = 'inner'; from inner.__main__ import main; main()",
]  # fmt: skip
CLIENT = """\
import json, socket, sys, time
port, size, connects, turns = map(int, sys.argv[1:])
def dial():
    s = socket.create_connection(("127.0.0.1", port)); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); return s
def exact(s, size, into=bytearray(1 << 20)):
    while size: size -= s.recv_into(into, min(size, len(into)))
found = {}
for name, order in (("down", b"D"), ("up", b"U")):
    s = dial(); began = time.perf_counter(); s.sendall(order + size.to_bytes(8, "big"))
    if order == b"D": exact(s, size)
    else:
        piece, left = bytes(1 << 20), size
        while left: left -= s.send(piece[:left])
        exact(s, 1)
    found[name] = size / (time.perf_counter() - began) / (1 << 20); s.close()
times = []
for _ in range(connects):
    began = time.perf_counter(); s = dial(); s.sendall(b"E"); exact(s, 1); times.append(time.perf_counter() - began); s.close()
found["connect"] = sorted(times)
s, times = dial(), []
for _ in range(turns):
    began = time.perf_counter(); s.sendall(b"E"); exact(s, 1); times.append(time.perf_counter() - began)
found["turn"] = sorted(times)
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


def median(values: list[float], at: float = 0.5) -> float:
    """The value at a quantile, of a sorted list."""
    return values[min(len(values) - 1, int(len(values) * at))]


def main() -> None:
    """Prints the table, and the same as one line of JSON."""
    size, rounds = int((sys.argv[1:] or ["512"])[0]) << 20, int((sys.argv[2:] or ["3"])[0])
    if not shutil.which("socat"):
        raise SystemExit("socat is not installed, which this is measured beside")
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    server = os.fork()
    if server == 0:
        serve(listener)
    with socket.create_server(("127.0.0.1", 0)) as free:
        relayed = free.getsockname()[1]
    options = "fork,reuseaddr,nodelay,bind=127.0.0.1,backlog=1024"
    relay = subprocess.Popen(["socat", "-b", "65536", f"TCP-LISTEN:{relayed},{options}", f"TCP:127.0.0.1:{port},nodelay"])
    time.sleep(0.3)
    found: dict[str, list[dict[str, object]]] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder, "project")
            project.mkdir()
            env = {**os.environ, **{f"XDG_{name}_HOME": f"{folder}/{name}" for name in ("CONFIG", "STATE", "CACHE")}}
            client = ["/usr/bin/python3", "-I", "-c", CLIENT]
            numbers = [str(size), "200", "2000"]
            ways = {
                "direct": [*client, str(port), *numbers],
                "socat": [*client, str(relayed), *numbers],
                "inner": [*INNER, "run", "--allow-host", f"localhost:{port}", "--", *client, str(port), *numbers],
            }
            for _ in range(rounds):
                for way, line in ways.items():
                    done = subprocess.run(line, cwd=project, env=env, capture_output=True, text=True, check=False)
                    if done.returncode:
                        raise SystemExit(done.stderr)
                    found.setdefault(way, []).append(json.loads(done.stdout))
    finally:
        relay.kill()
        relay.wait()
        os.kill(server, 9)
        os.waitpid(server, 0)
    table = {}
    for way, results in found.items():
        connect, turn = (sorted(t for one in results for t in one[name]) for name in ("connect", "turn"))  # type: ignore[attr-defined]
        table[way] = {
            "down MiB/s": round(statistics.median(one["down"] for one in results)),  # type: ignore[type-var, misc]
            "up MiB/s": round(statistics.median(one["up"] for one in results)),  # type: ignore[type-var, misc]
            "connect us": round(median(connect) * 1e6),
            "connect p99 us": round(median(connect, 0.99) * 1e6),
            "turn us": round(median(turn) * 1e6),
            "turn p99 us": round(median(turn, 0.99) * 1e6),
        }
    head = list(next(iter(table.values())))
    print(f"{'':8}" + "".join(f"{name:>16}" for name in head))
    for way, row in table.items():
        print(f"{way:8}" + "".join(f"{row[name]:>16}" for name in head))
    print(json.dumps(table))


if __name__ == "__main__":
    main()
