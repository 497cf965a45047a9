"""`inner approvals`: from a second terminal, which hosts a box waits for or was denied, and letting it reach one: once, for a time, or from
now on."""

from __future__ import annotations

import os

import typer

from inner.errors import UsageError
from inner.frozen import TYPE_CHECKING
from inner.guard import guard

if TYPE_CHECKING:
    from typing import Any

    from inner.records.read import Run

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PATIENCE = 10.0  # seconds for an answer


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command(
        "approvals",
        help="List what hosts a running box waits for or was denied. Or `allow` or `deny` one: for this run, `--once`, `--for` a time, or `--save`d.",
    )
    def approvals_(
        words: list[str] = typer.Argument(None, metavar="[allow|deny HOST[:PORT]] [ID]", help="What to decide; the run."),  # noqa: B008
        time: str = typer.Option("", "--for", metavar="TIME", help="Only for this time, such as 10m."),
        once: bool = typer.Option(False, "--once", help="Only the connections that wait now."),
        save: bool = typer.Option(False, "--save", help="Write it into the profile of the run, which must be yours, too."),
        watch: bool = typer.Option(False, "--watch", help="Stay, and ask about each host that a box waits for."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        if watch:
            raise typer.Exit(guard(lambda: watching(list(words or ()), given=bool(time or once or save or as_json))))
        raise typer.Exit(guard(lambda: approvals(list(words or ()), time, once=once, save=save, as_json=as_json)))


def approvals(words: list[str], time: str, *, once: bool, save: bool, as_json: bool) -> int:
    """Status 0 when it was listed or decided."""
    if words[:1] in (["allow"], ["deny"]):
        if len(words) not in (2, 3):
            raise UsageError(f"`{words[0]}` takes a host, and perhaps a run", hint=f"`inner approvals {words[0]} example.org`")
        return decide(words[0], words[1], "".join(words[2:]), time, once=once, save=save)
    if len(words) > 1 or time or once or save:
        raise UsageError("there is nothing to decide", hint="`inner approvals allow example.org --for 10m`")
    return listing("".join(words), as_json=as_json)


def watching(words: list[str], *, given: bool) -> int:
    """Status 0 when there is nobody to ask any more."""
    from inner.commands.asked import watch

    if words or given:
        raise UsageError("`--watch` stands alone", hint="`inner approvals --watch`")
    return watch()


def listing(wanted: str, *, as_json: bool) -> int:
    """What was denied and what was decided, of one run or of all that live."""
    from inner import ui
    from inner.commands.runs import living, one
    from inner.records.denied import denied

    runs = [one(wanted, "inner approvals")] if wanted else living()
    runs = [run for run in runs if run.plan.get("network") == "allowlist"]
    if as_json:
        ui.json("approvals", [_data(run) for run in runs])
        return 0
    rows = []
    for run in runs:
        short = run.id.rpartition("-")[2]
        rows += [(short, f"{host}:{port}", "waits", f"for an answer, {left} s more") for host, port, left, _ in held(run)]
        rows += [
            (short, str(one), "denied", f"{one.reason}{f', {one.times} times' if one.times > 1 else ''}") for one in denied(run)
        ]
        rows += [(short, _host(event), _verdict(event), str(event.get("reason", ""))) for event in decisions(run)]
    if not rows:
        ui.note("no running box waits for a host or was denied one" if runs else "no run lives that has a list of hosts")
        return 0
    ui.table(rows, head=("RUN", "HOST", "WHAT", "WHY"))
    return 0


def decisions(run: Run) -> list[dict[str, Any]]:
    """The last decision about each host."""
    last = {(e.get("host"), e.get("port")): e for e in run.events if e["event"] == "decide"}
    return list(last.values())


def held(run: Run) -> list[tuple[str, int, int, int]]:
    """What waits for an answer: host (hostile text), port, seconds left, connections. Nothing where nobody is asked."""
    if not run.plan.get("ask"):
        return []
    from inner.errors import RunError

    try:
        answer = _ask(run, "held")
    except RunError:  # it is about to end
        return []
    rows = zip(*[iter(answer)] * 4, strict=False)
    return [(host, int(port), int(left), int(count)) for host, port, left, count in rows]


def _host(event: dict[str, Any]) -> str:
    return f"{event.get('host')}:{event['port']}" if event.get("port") else str(event.get("host"))


def _verdict(event: dict[str, Any]) -> str:
    return "allowed" if event.get("verdict") == "allow" else "no longer"


def _data(run: Run) -> dict[str, Any]:
    from inner.records.denied import denied

    return {
        "run": run.id,
        "profile": run.start.get("profile"),
        "held": [{"host": host, "port": port, "seconds": left, "connections": count} for host, port, left, count in held(run)],
        "denied": [
            {"host": one.host, "port": one.port or None, "reason": one.reason, "times": one.times, "entry": one.entry or None}
            for one in denied(run)
        ],
        "decided": [{key: event.get(key) for key in ("time", "host", "port", "verdict", "reason")} for event in decisions(run)],
    }


# --- decisions ------------------------------------------------------------------------------------------------------------


def decide(what: str, host: str, wanted: str, time: str, *, once: bool, save: bool) -> int:
    """Tell the run, and write it down when that was asked for."""
    from inner import ui
    from inner.egress.rules import parse
    from inner.errors import ConfigError

    if time and (save or what == "deny"):
        raise UsageError("a time is for what is allowed, and not for what is saved", hint="leave `--for` out")
    if once and (time or save or what == "deny"):
        raise UsageError("once is for what is allowed, not for a time, and not saved", hint="leave `--once` out")
    try:
        entry = parse(host, deny=what == "deny").text
    except ConfigError as problem:
        raise UsageError(problem.message, hint=problem.hint) from None
    run = _run(wanted, f"inner approvals {what} {entry}")
    path = _profile(run) if save else ""
    seconds = _seconds(time)
    _ask(run, *(("once", entry) if once else (what, entry, f"{seconds:g}") if what == "allow" else (what, entry)))
    if path:
        _write(path, "network_allow" if what == "allow" else "network_deny", entry)
        mode = _mode(run)
        if mode != "allowlist":
            ui.warning(f'the network of that profile is `{mode}`: what was saved counts with `network_mode = "allowlist"` in it')
    verb, how_long = (
        ("may reach", f" for {time}" if time else ", this once" if once else "") if what == "allow" else ("may not reach", "")
    )
    ui.note(f"run {run.id} {verb} `{ui.safe(entry)}`{how_long}{f', and so says `{ui.safe(path)}`' if path else ''}")
    return 0


def _run(wanted: str, line: str) -> Run:
    from inner.commands.runs import choice, living, one

    runs = [one(wanted, line)] if wanted else living()
    found = [run for run in runs if run.plan.get("network") == "allowlist"]
    if wanted and not found:
        mode = runs[0].plan.get("network")
        hint = "nothing has to be allowed there" if mode == "full" else "`inner run --allow-host HOST` starts a box with a list"
        raise UsageError(f"run {runs[0].id} has no list of hosts: its network is `{mode}`", hint=hint)
    if not found:
        raise UsageError("no run lives that has a list of hosts", hint="`inner ps` shows those that live")
    if len(found) > 1:
        raise UsageError("which run?", hint=choice(found, line))
    return found[0]


def _seconds(text: str) -> float:
    """`10m` as 600; 0 for nothing said."""
    if not text:
        return 0.0
    number, unit = (text[:-1], text[-1]) if text[-1] in UNITS else (text, "s")
    seconds = int(number) * UNITS[unit] if number.isascii() and number.isdigit() and len(number) < 8 else 0
    if not 0 < seconds <= 30 * UNITS["d"]:
        raise UsageError(f"`{ascii(text)[1:-1]}` is not a time", hint="`--for 90s`, `--for 10m`, `--for 2h`, up to 30d")
    return float(seconds)


def _ask(run: Run, *words: str) -> list[str]:
    """The fields of the answer after `ok`. CheckFailed when the run's network process says no, RunError when it says nothing."""
    import socket

    from inner.egress.process import CONTROL
    from inner.errors import CheckFailed, RunError

    folder = os.open(run.folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(f"/proc/self/fd/{folder}/{CONTROL}")
            sock.send("\0".join(words).encode())
            answer = sock.recv(16384)
    except OSError:
        raise RunError(
            "the network process of this run does not answer", hint=f"`inner log show {run.id}` may tell whether it has ended"
        ) from None
    finally:
        os.close(folder)
    said, *rest = answer.decode("utf-8", "replace").split("\0")
    if said != "ok":
        raise CheckFailed(said[1:] or "the network process of this run has refused to answer", hint="".join(rest))
    return rest


def _profile(run: Run) -> str:
    """The file of the user's that the profile of a run is. UsageError when it is somebody else's."""
    layers = [str(layer).partition(" ") for layer in run.plan.get("layers", ())]
    name = str(run.start.get("profile", ""))
    files = [path for source, _, path in layers if source == "user" and path.endswith(f"/profiles/{name}.toml")]
    if not files:
        raise UsageError(
            f"the profile `{name}` of that run is not one of your own, and cannot be added to",
            hint=f"`inner profile new my-{name} --extends {name}` makes one; without `--save` it is for this run",
        )
    return files[-1]


def _mode(run: Run) -> str:
    """The network mode that the profile of a run has by itself, without flags and project."""
    from inner.host import RealHost
    from inner.profile.resolve import resolve
    from inner.request import Request
    from inner.settings import load

    host = RealHost(os.environ)
    request = Request(profile=str(run.start.get("profile", "")), no_project=True)
    return resolve(request, load(host, no_project=True), host).sandbox.network_mode


def _write(path: str, key: str, entry: str) -> None:
    from inner.commands.profile_write import check
    from inner.config.document import read
    from inner.config.insert import with_item
    from inner.config.write import replace

    before = read(path, uid=os.getuid())
    after = with_item(before, "sandbox", key, entry, where=path)
    if after != before:
        check(after, path)
        replace(path, after, expected=before)
