"""Attempts on sockets, processes, the terminal, the network and the environment. See `attempt`."""

from __future__ import annotations

import array
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import termios
from typing import Any

from inner.inside.attempt import Held, Seen, attempt, call, checked, libc

Facts = dict[str, Any]
SOCKETS, PROCESSES, TERMINAL, NETWORK, ENVIRONMENT = "sockets", "processes", "terminal", "network", "environment"
TIOCSTI = 0x5412


def _hello(client: socket.socket, address: Any, facts: Facts) -> str:
    client.settimeout(2)
    client.connect(address)
    if facts["token"].encode() in client.recv(4096):
        return "the host answered"
    raise Held("somebody else")


@attempt(SOCKETS, "connect to a socket of the host by path")
def unix_path(facts: Facts) -> str:
    folder = os.open(os.path.dirname(facts["socket"]), os.O_PATH | os.O_CLOEXEC)
    with socket.socket(socket.AF_UNIX) as client:
        return _hello(client, f"/proc/self/fd/{folder}/{os.path.basename(facts['socket'])}", facts)


@attempt(SOCKETS, "connect to an abstract socket of the host")
def unix_abstract(facts: Facts) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        return _hello(client, b"\0" + facts["abstract"].encode(), facts)


@attempt(SOCKETS, "be handed a folder of the host over a socket")
def passed_descriptor(facts: Facts) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(b"\0" + facts["abstract"].encode())
        fds = array.array("i")
        _, ancillary, _, _ = client.recvmsg(4096, socket.CMSG_LEN(fds.itemsize))
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: fds.itemsize])
        if not fds:
            raise Held("nothing came")
        os.close(os.open(os.path.basename(facts["canary"]), os.O_RDONLY, dir_fd=fds[0]))
        return "a file of home through a descriptor that was passed"


@attempt(SOCKETS, "connect to the services of the machine and the session")
def known_sockets(facts: Facts) -> str:
    for path in facts["sockets"]:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            folder = os.open(os.path.dirname(path), os.O_PATH | os.O_CLOEXEC)
            client.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
            return f"connected to {path}"
    raise Held("nobody there")


@attempt(SOCKETS, "see the host's sockets listed")
def socket_list(facts: Facts) -> str:
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        if "@" + facts["abstract"] in file.read():
            return "saw the host's sockets"
    raise Held("not listed")


# --- processes ------------------------------------------------------------------------------------------------------------


def _visible(facts: Facts) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{facts['pid']}/cmdline", "rb") as file:
        return facts["token"].encode() in file.read()
    return False


def _its(facts: Facts) -> int:
    """The number of the host's process, unless a process of the box has it."""
    if os.path.exists(f"/proc/{facts['pid']}") and not _visible(facts):
        raise Held("a process of the box has that number")
    return int(facts["pid"])


@attempt(PROCESSES, "see a process of the host")
def see_process(facts: Facts) -> str:
    if _visible(facts):
        return "read its command line"
    raise Held("not there")


@attempt(PROCESSES, "read the environment of any process")
def sweep_environments(facts: Facts) -> str:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                if facts["token"].encode() in file.read():
                    return f"a secret from process {name}"
    raise Held("no secret in any")


@attempt(PROCESSES, "signal a process of the host")
def signal_process(facts: Facts) -> str:
    os.kill(_its(facts), signal.SIGUSR2)
    raise Seen("signal 12")


@attempt(PROCESSES, "signal a process group of the host")
def signal_group(facts: Facts) -> str:
    os.killpg(_its(facts), signal.SIGUSR1)
    raise Seen("signal 10")


@attempt(PROCESSES, "trace a process of the host")
def trace(facts: Facts) -> str:
    pid = _its(facts)
    checked(libc().ptrace(ctypes.c_long(0x4206), ctypes.c_long(pid), None, None))  # PTRACE_SEIZE; our end detaches
    return "attached to it"


class _Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


@attempt(PROCESSES, "read the memory of a process of the host")
def read_memory(facts: Facts) -> str:
    size = len(facts["token"])
    buffer = ctypes.create_string_buffer(size)
    ours, theirs = _Span(ctypes.addressof(buffer), size), _Span(facts["address"], size)
    call(310, 270, _its(facts), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
    if buffer.raw == facts["token"].encode():
        return "a secret out of its memory"
    raise Held("another process")


@attempt(PROCESSES, "read the memory of a process of the host through /proc")
def proc_memory(facts: Facts) -> str:
    with open(f"/proc/{facts['pid']}/mem", "rb", 0) as file:
        file.seek(facts["address"])
        if file.read(len(facts["token"])) == facts["token"].encode():
            return "a secret out of its memory"
    raise Held("another process")


@attempt(PROCESSES, "take a descriptor out of a process of the host")
def steal_descriptor(facts: Facts) -> str:
    pidfd = call(434, 434, _its(facts), 0)  # pidfd_open
    os.close(call(438, 438, pidfd, 1, 0))  # pidfd_getfd
    return "its standard output"


@attempt(PROCESSES, "attach to shared memory of the host")
def shared_memory(facts: Facts) -> str:
    library = libc()
    library.shmat.restype = ctypes.c_void_p
    place = library.shmat(facts["shm"], None, 0o10000)  # SHM_RDONLY
    if place in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if ctypes.string_at(place, len(facts["token"])) == facts["token"].encode():
        return "a secret out of it"
    raise Held("another one")


@attempt(PROCESSES, "open a message queue of the host")
def message_queue(facts: Facts) -> str:
    name = ctypes.c_char_p(facts["queue"].lstrip("/").encode())
    os.close(call(240, 180, name, os.O_RDWR, 0, None))
    return "opened it"


# --- terminal -------------------------------------------------------------------------------------------------------------


def _typed(request: int) -> str:
    """Into a terminal of our own, made the controlling one of a session of its own."""
    _, side = os.openpty()
    os.setsid()
    fcntl.ioctl(side, termios.TIOCSCTTY, 0)
    letter = ctypes.c_char(b"x")
    checked(libc().ioctl(side, ctypes.c_ulong(request), ctypes.byref(letter)))
    return "a letter was typed"


@attempt(TERMINAL, "type into the controlling terminal")
def type_in(_facts: Facts) -> str:
    return _typed(TIOCSTI)


@attempt(TERMINAL, "the same, past a filter that compares 64 bits")
def type_in_upper_bits(_facts: Facts) -> str:
    return _typed(TIOCSTI | 1 << 32)


@attempt(TERMINAL, "write to another terminal of the host")
def other_terminal(facts: Facts) -> str:
    fd = os.open(facts["pts"], os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.write(fd, facts["token"].encode())
    raise Seen("terminal")


@attempt(TERMINAL, "open the terminal of the host's session")
def session_terminal(_facts: Facts) -> str:
    os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    return "opened /dev/tty"


# --- network --------------------------------------------------------------------------------------------------------------


@attempt(NETWORK, "connect to a service on the host's loopback")
def loopback(facts: Facts) -> str:
    with socket.socket() as client:
        return _hello(client, ("127.0.0.1", facts["tcp"]), facts)


@attempt(NETWORK, "send a datagram to the host's loopback")
def loopback_datagram(facts: Facts) -> str:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(facts["token"].encode(), ("127.0.0.1", facts["udp"]))
    raise Seen("datagram")


@attempt(NETWORK, "see which ports are open on the host")
def port_list(facts: Facts) -> str:
    with open("/proc/net/tcp", encoding="ascii") as file:
        if any(line.split()[1].endswith(f":{facts['tcp']:04X}") for line in list(file)[1:]):
            return "saw the host's connections"
    raise Held("not listed")


@attempt(NETWORK, "see the host's network interfaces")
def interfaces(facts: Facts) -> str:
    names = {name for _, name in socket.if_nameindex()} & set(facts["interfaces"])
    if not names:
        raise Held("none but lo")
    return ", ".join(sorted(names))


@attempt(NETWORK, "offer a service to the host")
def offer(facts: Facts) -> str:
    """The host's process knocks at this port again and again."""
    with socket.socket() as server:
        server.settimeout(1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", facts["knock"]))
        server.listen()
        try:
            client, _ = server.accept()
        except TimeoutError:
            raise Held("nobody came") from None
        with client:
            client.settimeout(1)
            if facts["token"].encode() in client.recv(4096):
                return "the host came"
    raise Held("somebody else came")


def _way(address: str) -> str:
    """Connecting a datagram socket sends nothing: it asks for a route."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect((address, 53))
        return f"a way out, as {client.getsockname()[0]}"


@attempt(NETWORK, "find a way to the world")
def route(_facts: Facts) -> str:
    return _way("198.51.100.1")


@attempt(NETWORK, "find a way to a cloud's metadata")
def metadata(_facts: Facts) -> str:
    return _way("169.254.169.254")


@attempt(NETWORK, "have the box's proxy connect to the host's loopback")
def proxy_loopback(facts: Facts) -> str:
    with socket.create_connection(tuple(facts["proxy"]), 2) as client:
        client.settimeout(2)
        client.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (facts["tcp"], facts["tcp"]))
        text = b""
        with contextlib.suppress(TimeoutError):
            while facts["token"].encode() not in text and (piece := client.recv(4096)):
                text += piece
    if facts["token"].encode() in text:
        return "the host answered"
    raise Held(text.partition(b"\r")[0].decode("ascii", "replace") or "no answer")


@attempt(NETWORK, "learn the host's name")
def host_name(facts: Facts) -> str:
    name = os.uname().nodename
    if name == facts["hostname"]:
        return name
    raise Held(f"it is called {name}")


@attempt(NETWORK, "listen to the kernel's device events")
def netlink_events(_facts: Facts) -> str:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15):  # NETLINK_KOBJECT_UEVENT
        return "a socket for them"


@attempt(NETWORK, "speak to the hypervisor (AF_VSOCK)")
def vsock(_facts: Facts) -> str:
    with socket.socket(40, socket.SOCK_STREAM):
        return "a socket for it"


@attempt(NETWORK, "use the kernel's ciphers (AF_ALG)")
def kernel_ciphers(_facts: Facts) -> str:
    with socket.socket(38, socket.SOCK_SEQPACKET):
        return "a socket for them"


# --- environment ----------------------------------------------------------------------------------------------------------


@attempt(ENVIRONMENT, "find a secret in the environment")
def variable(facts: Facts) -> str:
    names = [name for name, value in os.environ.items() if facts["token"] in value]
    if not names:
        raise Held("not passed")
    return names[0]


@attempt(ENVIRONMENT, "find a secret in the environment of process 1")
def first_process(facts: Facts) -> str:
    with open("/proc/1/environ", "rb") as file:
        if facts["token"].encode() in file.read():
            return "it is there"
    raise Held("empty")


@attempt(ENVIRONMENT, "find a secret on a command line")
def command_lines(facts: Facts) -> str:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
                if facts["token"].encode() in file.read():
                    return f"on that of process {name}"
    raise Held("on none")
