"""The kernel calls of the egress process that Python has no name for: namespaces, prctl(2), loopback addresses.

`ctypes` is imported where it is needed: by the egress process, not by whoever starts it. Failures are OSError.
"""

from __future__ import annotations

import errno
import os

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket
    from collections.abc import Callable
else:
    import _socket

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NS_GET_USERNS = 0xB701  # ioctl_ns(2)
SIOCGIFFLAGS, IFF_UP = 0x8913, 1  # netdevice(7)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
RLIMIT_DATA, RLIMIT_CORE, RLIMIT_NOFILE = 2, 4, 7  # getrlimit(2)
RTM_NEWADDR, NLM_F_REQUEST_ACK_CREATE_REPLACE = 20, 0x1 | 0x4 | 0x400 | 0x100  # rtnetlink(7), netlink(7)
IFA_ADDRESS, IFA_LOCAL, IFA_F_NODAD = 1, 2, 2
SCOPE_HOST = 254


def load() -> Callable[..., None]:
    """Finds the C library: calls of it by name, with integers, and bytes as pointers; what is not 0 raises. The extension module below
    `ctypes` costs a quarter of it to import; it is asked first, and `ctypes` where a Python has changed it."""
    if not _CALL:
        try:
            import _ctypes

            call, library, find = _ctypes.call_function, _ctypes.dlopen(None, 0), _ctypes.dlsym  # type: ignore[arg-type]
            find(library, "prctl")
            _CALL.append(lambda name, *args: int(call(find(library, name), args)))
        except (ImportError, AttributeError, OSError):
            _CALL.append(_by_ctypes)
    return _libc


_CALL: list[Callable[..., int]] = []


def _by_ctypes(name: str, *args: int | bytes | None) -> int:
    import ctypes

    return int(getattr(ctypes.CDLL(None), name)(*args))


def _libc(name: str, *args: int | bytes | None) -> None:
    if _CALL[0](name, *args) != 0:
        import ctypes

        call = getattr(ctypes.CDLL(None, use_errno=True), name)  # once more, for the reason
        if call(*args) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def prctl(option: int, value: int) -> None:
    """An option with one argument."""
    load()("prctl", option, value, 0, 0, 0)


def limit(resource: int, most: int) -> int:
    """Gives this process so much of a resource, or the most that it may have, for good (getrlimit(2)). Returns how much that is."""
    found = bytes(16)  # the kernel writes into it
    load()("prlimit", 0, resource, None, found)
    most = min(most, int.from_bytes(found[8:], "little"))
    load()("prlimit", 0, resource, most.to_bytes(8, "little") * 2, None)
    return most


def setns(fd: int, kind: int) -> None:
    """Moves this process, which must have one thread only, into a namespace."""
    if hasattr(os, "setns"):  # Python 3.12
        os.setns(fd, kind)
    else:
        load()("setns", fd, kind)


def loopback_is_up() -> bool:
    """Whether `lo` of this network namespace is up, and has its addresses: the kernel sets the flag first, and then the routes."""
    import fcntl

    any_socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    request = bytearray(b"lo".ljust(40, b"\0"))
    try:
        fcntl.ioctl(any_socket.fileno(), SIOCGIFFLAGS, request)
        if not int.from_bytes(request[16:18], "little") & IFF_UP:
            return False
        any_socket.bind(("127.0.0.1", 0))
    except OSError as problem:
        if problem.errno != errno.EADDRNOTAVAIL:
            raise
        return False
    finally:
        any_socket.close()
    return True


def add_loopback_address(address: bytes) -> None:
    """Makes 4 or 16 bytes an address of `lo` in this network namespace, with a route to itself and to nothing else."""
    import struct

    family = _socket.AF_INET if len(address) == 4 else _socket.AF_INET6
    index = _socket.if_nametoindex("lo")
    flags = 0 if family == _socket.AF_INET else IFA_F_NODAD
    body = struct.pack("=BBBBI", family, len(address) * 8, flags, SCOPE_HOST, index)
    for kind in (IFA_LOCAL, IFA_ADDRESS):
        body += struct.pack("=HH", 4 + len(address), kind) + address
    head = struct.pack("=IHHII", 16 + len(body), RTM_NEWADDR, NLM_F_REQUEST_ACK_CREATE_REPLACE, 1, 0)
    netlink = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _socket.NETLINK_ROUTE)
    try:
        netlink.settimeout(2)
        netlink.send(head + body)
        reply = netlink.recv(4096)
    finally:
        netlink.close()
    error = -int.from_bytes(reply[16:20], "little", signed=True)  # struct nlmsgerr
    if error:
        raise OSError(error, os.strerror(error))
