"""The compiled configuration: a resolved profile, kept with everything it was resolved from (`profile.writer`).

`find` answers only when every file has the bytes it had, every place that could have taken precedence is as it was, and whoever
could have changed them is still nobody else. Anything odd is a miss, never an error. The project's own path is no part of the
key unless the project has a configuration, so a git worktree never seen before is a hit. Values of `--env` are not stored.
"""

from __future__ import annotations

import os

from inner import __version__, kept
from inner.frozen import TYPE_CHECKING, fields, replace
from inner.paths import cache_dir
from inner.profile import compiled

if TYPE_CHECKING:
    from inner.config.project import Project
    from inner.host import RealHost
    from inner.profile.model import Profile
    from inner.request import Request

FORMAT = 2
# What has no part in the profile: the plan reads it from the request. A field that is not named here is part of the key.
APART = frozenset(("workdir", "env", "arg", "args_file", "dry_run", "json", "yes", "words"))


def find(request: Request, host: RealHost, project: Project) -> Profile | None:
    """The profile of `request` as it was resolved before, when that still holds."""
    of = key(request, host, project)
    try:
        known, states, plain = kept.load(place(host, of))
        if known != of or any(kept.content(path) != state for path, state in states):
            return None
        return _with_variables(compiled.from_plain(plain), request)
    except (TypeError, ValueError):  # nothing kept, or of another shape
        return None


def key(request: Request, host: RealHost, project: Project) -> tuple[object, ...]:
    """What a profile is resolved from besides files."""
    steering = ("INNER_", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    here = (project.root, project.area, project.files, project.folders, host.cwd) if own(request, project) else ()
    return (
        FORMAT,
        __version__,
        os.path.dirname(__file__),
        host.uid,
        host.home,
        tuple(getattr(request, name) for name in fields(request) if name not in APART),
        tuple((name, value) for name, value in sorted(host.env.items()) if name.startswith(steering)),
        here,
        project.notices,
        tuple(sorted(named(request))),
    )


def own(request: Request, project: Project) -> bool:
    """Whether the project has a say in the profile."""
    return bool(project.files or project.folders or "/" in request.profile or request.profile.endswith(".toml"))


def place(host: RealHost, of: tuple[object, ...]) -> str:
    """Where the profile with this `key` is kept."""
    return f"{cache_dir(host.env, host.home)}/profiles/{kept.name(of)}"


def named(request: Request) -> frozenset[str]:
    """The variables of `--env`. They hide the profile's of the same names: then nothing is kept of either."""
    return frozenset(text.partition("=")[0] for text in request.env)


def _with_variables(profile: Profile, request: Request) -> Profile:
    """With those of `--env`, which no layer can override."""
    if not request.env:
        return profile
    from inner.profile import flags
    from inner.request import Request

    patch = flags.layer(Request(env=request.env)).patch
    values = {key.removeprefix("env.set."): str(getattr(change, "value", "")) for key, change in patch.items()}
    return replace(
        profile,
        env=replace(profile.env, set={**profile.env.set, **values}),
        origins={**profile.origins, **dict.fromkeys(patch, flags.FLAG)},
    )
