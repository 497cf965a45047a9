"""A scope of systemd's for one run: asked for over D-Bus, because only systemd may move processes between its own groups.

The wire format is that of the D-Bus specification, as far as three calls need it; `systemd-run` would do the same for 20 ms.
What systemd answers is checked in the control group itself (`cgroup.of`): a property may be accepted and not be in force.
"""

from __future__ import annotations

import os
import time

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.launch import cgroup, syscall
from inner.launch.tree import read

if TYPE_CHECKING:
    import _socket
    from collections.abc import Mapping, Sequence

    from inner.profile.model import Limits
else:
    import _socket

PATIENCE = 5.0  # seconds for an answer
SYSTEM_BUS = "/run/dbus/system_bus_socket"
NAME, PATH, INTERFACE = "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
CALL, REPLY, ERROR = 1, 2, 3


def address(env: Mapping[str, str], uid: int) -> str:
    """The socket of the bus on which this user's systemd answers, "" when there is none."""
    if uid == 0:
        return SYSTEM_BUS if os.path.exists(SYSTEM_BUS) else ""
    for part in env.get("DBUS_SESSION_BUS_ADDRESS", "").split(";"):
        if part.startswith("unix:path="):
            return part[10:].partition(",")[0]
    path = f"{env.get('XDG_RUNTIME_DIR') or f'/run/user/{uid}'}/bus"
    return path if os.path.exists(path) else ""


class Scope:
    """One run's scope, `name`. The keeper, a process of ours that does nothing, keeps it until what was used has been read."""

    def __init__(self, bus: str, name: str, limits: Limits) -> None:
        self.name = f"{name}.scope"
        self.limits = limits
        self.group = cgroup.Group({})
        self.manager = Manager(bus)
        self.keeper = _keeper()

    def add(self, pid: int) -> dict[str, tuple[str, int]]:
        """Start the scope with `pid` in it; returns the limits that are in force. RunError when systemd refuses."""
        limits = self.limits
        properties: list[tuple[str, str, object]] = [
            ("Description", "s", "a box of inner"),
            ("PIDs", "au", (pid, self.keeper)),
            ("Delegate", "b", True),  # when memory runs out, systemd is not to end the whole scope (OOMPolicy)
            ("CollectMode", "s", "inactive-or-failed"),
            ("MemoryMax", "t", limits.memory or 0),
            ("MemorySwapMax", "t", 0),
            ("CPUQuotaPerSecUSec", "t", int((limits.cpu or 0) * 1_000_000)),
            ("TasksMax", "t", (limits.pids or 0) + 2),  # and pid 1 of the box, and the keeper
        ]
        self.manager.call("StartTransientUnit", "ssa(sv)a(sa(sv))", _unit(self.name, properties))
        until = time.monotonic() + PATIENCE
        while f"/{self.name}" not in read(f"/proc/{pid}/cgroup").decode("utf-8", "replace"):
            if time.monotonic() > until:
                raise RunError("systemd did not put the box into its scope", hint="`systemctl --user status`")
            time.sleep(0.0005)
        self.group = cgroup.of(pid)
        return self.group.places

    def close(self) -> cgroup.Usage:
        """What was used; then the scope may go."""
        usage = self.group.usage()
        self.manager.close()
        if self.keeper:
            os.kill(self.keeper, 9)
            os.waitpid(self.keeper, 0)
            self.keeper = 0
        return cgroup.Usage(usage.memory, max(0, usage.processes - 1), usage.oom)


def attach(bus: str, name: str, pid: int) -> None:
    """Move a process into a scope that exists (systemd 238 or later)."""
    manager = Manager(bus)
    try:
        body = Body().add("s", name).add("s", "").add("au", (pid,)).data
        manager.call("AttachProcessesToUnit", "ssau", bytes(body))
    finally:
        manager.close()


def _keeper() -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        syscall.prctl(syscall.PR_SET_PDEATHSIG, syscall.SIGKILL)
        os.closerange(0, 1 << 16)
        while os.getppid() == parent:
            time.sleep(3600)
    finally:
        os._exit(0)


# --- the bus -----------------------------------------------------------------------------------------------------------


class Manager:
    """A connection to a bus. RunError for whatever goes wrong."""

    def __init__(self, bus: str) -> None:
        self.serial = 0
        self.received = bytearray()
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(bus)
            user = str(os.geteuid()).encode().hex()
            self.socket.sendall(f"\0AUTH EXTERNAL {user}\r\nBEGIN\r\n".encode())
            while b"\r\n" not in self.received:
                self._receive()
            line, _, rest = bytes(self.received).partition(b"\r\n")
            self.received = bytearray(rest)
            if not line.startswith(b"OK"):
                raise RunError("the bus does not know this user", where=bus)
            self._send(BUS, "Hello", "", b"")
        except OSError as problem:
            self.socket.close()
            raise RunError(f"cannot talk to systemd: {problem.strerror or problem}".lower(), where=bus) from None

    def call(self, member: str, signature: str, body: bytes) -> None:
        """Call systemd, and wait until it has answered."""
        try:
            serial = self._send((NAME, PATH, INTERFACE), member, signature, body)
            while True:
                kind, answered, text = self._message()
                if answered == serial:
                    break
        except OSError as problem:
            raise RunError(f"systemd does not answer: {problem}".lower()) from None
        if kind == ERROR:
            raise RunError(f"systemd refuses: {text}")

    def _send(self, to: tuple[str, str, str], member: str, signature: str, body: bytes) -> int:
        self.serial += 1
        fields = Body(16)
        for code, kind, value in ((1, "o", to[1]), (2, "s", to[2]), (3, "s", member), (6, "s", to[0]), (8, "g", signature)):
            if value:
                fields.align(8).data.append(code)
                fields.add("g", kind).add(kind, value)
        head = b"l" + bytes((CALL, 0, 1)) + len(body).to_bytes(4, "little") + self.serial.to_bytes(4, "little")
        head += len(fields.data).to_bytes(4, "little") + bytes(fields.data)
        self.socket.sendall(head + bytes(-len(head) % 8) + body)
        return self.serial

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("connection closed")
        self.received += data

    def _message(self) -> tuple[int, int, str]:
        """(kind, the serial that it answers, the first string of its body or "")."""
        while len(self.received) < 16:
            self._receive()
        order = "little" if self.received[:1] == b"l" else "big"
        size, fields = (int.from_bytes(self.received[at : at + 4], order) for at in (4, 12))  # type: ignore[arg-type]
        head = (16 + fields + 7) // 8 * 8
        if head + size > 1 << 27:
            raise ConnectionResetError("a message that is too long")
        while len(self.received) < head + size:
            self._receive()
        message, self.received = bytes(self.received[: head + size]), self.received[head + size :]
        answered = 0
        at = 16
        while at + 8 <= 16 + fields:  # each field: code, signature, value; only numbers and strings are of interest
            at = (at + 7) // 8 * 8
            code, kind = message[at], message[at + 2 : at + 3]
            at += 4
            if code == 5:
                answered = int.from_bytes(message[at : at + 4], order)  # type: ignore[arg-type]
            if kind == b"u":
                at += 4
            elif kind == b"g":
                at += message[at] + 2
            else:
                at += 4 + int.from_bytes(message[at : at + 4], order) + 1  # type: ignore[arg-type]
        text = message[head + 4 : -1].split(b"\0", 1)[0] if size > 4 else b""
        return message[1], answered, text.decode("utf-8", "replace")

    def close(self) -> None:
        self.socket.close()


class Body:
    """Values in the wire format, little-endian; `start` is where the first byte stands in the message."""

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.data = bytearray()

    def align(self, size: int) -> Body:
        self.data += bytes(-(self.start + len(self.data)) % size)
        return self

    def add(self, kind: str, value: object) -> Body:
        """One value: s o g b u t, or au."""
        if kind == "g":
            text = str(value).encode()
            self.data += bytes((len(text),)) + text + b"\0"
        elif kind in ("s", "o"):
            text = str(value).encode("utf-8", "replace")
            self.align(4).data += len(text).to_bytes(4, "little") + text + b"\0"
        elif kind in ("b", "u"):
            self.align(4).data += int(value).to_bytes(4, "little")  # type: ignore[call-overload]
        elif kind == "t":
            self.align(8).data += int(value).to_bytes(8, "little")  # type: ignore[call-overload]
        elif kind == "au":
            numbers: Sequence[int] = tuple(value)  # type: ignore[arg-type]
            self.align(4).data += (4 * len(numbers)).to_bytes(4, "little")
            for number in numbers:
                self.data += number.to_bytes(4, "little")
        return self


def _unit(name: str, properties: list[tuple[str, str, object]]) -> bytes:
    """The arguments of StartTransientUnit: the unit, what to do when there is one, its properties, no further units."""
    body = Body().add("s", name).add("s", "fail").align(4)
    place = len(body.data)
    body.data += bytes(4)  # the length of the array, without the padding before its first element
    body.align(8)
    first = len(body.data)
    for key, kind, value in properties:
        body.align(8).add("s", key).add("g", kind).add(kind, value)
    body.data[place : place + 4] = (len(body.data) - first).to_bytes(4, "little")
    body.align(4).data += bytes(4)
    body.align(8)
    return bytes(body.data)
