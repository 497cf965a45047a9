"""Makes a plan anew, of one state of the machine, and keeps it with the answers it was made from: `plan.store` finds it.

One that holds the value of a variable which may be a secret is not kept, nor is one made from what changed a moment ago.
"""

from __future__ import annotations

import marshal
import os
import time

from inner import kept
from inner.draft import save
from inner.frozen import TYPE_CHECKING, replace
from inner.looks import CONTENT, look
from inner.paths import covers
from inner.plan import store
from inner.plan.build import build
from inner.plan.model import Bind, Data
from inner.profile.compiled import to_plain
from inner.snapshot import Snapshot, questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.host import Host
    from inner.plan.model import Mount, Plan
    from inner.profile.model import Profile
    from inner.request import Request

ENTRIES = 128
# Variables whose values may lie in a cache, as far as a plan holds them.
HARMLESS = frozenset(
    ("HOME", "PATH", "SHELL", "USER", "LOGNAME", "TERM", "COLORTERM", "TZ", "DISPLAY", "WAYLAND_DISPLAY", "LANG", "LANGUAGE")
)
HARMLESS_PREFIXES = ("LC_", "XDG_", "INNER_")
HARMLESS_SUFFIXES = ("_HOME", "_ROOT", "_PREFIX", "_INSTALL", "_ENV")  # where a toolchain lies
SHORT = 6  # characters: a shorter value is found in any plan


def made(
    profile: Profile,
    request: Request,
    host: Host,
    *,
    terminal: bool,
    args_file: bytes | None = None,
    run_dir: str = "",
    beside: Callable[[Plan], object] | None = None,
) -> Plan:
    """`plan.build.build`, for the next run as well, and with it what `beside` makes of the plan: plain data."""
    if store.apart(request, args_file):
        return build(profile, request, host, terminal=terminal, args_file=args_file, run_dir=run_dir)
    began, snapshot = time.time_ns(), Snapshot(host)
    plan = build(profile, request, snapshot, terminal=terminal, args_file=None, run_dir=run_dir)
    of = store.key(profile, request, host, terminal)
    _keep(store.path(of, host), of, snapshot, plan, request, run_dir, began, beside)
    return plan


def _keep(
    place: str,
    of: tuple[object, ...],
    snapshot: Snapshot,
    plan: Plan,
    request: Request,
    run_dir: str,
    began: int,
    beside: Callable[[Plan], object] | None,
) -> None:
    env, salt = snapshot.variables, int.from_bytes(os.urandom(8), "little", signed=True)
    values = tuple((name, store.digest(salt, env.get(name))) for name in sorted(env.valued))
    there = tuple((name, name in env) for name in sorted(env.named - env.valued))
    own = run_dir or "\0"  # what will be in the run's own folder is known
    paths = tuple((path, what, look(path, what)) for path, what in snapshot.asked.items() if not covers(own, path))
    if any(seen and what == CONTENT and max(seen[-1][2:]) > began - kept.SETTLED for _, what, seen in paths):  # type: ignore[index]
        return
    bare, mounts = replace(plan, command=(), mounts=()), tuple([_bare(mount) for mount in plan.mounts])
    private = [value for name in env.valued if (value := env.get(name)) and not _harmless(name)]
    texts = [os.fsencode(text) for text in (*private, *request.words[1:], *request.arg) if len(text) >= SHORT]
    more: object = None
    for make in (None, beside):  # `beside` writes as well: not what may not be kept
        more = make(plan) if make is not None else None
        data = marshal.dumps((to_plain(bare), marshal.dumps(to_plain(mounts)), more))  # type: ignore[arg-type]
        if any(text in data for text in texts):
            return
    old = run_dir if run_dir and store.encoded(run_dir) in data else ""
    names = tuple(sorted(env)) if env.listed else None
    open_to = (plan.project, *(mount.src for mount in plan.mounts if isinstance(mount, Bind) and mount.mode == "rw"))
    first = [one for one in paths if any(covers(place, one[0]) for place in open_to)]  # what boxes can have changed
    rest = [one for one in paths if one not in first]
    asked, later = (questions(some, began - kept.SETTLED) for some in (first, rest))
    save(
        place,
        (of, (salt, values), names, there, asked, marshal.dumps(later), old, len(data)),  # type: ignore[arg-type]
        entries=ENTRIES,
        most=store.MOST,
        more=data,
    )


def _bare(mount: Mount) -> Mount:
    """Without the content of a file that the host has: how that looks is among the answers."""
    return replace(mount, content=b"") if isinstance(mount, Data) and mount.src else mount


def _harmless(name: str) -> bool:
    return name in HARMLESS or name.startswith(HARMLESS_PREFIXES) or name.endswith(HARMLESS_SUFFIXES)
