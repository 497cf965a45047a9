"""`inner run --dry-run`: the plan, for people and as JSON. What is shown is what would be done: both come from the same value."""

from __future__ import annotations

import os

from inner import ui
from inner.commands.place import place
from inner.frozen import TYPE_CHECKING, assert_never, replace
from inner.paths import quoted
from inner.plan.model import Bind, Data, Dev, Dir, Mask, Overlay, Proc, Symlink, Tmpfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inner.host import Host
    from inner.plan.model import Mount, Plan
    from inner.profile.model import Origin, Profile
    from inner.words import Features


def show(plan: Plan, profile: Profile, features: Features, host: Host, *, as_json: bool) -> int:
    """Print the plan; nothing is started."""
    calls = _calls(plan)
    if as_json:
        ui.json("plan", plan)
        return 0
    from inner.bwrap import paste

    ui.out(f"profile      {ui.safe(profile.name)}" + (f": {ui.safe(profile.description)}" if profile.description else ""))
    for layer in plan.layers:
        ui.out(
            "  layer      " + ui.safe(f"{layer.source:<9} {place(str(layer), host)}").replace("built-in  built-in ", "built-in  ")
        )
    ui.out(f"command      {ui.safe(_words(plan.command))}")
    ui.out(f"in           {ui.safe(short(plan.cwd, host))}")
    for line in _network(plan, profile, host):
        ui.out(ui.safe(line))
    ui.out(f"terminal     {'a private one' if plan.terminal == 'private' else 'none: pipes and files as given'}")
    ui.out(f"time limit   {f'{plan.timeout:g} s' if plan.timeout else 'none'}")
    ui.out(f"limits       {_limits(plan)}")
    ui.out(f"system calls {calls}")
    ui.out()
    ui.out("what the box sees")
    rows = [(where, what, why(mount, host)) for mount in plan.mounts for where, what in [describe(mount, host)]]
    widths = [min(max(len(ui.safe(row[i])) for row in rows), most) for i, most in ((0, 44), (1, 40))]
    for where, what, reason in rows:
        ui.row(f"  {ui.safe(where):<{widths[0]}}  {ui.safe(what):<{widths[1]}}  ", ui.safe(reason))
    ui.out()
    ui.out("environment (names)")
    for variable in plan.env:
        source = "from this environment" if variable.value is None else "set"
        where = "" if str(variable.origin) == "inner" else f"  {place(str(variable.origin), host)}"
        ui.out(f"  {variable.name:<24}  {source}{ui.safe(where)}")
    points = (*plan.scaffolding, *(point.path for point in plan.guard.placeholders))
    if points:
        ui.out()
        ui.out("made on the host for the mounts, removed afterwards")
        for path in points:
            ui.out(f"  {ui.safe(short(path, host))}")
    if plan.notices:
        ui.out()
        for text in plan.notices:
            ui.out(f"note: {ui.safe(text)}")
    ui.out()
    ui.out("the same in bubblewrap's words" + (", but for the login, which is put in at the start" if plan.private else ""))
    from inner.commands.pasted import after, before
    from inner.review.run import shown

    made = tuple(shown(mount, "bwrap" if features.has("overlay") else "own") for mount in plan.mounts)
    for line in (*before(plan), paste(replace(plan, mounts=made), features), *after(plan)):
        ui.out(line)
    return 0


def _network(plan: Plan, profile: Profile, host: Host) -> Iterator[str]:
    """The mode, and with a list each host with the line, agent or credential that it is from."""
    yield f"network      {plan.network.mode}"
    for outside, inside in plan.network.publish:
        yield f"  published  127.0.0.1:{outside} leads to port {inside} of the box"
    if plan.network.mode != "allowlist":
        return
    from inner.egress.listing import rules_of

    rules = rules_of(plan.network, host, profile.origins)
    rows = [(kind, entry) for kind, entries in (("allow", rules.allow), ("deny", rules.deny)) for entry in entries]
    width = max((len(entry.text) for _, entry in rows), default=0)
    for kind, entry in rows:
        yield f"  {kind:<9}  {entry.text:<{width}}  {place(str(entry.origin), host)}"
    if plan.network.ask:
        yield f"  ask        about any other  {place(str(profile.origin('sandbox.network_ask')), host)}"
    for name, credential in profile.credentials.items():
        where = place(str(profile.origin(f"credentials.{name}")), host)
        yield f"  credential {name}: `{credential.header}` for {', '.join(credential.hosts)}, put on outside  {where}"


def short(path: str, host: Host) -> str:
    """The home folder as `~`, in a path or in a sentence with paths."""
    from re import escape, sub

    return sub(rf"(?<![^\s`'\"(=:]){escape(host.home)}/", "~/", path) if len(host.home) > 1 else path


def typed(path: str, host: Host) -> str:
    """The same for a path in a command line that is shown."""
    home = f"{host.home}/"
    return "~/" + quoted(path[len(home) :]) if len(home) > 2 and path.startswith(home) else quoted(path)


def describe(mount: Mount, host: Host) -> tuple[str, str]:  # noqa: RET503 - the match is exhaustive
    """Where, and what is there."""
    place = short(mount.dest, host)
    match mount:
        case Bind():
            same = str(mount.src) == mount.dest
            return place, ("writable" if mount.mode == "rw" else "read-only") + (
                "" if same else f", host's {short(mount.src, host)}"
            )
        case Tmpfs():
            return place, f"empty, {'read-only' if mount.mode == 'ro' else f'in memory, up to {_size(mount.size)}'}"
        case Overlay():
            return place, f"{short(mount.src, host)} with changes kept apart"
        case Mask():
            return place, "hidden"
        case Data():
            return place, f"a {'read-only ' if mount.mode == 'ro' else ''}file of {len(mount.content)} bytes"
        case Symlink():
            return place, f"-> {mount.target}"
        case Dir():
            return place, "an empty folder"
        case Proc():
            return place, "processes of the box alone"
        case Dev():
            return place, "null, zero, random, tty, pts, shm"
    assert_never(mount)


def why(mount: Mount, host: Host) -> str:
    """The reason, and the line that asked for it."""
    origin: Origin = mount.origin
    return mount.why if str(origin) == "inner" else f"{mount.why} ({place(str(origin), host)})"


def _limits(plan: Plan) -> str:
    """Each limit, and what would hold it here."""
    from inner.launch.limits import filled, outlook

    limits, held = filled(plan.limits), outlook(os.environ)
    texts = {"memory": f"memory {_size(limits.memory)}", "cpu": f"cpu {limits.cpu:g}", "pids": f"{limits.pids} processes"}
    return ", ".join(f"{text} ({held.get(field, 'not enforced here')})" for field, text in texts.items())


def _calls(plan: Plan) -> str:
    """HostError where the run would refuse to start: on a machine for which there is no filter."""
    from inner.seccomp import filter_of

    if filter_of(plan, os.uname().machine) is None:
        return "not filtered"
    return "filtered" + (", but for namespaces and mounts" if plan.namespaces.nested_user else "")


def _size(number: int | None) -> str:
    amount, unit = float(number or 0), 0
    while amount >= 1024 and unit < 4:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.4g}{('', 'K', 'M', 'G', 'T')[unit]}"


def _words(line: tuple[str, ...]) -> str:
    return " ".join(map(quoted, line))
