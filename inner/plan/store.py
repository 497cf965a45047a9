"""Plans that were made before, kept with the answers of the host they were made from.

A plan is a pure function of the profile, the request and what the host says. When the same questions have the same answers it
would be the same plan, so asking them (a few hundred `lstat`) is enough, and what makes plans and keeps them (`plan.writer`) need
not even be imported. A plan holds no secret.
"""

from __future__ import annotations

import marshal
import os
import sys

from inner import __version__, kept
from inner.frozen import TYPE_CHECKING, fields, replace
from inner.looks import same
from inner.paths import cache_dir
from inner.plan import model
from inner.plan.command import command
from inner.profile import compiled

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from inner.host import Host
    from inner.origin import Origin
    from inner.plan.model import Mount, Plan
    from inner.profile.model import Profile
    from inner.request import Request

FORMAT = 8
MOST = 1 << 21  # bytes of one
# What a plan has nothing of but its command line, which is made anew. A field that is not named here is part of the key.
APART = frozenset(("arg", "args_file", "dry_run", "json", "yes", "trace", "words"))


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


def find(
    profile: Profile,
    request: Request,
    host: Host,
    *,
    terminal: bool,
    args_file: bytes | None = None,
    run_dir: str = "",
    sound: Callable[[Any], bool] | None = None,
    passing: Callable[[], frozenset[str]] | None = None,
) -> tuple[Plan, Any, Callable[[], bool] | None] | None:
    """What `plan.build.build` said before; and what was made beside the plan then (`plan.writer`), plain data. None when nothing
    is kept, or does not hold.

    With the last one, which is None when that is known, the host is asked whether it is still as the plan says, before a box runs
    anything: all that no box can have changed, and whether what was made beside it is `sound`. False: it is not, and the plan is
    forgotten. `passing`: paths at which there is something for as long as other boxes run, which a plan knows nothing of.
    """
    if apart(request, args_file):
        return None
    of = key(profile, request, host, terminal)
    place = path(of, host)
    plan, more, rest = _find(place, of, host, run_dir, passing)

    def still() -> bool:
        return same(marshal.loads(rest)) and (sound is None or sound(more))  # noqa: S302 - see kept.read

    if plan is None or (more is None and not still()):
        return None
    return _with_command(plan, profile, request, host), more, None if more is None else lambda: still() or kept.forget(place)


def apart(request: Request, args_file: bytes | None) -> bool:
    """Whether the plan of `request` holds what is of this run alone: it is not kept."""
    return bool(request.env) or args_file is not None


def path(of: object, host: Host) -> str:
    """Where the plan with this `key` is kept."""
    return f"{cache_dir(host.env, host.home)}/plans/{kept.name(of)}"


def key(profile: Profile, request: Request, host: Host, terminal: bool) -> tuple[object, ...]:
    """What a plan is made from besides the answers of the host."""
    return (
        FORMAT,
        __version__,
        (os.path.dirname(__file__), sys.executable),
        (host.uid, host.gid, host.home, host.cwd),
        terminal,
        compiled.to_plain(profile),
        tuple(getattr(request, name) for name in fields(request) if name not in APART),
        request.words[:1],
    )


def _find(
    place: str, of: tuple[object, ...], host: Host, run_dir: str, passing: Callable[[], frozenset[str]] | None
) -> tuple[Plan | None, Any, Any]:
    nothing = (None, None, None)
    try:
        file = kept.read(place, MOST)
        known, variables, names, there, first, rest, old, size = marshal.loads(file)  # noqa: S302 - see kept.read
        if known != of or (names is not None and names != tuple(sorted(host.env))):
            return nothing
        salt, values = variables
        if any(digest(salt, host.env.get(name)) != value for name, value in values):
            return nothing
        if any((name in host.env) is not is_there for name, is_there in there):
            return nothing
        if not same(first) and (passing is None or not (others := passing()) or not same(first, others)):
            return nothing
        data: bytes | memoryview = memoryview(file)[-size:]
        if old:
            if _siblings(old) != _siblings(run_dir):
                return nothing
            data = bytes(data).replace(encoded(old), encoded(run_dir))
        plain, mounts, more = marshal.loads(data)  # noqa: S302
        plan: Plan = compiled.from_plain(plain, RECORDS)
        plan.__dict__.pop("mounts")  # see Plan.__getattr__
        plan.__dict__["unread"] = lambda: tuple(
            [_whole(mount, host) for mount in compiled.from_plain(marshal.loads(mounts), RECORDS)]  # noqa: S302
        )
    except (EOFError, TypeError, ValueError):  # nothing kept, or of another shape
        return nothing
    return plan, more, rest


def _whole(mount: Mount, host: Host) -> Mount:
    if isinstance(mount, model.Data) and mount.src:
        return replace(mount, content=host.read(mount.src, MOST) or b"")
    return mount


def digest(salt: int, value: str | None) -> bytes | None:
    """Enough to tell whether a variable has another value, and not which."""
    import _imp

    return None if value is None else _imp.source_hash(salt, os.fsencode(value))


def _siblings(run_dir: str) -> tuple[str, int]:
    """What the folders of two runs have in common, so that the name of one can stand in the place of the other's."""
    parent, _, name = run_dir.rpartition("/")
    return parent, len(name)


def encoded(text: str) -> bytes:
    """As marshal has it."""
    return text.encode("utf-8", "surrogatepass")


def _with_command(plan: Plan, profile: Profile, request: Request, host: Host) -> Plan:
    """With the command line of this run; `plan` is nobody else's yet."""
    shell = next(variable.value or "" for variable in plan.env if variable.name == "SHELL")

    def expand(text: str, origin: Origin) -> str:
        from inner.profile.expand import Expander  # a command that was typed has nothing to expand

        return Expander(
            env=host.env, home=str(host.home), uid=host.uid, workdir=str(plan.project), workspaces_path=profile.workspaces_path
        ).expand(text, origin)

    line, notices = command(profile, request, shell=shell, args_file=None, expand=expand)
    plan.__dict__.update(command=line, notices=(*plan.notices, *notices))
    return plan
