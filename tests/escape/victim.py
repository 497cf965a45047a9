"""A process of the host's, with a secret in each of its places and sockets of every kind: `victim.py FOLDER TOKEN`. Tells what it has as JSON."""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import sys

NAMED = (
    "docker.sock", "podman/podman.sock", "bus", "systemd/private", "gnupg/S.gpg-agent", "keyring/control", "pulse/native", "pipewire-0", "wayland-0",
    "X97", "agent.sock", "tmux-1/default", "libvirt/virtqemud-sock", "snapd.sock", "mysqld.sock", "vscode-ipc.sock", "screen/1.s", "log.sock",
)  # fmt: skip


def main(folder: str, token: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(0x59616D61, ctypes.c_ulong(-1 & (1 << 64) - 1), 0, 0, 0)  # PR_SET_PTRACER_ANY: where Yama would ask for it
    choose = selectors.DefaultSelector()

    def listen(family: int, address: object) -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.bind(address)  # type: ignore[arg-type]
        made.listen(64)
        choose.register(made, selectors.EVENT_READ)
        return made

    for name in NAMED:
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        listen(socket.AF_UNIX, f"{folder}/{name}")
    abstract = [f"inner-escape-{token[:8]}", f"/tmp/.X11-unix/X{os.getpid()}", f"/tmp/dbus-{token[:8]}"]
    for name in abstract:
        listen(socket.AF_UNIX, "\0" + name)
    port = listen(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
    port6 = listen(socket.AF_INET6, ("::1", 0)).getsockname()[1]
    packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets.bind(("127.0.0.1", 0))
    unix_packets = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    unix_packets.bind("\0" + abstract[0] + "-d")
    choose.register(packets, selectors.EVENT_READ)
    choose.register(unix_packets, selectors.EVENT_READ)
    events = f"{folder}/events"

    def note(what: str) -> None:
        with open(events, "a", encoding="ascii") as file:
            file.write(what + "\n")

    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGIO):
        signal.signal(number, lambda number, _frame: note(f"signal {number}"))
    secret = ctypes.create_string_buffer(token.encode())
    kept = os.open(f"{folder}/kept", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(kept, token.encode())
    libc.shmat.restype = ctypes.c_void_p
    segment = libc.shmget(0, 4096, 0o1600)
    place = libc.shmat(segment, None, 0)
    ctypes.memmove(place, token.encode() + b"\0", len(token) + 1)
    libc.shmctl(segment, 0, None)  # gone with this process
    queue = libc.mq_open(b"/inner-escape-" + token[:8].encode(), os.O_RDWR | os.O_CREAT, 0o600, None)
    libc.mq_send(queue, token.encode(), len(token), 0)
    print(
        json.dumps(
            {
                "PID": os.getpid(), "ADDRESS": ctypes.addressof(secret), "KEPT": kept, "SEGMENT": segment, "PORT": port, "PORT6": port6,
                "UDP": packets.getsockname()[1], "ABSTRACT": abstract[0], "ABSTRACTS": " ".join(abstract), "QUEUE": f"/inner-escape-{token[:8]}",
            }
        ),
        flush=True,
    )  # fmt: skip
    os.close(1)
    while True:
        for key, _ in choose.select():
            if key.fileobj is packets or key.fileobj is unix_packets:
                data, sender = key.fileobj.recvfrom(4096)
                note(f"datagram {data[:40]!r}")
                if sender:
                    key.fileobj.sendto(token.encode(), sender)
                continue
            conn, _ = key.fileobj.accept()
            with conn:
                note("connection")
                descriptor = os.open("/", os.O_RDONLY)
                try:
                    if conn.family == socket.AF_UNIX:
                        socket.send_fds(conn, [token.encode() + b"\n"], [descriptor])
                    else:
                        conn.sendall(token.encode() + b"\n")
                except OSError:
                    pass
                os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
