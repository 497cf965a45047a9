"""The addresses that stand for names inside a box, and the listeners that wait on them. Pure.

Every name of the list has an address of its own in 127.18.0.0/16, all of which is local without any set-up; a name below a
wildcard gets one when it is first asked for. Which service was meant is then read off the address a connection came to. Ports
below 1024, which nobody in a box can bind, are listened to once for all addresses; others only on the addresses that need them.
"""

from __future__ import annotations

from inner.egress import address
from inner.frozen import TYPE_CHECKING, frozen
from inner.plan.network import RESOLVER

if TYPE_CHECKING:
    from inner.egress.rules import Entry, Rules

PREFIX = "127.18."
DNS_PORT, PROXY_PORT = 53, 3128
FIRST, LAST = 2, 0xFFFE  # of the /16; 127.18.255.255 looks like a broadcast address to some programs
PRIVILEGED = 1024  # ip(7), ip_unprivileged_port_start
KEEP = 300.0  # seconds after which the address of a wildcard's name may be given to another
ASKED = (22, 80, 443)  # ports of hosts that the user is asked about
TTL = 60  # seconds that an answer may be remembered in the box


@frozen
class Listener:
    """A socket to make in the box: `kind` "tcp", "udp", or "out" for one that connects and listens to nothing. An address "0.0.0.0"
    is all of IPv4; the /16 and what else is local."""

    address: str
    port: int
    kind: str = "tcp"


class Names:
    """name <-> address. `limit` bounds what a box that asks for names without end can make us remember."""

    def __init__(self, rules: Rules, limit: int = 16384) -> None:
        self.rules = rules
        self.limit = limit
        self._next = FIRST
        self._address: dict[str, str] = {}
        self._name: dict[str, str] = {}
        self._lent: dict[str, float] = {}  # names below wildcards, the one not asked for longest first
        for entry in rules.allow:
            if entry.kind == "name" and entry.name not in self._address:
                self._give(entry.name, self._fresh())

    def _fresh(self) -> str:
        number = self._next
        if number > LAST:
            return ""
        self._next += 1
        return f"{PREFIX}{number >> 8}.{number & 255}"

    def _give(self, name: str, where: str) -> str:
        if where:
            self._address[name] = where
            self._name[where] = name
        return where

    def keep(self, name: str) -> str:
        """The address of a name that is on the list from now on, never to be another's. "" when there is no room."""
        self._lent.pop(name, None)
        return self._address.get(name) or self._give(name, self._fresh())

    def address(self, name: str, now: float) -> str:
        """Where a normal name that may be resolved is found, "" when there is no room for another one."""
        where = self._address.get(name, "")
        if where:
            if name in self._lent:
                del self._lent[name]
                self._lent[name] = now
            return where
        if len(self._lent) < self.limit:
            where = self._fresh()
        if not where:
            oldest = next(iter(self._lent), "")
            if not oldest or self._lent[oldest] + KEEP > now:
                return ""
            where = self._address.pop(oldest)
            del self._lent[oldest]
        self._lent[name] = now
        return self._give(name, where)

    def meant(self, where: str) -> str:
        """The name or address that a connection to this address was meant for, "" when it stands for none."""
        if where.startswith(PREFIX):
            return self._name.get(where, "")
        return where if where in ("127.0.0.1", "::1") or not where.startswith("127.") else ""


def _local(entry: Entry) -> tuple[str, ...]:
    if entry.kind == "address":
        return (entry.name,)
    return ("127.0.0.1", "::1") if entry.kind == "local" else ()


def extra(rules: Rules) -> tuple[str, ...]:
    """Addresses that must be added to the box's loopback interface: those that the list names as such."""
    return tuple(dict.fromkeys(entry.name for entry in rules.allow if entry.kind == "address"))


def listeners(rules: Rules, names: Names, asked: tuple[int, ...] = ()) -> tuple[Listener, ...]:
    """Every socket that the box needs, the resolver's first (UDP, then TCP), then the proxy's. `asked`: ports at which all names are
    listened to, to ask about them."""
    wide: dict[int, None] = dict.fromkeys(asked)
    for entry in rules.allow:
        wide.update((port, None) for port in entry.ports if port < PRIVILEGED or entry.kind == "wildcard")
    found = [Listener(RESOLVER, DNS_PORT, "udp"), Listener(RESOLVER, DNS_PORT), Listener(RESOLVER, PROXY_PORT)]
    found = [one for one in found if one.kind == "udp" or one.port not in wide]
    found += [Listener("0.0.0.0", port) for port in wide]  # noqa: S104 - all addresses of a namespace without any network
    for entry in rules.allow:
        where = (names.address(entry.name, 0.0),) if entry.kind == "name" else _local(entry)
        for one in where:
            six = len(address.packed(one)) == 16
            found += [Listener(one, port) for port in entry.ports if six or port not in wide]
    return tuple(dict.fromkeys(found))
