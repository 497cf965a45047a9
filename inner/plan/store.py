"""Plans that were made before, kept with the answers of the host they were made from.

A plan is a pure function of the profile, the request and what the host says. When the same questions have the same answers it
would be the same plan, so asking them (a few hundred `lstat`) is enough, and what makes plans need not even be imported. A plan
holds no secret; one that holds the value of a variable which may be one is not kept, nor is one made from what changed a moment ago.
"""

from __future__ import annotations

import marshal
import os

from inner import __version__, kept
from inner.frozen import TYPE_CHECKING, fields, replace
from inner.paths import cache_dir, covers
from inner.plan import model
from inner.plan.command import command
from inner.profile import compiled
from inner.profile.expand import Expander
from inner.snapshot import CONTENT, NAMES, Snapshot, absent, grouped, listed, look, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from inner.host import Host
    from inner.plan.model import Mount, Plan
    from inner.profile.model import Profile
    from inner.request import Request

FORMAT = 6
ENTRIES = 128
MOST = 1 << 21  # bytes of one
# What a plan has nothing of but its command line, which is made anew. A field that is not named here is part of the key.
APART = frozenset(("arg", "args_file", "dry_run", "json", "yes", "trace", "words"))
# Variables whose values may lie in a cache, as far as a plan holds them.
HARMLESS = frozenset(
    ("HOME", "PATH", "SHELL", "USER", "LOGNAME", "TERM", "COLORTERM", "TZ", "DISPLAY", "WAYLAND_DISPLAY", "LANG", "LANGUAGE")
)
HARMLESS_PREFIXES = ("LC_", "XDG_", "INNER_")
HARMLESS_SUFFIXES = ("_HOME", "_ROOT", "_PREFIX", "_INSTALL", "_ENV")  # where a toolchain lies
SHORT = 6  # characters: a shorter value is found in any plan


class Records(dict[str, type]):
    """The records a plan is made of, by name. Few plans hold a login, and what describes one is imported then."""

    def __missing__(self, name: str) -> type:
        from inner.agents.base import Login

        return {Login.__name__: Login}[name]


RECORDS = Records(
    {
        **compiled.RECORDS,
        **{
            name: record for name, record in vars(model).items() if isinstance(record, type) and hasattr(record, "__match_args__")
        },
    }
)


def planned(
    profile: Profile,
    request: Request,
    host: Host,
    *,
    terminal: bool,
    args_file: bytes | None = None,
    run_dir: str = "",
    beside: Callable[[Plan], object] | None = None,
    sound: Callable[[Any], bool] | None = None,
) -> tuple[Plan, Any, Callable[[], bool] | None]:
    """`plan.build.build`, or what it said before; and what `beside` made of the plan then, plain data that is kept with it: None
    for a plan that is new. All of it is made anew when that is not `sound` any more.

    With the last one, which is None when that is known, the host is asked whether it is still as the plan says, before a box runs
    anything: all that no box can have changed. False: it is not, and the plan is forgotten.
    """
    if request.env or args_file is not None:
        return _built(profile, request, host, terminal=terminal, args_file=args_file, run_dir=run_dir), None, None
    key = _key(profile, request, host, terminal)
    place = f"{cache_dir(host.env, host.home)}/plans/{kept.name(key)}"
    known, more, rest = _find(place, key, host, run_dir)
    if known is not None and (sound is None or sound(more)):
        if more is None and not _same(rest):
            known = None
        else:
            still = None if more is None else lambda: _same(rest) or kept.forget(place)
            return _with_command(known, profile, request, host), more, still
    import time

    began, snapshot = time.time_ns(), Snapshot(host)
    plan = _built(profile, request, snapshot, terminal=terminal, args_file=None, run_dir=run_dir)
    _keep(place, key, snapshot, plan, request, run_dir, began, beside)
    return plan, None, None


def _built(profile: Profile, request: Request, host: Host, *, terminal: bool, args_file: bytes | None, run_dir: str) -> Plan:
    from inner.plan.build import build

    return build(profile, request, host, terminal=terminal, args_file=args_file, run_dir=run_dir)


def _key(profile: Profile, request: Request, host: Host, terminal: bool) -> tuple[object, ...]:
    return (
        FORMAT,
        __version__,
        os.path.dirname(__file__),
        (host.uid, host.gid, host.home, host.cwd),
        terminal,
        compiled.to_plain(profile),
        tuple(getattr(request, name) for name in fields(request) if name not in APART),
        request.words[:1],
    )


def _same(questions: Any) -> bool:
    """Whether the host gives the same answers."""
    paths, folders, missing = questions
    return (
        all(look(path, what) == seen for path, what, seen in paths)
        and all(listed(folder, was, seen) for folder, was, seen in folders)
        and all(absent(folder, within) for folder, within in missing)
    )


def _find(place: str, key: tuple[object, ...], host: Host, run_dir: str) -> tuple[Plan | None, Any, Any]:
    nothing = (None, None, None)
    try:
        file = kept.read(place, MOST)
        known, variables, names, there, first, rest, old, size = marshal.loads(file)  # noqa: S302 - see kept.read
        if known != key or (names is not None and names != tuple(sorted(host.env))):
            return nothing
        salt, values = variables
        if any(_digest(salt, host.env.get(name)) != value for name, value in values):
            return nothing
        if any((name in host.env) is not is_there for name, is_there in there):
            return nothing
        if not _same(first):
            return nothing
        data: bytes | memoryview = memoryview(file)[-size:]
        if old:
            if _siblings(old) != _siblings(run_dir):
                return nothing
            data = bytes(data).replace(_encoded(old), _encoded(run_dir))
        plain, mounts, more = marshal.loads(data)  # noqa: S302
        plan: Plan = compiled.from_plain(plain, RECORDS)
        plan.__dict__.pop("mounts")  # see Plan.__getattr__
        plan.__dict__["unread"] = lambda: tuple([_whole(mount, host) for mount in compiled.from_plain(mounts, RECORDS)])
    except (EOFError, TypeError, ValueError):  # nothing kept, or of another shape
        return nothing
    return plan, more, rest


def _keep(
    place: str,
    key: tuple[object, ...],
    snapshot: Snapshot,
    plan: Plan,
    request: Request,
    run_dir: str,
    began: int,
    beside: Callable[[Plan], object] | None,
) -> None:
    env, salt = snapshot.variables, int.from_bytes(os.urandom(8), "little", signed=True)
    values = tuple((name, _digest(salt, env.get(name))) for name in sorted(env.valued))
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
        # In one go: contents that are in both are written once.
        data = marshal.dumps((compiled.to_plain(bare), compiled.to_plain(mounts), more))  # type: ignore[arg-type]
        if any(text in data for text in texts):
            return
    old = run_dir if run_dir and _encoded(run_dir) in data else ""
    names = tuple(sorted(env)) if env.listed else None
    open_to = (plan.project, *(mount.src for mount in plan.mounts if isinstance(mount, model.Bind) and mount.mode == "rw"))
    first = [one for one in paths if any(covers(place, one[0]) for place in open_to)]  # what boxes can have changed
    rest = [one for one in paths if one not in first]
    questions = [_questions(some, began - kept.SETTLED) for some in (first, rest)]
    kept.save(place, (key, (salt, values), names, there, *questions, old, len(data)), entries=ENTRIES, most=MOST, more=data)


def _questions(paths: Iterable[tuple[str, int, Any]], settled: int) -> tuple[object, ...]:
    """The cheapest ones with these answers (`_same`)."""
    folders = tuple((path, times(path, settled), seen) for path, what, seen in paths if seen and what == NAMES)
    entries = tuple(one for one in paths if one[2] is not None and one[1] != NAMES)
    return entries, folders, grouped(path for path, _, seen in paths if seen is None)


def _bare(mount: Mount) -> Mount:
    """Without the content of a file that the host has: how that looks is among the answers."""
    return replace(mount, content=b"") if isinstance(mount, model.Data) and mount.src else mount


def _whole(mount: Mount, host: Host) -> Mount:
    if isinstance(mount, model.Data) and mount.src:
        return replace(mount, content=host.read(mount.src, MOST) or b"")
    return mount


def _harmless(name: str) -> bool:
    return name in HARMLESS or name.startswith(HARMLESS_PREFIXES) or name.endswith(HARMLESS_SUFFIXES)


def _digest(salt: int, value: str | None) -> bytes | None:
    """Enough to tell whether a variable has another value, and not which."""
    import _imp

    return None if value is None else _imp.source_hash(salt, os.fsencode(value))


def _siblings(run_dir: str) -> tuple[str, int]:
    """What the folders of two runs have in common, so that the name of one can stand in the place of the other's."""
    parent, _, name = run_dir.rpartition("/")
    return parent, len(name)


def _encoded(text: str) -> bytes:
    """As marshal has it."""
    return text.encode("utf-8", "surrogatepass")


def _with_command(plan: Plan, profile: Profile, request: Request, host: Host) -> Plan:
    """With the command line of this run; `plan` is nobody else's yet."""
    shell = next(variable.value or "" for variable in plan.env if variable.name == "SHELL")
    expander = Expander(
        env=host.env, home=str(host.home), uid=host.uid, workdir=str(plan.project), workspaces_path=profile.workspaces_path
    )
    line, notices = command(profile, request, shell=shell, args_file=None, expand=expander.expand)
    plan.__dict__.update(command=line, notices=(*plan.notices, *notices))
    return plan
