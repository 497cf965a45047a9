"""The loop of the egress process: listeners that live in the box's network namespace, connections that leave in the host's.

One thread, one epoll(7), everything bounded: connections, bytes that wait, names, records. Decisions are made in `rules` and
`gates`; here is only who gets his turn, and who must go when it is too much.
"""

from __future__ import annotations

import errno
import select
import time

from inner.egress import address, dns
from inner.egress.clock import Clock
from inner.egress.connection import HEAD_TIME, Connection
from inner.egress.gates import Plain, Target, gate
from inner.egress.names import DNS_PORT, PROXY_PORT, TTL
from inner.egress.relay import Pipes, reset
from inner.egress.rules import HTTP, HTTPS
from inner.frozen import TYPE_CHECKING
from inner.plan.network import RESOLVER

if TYPE_CHECKING:
    import socket as _socket
    from collections.abc import Callable

    from inner.egress.hold import Holds
    from inner.egress.inject import Secrets
    from inner.egress.names import Names
    from inner.egress.record import Done, Record
    from inner.egress.resolve import Resolver
    from inner.egress.rules import Rules, Verdict
else:
    import _socket

IN = select.EPOLLIN
HELD = 16 << 20  # bytes of clients that have not said all they want
ACCEPTS, DATAGRAMS = 64, 64  # in one go, before others have their turn
SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # of accept(2): who waits goes on waiting, and can be had later
REST = 0.1  # seconds until it is tried again
LOOK = 0.05  # seconds between two looks whether the reader of the record has caught up
STREAMS = 32  # clients of the resolver over TCP
STREAM_TIME = 10.0  # seconds for each of them
REPEAT = 5.0  # seconds in which the same refused name is recorded once
REMEMBERED = 512  # refused names


class Server:
    """Everything the process holds. `limit` is the greatest number of connections at a time."""

    def __init__(self, names: Names, record: Record, resolver: Resolver, limit: int) -> None:
        self.names, self.record, self.resolver, self.limit = names, record, resolver, limit
        self.rules = names.rules
        self.secrets: Secrets | None = None
        self.holds: Holds | None = None  # where the user is asked about hosts
        self.pipes = Pipes()
        self.clock = Clock()
        self.now = time.monotonic()
        self.wall = time.time()
        self.held = 0
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[int], None]] = {}
        self._masks: dict[int, int] = {}
        self._connections: dict[Connection, None] = {}
        self._streams = 0
        self._listeners: list[_socket.socket] = []
        self._paused = False
        self._gone: list[_socket.socket] = []  # closed after this round: their numbers must not mean somebody else in it
        self._refused: dict[str, float] = {}
        self.running = True
        self._watch(resolver.fd, IN, lambda _: self.resolver.collect(self.now))

    # --- what the loop watches --------------------------------------------------------------------------------------------

    def _watch(self, fd: int, mask: int, call: Callable[[int], None]) -> None:
        self._calls[fd] = call
        self._mask(fd, mask)

    def watch(self, sock: _socket.socket, mask: int, call: Callable[[int], None]) -> None:
        """Calls `call(events)` when something of `mask` happens, until `forget`."""
        self._watch(sock.fileno(), mask, call)

    def want(self, sock: _socket.socket, mask: int) -> None:
        """Changes what is waited for. With nothing left the socket is taken out: the end of a connection is reported whether
        it is asked for or not, again and again (epoll_ctl(2), EPOLLHUP)."""
        self._mask(sock.fileno(), mask)

    def _mask(self, fd: int, mask: int) -> None:
        old = self._masks.get(fd, 0)
        if old == mask:
            return
        if not mask:
            self._epoll.unregister(fd)
        elif not old:
            self._epoll.register(fd, mask)
        else:
            self._epoll.modify(fd, mask)
        self._masks[fd] = mask

    def forget(self, sock: _socket.socket) -> None:
        """Closes a socket."""
        if self.release(sock):
            self._gone.append(sock)

    def release(self, sock: _socket.socket) -> bool:
        """Watches it no longer; False when it was not watched."""
        fd = sock.fileno()
        if fd < 0 or self._calls.pop(fd, None) is None:
            return False
        self._mask(fd, 0)
        del self._masks[fd]
        return True

    def watch_control(self, fd: int, call: Callable[[], None]) -> None:
        """Calls `call` whenever `fd` has something to say."""
        self._watch(fd, IN, lambda _: call())

    def listen(self, sock: _socket.socket, kind: str, begin: Callable[[_socket.socket], None] | None = None) -> None:
        """Serves a listening socket of the box; or one of the host's, whose clients are given to `begin`."""
        sock.setblocking(False)
        if kind == "udp":
            self.watch(sock, IN, lambda _: self._datagrams(sock))
        else:
            self._listeners.append(sock)
            self.watch(sock, IN, lambda _: self._accept(sock, begin or self._begin))

    # --- the loop ---------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until `running` is false."""
        while self.running:
            self.turn(self.clock.left())

    def turn(self, seconds: float) -> None:
        """Waits for something and does it."""
        try:
            if self.record.waiting:
                seconds = LOOK if seconds < 0 else min(seconds, LOOK)
            found = self._epoll.poll(seconds, 256)
        except InterruptedError:
            return
        self.now = self.clock.now = time.monotonic()
        self.wall = time.time()
        for fd, events in found:
            call = self._calls.get(fd)
            if call is not None:
                call(events)
        for who in self.clock.due():
            who.late()  # type: ignore[attr-defined]
        self.record.flush()
        while self._gone:
            self._gone.pop().close()
        if self._paused and len(self._connections) < self.limit:
            self._pause(False)

    def _pause(self, paused: bool) -> None:
        self._paused = paused
        for sock in self._listeners:
            self._mask(sock.fileno(), 0 if paused else IN)

    # --- connections ------------------------------------------------------------------------------------------------------

    def _accept(self, listener: _socket.socket, begin: Callable[[_socket.socket], None]) -> None:
        for _ in range(ACCEPTS):
            if len(self._connections) >= self.limit and not self._make_room():
                self._pause(True)
                return
            try:
                fd, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - what socket.accept() is made of
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno in SHORT and not (self._make_room() and problem.errno == errno.EMFILE):
                    Rest(self, listener)
                if problem.errno in (errno.ECONNABORTED, errno.EINTR):
                    continue
                return
            sock = _socket.socket(listener.family, _socket.SOCK_STREAM, 0, fd)
            sock.setblocking(False)
            begin(sock)

    def _make_room(self) -> bool:
        """Sends away who has been silent longest. False when everybody is at work."""
        who = self.clock.oldest(HEAD_TIME)
        if not isinstance(who, Connection):
            return False
        who.close("deny", "too slow to say what is wanted, and others wait", reset=True)
        return True

    def _begin(self, sock: _socket.socket) -> None:
        try:
            where, port = sock.getsockname()[:2]
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except OSError:  # gone already
            sock.close()
            return
        if (where, port) == (RESOLVER, DNS_PORT):
            if self._streams < STREAMS:
                Stream(self, sock)
            else:
                sock.close()
            return
        if (where, port) == (RESOLVER, PROXY_PORT):
            from inner.egress.proxied import Proxied

            self.connect(Proxied(self, sock))
            return
        host = self.names.meant(where)
        verdict = self.rules.decide(host or where, port)
        if host and verdict.allow:
            self.admit(sock, (host, port), verdict)
        elif host and self.holds is not None and self.holds.asks(host, verdict):
            from inner.egress.hold import Held

            self.connect(Held(self, sock, (host, port)))
        else:
            self.report("connect", (host or where, port), ("deny", verdict.reason if host else "no name has this address"))
            reset(sock)
            sock.close()

    def admit(self, sock: _socket.socket, asked: tuple[str, int], verdict: Verdict, *, once: bool = False) -> None:
        """Serves a client that wants to go where `verdict` allows."""
        assert verdict.entry is not None  # noqa: S101 - what is allowed is allowed by an entry
        host, port = asked
        target = Target(host, port, verdict.entry)
        headers = self.secrets.headers(host) if self.secrets and port == HTTP else ()
        if headers and self.rules.decide(host, HTTPS).allow:
            from inner.egress.inject import Injected

            connection: Connection = Injected(self, sock, asked, target, Plain(target, add=headers))
        else:
            connection = Connection(self, sock, asked, target, gate(target))
        connection.once = once
        self.connect(connection)

    def connect(self, connection: Connection) -> None:
        """Begins a connection whose client has been accepted."""
        self._connections[connection] = None
        connection.begin()

    def judge(self, rules: Rules) -> None:
        """From now on these are the rules, also for connections that there are."""
        self.rules = self.names.rules = rules
        self._refused.clear()
        for connection in list(self._connections):
            connection.recall()
        if self.holds is not None:
            self.holds.judge()

    def ended(self, connection: Connection) -> None:
        """A connection is closed."""
        self.clock.clear(connection)
        self._connections.pop(connection, None)

    def account(self, old: int, new: int) -> int:
        """A client's bytes that wait have become `new`. Too much of it, and who is slowest has to go."""
        self.held += new - old
        if self.held > HELD and new > old:
            self._make_room()
        return new

    def report(self, event: str, where: tuple[str, int], verdict: tuple[str, str], done: Done | None = None) -> None:
        """One line for the record."""
        self.record.write(self.wall, event, where, verdict, done)

    def stop(self) -> None:
        """Ends every connection, so that each has its last line, and the loop."""
        self.running = False
        if self.holds is not None:
            self.holds.end()
        for connection in list(self._connections):
            connection.close()
        self.record.finish()

    # --- names ------------------------------------------------------------------------------------------------------------

    def _datagrams(self, sock: _socket.socket) -> None:
        for _ in range(DATAGRAMS):
            try:
                message, who = sock.recvfrom(dns.LONGEST + 1)
            except OSError:
                return
            reply = self.answer(message)
            if reply:
                try:
                    sock.sendto(reply, who)
                except OSError:  # its queue is full, or it is gone: it will ask again
                    pass

    def answer(self, message: bytes) -> bytes:
        """The reply to a DNS query, from the rules alone: nothing that the box asks is ever asked outside. b"" for silence."""
        asked = dns.query(message)
        if asked is None:
            return b""
        if asked.fault:
            return dns.answer(asked, asked.fault)
        name = asked.name.lower()
        if name == "localhost" or name.endswith(".localhost"):  # RFC 6761
            own = {dns.A: b"\x7f\0\0\1", dns.AAAA: bytes(15) + b"\1"}.get(asked.kind, b"")
            return dns.answer(asked, dns.NOERROR, own, TTL)
        verdict = self.rules.resolves(name)
        if not verdict.allow and name.endswith(".arpa"):  # whose an address is: programs ask by habit
            return dns.answer(asked, dns.NXDOMAIN)
        if not verdict.allow:
            held = self.holds is not None and self.holds.asks(name, verdict)
            self._record_refused(name, "ask" if held else "deny", verdict.reason)
            if not held:
                return dns.answer(asked, dns.NXDOMAIN)
        if asked.kind not in (dns.A, dns.ANY):  # AAAA, and HTTPS with its keys for an encrypted ClientHello: there are none
            return dns.answer(asked)
        where = self.names.address(name, self.now)
        return dns.answer(asked, dns.NOERROR, address.packed(where), TTL) if where else dns.answer(asked, dns.SERVFAIL)

    def _record_refused(self, name: str, verdict: str, reason: str) -> None:
        last = self._refused.pop(name, 0.0)
        self._refused[name] = last if last + REPEAT > self.now else self.now
        if len(self._refused) > REMEMBERED:
            del self._refused[next(iter(self._refused))]
        if last + REPEAT <= self.now:
            self.report("dns", (name, 0), (verdict, reason))


class Rest:
    """A listener that is not watched for a moment: who stands before it can be let in by nobody now, and is reported all the time."""

    def __init__(self, server: Server, sock: _socket.socket) -> None:
        self.server, self.sock = server, sock
        server.want(sock, 0)
        server.clock.set(self, REST)

    def late(self) -> None:
        """It is over."""
        self.server.want(self.sock, IN)


class Stream:
    """A client that asks for names over TCP."""

    def __init__(self, server: Server, sock: _socket.socket) -> None:
        self.server, self.sock = server, sock
        self._queries = dns.Stream()
        server._streams += 1  # noqa: SLF001 - the two are one
        server.clock.set(self, STREAM_TIME)
        server.watch(sock, IN, self.on_event)

    def on_event(self, _events: int) -> None:
        """Something to read. An answer that the client does not take is its loss."""
        try:
            data = self.sock.recv(dns.LONGEST)
            for message in self._queries.feed(data):
                reply = self.server.answer(message)
                if reply:
                    self.sock.send(dns.framed(reply))
        except BlockingIOError:
            return
        except (OSError, ValueError):
            data = b""
        if not data:
            self.late()

    def late(self) -> None:
        """Its time is over, or it is gone."""
        self.server.clock.clear(self)
        self.server._streams -= 1  # noqa: SLF001
        self.server.forget(self.sock)
