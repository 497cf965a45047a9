"""What a launcher calls. `prepare` forks the egress process before bubblewrap starts; `attach` gives the box its network while
bubblewrap holds the command back (`--block-fd`); `close` ends it. Only light imports: all the rest is the egress process's.

    egress = prepare(network, host, event_fd=fd)       # ConfigError for entries that are none
    supervisor.run(..., on_started=egress.attach)      # RunError when the box cannot have its network
    egress.close()
"""

from __future__ import annotations

import os
import select

from inner.egress.names import PROXY_PORT
from inner.egress.rules import rules
from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.plan.network import RESOLVER

if TYPE_CHECKING:
    import socket as _socket
    from collections.abc import Mapping

    from inner.host import Host
    from inner.origin import Origin
    from inner.plan.model import Network
    from inner.profile.model import Credential
else:
    import _socket

PROXY = f"http://{RESOLVER}:{PROXY_PORT}"
"""For programs that will not do without a proxy; the same rules hold there."""

PATIENCE = 15.0  # seconds for the box to get its network
GOODBYE = 2.0  # seconds for the last lines of the record


class Egress:
    """The egress process `pid`. `fd` becomes readable when it has ended, for whatever reason: the box then has no network."""

    def __init__(self, pid: int, control: _socket.socket) -> None:
        self.pid = pid
        self._control = control

    @property
    def fd(self) -> int:
        return self._control.fileno()

    def attach(self, child_pid: int) -> None:
        """Gives the box whose first process has this number its network: when this returns, the listeners wait. Raises RunError
        with whatever went wrong, also before this was called."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        message = b"!the network process does not answer"
        try:
            self._control.send(b"attach %d" % child_pid)
            if poll.poll(PATIENCE * 1000):
                message = self._control.recv(4096)
        except OSError:
            message = b""
        if message == b"ready":
            return
        text, _, hint = message[1:].decode("utf-8", "replace").partition("\0")
        raise RunError(text or "the network process has ended", hint=hint)

    def close(self) -> None:
        """Ends it, when it has written its last lines. Twice is once."""
        if self.pid:
            try:
                self._control.send(b"stop")
                poll = select.poll()
                poll.register(self.fd, select.POLLIN)
                poll.poll(GOODBYE * 1000)
            except OSError:
                pass
            try:
                os.kill(self.pid, 9)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):  # somebody has waited for it already
                pass
            self.pid = 0
            self._control.close()


def prepare(
    network: Network,
    host: Host | None = None,
    *,
    credentials: Mapping[str, Credential] | None = None,
    origins: Mapping[str, Origin] | None = None,
    event_fd: int = -1,
) -> Egress:
    """Forks the egress process. `host` answers for groups (`@pip`) and credentials; `event_fd` gets the record (`record`), and is
    left to the caller to close. Must be called by the main thread of a process with no other: the fork copies only that one, and
    the process ends with the thread that made it (prctl(2), PR_SET_PDEATHSIG). Raises ConfigError."""
    allow, deny = network.allow, network.deny
    if any(text.startswith("@") for text in (*allow, *deny)):
        from inner.egress.groups import expand

        allow, deny = expand(allow, host), expand(deny, host)
    wanted = rules(allow, deny, origins)
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        ours.close()
        from inner.egress.process import Task, become

        become(theirs, parent, Task(wanted, event_fd, credentials or {}, host))
    theirs.close()
    return Egress(pid, ours)


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
