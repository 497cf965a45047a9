"""What a launcher calls. `prepare` forks the egress process; `attach` gives the box its network while bubblewrap holds the command
back (`--block-fd`); `close` ends it. Only light imports: all the rest is the egress process's.

    egress = prepare(network, host, event_fd=fd)       # ConfigError for entries that are none
    egress.attach(pid)                                 # or `call` and `wait`; RunError when the box cannot have its network
    egress.questions()                                 # when its `fd` can be read
    egress.close()
"""

from __future__ import annotations

import errno
import os
import select

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import signal as _signal
    import socket as _socket
    from collections.abc import Mapping

    from inner.egress.rules import Rules
    from inner.host import Host
    from inner.origin import Origin
    from inner.plan.model import Network
    from inner.profile.model import Credential
else:
    import _signal
    import _socket

PATIENCE = 15.0  # seconds for the box to get its network
GOODBYE = 2.0  # seconds for the last lines of the record


class Egress:
    """The egress process `pid`. `fd` becomes readable when there is a question, or it has ended, for whatever reason: the box then
    has no network."""

    def __init__(self, pid: int, control: _socket.socket) -> None:
        self.pid = pid
        self._control = control
        self._asked: list[str] = []
        self._why = ""

    @property
    def fd(self) -> int:
        return self._control.fileno()

    def attach(self, child_pid: int) -> None:
        """Gives the box whose first process has this number its network."""
        self.call(child_pid)
        self.wait()

    def call(self, child_pid: int) -> None:
        """The first half of it."""
        try:
            self._control.send(b"attach %d" % child_pid)
        except OSError:  # it has ended, and `wait` says why
            pass

    def wait(self) -> None:
        """When this returns, the listeners wait. Raises RunError with whatever went wrong, also before `call`."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        message = b"!the network process does not answer"
        try:
            if poll.poll(PATIENCE * 1000):
                message = self._control.recv(4096)
        except OSError:
            message = b""
        if message == b"ready":
            return
        text, _, hint = message[1:].decode("utf-8", "replace").partition("\0")
        raise RunError(text or "the network process has ended", hint=hint)

    def ended(self) -> str:
        """Why it ended before it was asked to, when `fd` is readable; "" while it lives."""
        while self.pid and not self._why:
            try:
                message = self._control.recv(4096, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                message = b""
            if message[:1] == b"?":
                self._asked.append(message[1:].decode("ascii", "replace"))
            else:
                self._why = message[1:].partition(b"\0")[0].decode("utf-8", "replace") or "it was killed"
        return self._why

    def questions(self) -> list[str]:
        """The `HOST:PORT` of hosts that wait for the user's answer, each once; hostile text."""
        self.ended()
        found, self._asked = self._asked, []
        return found

    def stop(self) -> None:
        """Tells it that the box is over: it ends when it has written its last lines, for which `close` waits."""
        try:
            self._control.send(b"stop")
        except OSError:  # it has ended
            pass

    def close(self) -> None:
        """Ends it, when it has written its last lines. Twice is once."""
        if self.pid:
            self.stop()
            try:
                poll = select.poll()
                poll.register(self.fd, select.POLLIN)
                while poll.poll(GOODBYE * 1000) and self._control.recv(4096, _socket.MSG_DONTWAIT)[:1] == b"?":
                    pass
            except OSError:
                pass
            try:
                if not os.waitpid(self.pid, os.WNOHANG)[0]:
                    os.kill(self.pid, 9)
                    os.waitpid(self.pid, 0)
            except ChildProcessError:  # somebody has waited for it already, and the number may be another's
                pass
            self.pid = 0
            self._control.close()


def prepare(
    network: Network,
    host: Host | None = None,
    *,
    rules: Rules | None = None,
    credentials: Mapping[str, Credential] | None = None,
    origins: Mapping[str, Origin] | None = None,
    event_fd: int = -1,
    folder: str = "",
    spare: tuple[str, ...] | None = None,
) -> Egress:
    """Forks the egress process. `host` answers for groups (`@pip`) and credentials; `rules` are those of the network, where they are
    known; `event_fd` gets the record (`record`), and is left to the caller to close; in `folder` it is asked for hosts while the box
    runs (`approvals`), and the user is asked about all but those of `spare`, unless it is None. Must be called by the main thread of a process with no other: the fork copies only that one, and
    the process ends with the thread that made it (prctl(2), PR_SET_PDEATHSIG). Raises ConfigError, RunError."""
    if rules is None and network.mode == "allowlist":
        from inner.egress.listing import rules_of

        rules = rules_of(network, host, origins)
    spared = None
    if spare is not None:
        from inner.egress.rules import rules as read

        spared = read(spare)
    from inner.egress import process  # here: it is read once for both, and the two share it

    published = [(_published(outside), inside) for outside, inside in network.publish]
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    parent = os.getpid()
    # our wake-up pipe (signal.set_wakeup_fd) is the child's as well, until it has let go of it
    old = _signal.pthread_sigmask(_signal.SIG_BLOCK, range(1, 32))
    try:
        pid = os.fork()
    except OSError as problem:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, old)
        raise RunError(f"cannot start the network process: {problem.strerror}", hint="inner doctor") from None
    if pid == 0:
        try:
            ours.close()
            process.become(
                theirs, parent, process.Task(rules, event_fd, credentials or {}, host, folder, spared, tuple(published))
            )
        finally:  # interrupted, or an installation that has just been removed: what the parent gives back is not ours to give
            os._exit(1)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, old)
    theirs.close()
    for listener, _ in published:
        listener.close()
    return Egress(pid, ours)


def _published(port: int) -> _socket.socket:
    """A listener on this machine's own loopback, and nowhere else. A run that has the port keeps it to its end."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)  # not those that have just ended
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as problem:
        listener.close()
        why = {errno.EADDRINUSE: "it is in use", errno.EACCES: "ports below 1024 are root's"}
        free = port + 1 if problem.errno == errno.EADDRINUSE and port < 65535 else 8080
        raise RunError(
            f"cannot publish at port {port} of 127.0.0.1: {why.get(problem.errno or 0, problem.strerror)}",
            hint=f"`--publish {free}:{port}`",
        ) from None
    return listener


def start(
    child_pid: int,
    network: Network,
    host: Host | None = None,
    *,
    credentials: Mapping[str, Credential] | None = None,
    event_fd: int = -1,
) -> Egress:
    """`prepare` and `attach` in one, for a box that waits already."""
    egress = prepare(network, host, credentials=credentials, event_fd=event_fd)
    try:
        egress.attach(child_pid)
    except BaseException:
        egress.close()
        raise
    return egress
