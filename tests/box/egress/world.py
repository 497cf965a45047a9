"""A small internet of one process, in a network namespace of its own: run by `unshare`, asked over standard input.

Addresses that look public are on `lo`, names are in a hosts file that is mounted over /etc/hosts. `good` answers for the hosts that
tests allow, `evil` for those they do not; what reached a server is kept and told. Boxes are started by `inside.py`, in a process
of its own, because this one has threads.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

GOOD, EVIL, SIX = "45.45.45.45", "45.45.45.66", "2a00:45::45"
SEEN: list[list[str]] = []
HERE = os.path.dirname(os.path.abspath(__file__))


def serve(address: str, port: int, talk, tls: ssl.SSLContext | None = None) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(4096)

    def one(conn: socket.socket) -> None:
        try:
            conn.settimeout(30)
            if tls is not None:
                conn = tls.wrap_socket(conn, server_side=True)
            talk(conn, address, port)
        except OSError as error:
            SEEN.append([address, str(port), f"error {error}"])
        finally:
            conn.close()

    def loop() -> None:
        while True:
            conn, _ = listener.accept()
            threading.Thread(target=one, args=(conn,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def head(conn: socket.socket, held: bytes = b"") -> tuple[bytes, bytes]:
    while b"\r\n\r\n" not in held:
        data = conn.recv(65536)
        if not data:
            return b"", b""
        held += data
    before, _, rest = held.partition(b"\r\n\r\n")
    return before, rest


def web(conn: socket.socket, address: str, port: int) -> None:
    """HTTP/1.1 with keep-alive. The body says who answered and what was asked; a body that was sent is measured."""
    rest = b""
    while True:
        text, rest = head(conn, rest)
        if not text:
            return
        lines = text.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        SEEN.append([address, str(port), text.decode("latin-1")])
        path = lines[0].split(" ")[1]
        if fields.get("upgrade") and path == "/socket":
            conn.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while data := conn.recv(65536):
                conn.sendall(data)
            return
        if path == "/early":  # answers and closes without reading what is sent
            conn.sendall(b"HTTP/1.1 413 Too Much\r\nContent-Length: 9\r\nConnection: close\r\n\r\nTOO MUCH\n")
            time.sleep(0.05)
            return
        if path == "/garbage":  # no record of TLS that can be read
            os.write(conn.fileno(), b"\x17\3\3\0\x20" + bytes(32))
            continue
        if fields.get("expect") == "100-continue":
            conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        size = int(fields.get("content-length", "0"))
        chunked = fields.get("transfer-encoding") == "chunked"
        got = 0
        while got < size or (chunked and not rest.endswith(b"0\r\n\r\n")):
            if rest and not chunked:
                take = min(len(rest), size - got)
                got += take
                rest = rest[take:]
                continue
            data = conn.recv(65536)
            if not data:
                return
            rest += data
        if chunked:
            got, rest = len(rest), b""
        who = {GOOD: "GOOD", EVIL: "INNERCANARY-evil", SIX: "GOOD-six"}.get(address, "INNERCANARY-private")
        body = f"{who} {lines[0]} host={fields.get('host')} auth={fields.get('authorization')} body={got}\n".encode()
        if path.startswith("/big/"):
            body = b"x" * int(path[5:])
        if path.startswith("/late/"):
            time.sleep(int(path[6:]))
        if path.startswith("/events/"):
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(int(path[8:])):
                event = b"data: %d\n\n" % number
                conn.sendall(b"%x\r\n%s\r\n" % (len(event), event))
                time.sleep(0.25)
            conn.sendall(b"0\r\n\r\n")
            continue
        if path.startswith(("/git/", "/files/")) and address == GOOD:
            conn.sendall(static(f"{sys.argv[1]}/www{path[4 if path[1] == 'g' else 6 :]}"))
            continue
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        if fields.get("connection") == "close":
            return


def static(path: str) -> bytes:
    """A response with a file of the test's. Git's own protocol is not spoken: it takes plain files then ("dumb")."""
    path = path.partition("?")[0] + ("index.html" if path.endswith("/") else "")
    try:
        with open(path, "rb") as file:
            body, status = file.read(), b"200 OK"
    except OSError:
        body, status = b"", b"404 Not Found"
    kind = b"text/html" if path.endswith(("/", ".html")) else b"text/plain"
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(body)) + body


def banner(conn: socket.socket, address: str, port: int) -> None:
    """The server speaks first, as ssh does; then it says back what it hears."""
    conn.sendall(b"SSH-2.0-world " + (b"GOOD" if address == GOOD else b"INNERCANARY") + b"\r\n")
    while data := conn.recv(65536):
        SEEN.append([address, str(port), data[:200].decode("latin-1")])
        conn.sendall(data)


def echo(conn: socket.socket, address: str, port: int) -> None:
    while data := conn.recv(65536):
        if len(SEEN) < 10000:
            SEEN.append([address, str(port), data[:200].decode("latin-1")])
        conn.sendall(data)


def source(conn: socket.socket, address: str, port: int) -> None:
    """`N\\n` -> N bytes and the end; at once, so that the end comes with the last of them."""
    line = b""
    while not line.endswith(b"\n"):
        line += conn.recv(1) or b"\n"
    left, piece = int(line or b"0"), b"s" * 65536
    while left:
        left -= conn.send(piece[: min(left, 65536)])


def sink(conn: socket.socket, address: str, port: int) -> None:
    """Reads to the end and only then says how much it was: half a connection must go on living."""
    count = 0
    while data := conn.recv(65536):
        count += len(data)
    conn.sendall(b"%d\n" % count)


def early(conn: socket.socket, address: str, port: int) -> None:
    """Answers and closes without reading, as a server does that will not have an upload."""
    conn.sendall(b"N" * 300_000)
    time.sleep(0.05)


def run(asked: dict) -> object:
    """A command in a box; with `open` in none, where everything of this world can be reached."""
    argv = asked["argv"] if asked.get("open") else [sys.executable, f"{HERE}/inside.py", json.dumps(asked)]
    done = subprocess.run(
        argv, capture_output=True, timeout=asked.get("timeout", 60) + 20, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, **asked.get("outside", {})}, cwd=asked.get("cwd"),
    )  # fmt: skip
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    if asked.get("open"):
        return {"status": done.returncode, "out": out, "err": err, "events": []}
    return {"failed": err} if done.returncode else json.loads(out)


def main(folder: str) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    names: list[str] = []
    tls.sni_callback = lambda _sock, name, _context: names.append(name or "")
    for address in (GOOD, EVIL, SIX, "127.0.0.1", "10.1.2.3"):
        serve(address, 80, web)
        serve(address, 443, web, tls)
        serve(address, 8443, web, tls)
        serve(address, 8080, web)
        serve(address, 22, banner)
        serve(address, 7777, echo)
    serve(GOOD, 9001, source)
    serve(GOOD, 9002, sink)
    serve(GOOD, 9003, early)
    print(json.dumps(os.getpid()), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "hosts" in asked:
            with open(f"{folder}/hosts", "r+", encoding="ascii") as file:  # in place: it is mounted
                file.truncate()
                file.write(asked["hosts"])
            answer: object = None
        elif "seen" in asked:
            answer = {"seen": SEEN[:], "sni": names[:]}
            SEEN.clear()
            names.clear()
        else:
            answer = run(asked["box"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
