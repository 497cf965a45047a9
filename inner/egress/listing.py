"""From the network of a plan to rules: groups replaced by their hosts, and with each entry the line, agent or credential it is from."""

from __future__ import annotations

from inner.egress.rules import Rules, parse
from inner.frozen import TYPE_CHECKING
from inner.origin import INNER, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inner.host import Host
    from inner.plan.model import Network


def rules_of(network: Network, host: Host | None, origins: Mapping[str, Origin] | None = None) -> Rules:
    """The rules of a plan. `host` answers for groups, `origins` are those of the profile. Raises ConfigError."""
    known = dict(origins or {})
    for entry, who in network.brought:
        kind, _, name = who.partition(" ")
        found = known.get(f"credentials.{name}") if kind == "credential" else Origin("agent", who)
        if found is not None:
            known[f"sandbox.network_allow[{entry}]"] = found
    return Rules(
        [parse(text, known.get(f"sandbox.network_allow[{written}]", INNER)) for text, written in _expanded(network.allow, host)],
        [
            parse(text, known.get(f"sandbox.network_deny[{written}]", INNER), deny=True)
            for text, written in _expanded(network.deny, host)
        ],
    )


def _expanded(entries: tuple[str, ...], host: Host | None) -> Iterable[tuple[str, str]]:
    if any(text.startswith("@") for text in entries):
        from inner.egress.groups import expand

        return expand(entries, host).items()
    return [(text, text) for text in entries]
