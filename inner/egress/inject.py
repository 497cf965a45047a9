"""Credentials that never enter the box: a program in it speaks plain HTTP to an allowed host, this puts the secret on the request
and speaks TLS to the real one, whose certificate must be right for that name.

The secret goes to the hosts it is for and to no other: the request is for that name (`gates.Plain`), the name is what is dialled,
and what is dialled has proved to be it before the first byte of a request is written.
"""

from __future__ import annotations

import ssl

from inner.credentials import secret
from inner.egress import relay
from inner.egress.connection import IN, PIECE, PIECES, Connection
from inner.egress.gates import Refused
from inner.egress.outbound import DIAL, DIAL_TIME, OPEN, OUT
from inner.egress.relay import DONE, READ, WRITE, Lost
from inner.egress.rules import HTTPS, Entry, Rules, parse
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inner.host import Host
    from inner.profile.model import Credential

    Header = tuple[bytes, bytes]

# fields that say where a message ends or whom it is for: no credential is one of them
NEVER = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade", b"te", b"trailer"))


class Secrets:
    """Which header fields go to which host."""

    def __init__(self, by_host: list[tuple[Rules, Header]], context: ssl.SSLContext) -> None:
        self._by_host = by_host
        self.context = context

    def headers(self, name: str) -> tuple[Header, ...]:
        """The fields for a normal name, () for a host without credentials."""
        return tuple(header for hosts, header in self._by_host if hosts.decide(name, HTTPS).allow)


def load(credentials: Mapping[str, Credential], host: Host | None) -> Secrets:
    """Reads every secret. Raises ConfigError. The certificates that count are those of the system (or of SSL_CERT_FILE)."""
    if host is None:
        raise ConfigError("credentials cannot be read here")
    found = []
    for name, one in credentials.items():
        if not one.hosts:
            raise ConfigError(f"the credential `{name}` is for no host", hint='hosts = ["api.example.org"]')
        field = one.header.lower().encode("ascii", "replace")
        if field in NEVER:
            raise ConfigError(f"the credential `{name}` cannot be the header `{one.header}`", hint='header = "authorization"')
        value = _value(name, one.format, secret(one.source, host))
        found.append((Rules([_host(text) for text in one.hosts]), (field, value.encode("ascii"))))
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return Secrets(found, context)


def _value(name: str, form: str, found: str) -> str:
    """The secret in its format: `{secret}` is itself, `{basic:USER}` user and secret as HTTP Basic has them (RFC 7617)."""
    before, basic, rest = form.partition("{basic:")
    user, closed, after = rest.partition("}")
    if not form.isascii() or not form.isprintable() or ("{secret}" not in form and not closed) or ":" in user:
        raise ConfigError(
            f"the format of the credential `{name}` has no place for it",
            hint='format = "Bearer {secret}", or "Basic {basic:USER}"',
        )
    if basic and closed:
        from binascii import b2a_base64

        form = before + b2a_base64(f"{user}:{found}".encode(), newline=False).decode() + after
    return form.replace("{secret}", found)


def _host(text: str) -> Entry:
    entry = parse(text)
    if entry.kind not in ("name", "wildcard") or entry.port not in (0, HTTPS):
        raise ConfigError(f"a credential goes to a name on port 443, and `{entry.text}` is none", hint="api.example.org")
    return entry


class Injected(Connection):
    """A connection whose other end is TLS, made here. Bytes pass through memory, PIECE by PIECE."""

    __slots__ = ("_from_tls", "_handed", "_plain", "_shaking", "_tls", "_to_tls", "_wire")

    def _port(self) -> int:
        return HTTPS

    def _dial(self) -> None:
        self._shaking = False
        super()._dial()

    def _connected(self) -> None:
        """The address answers; now it has to prove its name."""
        assert self.upstream is not None and self.target is not None and self.server.secrets is not None  # noqa: S101, PT018
        self._from_tls, self._to_tls = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self.server.secrets.context.wrap_bio(self._to_tls, self._from_tls, server_hostname=self.target.name)
        self._wire = bytearray()
        self._plain = bytearray()
        self._handed = False
        self._shaking = True
        self.server.clock.set(self, DIAL_TIME)
        self._shake()

    def on_upstream(self, events: int) -> None:
        """As for every connection, but for the time of the handshake."""
        if self.phase == DIAL and self._shaking:
            try:
                self._receive()
            except Lost:
                self._fail("the other end went away")
                return
            self._shake()
        else:
            super().on_upstream(events)

    def _receive(self) -> bool:
        """Takes what the other end has sent, or its end. False when nothing has come."""
        assert self.upstream is not None  # noqa: S101 - connected
        try:
            data = self.upstream.recv(PIECE)
        except BlockingIOError:
            return False
        except OSError:
            raise Lost(source=False) from None
        if data:
            self._to_tls.write(data)
        else:
            self._to_tls.write_eof()
        return True

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
            self._shaking = False
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as problem:
            why = getattr(problem, "verify_message", "") or problem.reason or "TLS failed"
            self.refuse(Refused(f"the other end is not what it should be: {why}", self._excuse(str(why), 502, "Bad Gateway")))
            return
        self._wire += self._from_tls.read()
        try:
            self._write()
        except Lost:
            self._fail("the other end went away")
            return
        if not self._shaking:
            super()._connected()
        elif self.upstream is not None:
            self.server.want(self.upstream, IN | (OUT if self._wire else 0))

    def _write(self) -> bool:
        """Sends what TLS has made. False when not all of it can go now."""
        assert self.upstream is not None  # noqa: S101 - connected
        while self._wire:
            try:
                del self._wire[: self.upstream.send(self._wire)]
            except BlockingIOError:
                return False
            except OSError:
                if self.phase != OPEN:
                    raise Lost(source=False) from None
                self._stop_listening()
        return True

    def _stop_listening(self) -> None:
        super()._stop_listening()
        self._wire.clear()

    def _pump_up(self) -> None:
        if self.phase != OPEN:
            super()._pump_up()
            return
        for _ in range(PIECES):
            if not self._write():
                self._up_wants = WRITE
                return
            if self._up_wants == DONE:
                return
            if self._pending:
                try:
                    size = self._tls.write(self._pending[:PIECE])
                except ssl.SSLError:  # it has said that something is wrong
                    self._stop_listening()
                    continue
                del self._pending[:size]
                self.sent += size
                self._wire += self._from_tls.read()
                self._account()
            elif self._ended:
                if not self.gate.between and not self._deaf:  # type: ignore[attr-defined]
                    raise Lost(source=True)
                self._up_wants = DONE
                return
            elif not self._read():
                return
        self._up_wants = WRITE if self._pending or self._wire else READ

    def _pump_down(self) -> None:
        assert self.upstream is not None and self._down is not None  # noqa: S101, PT018 - OPEN
        for _ in range(PIECES):
            if self._down.wants == DONE:
                return
            while self._plain:
                try:
                    del self._plain[: self.client.send(self._plain)]
                except BlockingIOError:
                    self._down.wants = WRITE
                    return
                except OSError:
                    raise Lost(source=True) from None
            if self._handed:
                relay.finish(self.client)
                self._down.wants = DONE
                return
            if not self._unwrap():
                self._down.wants = READ
                return
        self._down.wants = WRITE if self._plain else READ

    def _unwrap(self) -> bool:
        """Takes one piece from the other end. False when there is none now."""
        try:
            data = self._tls.read(PIECE)
        except ssl.SSLWantReadError:
            return self._receive()
        except ssl.SSLError:  # also an end without notice: HTTP says itself where a message ends
            data = b""
        self._handed = not data
        self._plain += data
        self.received += len(data)
        return True
