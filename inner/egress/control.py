"""What the user decides while a box runs: a socket in the run's folder, which no box shows, takes `allow` and `deny` for hosts.

Asked is one message of UTF-8, fields parted by NUL: `allow HOST[:PORT] SECONDS` (0: to the end of the run), `once HOST[:PORT]` (only what
waits), `deny HOST[:PORT]`, or `held`; the answer is `ok`, with `host port seconds connections` for each question that is open, or `!`
with what is wrong and a hint. Neither an entry of `network_deny` nor the check of addresses can be overruled.
"""

from __future__ import annotations

import os
import select
import struct

from inner.egress import netns
from inner.egress.names import Listener, extra, listeners
from inner.egress.process import ASKERS
from inner.egress.rules import Rules, parse
from inner.egress.server import SHORT, Rest
from inner.errors import ConfigError, InnerError, RunError
from inner.frozen import TYPE_CHECKING
from inner.plan.network import RESOLVER

if TYPE_CHECKING:
    import socket as _socket
    from collections.abc import Iterable

    from inner.egress.rules import Entry
    from inner.egress.server import Server
else:
    import _socket

ASK_TIME = 5.0  # seconds for each of them
LONGEST = 2048  # bytes of a message
MOST = 256  # decisions of one run
LONGEST_TIME = 30 * 86400.0  # seconds


def _namespace(pid: int | str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/user")
    except OSError:
        return ""


class Control:
    """The decisions of one run on top of its list. `space` is the network namespace of the box, `known` what listens in it."""

    def __init__(self, server: Server, sock: _socket.socket, space: int, known: Iterable[Listener]) -> None:
        self.server, self.sock, self.space = server, sock, space
        self.known = set(known)
        self.allow: dict[str, Granted] = {}
        self.deny: dict[str, Entry] = {}
        self.base = server.rules
        self.askers: set[Asker] = set()
        self._here = _namespace("self")
        server.watch(sock, select.EPOLLIN, lambda _: self.accept())

    def accept(self) -> None:
        """Somebody stands before the socket, or was gone again."""
        try:
            fd, _ = self.sock._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - what socket.accept() is made of
        except OSError as problem:
            if problem.errno in SHORT:
                Rest(self.server, self.sock)
            return
        client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fd)
        if len(self.askers) >= ASKERS or not self._ours(client):
            client.close()
            return
        client.setblocking(False)
        Asker(self, client)

    def _ours(self, client: _socket.socket) -> bool:
        """The same user, and no process of a box: those are in a user namespace of their own."""
        pid, uid, _ = struct.unpack("3i", client.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12))
        return uid == os.getuid() and bool(self._here) and _namespace(pid) == self._here

    def answer(self, message: bytes) -> bytes:
        """What is said to a message."""
        try:
            words = message.decode("utf-8").split("\0")
            if len(words) == 3 and words[0] == "allow":
                self._allow(words[1], _seconds(words[2]))
            elif len(words) == 2 and words[0] == "once":
                self._once(words[1])
            elif len(words) == 2 and words[0] == "deny":
                self._deny(words[1])
            elif words == ["held"]:
                return "\0".join(("ok", *(self.server.holds.listed() if self.server.holds is not None else ()))).encode()
            else:
                raise RunError("the network process of this run does not understand that", hint="is it of another version?")
        except InnerError as problem:
            return f"!{problem.message}\0{problem.hint}".encode()
        except ValueError:
            return b"!that is not to be understood\0"
        return b"ok"

    def _allow(self, text: str, seconds: float) -> None:
        entry = _public(text)
        self._room()
        denied = {key: one for key, one in self.deny.items() if (one.kind, one.name) != (entry.kind, entry.name)}
        verdict = self._rules((*self.base.deny, *denied.values()), (entry,)).decide(_example(entry), entry.ports[0])
        if not verdict.allow:
            raise ConfigError(f"`{entry.text}` is {verdict.reason}", hint="`network_deny` goes before everything else")
        self._open(entry)
        self.deny = denied
        self._end(entry.text)
        self.allow[entry.text] = granted = Granted(self, entry)
        if seconds:
            self.server.clock.set(granted, seconds)
        self._decided(entry, "allow", f"for {seconds:g} s" if seconds else "for this run")

    def _once(self, text: str) -> None:
        entry = _public(text)
        holds, rules = self.server.holds, Rules((entry,))
        found = [one for one in (holds.open.values() if holds else ()) if one.waiting and rules.decide(one.host, one.port).allow]
        if holds is None or not found:
            raise RunError(f"nothing waits for `{entry.text}`", hint=f"`inner approvals allow {entry.text} --for 1m`")
        self._report(entry, "allow", "once: what waited for it")
        for question in found:
            holds.admit(question, rules.decide(question.host, question.port), once=True)

    def _deny(self, text: str) -> None:
        entry = parse(text, deny=True)
        self._room()
        for key, granted in list(self.allow.items()):
            if (granted.entry.kind, granted.entry.name) == (entry.kind, entry.name) and entry.port in (0, granted.entry.port):
                self._end(key)
        self.deny[entry.text] = entry
        self._decided(entry, "deny", "for this run")

    def _room(self) -> None:
        if len(self.allow) + len(self.deny) >= MOST:
            raise RunError(f"this run has had {MOST} decisions", hint="start it anew, with them in its profile")

    def _open(self, entry: Entry) -> None:
        """Listeners for what the box could not reach so far."""
        names = self.server.names
        if entry.kind == "name" and not names.keep(entry.name):
            raise RunError("this run has no room for more hosts", hint="start it anew, with them in its profile")
        found = [
            one
            for one in listeners(Rules([entry]), names)
            if one.address != RESOLVER and one not in self.known and Listener("0.0.0.0", one.port) not in self.known  # noqa: S104
        ]
        for one, sock in zip(found, netns.make(self.space, found, extra(Rules([entry]))) if found else (), strict=True):
            if sock is not None:
                self.server.listen(sock, one.kind)
        self.known.update(found)

    def expired(self, granted: Granted) -> None:
        """Its time is over."""
        self.allow.pop(granted.entry.text, None)
        self._decided(granted.entry, "deny", "the time for it is over")

    def _end(self, text: str) -> None:
        granted = self.allow.pop(text, None)
        if granted is not None:
            self.server.clock.clear(granted)

    def _decided(self, entry: Entry, verdict: str, reason: str) -> None:
        self._report(entry, verdict, reason)
        self.server.judge(self._rules((*self.base.deny, *self.deny.values())))

    def _report(self, entry: Entry, verdict: str, reason: str) -> None:
        self.server.report("decide", (f"{'*.' if entry.kind == 'wildcard' else ''}{entry.name}", entry.port), (verdict, reason))

    def _rules(self, deny: tuple[Entry, ...], more: tuple[Entry, ...] = ()) -> Rules:
        return Rules((*self.base.allow, *(granted.entry for granted in self.allow.values()), *more), deny)


class Granted:
    """A host that was allowed while the box runs."""

    def __init__(self, control: Control, entry: Entry) -> None:
        self.control, self.entry = control, entry

    def late(self) -> None:
        """Called by the clock."""
        self.control.expired(self)


class Asker:
    """Somebody who has connected to the control socket."""

    def __init__(self, control: Control, sock: _socket.socket) -> None:
        self.control, self.sock = control, sock
        control.askers.add(self)
        control.server.clock.set(self, ASK_TIME)
        control.server.watch(sock, select.EPOLLIN, lambda _: self._read())

    def _read(self) -> None:
        try:
            message = self.sock.recv(LONGEST)
            if message:
                self.sock.send(self.control.answer(message))
        except OSError:
            message = b""
        if not message:
            self.late()

    def late(self) -> None:
        """Its time is over, or it is gone."""
        self.control.server.clock.clear(self)
        self.control.askers.discard(self)
        self.control.server.forget(self.sock)


def _public(text: str) -> Entry:
    entry = parse(text)
    if entry.lan or entry.kind == "local":
        raise ConfigError(
            f"`{entry.text}` is not public, and is not opened for a box that runs", hint=f"`inner run --allow-host {entry.text}`"
        )
    return entry


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= LONGEST_TIME:
        raise ConfigError(f"`{text}` is not a time", hint="`--for 10m`")
    return number


def _example(entry: Entry) -> str:
    return f"a.{entry.name}" if entry.kind == "wildcard" else entry.name
