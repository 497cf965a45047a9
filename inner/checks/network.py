"""The network, in the mode of the plan. Nothing is sent to anybody: an address that has no route is refused by the kernel at once,
and the addresses that are tried belong to nobody (RFC 5737, RFC 3849) or to every machine itself.
"""

from __future__ import annotations

from inner.checks.model import OK, Check, Verdict, listed
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.checks.model import Answer, Question, Subject

OUTSIDE = ("192.0.2.1", "203.0.113.1", "2001:db8::1", "169.254.169.254", "10.0.0.1", "192.168.1.1")
NO_ROUTE = ("ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EACCES", "EPERM", "ENETDOWN")
UNLISTED = "unlisted.test"  # RFC 2606: nobody's, and on nobody's list
MOST_NAMES = 3


def _names(subject: Subject) -> list[tuple[str, int]]:
    """Some allowed names, to see that they lead to the egress process."""
    found = []
    for text in subject.plan.network.allow:
        host, _, port = text.removeprefix("lan:").partition(":")
        plain = not text.startswith(("@", "*", "[")) and any(c.isalpha() for c in host) and host != "localhost"
        if plain and (port.isdigit() or not port) and not any(host in denied for denied in subject.plan.network.deny):
            found.append((host, int(port or 443)))
    return found[:MOST_NAMES]


def _ask(subject: Subject) -> Sequence[Question]:
    asked: list[Question] = [{"ask": "interfaces"}]
    if subject.plan.network.mode != "full":
        asked += [{"ask": "connect", "host": host, "port": 53} for host in OUTSIDE]
        asked.append({"ask": "resolve", "name": UNLISTED, "port": 443})
    if subject.plan.network.mode == "allowlist":
        asked += [{"ask": "resolve", "name": name, "port": port} for name, port in _names(subject)]
    return asked


def _policy(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    mode = subject.plan.network.mode
    if mode == "full":
        return Verdict(note='the host\'s network is shared: `network_mode = "allowlist"` names the hosts instead')
    more = [name for name in answers[0]["names"] if name != "lo"]
    if more:
        return Verdict(f"network interfaces of the host: {listed(more)}")
    tried = answers[1 : 1 + len(OUTSIDE)]
    ways = [host for host, answer in zip(OUTSIDE, tried, strict=True) if answer["errno"] not in NO_ROUTE]
    if ways:
        return Verdict(f"there is a way to {listed(ways)}")
    found = answers[1 + len(OUTSIDE)]["addresses"]
    if found and not (subject.plan.network.ask and all(a.startswith("127.") for a in found)):  # where the user is asked about it
        return Verdict(f"names that are not on the list are resolved: `{UNLISTED}`")
    deaf = [
        name
        for (name, _), answer in zip(_names(subject), answers[2 + len(OUTSIDE) :], strict=False)
        if not answer["addresses"] or not all(a.startswith("127.") for a in answer["addresses"])
    ]
    return Verdict(f"allowed, and not led to inner's own listener: {listed(deaf)}") if deaf else OK


CHECKS = (Check("network-policy", "HIGH", "the network is what the profile says", _ask, _policy, "network-policy"),)
