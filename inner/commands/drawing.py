"""A plan as a person would draw its box: what is seen and where it is writable, what is reached, which variables there are, and the
line of the file that says so. Data; `explain` writes it down, `svg` paints it.
"""

from __future__ import annotations

from inner.commands.dry_run import describe, short
from inner.commands.place import place
from inner.frozen import TYPE_CHECKING, assert_never, frozen
from inner.paths import covers
from inner.plan.model import Bind, Data, Dev, Dir, Mask, Overlay, Proc, Symlink, Tmpfs

if TYPE_CHECKING:
    from inner.host import Host
    from inner.plan.model import Mount, Plan
    from inner.profile.model import Origin, Profile

FOLDERS = {
    "/etc": "some files of the system, and some made up",
    "/run": "nothing of this machine",
    "/var": "nothing of this machine",
}
MADE = "/run/inner-makes-it"  # the folder of the run that is drawn, which never is
ALIKE = ("/etc", "/proc", "/dev", "/run", "/var", "/usr")  # what inner itself mounts below them is told as one


@frozen
class Seen:
    """One place in the box. `state` is "read-only", "writable", "empty" (and read-only) or "hidden"; `count` places are told as one."""

    path: str
    state: str
    what: str
    where: str = ""
    count: int = 1


@frozen
class Named:
    """A host or a variable (its name alone), and what brought it."""

    name: str
    what: str
    where: str = ""


@frozen
class Drawing:
    """The whole box."""

    name: str
    description: str
    layers: tuple[str, ...]
    command: tuple[str, ...]
    command_where: str
    workdir: str
    timeout: float
    sees: tuple[Seen, ...]
    network: str
    network_where: str
    reaches: tuple[Named, ...]
    refuses: tuple[Named, ...]
    environment: tuple[Named, ...]
    blocked: tuple[Named, ...]
    rewritten: tuple[Named, ...]
    notices: tuple[str, ...]


def drawing(
    plan: Plan, profile: Profile, host: Host, *, command: tuple[str, ...], root: str, notices: tuple[str, ...] = ()
) -> Drawing:
    """Draw `plan`. `command` is what is said to start; `root` the project's, below which places are written shorter."""

    def where(origin: Origin) -> str:
        return "" if str(origin) == "inner" else place(str(origin), host, root=root)

    brought = dict(plan.network.brought)
    layers = tuple(
        f"{layer.source} {place(str(layer), host, root=root)}".replace("built-in built-in ", "built-in ")
        for layer in plan.layers
        if layer.file
    )
    return Drawing(
        name=profile.name,
        description=profile.description,
        layers=layers,
        command=command,
        command_where=where(profile.origin("entrypoint.cmd")),
        workdir=short(plan.cwd, host),
        timeout=plan.timeout,
        sees=_sees(plan, profile, host, root),
        network=plan.network.mode,
        network_where=where(profile.origin("sandbox.network_mode")),
        reaches=tuple(
            Named(entry, brought.get(entry, ""), where(profile.origin(f"sandbox.network_allow[{entry}]")))
            for entry in (plan.network.allow if plan.network.mode == "allowlist" else ())
        ),
        refuses=tuple(
            Named(entry, "", where(profile.origin(f"sandbox.network_deny[{entry}]")))
            for entry in (plan.network.deny if plan.network.mode == "allowlist" else ())
        ),
        environment=tuple(
            Named(one.name, "passed, when it is set" if one.value is None else "set", where(one.origin)) for one in plan.env
        ),
        blocked=tuple(Named(name, "", where(profile.origin(f"noop.block[{name}]"))) for name in profile.noop.block),
        rewritten=tuple(
            Named(name, f"becomes `{line}`", where(profile.origin(f"noop.rewrite.{name}")))
            for name, line in profile.noop.rewrite.items()
        ),
        notices=(*notices, *plan.notices),
    )


def _sees(plan: Plan, profile: Profile, host: Host, root: str) -> tuple[Seen, ...]:
    commands = {origin for key, origin in profile.origins.items() if key.startswith("noop.")}  # told by name, elsewhere
    found: dict[str, Seen] = {}
    links = [mount.dest for mount in plan.mounts if isinstance(mount, Symlink) and mount.dest.count("/") == 1]
    for mount in plan.mounts:
        if mount.dest in links or mount.origin in commands or covers("/run/inner", mount.dest):
            continue
        group = next((folder for folder in ALIKE if _own(mount) and mount.dest != folder and covers(folder, mount.dest)), "")
        if group:
            known = found.get(group)
            if known is not None and not (isinstance(mount, Tmpfs) and mount.mode == "rw"):
                found[group] = Seen(known.path, known.state, known.what, known.where, known.count + 1)
                continue
        seen = _seen(mount, host, root)
        if mount.dest == "/usr" and links:
            seen = Seen(seen.path, seen.state, f"{seen.what}; also as {' '.join(links)}", seen.where)
        found[mount.dest] = seen
    return tuple(found[path] for path in sorted(found, key=lambda path: (path != "/", path.split("/"))))


def folded(seen: tuple[Seen, ...]) -> tuple[Seen, ...]:
    """Three places or more of one folder that are there for the same reason, as one: what they are called is told with it."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in seen:
        folder, _, name = one.path.rpartition("/")
        groups.setdefault((folder, one.state, one.what, one.where), []).append(name)
    told: list[Seen] = []
    for one in seen:
        key = (one.path.rpartition("/")[0], one.state, one.what, one.where)
        names = groups[key]
        if len(names) < 3 or not key[0]:
            told.append(one)
        elif names[0] == one.path.rpartition("/")[2]:
            told.append(Seen(f"{key[0]}/({len(names)} names)", one.state, f"{one.what}: {' '.join(names)}", one.where))
    return tuple(told)


def _own(mount: Mount) -> bool:
    return str(mount.origin) == "inner"


def _seen(mount: Mount, host: Host, root: str) -> Seen:
    path, (_, told) = mount.dest, describe(mount, host)
    origin = "" if _own(mount) else place(str(mount.origin), host, root=root)
    match mount:
        case Bind():
            source = "" if str(mount.src) == mount.dest or covers(MADE, mount.src) else f"; your {short(mount.src, host)}"
            return Seen(path, "writable" if mount.mode == "rw" else "read-only", mount.why + source, origin)
        case Tmpfs():
            state = "writable" if mount.mode == "rw" else "empty"
            size = told.rpartition("up to ")[2]
            return Seen(path, state, mount.why + (f", in memory, up to {size}" if mount.mode == "rw" else ""), origin)
        case Overlay():
            return Seen(path, "writable", f"{mount.why}; changes are kept apart", origin)
        case Mask():
            return Seen(path, "hidden", mount.why, origin)
        case Data():
            return Seen(path, "writable" if mount.mode == "rw" else "read-only", mount.why, origin)
        case Dir():
            return Seen(
                path,
                "read-only",
                FOLDERS.get(mount.dest, mount.why),
                origin,
            )
        case Symlink():
            return Seen(mount.dest, "read-only", told, origin)
        case Proc():
            return Seen(mount.dest, "read-only", mount.why, origin)
        case Dev():
            return Seen(mount.dest, "read-only", mount.why, origin)
    return assert_never(mount)
