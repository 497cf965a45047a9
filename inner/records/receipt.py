"""What a run did, on one screen: from its record alone, so that it says the same at the end of a run and a month later.

Pure: events in, lines out. Text that came from outside is not escaped here but where it is printed.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.records.denied import denied, offer

if TYPE_CHECKING:
    from typing import Any

    from inner.records.read import Run

MOST_LINES = 12  # of one kind
MOST_OFFERED = 5  # hosts


def why(run: Run) -> str:
    """Why it ended, in a few words."""
    end = run.end
    if run.state in ("starting", "running"):
        return run.state
    if run.state == "killed":
        return "inner was killed, and the box with it"
    reason, oom = end.get("reason"), int(end.get("oom", 0))
    by = next((e for e in run.events if e["event"] == "stop"), None)
    if reason == "timeout":
        return f"its time was up after {float(run.plan.get('timeout', 0)):g} s"
    if by is not None and reason == "signal":
        return "stopped by `inner stop`"
    if oom and (reason == "signal" or end.get("status")):
        return "out of memory: the kernel ended a process when the limit was reached"
    if reason == "signal":
        return f"killed by {signal_name(int(end.get('signal', 0)))}"
    if reason == "exit":
        return f"exit status {end.get('status')}"
    what = {"setup": "the box could not be made", "not-found": "the command is not there in the box",
            "not-executable": "the command cannot be executed"}  # fmt: skip
    return what.get(str(reason), "") or str(end.get("message") or "it could not be started")


def signal_name(number: int) -> str:
    """`SIGTERM` for 15."""
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def amount(number: float) -> str:
    """Bytes for people: 1.5G."""
    unit = 0
    while number >= 1024 and unit < 4:
        number, unit = number / 1024, unit + 1
    return f"{number:.3g}{('', 'K', 'M', 'G', 'T')[unit]}"


def span(seconds: float) -> str:
    """A duration for people: 3.2 s, 4 min 10 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def hosts(run: Run) -> dict[str, tuple[dict[str, int], dict[str, str]]]:
    """What the network did: {"allow": ..., "deny": ..., "fail": ...} (allowed, and not reached from here), each (host:port -> number
    of connections, host:port -> reason)."""
    found: dict[str, tuple[dict[str, int], dict[str, str]]] = {"allow": ({}, {}), "deny": ({}, {}), "fail": ({}, {})}
    for event in run.events:
        if event["event"] not in ("connect", "dns"):
            continue
        verdict = event.get("verdict")
        if verdict == "deny" or (verdict in ("allow", "fail") and event["event"] == "connect"):
            name = str(event.get("host", ""))
            port = event.get("port")
            key = f"{name}:{port}" if port and event["event"] == "connect" else name
            count, reason = found[str(verdict)]
            count[key] = count.get(key, 0) + 1
            reason.setdefault(key, str(event.get("reason", "")))
    return found


def data(run: Run) -> dict[str, Any]:
    """The receipt as plain data, for `--json`."""
    end, plan, contacted = run.end, run.plan, hosts(run)
    return {
        "id": run.id,
        "state": run.state,
        "why": why(run),
        "profile": run.start.get("profile"),
        "project": run.start.get("project"),
        "command": plan.get("command"),
        "layers": plan.get("layers"),
        "plan": plan.get("digest"),
        "network": plan.get("network"),
        "began": run.began,
        **{key: end.get(key) for key in ("status", "reason", "signal", "seconds", "memory", "processes", "oom")},
        "limits": run.first("limits") or None,
        "hosts": [{"host": host, "connections": count} for host, count in contacted["allow"][0].items()],
        "denied": [
            {"host": host, "times": count, "reason": contacted["deny"][1][host]} for host, count in contacted["deny"][0].items()
        ],
        "failed": [
            {"host": host, "times": count, "reason": contacted["fail"][1][host]} for host, count in contacted["fail"][0].items()
        ],
        "missed": run.first("trace").get("missed"),
        "changes": changes(run),
        "output": run.output or None,
    }


def lines(run: Run) -> list[tuple[str, str]]:
    """(label, text) for a screen; the label of a line that continues is empty."""
    end, plan = run.end, run.plan
    rows = [("run", f"{run.id}  profile {run.start.get('profile', '?')}")]
    if plan.get("command"):
        rows.append(("command", " ".join(map(str, plan["command"]))))
    rows.append(("ended" if run.state in ("ended", "killed") else "state", why(run)))
    if "seconds" in end:
        rows.append(("took", span(float(end["seconds"]))))
    used = []
    if end.get("memory"):
        used.append(f"memory {amount(float(end['memory']))} at most")
    if end.get("processes"):
        used.append(f"{end['processes']} processes at most")
    if used:
        rows.append(("used", ", ".join(used)))
    if end.get("oom"):
        limit = run.first("limits").get("memory")
        ended = "1 process was" if end["oom"] == 1 else f"{end['oom']} processes were"
        rows.append(("memory", f"the limit{f' of {amount(limit)}' if limit else ''} was reached, and {ended} ended for it"))
        rows.append(("", "to allow more: `inner run --limit-memory SIZE`"))
    if run.first("limits").get("missing"):
        rows.append(
            ("limits", f"not enforced: {', '.join(run.first('limits')['missing'])} ({run.first('limits').get('reason', '')})")
        )
    rows += _network(run)
    rows += missed(run)
    rows += _changes(run)
    if end.get("lost"):
        rows.append(("lost", f"output could not be delivered: {end['lost']}"))
    if run.output:
        rows.append(("output", f"`inner log show {run.id} --output`"))
    return rows


def _network(run: Run) -> list[tuple[str, str]]:
    contacted = hosts(run)
    rows = []
    for verdict, label in (("allow", "contacted"), ("fail", "failed"), ("deny", "denied")):
        count, reason = contacted[verdict]
        for at, (host, times) in enumerate(sorted(count.items(), key=lambda item: -item[1])):
            if at == MOST_LINES:
                rows.append(("", f"and {len(count) - at} more"))
                break
            often = f", {times} times" if times > 1 else ""
            text = f"{host}{often}" if verdict == "allow" else f"{host}: {reason[host]}{often}"
            rows.append((label if at == 0 else "", text))
    line, _ = offer(denied(run)[:MOST_OFFERED])
    if line:
        rows.append(("", f"to allow {'it' if line.count('--allow-host') == 1 else 'them'}: `{line}`"))
    if run.first("network"):
        rows.append(("network", f"ended before the box did: {run.first('network').get('reason', '')}"))
    return rows


def missed(run: Run) -> list[tuple[str, str]]:
    """What a traced run looked for and did not get, by program, with what would change that."""
    event = run.first("trace")
    if not event:
        return []
    found = sorted(event.get("missed") or (), key=lambda one: (one.get("programs") or [""], str(one.get("subject"))))
    rows = []
    for one in found[:MOST_LINES]:
        often = f", {one['times']} times" if one.get("times", 1) > 1 else ""
        what = f"{one.get('state') or 'not got'}, {one.get('want')}"
        rows.append(f"{', '.join(map(str, one.get('programs') or ()))}: {one.get('subject')}: {what}{often}")
        changes = one.get("changes") or ()
        guarded = [text for text in map(str, one.get("reasons") or ()) if "guarded" in text or not changes]
        rows += guarded
        rows += [f"to have it {change['to']}: {_short(str(change['toml']))}" for change in changes[:1]]
    if len(found) > MOST_LINES:
        rows.append(f"and {len(found) - MOST_LINES} more: `inner log show {run.id} --json`")
    if any(one.get("changes") for one in found):
        rows.append(f"as lines for the profile: `inner profile suggest {run.id}`")
    if event.get("cut"):
        rows.append("there was more than is looked at")
    return [
        ("missed" if at == 0 else "", row) for at, row in enumerate(rows or ["nothing that is on the host and not in the box"])
    ]


def _short(toml: str) -> str:
    """The lines of one table in a sentence."""
    head, _, rest = toml.partition("\n")
    return f"`{'`, `'.join(rest.splitlines())}` under `{head}`"


PROJECT = (
    ("steers", "changed", "changes what programs do on the host later: look at it"),
    ("set_id", "set-uid", "the bits have been removed"),
    ("links", "links", "lead out of the project"),
    ("special", "special", "devices, sockets or pipes"),
    ("held", "held", "protected, and as it was"),
    ("refs", "git", "taken over from the box"),
    ("kept", "git", "not taken over"),
)


def changes(run: Run) -> dict[str, list[str]]:
    """What the run left in the project, by kind (the event `project`)."""
    event = run.first("project")
    return {key: [str(place) for place in event[key]] for key, _, _ in PROJECT if event.get(key)}


def _changes(run: Run) -> list[tuple[str, str]]:
    found = changes(run)
    rows = []
    for key, label, meaning in PROJECT:
        if key in found:
            more = f" and {len(found[key]) - MOST_LINES} more" if len(found[key]) > MOST_LINES else ""
            rows.append((label, f"{', '.join(found[key][:MOST_LINES])}{more}: {meaning}"))
    return rows
