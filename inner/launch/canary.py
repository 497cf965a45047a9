"""A process of the host's that attempts to break out look for: `canary.py TOKEN FOLDER`, the token also in `CANARY_ACCESS_TOKEN`.

It serves the token on sockets, holds it in memory, owns a terminal, lets itself be traced (Yama's leave), and tells on standard output
what comes to it: first the facts as a line of JSON, then one line for each event, at last `end` when standard input is closed.
A program of its own, standard library only: whoever starts it stays without threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
from typing import Any

PR_SET_PTRACER = 0x59616D61
IPC_PRIVATE, IPC_RMID = 0, 0
NOTHING: list[Any] = []


def shared_memory(libc: ctypes.CDLL, token: bytes) -> int:
    """A System V segment with the token, -1 where the kernel has none."""
    libc.shmat.restype = ctypes.c_void_p
    number = int(libc.shmget(IPC_PRIVATE, 4096, 0o600))
    place = libc.shmat(number, None, 0) if number >= 0 else None
    if place not in (None, ctypes.c_void_p(-1).value):
        ctypes.memmove(place, token, len(token))
    return number


def main() -> None:
    """Until standard input ends."""
    token, folder = sys.argv[1].encode(), sys.argv[2]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PTRACER, ctypes.c_ulong(2**64 - 1), 0, 0, 0)
    for wanted in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(wanted, lambda number, _: tell(f"signal {number}"))
    memory = ctypes.create_string_buffer(token)
    os.chdir(folder)
    servers = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX), socket.socket()]
    abstract = f"inner-attack-{sys.argv[1][:8]}"
    addresses: tuple[Any, ...] = ("socket", "\0" + abstract, ("127.0.0.1", 0))
    for server, address in zip(servers, addresses, strict=True):
        server.bind(address)
        server.listen()
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    terminal, side = os.openpty()
    queue, number = f"/{abstract}", shared_memory(libc, token)
    opened = libc.mq_open(queue.encode(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, None) if hasattr(libc, "mq_open") else -1
    facts = {
        "pid": os.getpid(), "address": ctypes.addressof(memory), "socket": f"{folder}/socket", "abstract": abstract,
        "tcp": servers[2].getsockname()[1], "udp": datagrams.getsockname()[1], "pts": os.ttyname(side), "shm": number, "queue": queue, "knock": free(),
    }  # fmt: skip
    tell(json.dumps(facts))
    try:
        serve(token, servers, datagrams, terminal, facts["knock"])
    finally:
        if number >= 0:
            libc.shmctl(number, IPC_RMID, None)
        if opened >= 0:
            libc.mq_unlink(queue.encode())
        tell("end")


def serve(token: bytes, servers: list[socket.socket], datagrams: socket.socket, terminal: int, knock: int) -> None:
    """Answer whoever comes, and knock at a port. Closing standard input ends it, when all that came before has been told."""
    ended = False
    while True:
        sources: list[Any] = [*servers, datagrams, terminal]
        if not ended:
            sources.append(0)
        ready, _, _ = select.select(sources, NOTHING, NOTHING, 0.1)
        if ended and not ready:
            return
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", knock), 0.1) as client:
            client.sendall(token)
        for one in ready:
            with contextlib.suppress(OSError):
                if one == 0:
                    ended = not os.read(0, 4096)
                elif one == terminal:
                    tell("terminal" if token in os.read(terminal, 4096) else "noise")
                elif one is datagrams:
                    tell("datagram" if token in datagrams.recv(4096) else "noise")
                else:
                    answer(one, token)


def free() -> int:
    """A port of the loopback that nobody listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def answer(server: socket.socket, token: bytes) -> None:
    """The token, and over a Unix socket a folder as well."""
    client, _ = server.accept()
    with client:
        if server.family == socket.AF_UNIX:
            fd = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
            socket.send_fds(client, [token], [fd])
            os.close(fd)
        else:
            client.sendall(token)


def tell(text: str) -> None:
    """A line for whoever started this."""
    os.write(1, text.encode() + b"\n")


if __name__ == "__main__":
    main()
