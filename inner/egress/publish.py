"""Servers of the box, reached from the host's own loopback (`--publish`): a listener out here, and sockets that were born in there.

The box learns that somebody connects and no more; it gets no way out by this. Who may connect is whoever may connect to 127.0.0.1.
"""

from __future__ import annotations

import os

from inner.egress import netns
from inner.egress.connection import Connection
from inner.egress.gates import Raw, Target
from inner.egress.names import Listener
from inner.egress.rules import LOOPBACK, Entry
from inner.errors import RunError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as _socket

    from inner.egress.server import Server
else:
    import _socket

AT_ONCE = 16  # sockets of each family that one visit to the box makes


class Pool:
    """Sockets of the box's network namespace `space`, to connect with."""

    def __init__(self, space: int) -> None:
        self.space = space
        self._ready: dict[int, list[_socket.socket]] = {_socket.AF_INET: [], _socket.AF_INET6: []}

    def take(self, family: int) -> _socket.socket:
        """One that nobody else has. Raises OSError when there can be none."""
        if not self._ready[family]:
            try:
                made = netns.make(self.space, [Listener(where, 0, "out") for where in LOOPBACK] * AT_ONCE)
            except RunError as problem:
                raise OSError(0, problem.message) from None
            for sock in made:
                if sock is not None:
                    os.set_blocking(sock.fileno(), False)
                    self._ready[sock.family].append(sock)
        if not self._ready[family]:
            raise OSError(0, "the box has no IPv6")
        return self._ready[family].pop()


class Published(Connection):
    """A client out here, a server in there."""

    __slots__ = ("_pool",)
    event = "publish"

    def __init__(self, server: Server, client: _socket.socket, port: int, pool: Pool) -> None:
        self._pool = pool
        entry = Entry(f"localhost:{port}", LOOPBACK[0], port, "local")
        super().__init__(server, client, ("localhost", port), Target(LOOPBACK[0], port, entry), Raw())

    def _socket(self, family: int) -> _socket.socket:
        return self._pool.take(family)

    def recall(self) -> None:
        """Rules are about the way out."""


def publish(server: Server, listener: _socket.socket, port: int, space: int) -> None:
    """Serves a listener of the host's by port `port` of the box's own loopback."""
    pool = Pool(space)

    def begin(client: _socket.socket) -> None:
        client.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        server.connect(Published(server, client, port, pool))

    server.listen(listener, "tcp", begin)
