"""Which hosts a box may reach: entries of `network_allow` and `network_deny`, read and asked. Pure.

An entry is `host` (ports 443 and 80), `host:port`, `*.sub.example` (every name below, not the apex), or an IP address; in front
of it `lan:` permits that the name leads to a private address. Loopback and private addresses are reachable only when an
entry names the port. Deny wins: without a port on all of them. Names are compared in one form: ASCII, lower case, no final dot.
"""

from __future__ import annotations

from inner.egress import address
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.origin import INNER, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HTTPS, HTTP = 443, 80
PLAIN = (HTTPS, HTTP)  # what an entry without a port means
LAN = "lan:"
LDH = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
LOOPBACK = ("127.0.0.1", "::1")


@frozen
class Entry:
    """One entry. `name` is a normal name or address, for a wildcard what follows `*.`; `port` 0 when none is named.

    `kind`: "name", "wildcard", "address" (public or private), or "local" (the host's own loopback). `lan`: it may be, or lead
    to, a private address.
    """

    text: str
    name: str
    port: int = 0
    kind: str = "name"
    lan: bool = False
    origin: Origin = INNER

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports it opens."""
        return (self.port,) if self.port else PLAIN


@frozen
class Verdict:
    """`reason` is a few words for people and records; `entry` the one that decided, None when no entry matched; `final`: a denial that
    no decision while the box runs can change."""

    allow: bool
    reason: str
    entry: Entry | None = None
    final: bool = False


def normal_name(text: str) -> str:
    """A host name in the form that is compared, "" for what is none. The last label may not be numeric: that one rule shuts out
    every notation of an IP address that some resolver understands (WHATWG URL, "ends in a number")."""
    name = text.lower().removesuffix(".")
    if not text.isascii() or not 0 < len(name) <= 253:
        return ""
    labels = name.split(".")
    for label in labels:
        if not 0 < len(label) <= 63 or label[0] == "-" or label[-1] == "-" or not LDH.issuperset(label):
            return ""
    last = labels[-1]
    if last.isdigit() or (last.startswith("0x") and all(c in "0123456789abcdef" for c in last[2:])):
        return ""
    return name


def normal_host(text: str) -> str:
    """A name or an address (brackets around IPv6 allowed) in the form that is compared, "" for what is neither."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text
    raw = address.packed(bare)
    return address.text(raw) if raw else normal_name(text)


def _bad(text: str, what: str, hint: str, origin: Origin) -> ConfigError:
    shown = text.encode("unicode_escape").decode("ascii")
    return ConfigError(f"`{shown}` {what}", hint=hint, where=str(origin) if origin.file else "")


def _split(text: str) -> tuple[str, str | None]:
    """Host and port, the port None when there is none."""
    if text.startswith("["):
        host, closed, rest = text.partition("]")
        return (host + "]", rest[1:]) if closed and rest.startswith(":") else (text, None)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, None


def parse(text: str, origin: Origin = INNER, *, deny: bool = False) -> Entry:
    """Reads one entry. Raises ConfigError; a group is none, `groups.expand` comes first."""
    if text.startswith("@"):
        raise _bad(text, "is a group of hosts that nobody knows", "@pip, @npm, @cargo, @go, @maven, @apt or @github", origin)
    scheme, found, rest = text.partition("://")
    if found:
        raise _bad(text, "is not a host", rest.partition("/")[0].rpartition("@")[2] or scheme, origin)
    lan = text.startswith(LAN)
    host, written = _split(text.removeprefix(LAN))
    port = 0
    if written is not None:
        port = int(written) if written.isascii() and written.isdigit() and len(written) <= 5 else -1
        if not 0 < port < 65536:
            raise _bad(text, "has no port between 1 and 65535", f"{host}:443", origin)
    if host.startswith("*."):
        name = normal_name(host[2:])
        if not name:
            raise _bad(text, "is not a pattern of names", "`*.example.org` is every name below example.org", origin)
        return Entry(text, name, port, "wildcard", lan, origin)
    if "*" in host:
        hint = 'network_mode = "full"' if host == "*" else "`*.example.org`: a star stands only at the beginning"
        raise _bad(text, "is not a pattern of names", hint, origin)
    name = normal_host(host)
    if not name:
        hint = "`example.org`, `example.org:22`, `*.example.org`"
        base, slash, bits = host.partition("/")
        if slash and bits.isdigit() and address.packed(base):
            hint = f"ranges cannot be named; each address can, with its port, such as `{base}:443`"
        elif not host.isascii():
            hint = "in the form that DNS has, such as `xn--bcher-kva.example`"
        raise _bad(text, "is not a host", hint, origin)
    raw = address.packed(name)
    if name == "localhost" or name in LOOPBACK:
        if not port and not deny:
            raise _bad(text, "is a service of this machine, and needs its port", f"{host}:8080", origin)
        return Entry(text, name, port, "local", lan, origin)
    if name.endswith(".localhost"):
        raise _bad(text, "is a name of this machine itself", f"localhost:{port or 8080}", origin)
    if raw and not deny:
        why = address.special(raw)
        if why == "private" and not port:
            raise _bad(text, "is a private address, and needs its port", f"{host}:443", origin)
        if why and why != "private":
            raise _bad(text, f"is an address that no box reaches ({why})", "a public address, or `localhost:PORT`", origin)
        lan = lan or why == "private"
    return Entry(text, name, port, "address" if raw else "name", lan, origin)


NAMELESS = Verdict(False, "not a host name", final=True)
UNKNOWN = Verdict(False, "not on the list")


class Rules:
    """All entries of a box, indexed: asking costs the same for five and for five thousand. Immutable after it is made."""

    def __init__(self, allow: Iterable[Entry] = (), deny: Iterable[Entry] = ()) -> None:
        self.allow = tuple(allow)
        self.deny = tuple(deny)
        self._allow = _index(self.allow)
        self._deny = _index(self.deny, deny=True)

    def decide(self, host: str, port: int) -> Verdict:
        """May the box connect to this port of this name or address? `host` is hostile text."""
        name = normal_host(host)
        if not name:
            return NAMELESS
        denied = _find(self._deny, name, port) or _find(self._deny, name, 0)
        if denied is not None:
            return Verdict(False, f"denied by `{denied.text}`", denied, final=True)
        entry = _find(self._allow, name, port)
        if entry is None:
            # an entry that opens another port is worth naming: the answer to "why" is then one number long
            other = self.some(name)
            return Verdict(False, f"port {port} is not on the list", other) if other else UNKNOWN
        return Verdict(True, f"allowed by `{entry.text}`", entry)

    def some(self, name: str) -> Entry | None:
        """An entry that opens any port of a normal name, unless all of the name is denied."""
        return None if _find(self._deny, name, 0) else _find(self._allow, name, -1)

    def resolves(self, host: str) -> Verdict:
        """May the box know an address for this name? Yes when a port of it is open."""
        name = normal_name(host)
        if not name:
            return NAMELESS
        denied = _find(self._deny, name, 0)
        if denied is not None:
            return Verdict(False, f"denied by `{denied.text}`", denied, final=True)
        entry = _find(self._allow, name, -1)
        return Verdict(True, f"allowed by `{entry.text}`", entry) if entry is not None else UNKNOWN

    def refuses_address(self, raw: bytes, port: int, entry: Entry) -> str:
        """Why an address that a name led to must not be dialled, "" when it may be. Deny entries for addresses count here too."""
        why = address.special(raw)
        if why and not (entry.lan and why == "private"):
            return why
        name = address.text(raw)
        denied = self._deny.get((name, 0)) or self._deny.get((name, port))
        return f"denied by `{denied.text}`" if denied is not None else ""


def _index(entries: Iterable[Entry], *, deny: bool = False) -> dict[tuple[str, int], Entry]:
    """(name, port) -> entry, wildcards under ".name". An entry that names its port goes before one that does not; port -1 is
    "any". A deny entry without a port is found under port 0."""
    index: dict[tuple[str, int], Entry] = {}
    for entry in sorted(entries, key=lambda e: not e.port):
        names = ("localhost", *LOOPBACK) if entry.kind == "local" else (entry.name,)
        for name in names:
            key = "." + name if entry.kind == "wildcard" else name
            for port in (entry.port,) if deny else (*entry.ports, -1):
                index.setdefault((key, port), entry)
    return index


def _find(index: Mapping[tuple[str, int], Entry], name: str, port: int) -> Entry | None:
    found = index.get((name, port))
    if found is not None:
        return found
    dot = name.find(".")
    while dot >= 0:
        found = index.get((name[dot:], port))
        if found is not None:
            return found
        dot = name.find(".", dot + 1)
    return None


def rules(allow: Iterable[str], deny: Iterable[str] = (), origins: Mapping[str, Origin] | None = None) -> Rules:
    """The rules of texts. `origins` maps `sandbox.network_allow[TEXT]` and `sandbox.network_deny[TEXT]`, as `Profile.origins`."""
    known = origins or {}
    return Rules(
        [parse(text, known.get(f"sandbox.network_allow[{text}]", INNER)) for text in allow],
        [parse(text, known.get(f"sandbox.network_deny[{text}]", INNER), deny=True) for text in deny],
    )
