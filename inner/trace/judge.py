"""Which look-ups of a trace failed because of the box: what was looked for is on the host, and the plan does not show it. Pure.

Most of what programs look for is nowhere: places where a locale, a module or a command might have been. That is not told.
"""

from __future__ import annotations

from collections import Counter

from inner.frozen import TYPE_CHECKING, frozen
from inner.host import kind, realpath
from inner.paths import ancestors, covers
from inner.plan.explain import SYSTEM, may
from inner.plan.model import Bind, Overlay
from inner.plan.mounts import MountTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inner.host import Host
    from inner.plan.model import Plan
    from inner.plan.mounts import Seen
    from inner.trace.parse import Lookup

KERNEL = ("/proc", "/sys", "/dev")
SOUGHT_BY_LIBRARIES = ("/var/run/nscd", "/run/nscd", "/var/lib/sss", "/run/systemd/userdb", "/etc/ld.so.preload")
MOST = 200  # things that are told of one run
CROWD = 4  # so many of one folder, and the folder is named instead
# Folders of a home that hold something of every program: never named in the place of what is in them.
WIDE = ("", "/.config", "/.cache", "/.local", "/.local/share", "/.local/state", "/.local/bin")


@frozen
class Missed:
    """Something that was looked for and not got: `kind` "path" or "host" (ADDRESS:PORT), `want` "read", "write" or "reach",
    `programs` who looked, `times` how often.
    """

    kind: str
    subject: str
    want: str
    programs: tuple[str, ...]
    times: int


def missed(found: Mapping[Lookup, int], plan: Plan, host: Host) -> tuple[Missed, ...]:
    """What the box kept from its programs, in the order of paths; at most `MOST`."""
    table = MountTable(plan.mounts, host)
    folders = [folder for variable in plan.env if variable.name == "PATH" for folder in (variable.value or "").split(":")]
    searched = (*folders, *host.env.get("PATH", "").split(":"))
    automounted = _automounted(host)
    told: dict[tuple[str, str], Missed] = {}
    for lookup, count in found.items():
        if lookup.want == "reach":
            key = ("host", lookup.path, "reach") if _outside(lookup.path) else None
        elif _probed(lookup, table, searched, folders):
            key = None
        else:
            key = _kept(lookup, table, host, automounted)
        if key is not None:
            _add(told, Missed(*key, (lookup.program,), count))
    return tuple(_gathered(told, str(host.home))[:MOST])


def _add(told: dict[tuple[str, str], Missed], one: Missed) -> None:
    """Once for each subject; who wants to write wants to read."""
    key = one.kind, one.subject
    old = told.get(key)
    if old is not None:
        want = "write" if "write" in (old.want, one.want) else old.want
        one = Missed(*key, want, tuple(dict.fromkeys((*old.programs, *one.programs))), old.times + one.times)
    told[key] = one


def _outside(address: str) -> bool:
    """Not port 53: the C library asks for a name, whatever it was; the network that is off is told by other lines."""
    return not address.endswith(":53")


def _kept(lookup: Lookup, table: MountTable, host: Host, automounted: Iterable[str]) -> tuple[str, str, str] | None:
    """The path that the box keeps back and what for; None when the host would have said the same. Told is where the name leads to
    in the box: a program could have laid a link there."""
    path = lookup.path
    for place in (path, path.rpartition("/")[0] or "/")[: 2 if lookup.want == "write" else 1]:
        seen = table.at(place)
        if any(covers(tree, seen.path) for tree in (*KERNEL, *SOUGHT_BY_LIBRARIES, *automounted)):
            return None
        if _is_kept(lookup, seen, host):
            return ("path", seen.path, "write" if lookup.want == "write" else "read")
        if not seen.absent:
            return None
    return None


def _is_kept(lookup: Lookup, seen: Seen, host: Host) -> bool:
    """What is the host's in the box is absent there, too; of the rest the host is asked, by a name without links of the box's."""
    if seen.hidden or (seen.absent and not isinstance(seen.mount, (Bind, Overlay))):
        return bool(kind(host, seen.path)) and may(host, realpath(host, seen.path), 4)
    refused = lookup.want == "write" and lookup.error in ("EROFS", "EACCES", "EPERM")
    return refused and seen.mode == "ro" and bool(seen.host) and not any(covers(tree, seen.host) for tree in SYSTEM)


def _automounted(host: Host) -> tuple[str, ...]:
    """Where asking for a name mounts something from the network (autofs(5)): no program in a box may have us do that."""
    lines = (host.read("/proc/self/mountinfo", 1 << 20) or b"").splitlines()
    return tuple(
        line.split(b" ")[4].decode("utf-8", "surrogateescape") for line in lines if b" - autofs " in line and line.count(b" ") > 5
    )


def _probed(lookup: Lookup, table: MountTable, searched: Iterable[str], folders: Iterable[str]) -> bool:
    """Whether it was one of the places of a command that is found in another one."""
    folder, _, name = lookup.path.rpartition("/")
    return folder in searched and any(table.at(f"{other}/{name}").kind == "file" for other in folders)


def _gathered(told: dict[tuple[str, str], Missed], home: str) -> list[Missed]:
    """A folder in the place of many of its entries, nothing below what is named, and no folder of all programs for one thing in it."""
    wide = {f"{home}{place}" for place in WIDE}
    paths = [one for one in told.values() if one.kind == "path"]
    crowds = Counter(one.subject.rpartition("/")[0] for one in paths)
    for one in paths:
        folder = one.subject.rpartition("/")[0]
        if crowds[folder] >= CROWD and covers(home, folder) and folder not in wide:
            _add(told, Missed("path", folder, one.want, one.programs, one.times))
    names = {one.subject for one in told.values() if one.kind == "path"}
    within = {folder for name in names for folder in ancestors(name)}
    return [
        one
        for key, one in sorted(told.items())
        if one.kind != "path"
        or not ((one.subject in wide and one.subject in within) or (names - wide).intersection(ancestors(one.subject)))
    ]
