"""At the end of a run, after the terminal is the user's again: which hosts it was denied, and what to type to allow them;
which were allowed and are out of reach from here."""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.records.write import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 5  # hosts that are named


def tell(folder: str, agents: Iterable[str]) -> None:
    """A line for each host, on standard error; nothing about those that an agent asks for and works without."""
    if not _any(folder):
        return
    from inner import ui
    from inner.launch.rundir import alive
    from inner.records.denied import at_home, denied, offer
    from inner.records.read import load
    from inner.records.receipt import hosts

    run = load(folder, alive)
    spare = _spare(agents)
    found = [one for one in denied(run) if one.host not in spare]
    for one in found[:MOST]:
        often = f", {one.times} times" if one.times > 1 else ""
        ui.note(f"denied: {ui.safe(str(one))}: {ui.safe(one.reason)}{often}")
    if len(found) > MOST:
        ui.note(f"denied: and {len(found) - MOST} more hosts: `inner log show {run.id.rpartition('-')[2]}`")
    line, toml = offer(found[:MOST])
    if line:
        ui.note(f"to allow: `{line}`, or `{toml}` under `[sandbox]`")
    count, reason = hosts(run)["fail"]
    for host in list(count)[:MOST]:
        often = f", {count[host]} times" if count[host] > 1 else ""
        if host.rpartition(":")[0] not in spare:
            ui.note(f"allowed, and not reached from this machine: {ui.safe(host)}: {ui.safe(reason[host])}{often}")
    for entry in at_home(found[:MOST]):
        ui.note(f"if that is where it should lead: `inner run --allow-host {entry}`, or `{entry}` in the list")


def _any(folder: str) -> bool:
    """Whether the record holds a denial or a failure: most hold none, and are not read in earnest."""
    try:
        fd = os.open(f"{folder}/{RECORD}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    with open(fd, "rb") as file:
        return any(b'"verdict":"deny"' in line or b'"verdict":"fail"' in line for line in file)


def _spare(agents: Iterable[str]) -> set[str]:
    from inner.agents import NAMES, agent

    return {host for name in agents if name in NAMES for host in agent(name).OPTIONAL}
