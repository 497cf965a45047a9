"""The egress process: what it becomes after it was forked, what it gives up, and its conversation with the supervisor.

It belongs to the host, and all the box can do is talk to its sockets. It keeps the secrets it was given in its own memory, and
nothing else that was its parent's: no descriptor, no terminal, no variable, no folder. There was no exec: what its parent's memory
held is not wiped, but it was forked before anything was read that the user types or the box writes. When it ends, the box has no network.
"""

from __future__ import annotations

import os
import select

from inner.egress import kernel, netns
from inner.egress.names import ASKED, Names, extra, listeners
from inner.egress.rules import Rules
from inner.errors import InnerError, RunError
from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    import signal as _signal
    import socket as _socket
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import NoReturn

    from inner.egress.names import Listener
    from inner.egress.server import Server
    from inner.host import Host
    from inner.profile.model import Credential
else:
    import _signal
    import _socket

CONNECTIONS = 4096
PER_CONNECTION, RESERVE = 6, 128  # descriptors: two sockets, two pipes; and what there is besides
QUIET = 1.0  # seconds; what is imported later might be another version's by then
CONTROL, ASKERS = "network", 8  # the socket in the run's folder, and how many may stand before it
MEMORY = 256 << 20  # bytes of data: a bound for the case that every other one fails
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGWINCH", "SIGCHLD", "SIGCONT")


@frozen
class Task:
    """What it was forked for."""

    rules: Rules | None  # None: the box has no way out, only ports that are published
    event_fd: int = -1
    credentials: Mapping[str, Credential] = {}
    host: Host | None = None
    folder: str = ""  # where the user's decisions are taken while the box runs, "" for nowhere
    spare: Rules | None = None  # the user is asked about hosts that are on no list, but not about these; None: about none
    published: tuple[tuple[_socket.socket, int], ...] = ()  # listeners of the host, and the port of the box that each leads to


def become(control: _socket.socket, parent: int, task: Task) -> NoReturn:
    """Never returns. `control` says "attach PID" once, then "stop"; it is answered with "ready", then "?HOST:PORT" for what the user
    is asked about, or "!" and what went wrong."""
    status = 1
    asked = False
    try:
        event_fd = _alone(parent, (control.fileno(), *(sock.fileno() for sock, _ in task.published)), task.event_fd)
        serve = _prepare(task, event_fd)
        message = control.recv(64)
        asked = True
        if message.startswith(b"attach "):
            serve(int(message[7:]), control)
        status = 0
    except InnerError as problem:
        _tell(control, problem.message, problem.hint, wait=not asked)
    except BaseException as problem:  # noqa: BLE001 - a forked process: nothing may return from here
        _tell(control, f"the network process failed: {type(problem).__name__}: {problem}", "inner doctor", wait=not asked)
    finally:
        os._exit(status)


def _tell(control: _socket.socket, message: str, hint: str, *, wait: bool) -> None:
    try:
        control.send(b"!" + message.encode("utf-8", "replace")[:2000] + b"\0" + hint.encode("utf-8", "replace")[:500])
        if wait:
            control.recv(64)  # a socket that is closed with something unread takes back what was sent (unix(7))
    except OSError:
        pass


def _alone(parent: int, needed: tuple[int, ...], event_fd: int) -> int:
    """Cuts what ties it to its parent, but for the descriptors that it needs. Returns that of the record."""
    _signal.set_wakeup_fd(-1)
    for name in SIGNALS:
        _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    null = os.open(os.devnull, os.O_RDWR)
    if 0 <= event_fd <= 2:
        event_fd = os.dup(event_fd)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    kept = sorted({2, *needed, event_fd} - {-1})
    for fd, after in zip(kept, [*kept[1:], max(map(int, os.listdir("/proc/self/fd"))) + 1], strict=True):
        os.closerange(fd + 1, after)
    if os.getppid() != parent:
        os._exit(1)
    return event_fd


def _prepare(task: Task, event_fd: int) -> Callable[[int, _socket.socket], None]:
    """All that takes time, can fail and does not need the box."""
    kernel.load()
    rules = task.rules or Rules()
    names = Names(rules)
    wanted = listeners(rules, names, ASKED if task.spare is not None else ()) if task.rules else ()
    secrets = None
    asked = _listening(task.folder) if task.spare is not None else None
    if task.spare is not None and asked is None:
        raise RunError("nobody could answer about hosts: the socket for it cannot be made", hint="`network_ask = false`")
    if task.credentials:
        from inner.egress.inject import load

        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        secrets = load(task.credentials, task.host)
    limit = _give_up(len(wanted))

    def serve(child_pid: int, control: _socket.socket) -> None:
        space = netns.of(child_pid)
        sockets = netns.make(space, wanted, extra(rules), child_pid)
        # From here on the kernel accepts for us: the command of the box starts while we make ourselves ready.
        control.send(b"ready")
        deciding = asked or (_listening(task.folder) if task.rules and task.folder else None)
        if _asks_nothing(control, (*sockets, *(sock for sock, _ in task.published), deciding)):
            return
        from inner.egress import resolve
        from inner.egress.record import Record
        from inner.egress.server import Server

        os.environ.clear()
        resolve.environment()
        server = Server(names, Record(event_fd), resolve.Resolver(), limit)
        server.secrets = secrets
        for one, sock in zip(wanted, sockets, strict=True):
            if sock is not None:
                server.listen(sock, one.kind)
        if task.spare is not None:
            from inner.egress.hold import Holds

            Holds(server, task.spare, lambda what: _ask(control, what))
        if deciding is not None:
            server.watch(deciding, select.EPOLLIN, lambda _: _open(server, deciding, space, wanted))
        for sock, port in task.published:
            from inner.egress.publish import publish

            publish(server, sock, port, space)
        control.setblocking(False)
        server.watch_control(control.fileno(), lambda: _command(control, server.stop))
        server.run()

    return serve


def _listening(folder: str) -> _socket.socket | None:
    """Where the user decides about hosts while the box runs (`control`), with a path of any length (unix(7) knows 108 bytes); None in
    a folder that is not there. Moves to `/`."""
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        os.chdir(folder)
        sock.bind(CONTROL)
        sock.listen(ASKERS)
    except OSError:
        sock.close()
        return None
    finally:
        os.chdir("/")
    return sock


def _open(server: Server, asked: _socket.socket, space: int, known: Sequence[Listener]) -> None:
    """Somebody has come who wants to decide something; most boxes end before that."""
    from inner.egress.control import Control

    server.release(asked)
    Control(server, asked, space, known).accept()


def _asks_nothing(control: _socket.socket, sockets: Iterable[_socket.socket | None]) -> bool:
    """Waits a while for the first who wants something. Many a box lives for two hundredths of a second and wants nothing: what would serve
    it takes no time of it then."""
    poll = select.poll()
    for sock in sockets:
        if sock is not None:
            poll.register(sock.fileno(), select.POLLIN)
    poll.register(control.fileno(), select.POLLIN)
    return [fd for fd, _ in poll.poll(QUIET * 1000)] == [control.fileno()]


def _ask(control: _socket.socket, what: str) -> None:
    try:
        control.send(b"?" + what.encode("ascii"))
    except OSError:  # a supervisor that does not listen: it is stopped, and so is its terminal
        pass


def _command(control: _socket.socket, stop: Callable[[], None]) -> None:
    """Whatever the supervisor says now, it says goodbye; so it does by ending."""
    try:
        control.recv(64)
    except BlockingIOError:
        return
    except OSError:
        pass
    stop()


def _give_up(listeners: int) -> int:
    """Takes the descriptors it may have, gives up the rest of what it does not need. A failure ends it, and the network. Returns how many
    connections those are enough for."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # no ptrace, no /proc/PID/mem, no core (prctl(2))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    files = kernel.limit(kernel.RLIMIT_NOFILE, CONNECTIONS * PER_CONNECTION + RESERVE + listeners)
    kernel.limit(kernel.RLIMIT_CORE, 0)
    kernel.limit(kernel.RLIMIT_DATA, MEMORY)
    return max(8, (files - RESERVE - listeners) // PER_CONNECTION)
