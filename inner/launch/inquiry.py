"""Questions to a box: the very box of a plan, with a program of `inner.inside` as its command, and what that says.

The program's source goes in on standard input together with the questions, so nothing of inner has to be visible in the box; what
comes out is hostile text like everything that does.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys

from inner.errors import HostError, RunError
from inner.frozen import TYPE_CHECKING, replace
from inner.host import realpath
from inner.launch import session
from inner.launch.fds import unnamed
from inner.launch.wordsmade import prepared
from inner.paths import covers
from inner.plan.model import Bind
from inner.programs import executable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from inner.host import Host
    from inner.plan.model import Plan
    from inner.plan.mounts import MountTable
    from inner.profile.model import Profile
    from inner.words import Features

PATIENCE = 120.0  # seconds for all questions together
MOST = 8 * 1024 * 1024  # bytes of answers
# -I: nothing of the project or the environment is imported; -S: no site-packages, where anybody's .pth files are.
FLAGS = ("-I", "-S", "-B", "-c")
LOADER = """\
import json, sys, types
given = json.load(sys.stdin)
for name, text in given["sources"]:
    sys.modules[name] = module = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
    parent, _, last = name.rpartition(".")
    setattr(sys.modules.setdefault(parent, types.ModuleType(parent)), last, module)
json.dump(module.answer(given["data"]), sys.stdout)
"""
PROBE = ("probe",)
ATTACK = ("attempt", "attempts_files", "attempts_kernel", "attempts_reach", "attack")


def interpreter(plan: Plan, table: MountTable, host: Host) -> str:
    """A Python that the host vouches for, as the box sees it: shown read-only, not the project's, not replaced by the plan.

    Raises HostError when the box has none: nothing can be asked then.
    """
    for place in dict.fromkeys(_places(plan, host)):
        seen = table.at(place)
        shown = seen.kind == "file" and seen.mode == "ro" and isinstance(seen.mount, Bind) and seen.host
        if shown and executable(host, seen.host) and not covers(plan.project, seen.host):
            return place
    raise HostError(
        "no python3 can be seen in the box, and the checks are a Python program that runs there",
        hint="install python3 for the whole system, or show one: `[mounts]` with its folder",
    )


def _places(plan: Plan, host: Host) -> Iterator[str]:
    """The one that runs inner first: its version is known to be recent enough."""
    own = getattr(sys, "_base_executable", "") or sys.executable
    if own:
        yield realpath(host, own)
    yield from ("/usr/bin/python3", "/usr/local/bin/python3", "/bin/python3")
    path = next((v.value for v in plan.env if v.name == "PATH" and v.value), "")
    yield from (f"{folder}/python3" for folder in path.split(":") if folder.startswith("/"))
    yield from (f"/usr/bin/python3.{minor}" for minor in range(20, 8, -1))


def command(python: str) -> tuple[str, ...]:
    """The box's command."""
    return (python, *FLAGS, LOADER)


def message(modules: Sequence[str], data: object) -> bytes:
    """What the loader reads: programs of `inner.inside`, in order, and their data."""
    sources = [(f"inner.inside.{name}", (pkgutil.get_data("inner.inside", f"{name}.py") or b"").decode()) for name in modules]
    return json.dumps({"sources": sources, "data": data}).encode("ascii")


def ask(
    plan: Plan,
    profile: Profile,
    features: Features,
    host: Host,
    *,
    table: MountTable,
    folder: str,
    modules: Sequence[str],
    data: object,
    warn: Callable[[str], None],
    limited: Callable[[dict[str, object]], None] | None = None,
    enter: Callable[[], None] | None = None,
) -> Any:
    """What `answer(data)` of the last of `modules` returns in the box. HostError when the box cannot be made or does not answer."""
    line = command(interpreter(plan, table, host))
    asked = replace(plan, command=line, terminal="none", timeout=PATIENCE, summary=False, log="")
    given, told, said = (unnamed(name) for name in ("questions", "answers", "talk"))
    try:
        os.write(given, message(modules, data))
        os.lseek(given, 0, os.SEEK_SET)
        outcome = session.Session(
            asked, profile, features, host, folder=folder, warn=warn, stdio=(given, told, said), record=False, limited=limited, enter=enter,
            prepared=prepared(plan, features, folder),  # the words that a run of this plan has, and what it keeps for them
        ).run()  # fmt: skip
        text, talk = (os.pread(fd, MOST, 0) for fd in (told, said))
    finally:
        for fd in (given, told, said):
            os.close(fd)
    if outcome.reason == "setup":
        from inner.launch.refusal import namespace_problem

        raise namespace_problem(features) or RunError(
            f"the box could not be made: {outcome.stderr}", hint="`inner run --dry-run`"
        )
    if outcome.reason == "timeout":
        raise HostError(f"the box did not answer within {PATIENCE:g} s")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        last = (talk.decode("utf-8", "backslashreplace").strip().splitlines() or [outcome.stderr])[-1]
        raise HostError(f"the box did not answer (exit status {outcome.status}): {last}", where=line[0]) from None
