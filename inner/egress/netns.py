"""Makes listening sockets inside the network namespace of a box and brings them out. A socket stays in the namespace it was
made in, whoever holds it (network_namespaces(7)).

A forked process of one thread does it, is in the box's namespaces for a millisecond or two, and ends before the command of the
box begins: nothing of ours stays inside. Only `lo` exists there; it is used when bubblewrap has brought it up, never before.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import time

from inner.egress import address, kernel
from inner.errors import RunError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket
    from collections.abc import Sequence
    from typing import NoReturn

    from inner.egress.names import Listener
else:
    import _socket

PATIENCE = 10.0  # seconds for all of it; it takes two thousandths
LOOK = 0.0002  # seconds between two looks at `lo`
BATCH = 128  # descriptors in one message: the kernel takes 253 (unix(7), SCM_MAX_FD)
BACKLOG = 1024


def of(child_pid: int) -> int:
    """A descriptor of the network namespace of a box, by its first process: it means no other one when the process has ended.
    Raises RunError."""
    try:
        return os.open(f"/proc/{child_pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as problem:
        raise RunError(f"cannot make the network of the box: {problem.strerror}", hint="inner doctor") from None


def make(space: int, wanted: Sequence[Listener], addresses: Sequence[str] = (), init: int = 0) -> list[_socket.socket | None]:
    """One socket per listener, in that order; None for an IPv6 one where the box has no IPv6. `addresses` become local in the
    box, whose network namespace is `space` (`of`). `init`: its first process, while it may not have come that far. Raises RunError.
    """
    try:
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        pid = os.fork()
    except OSError as problem:
        raise RunError(f"cannot make the network of the box: {problem.strerror}", hint="inner doctor") from None
    if pid == 0:
        ours.close()
        _inside(theirs, space, wanted, addresses, init)
    theirs.close()
    try:
        return _receive(ours, wanted)
    finally:
        ours.close()
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
        os.waitpid(pid, 0)


def _receive(ours: _socket.socket, wanted: Sequence[Listener]) -> list[_socket.socket | None]:
    found: list[_socket.socket | None] = [None] * len(wanted)
    until = time.monotonic() + PATIENCE
    poll = select.poll()
    poll.register(ours.fileno(), select.POLLIN)
    while True:
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise RunError("the network of the box did not come up in time")
        text, ancillary, _, _ = ours.recvmsg(4096, 4 * 256 + 64, _socket.MSG_CMSG_CLOEXEC)
        fds = [
            int.from_bytes(data[at : at + 4], "little", signed=True)
            for level, kind, data in ancillary
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS
            for at in range(0, len(data) - 3, 4)
        ]
        if text == b"done":
            return found
        if not text or text[:1] == b"!":
            why = text[1:].decode("ascii", "replace") or "the process that makes it ended"
            raise RunError(f"cannot make the network of the box: {why}", hint="inner doctor")
        for number, fd in zip(text.split(b","), fds, strict=True):
            one = wanted[int(number)]
            found[int(number)] = _socket.socket(*_kind(one), 0, fd)


def _kind(one: Listener) -> tuple[int, int]:
    family = _socket.AF_INET6 if ":" in one.address else _socket.AF_INET
    return family, _socket.SOCK_DGRAM if one.kind == "udp" else _socket.SOCK_STREAM


# --- in the box's network namespace ----------------------------------------------------------------------------------------


def _inside(out: _socket.socket, space: int, wanted: Sequence[Listener], addresses: Sequence[str], init: int) -> NoReturn:
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
        _join(space)
        _wait_for_loopback(init)
        for name in addresses:
            _add(address.packed(name))
        batch: list[tuple[int, _socket.socket]] = []
        for number, one in enumerate(wanted):
            sock = _listen(one)
            if sock is not None:
                batch.append((number, sock))
            if len(batch) == BATCH:
                _send(out, batch)
                batch = []
        _send(out, batch)
        out.send(b"done")
        os._exit(0)
    except BaseException as problem:  # noqa: BLE001 - a forked process: nothing may return from here
        text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        try:
            out.send(b"!" + text.encode("ascii", "replace")[:400])
        finally:
            os._exit(1)


def _join(net: int) -> None:
    """The user namespace that owns the box's network comes first: its capabilities are what the second step needs."""
    here = os.stat("/proc/self/ns/net")
    there = os.fstat(net)
    if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
        raise RunError("the box has no network namespace of its own")
    user = fcntl.ioctl(net, kernel.NS_GET_USERNS)
    mine, owner = os.stat("/proc/self/ns/user"), os.fstat(user)
    if (mine.st_dev, mine.st_ino) != (owner.st_dev, owner.st_ino):
        kernel.setns(user, kernel.CLONE_NEWUSER)
    kernel.setns(net, kernel.CLONE_NEWNET)
    os.close(user)


def _wait_for_loopback(init: int) -> None:
    """The child is reported first by bubblewrap and `lo` brought up later. What is bound before that loses its answers."""
    until = time.monotonic() + PATIENCE
    while not kernel.loopback_is_up():
        if time.monotonic() > until or (init and not os.path.exists(f"/proc/{init}")):
            raise RunError("the loopback interface of the box did not come up")
        time.sleep(LOOK)


def _add(raw: bytes) -> None:
    try:
        kernel.add_loopback_address(raw)
    except OSError as problem:
        if len(raw) == 4 or problem.errno not in (errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM):
            raise  # a machine without IPv6 is no reason to fail


def _listen(one: Listener) -> _socket.socket | None:
    family, kind = _kind(one)
    try:
        sock = _socket.socket(family, kind | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
        if family == _socket.AF_INET6:
            sock.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        if one.kind == "out":
            return sock
        sock.bind((one.address, one.port))
    except OSError as problem:
        if family == _socket.AF_INET6 and problem.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return None
        raise OSError(problem.errno, f"{one.address} port {one.port}: {os.strerror(problem.errno or 0)}") from None
    if kind == _socket.SOCK_STREAM:
        sock.listen(BACKLOG)
    return sock


def _send(out: _socket.socket, batch: Sequence[tuple[int, _socket.socket]]) -> None:
    if not batch:
        return
    text = b",".join(str(number).encode() for number, _ in batch)
    fds = b"".join(sock.fileno().to_bytes(4, "little", signed=True) for _, sock in batch)
    out.sendmsg([text], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fds)])
    for _, sock in batch:
        sock.close()
