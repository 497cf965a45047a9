"""Which hosts a run was denied, and for which of them one can ask: from its record. Pure.

A name came out of a box, and what is offered may be pasted into a shell: nothing is offered but what is a host name in the narrow
sense, and would be allowed by being on the list.
"""

from __future__ import annotations

from inner.egress.rules import HTTP, HTTPS, LAN, normal_host
from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.records.read import Run

UNLISTED = "not on the list"
LED = ("the name leads to ", " (private)")  # as egress.outbound words it


@frozen
class Denied:
    """`host` is hostile text, `port` 0 where only its name was asked for. `entry` would allow it, "" when no entry does."""

    host: str
    port: int
    reason: str
    times: int = 1
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def denied(run: Run) -> list[Denied]:
    """Each host and port once, the first first. What the user allowed afterwards is left out. A name that was looked up to ask about
    it is one of them if no connection followed: it was to a port at which nobody listens."""
    found: dict[tuple[str, int], Denied] = {}
    looked_up: set[str] = set()
    for event in run.events:
        host, port = str(event.get("host", "")), event.get("port", 0)
        if not isinstance(port, int):
            continue
        if event["event"] == "decide" and event.get("verdict") == "allow":
            found = {key: one for key, one in found.items() if not _covers(host, port, one)}
            continue
        if event["event"] in ("hold", "connect") and host in looked_up:
            looked_up.remove(host)
            del found[host, 0]
        if event["event"] == "dns" and event.get("verdict") == "ask" and (host, 0) not in found:
            looked_up.add(host)
            found[host, 0] = Denied(host, 0, UNLISTED, entry=_entry(host, 0, UNLISTED))
        elif event["event"] in ("dns", "connect") and event.get("verdict") == "deny":
            key = (host, port if event["event"] == "connect" else 0)
            if key in found:
                one = found[key]
                found[key] = Denied(one.host, one.port, one.reason, one.times + 1, one.entry)
            else:
                reason = str(event.get("reason", ""))
                found[key] = Denied(host, key[1], reason, entry=_entry(host, key[1], reason))
    return list(found.values())


def _entry(host: str, port: int, reason: str) -> str:
    if not reason.endswith(UNLISTED) or normal_host(host) != host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    return shown if port in (0, HTTP, HTTPS) else f"{shown}:{port}"


def _covers(name: str, port: int, one: Denied) -> bool:
    same = one.host.endswith(name[1:]) if name.startswith("*.") else one.host == name
    return same and (one.port in (0, port) if port else one.port in (0, HTTP, HTTPS))


def offer(found: Sequence[Denied]) -> tuple[str, str]:
    """What to type to allow them: words for a shell, and a line of `[sandbox]`. ("", "") when nothing helps."""
    entries = list(dict.fromkeys(one.entry for one in found if one.entry))
    if not entries:
        return "", ""
    words = " ".join("--allow-host " + (f"'{entry}'" if entry.startswith("[") else entry) for entry in entries)
    return f"inner run {words}", "network_allow = [" + ", ".join(f'"{entry}"' for entry in entries) + "]"


def at_home(found: Sequence[Denied]) -> list[str]:
    """Entries for names that are on the list and lead into the private network. Never in one line with the others, and written by
    nobody but the user: who owns a name decides where it leads (DNS rebinding).
    """
    led = (one for one in found if one.reason.startswith(LED[0]) and one.reason.endswith(LED[1]) and one.port)
    return list(dict.fromkeys(f"{LAN}{one.host}:{one.port}" for one in led if normal_host(one.host) == one.host))
