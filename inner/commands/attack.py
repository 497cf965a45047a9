"""`inner verify --attack`: real attempts to break out of the box that `inner run` would make, and what held."""

from __future__ import annotations

import os
import pwd
import socket
import stat

from inner.checks.attacks import BROKEN, HELD, OPEN, judge
from inner.egress.names import PROXY_PORT
from inner.frozen import TYPE_CHECKING, frozen
from inner.host import RealHost, kind
from inner.plan.network import RESOLVER

if TYPE_CHECKING:
    from inner.checks.attacks import Outcome
    from inner.checks.model import Subject
    from inner.settings import Settings
    from inner.words import Features

DEVICES = ("/dev/fuse", "/dev/net/tun", "/dev/kvm", "/dev/userfaultfd", "/dev/vsock", "/dev/dri/renderD128", "/dev/kmsg", "/dev/input/event0",
           "/dev/snd/seq", "/dev/video0", "/dev/hidraw0", "/dev/ttyS0", "/dev/sda", "/dev/vda", "/dev/nvme0n1")  # fmt: skip


@frozen
class Report:
    """All attempts on one profile's box; `broken` of them succeeded and were not granted."""

    profile: str
    broken: int
    outcomes: tuple[Outcome, ...]


def attacks(name: str, workdir: str, settings: Settings, features: Features, host: RealHost, *, as_json: bool) -> int:
    """Status 1 when one succeeds that the profile does not grant."""
    from inner import ui

    report, where = attacked(name, workdir, settings, features, host)
    if as_json:
        ui.json("attack", report)
        return 1 if report.broken else 0
    ui.out(f"attempts on the box of profile {ui.safe(report.profile)} in {ui.safe(where)}")
    group, width = "", max(len(o.name) for o in report.outcomes)
    for outcome in sorted(report.outcomes, key=lambda o: o.group):
        if outcome.group != group:
            group = outcome.group
            ui.out()
            ui.out(group)
        ui.out(f"  {outcome.state:<6}  {outcome.name:<{width}}  {ui.safe(outcome.title)}: {ui.safe(outcome.text)}")
    number = {state: sum(o.state == state for o in report.outcomes) for state in (HELD, OPEN, BROKEN)}
    ui.out()
    ui.out(f"{number[HELD]} held, {number[OPEN]} open as the profile says, {number[BROKEN]} broken")
    return 1 if report.broken else 0


def attacked(name: str, workdir: str, settings: Settings, features: Features, host: RealHost) -> tuple[Report, str]:
    """Lay out, attack, judge; and the folder it was done in."""
    from inner import ui
    from inner.commands.verify import asked, subject_of
    from inner.launch import inquiry, removal, rundir
    from inner.launch.canaries import canaries, variables
    from inner.progress import Busy

    before, _ = subject_of(name, workdir, settings, host)
    state = str(rundir.name(_state(host))).rpartition("/runs/")[0]
    place = f"{state}/canaries-{os.getpid()}-{os.urandom(3).hex()}"
    os.makedirs(place, mode=0o700)
    try:
        with canaries(place, project=str(before.plan.project), home=str(host.home), **layout(before)) as laid:
            # the plan is made again: the host now has a secret more in its environment
            host = RealHost({**host.env, **variables(laid.facts)}, str(host.cwd))
            subject, folder = subject_of(name, workdir, settings, host, before.profile)
            with Busy(ui.note, "trying to break out of the box"):
                answers = asked(subject, folder, features, inquiry.ATTACK, laid.facts, warn=_warn)
            outcomes = judge(subject, answers if isinstance(answers, dict) else {}, laid.saw)
    finally:
        removal.remove(place)
    broken = sum(outcome.state == BROKEN for outcome in outcomes)
    return Report(subject.profile.name, broken, outcomes), str(subject.plan.cwd)


def _warn(text: str) -> None:
    """What is told of a run, but for what the attempts themselves have left and is taken away."""
    from inner import ui
    from inner.launch.aside import HELD as ASIDE

    if ASIDE not in text:
        ui.warning(text)


def _state(host: RealHost) -> str:
    from inner.paths import state_dir

    return state_dir(host.env, host.home)


def layout(subject: Subject) -> dict[str, object]:
    """What is on this host anyway and must be out of reach: what the profile grants is not asked for."""
    allowed = subject.profile.sandbox.allow
    places = [path for path, key in subject.secrets.paths.items() if not (key and key in allowed)]
    copies = {str(private.dest) for private in subject.plan.private if private.logins}
    there = [path for path in places if kind(subject.host, path) and path not in copies]
    from inner.checks.hidden import SOCKETS

    run = f"/run/user/{subject.host.uid}"
    named = [path.replace("{run}", run) for path in SOCKETS]
    sockets = [path for path in (*named, *there) if kind(subject.host, path) == "socket"]
    return {
        "hidden": [path for path in there if kind(subject.host, path) != "socket"],
        "logins": sorted(copies),
        "sockets": list(dict.fromkeys(sockets)),
        "users": [entry.pw_name for entry in pwd.getpwall() if entry.pw_name not in ("root", "nobody", subject.host.user)],
        "devices": [path for path in DEVICES if _device(path)],
        "proxy": [RESOLVER, PROXY_PORT],
        "interfaces": [name for _, name in socket.if_nameindex() if name != "lo"],
        "masks": [mount.dest for mount in subject.plan.mounts if type(mount).__name__ == "Mask"],
    }


def _device(path: str) -> bool:
    """One that this user could open."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and os.access(path, os.R_OK | os.W_OK)
