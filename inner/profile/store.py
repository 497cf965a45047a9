"""The compiled configuration: a resolved profile, kept with everything it was resolved from.

`find` answers only when every file has the bytes it had, every place that could have taken precedence is as it was, and whoever
could have changed them is still nobody else. Anything odd is a miss, never an error. The project's own path is no part of the
key unless the project has a configuration, so a git worktree never seen before is a hit. Values of `--env` are not stored.
"""

from __future__ import annotations

import os

from inner import __version__, kept
from inner.config.project import discover
from inner.frozen import TYPE_CHECKING, fields, replace
from inner.paths import cache_dir
from inner.profile import compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inner.config.project import Project
    from inner.host import RealHost, Stat
    from inner.paths import HostPath
    from inner.profile.model import Profile
    from inner.request import Request

FORMAT = 2
ENTRIES = 256
# What has no part in the profile: the plan reads it from the request. A field that is not named here is part of the key.
APART = frozenset(("workdir", "env", "arg", "args_file", "dry_run", "json", "yes", "words"))


class Watched:
    """A host that remembers what was asked of it: what a resolved profile depends on."""

    def __init__(self, host: RealHost) -> None:
        self._host = host
        self.env, self.uid, self.gid = host.env, host.uid, host.gid
        self.seen: dict[str, tuple[object, ...] | None] = {}

    @property
    def user(self) -> str:
        return self._host.user

    @property
    def home(self) -> HostPath:
        return self._host.home

    @property
    def cwd(self) -> HostPath:
        return self._host.cwd

    def lstat(self, path: str) -> Stat | None:
        self.seen.setdefault(path, kept.content(path))
        return self._host.lstat(path)

    def readlink(self, path: str) -> str:
        return self._host.readlink(path)

    def listdir(self, path: str) -> tuple[str, ...]:
        return self._host.listdir(path)

    def read(self, path: str, limit: int = 65536, offset: int = 0) -> bytes | None:
        return self._host.read(path, limit, offset)


def resolved(request: Request, host: RealHost, *, again: Callable[[], object] | None = None) -> Profile:
    """The profile of `request`, as it was resolved before or anew. `again` is called when it has just been resolved and kept: a
    process that has imported all that it takes may want to start again without it."""
    project = discover(host, request.workdir)
    known = find(request, host, project)
    if known is not None:
        return known
    import time

    from inner.config.trust import Trust
    from inner.profile.find import BUILT_IN
    from inner.profile.resolve import resolve
    from inner.settings import load

    began = time.time_ns()
    watched = Watched(host)
    settings = load(watched, no_project=request.no_project, project=project)
    profile = resolve(request, settings, watched)
    trust = Trust.of(host)
    files = {document.file for document in settings.documents} | {layer.file for layer in profile.layers if layer.file}
    decisions = {trust.record(file) for file in files if project.owns(file)}
    folders = (f"{settings.user}/", f"{settings.system}/", *(f"{folder}/" for folder in BUILT_IN), f"{trust.folder}/")
    if _own(request, project) or all(file.startswith(folders) for file in files):
        # else a base that some project may call its own: whose it is depends on where inner is started
        states = {**watched.seen, **{path: kept.content(path) for path in (*files, *decisions)}}
        if keep(request, host, project, states, profile, began) and again is not None:
            again()
    return profile


def find(request: Request, host: RealHost, project: Project) -> Profile | None:
    """The profile of `request` as it was resolved before, when that still holds."""
    key = _key(request, host, project)
    try:
        known, states, plain = kept.load(_place(host, key))
        if known != key or any(kept.content(path) != state for path, state in states):
            return None
        return _with_variables(compiled.from_plain(plain), request)
    except (TypeError, ValueError):  # nothing kept, or of another shape
        return None


def keep(
    request: Request,
    host: RealHost,
    project: Project,
    states: Mapping[str, tuple[object, ...] | None],
    profile: Profile,
    began: int,
) -> bool:
    """Keep `profile`, resolved from `states` of paths; `began` is when that began (nanoseconds since 1970). Whether it was kept:
    not when something changed a moment ago, nor when the cache cannot be written."""
    if any(_changed(path) > began - kept.SETTLED for path, state in states.items() if state and state[-1]):
        return False
    named = _named(request)
    variables = {name: value for name, value in profile.env.set.items() if name not in named}
    origins = {key: origin for key, origin in profile.origins.items() if key.removeprefix("env.set.") not in named}
    bare = replace(profile, env=replace(profile.env, set=variables), origins=origins)
    key = _key(request, host, project)
    return kept.save(_place(host, key), (key, tuple(states.items()), compiled.to_plain(bare)), entries=ENTRIES)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 1 << 62


def _key(request: Request, host: RealHost, project: Project) -> tuple[object, ...]:
    steering = ("INNER_", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    own = (project.root, project.area, project.files, project.folders, host.cwd) if _own(request, project) else ()
    return (
        FORMAT,
        __version__,
        os.path.dirname(__file__),
        host.uid,
        host.home,
        tuple(getattr(request, name) for name in fields(request) if name not in APART),
        tuple((name, value) for name, value in sorted(host.env.items()) if name.startswith(steering)),
        own,
        project.notices,
        tuple(sorted(_named(request))),
    )


def _own(request: Request, project: Project) -> bool:
    """Whether the project has a say in the profile."""
    return bool(project.files or project.folders or "/" in request.profile or request.profile.endswith(".toml"))


def _place(host: RealHost, key: tuple[object, ...]) -> str:
    return f"{cache_dir(host.env, host.home)}/profiles/{kept.name(key)}"


def _named(request: Request) -> frozenset[str]:
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
