"""The compiled configuration: a resolved profile, kept with everything it was resolved from.

`find` answers only when every file has the bytes it had, every place that could have taken precedence is as it was, and whoever
could have changed them is still nobody else. Anything odd is a miss, never an error. The project's own path is no part of the
key unless the project has a configuration, so a git worktree never seen before is a hit. Values of `--env` are not stored.
"""

from __future__ import annotations

import _imp
import marshal
import os
import stat

from inner import __version__
from inner.config.project import discover
from inner.frozen import TYPE_CHECKING, fields, replace
from inner.paths import cache_dir
from inner.profile import compiled, flags
from inner.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from inner.config.project import Project
    from inner.host import RealHost, Stat
    from inner.paths import HostPath
    from inner.profile.model import Profile

FORMAT = 1
MOST = 1 << 20  # bytes of an entry
ENTRIES = 256  # kept at most: the oldest go
SETTLED = 2_000_000_000  # nanoseconds since the last change of a file: what is younger may change once more unseen
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
        self.seen.setdefault(path, _state(path))
        return self._host.lstat(path)

    def readlink(self, path: str) -> str:
        return self._host.readlink(path)

    def listdir(self, path: str) -> tuple[str, ...]:
        return self._host.listdir(path)

    def read(self, path: str, limit: int = 65536, offset: int = 0) -> bytes | None:
        return self._host.read(path, limit, offset)


def resolved(request: Request, host: RealHost, *, kept: Callable[[], object] | None = None) -> Profile:
    """The profile of `request`, as it was resolved before or anew. `kept` is called when it has just been resolved and kept: a
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
    if keep(request, host, watched, profile, (*files, *decisions), project, folders, began) and kept is not None:
        kept()
    return profile


def find(request: Request, host: RealHost, project: Project) -> Profile | None:
    """The profile of `request` as it was resolved before, when that still holds."""
    key = _key(request, host, project)
    place = _place(host, key)
    try:
        if not place or not _private(os.lstat(place.rpartition("/")[0])):
            return None
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or not _private(info) or info.st_size > MOST:
            return None
        kept, states, plain = marshal.loads(os.read(fd, MOST))  # noqa: S302 - nobody but us could write it
        if kept != key or any(_state(path) != state for path, state in states):
            return None
        return _with_variables(compiled.from_plain(plain), request)
    except (OSError, ValueError, EOFError, TypeError):
        return None
    finally:
        os.close(fd)


def keep(
    request: Request,
    host: RealHost,
    watched: Watched,
    profile: Profile,
    files: Collection[str],
    project: Project,
    folders: tuple[str, ...],
    began: int,
) -> bool:
    """Keep `profile`, resolved from what `watched` saw and from `files`. `folders` are those of profiles that belong to
    no project, `began` is when resolving began (nanoseconds since 1970). Whether it was kept: not when something changed a moment ago, nor when the cache cannot be written."""
    states = {**watched.seen, **{path: _state(path) for path in files}}
    if any(_changed(path) > began - SETTLED for path, state in states.items() if state and state[-1]):
        return False
    if not _own(request, project) and any(not path.startswith(folders) for path in files):
        return False  # a base that some project may call its own: whose it is depends on where inner is started
    key = _key(request, host, project)
    bare = replace(profile, env=replace(profile.env, set=_without(profile.env.set, request)), origins=_origins(profile, request))
    return _write(_place(host, key), (key, tuple(states.items()), compiled.to_plain(bare)))


def _key(request: Request, host: RealHost, project: Project) -> tuple[object, ...]:
    named = tuple(getattr(request, name) for name in fields(request) if name not in APART)
    steering = tuple(
        (name, value)
        for name, value in sorted(host.env.items())
        if name.startswith(("INNER_", "XDG_CONFIG_HOME", "XDG_STATE_HOME"))
    )
    own = (project.root, project.area, project.files, project.folders, host.cwd) if _own(request, project) else ()
    return (
        FORMAT,
        __version__,
        os.path.dirname(__file__),
        host.uid,
        str(host.home),
        named,
        steering,
        compiled.to_plain(own),
        project.notices,
        tuple(sorted(_named(request))),
    )


def _own(request: Request, project: Project) -> bool:
    """Whether the project has a say in the profile."""
    return bool(project.files or project.folders or "/" in request.profile or request.profile.endswith(".toml"))


def _place(host: RealHost, key: tuple[object, ...]) -> str:
    name = _imp.source_hash(FORMAT, marshal.dumps(key, 2)).hex()  # type: ignore[arg-type]
    return f"{cache_dir(host.env, host.home)}/compiled/{name}"


def _state(path: str) -> tuple[object, ...] | None:
    """What is at a path: kind and mode, owner, where a link leads, and the bytes of a file, also behind a link; None for nothing."""
    try:
        info = os.lstat(path)
        link = os.readlink(path) if stat.S_ISLNK(info.st_mode) else ""
        if not link and not stat.S_ISREG(info.st_mode):
            return (info.st_mode, info.st_uid, "", b"")
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError):
        return None
    try:
        behind = os.fstat(fd)
        return (behind.st_mode, behind.st_uid, link, os.read(fd, MOST) if stat.S_ISREG(behind.st_mode) else b"")
    except OSError:
        return None
    finally:
        os.close(fd)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 1 << 62


def _private(info: os.stat_result) -> bool:
    """Ours, and for nobody else to write."""
    return info.st_uid == os.geteuid() and not info.st_mode & 0o022


def _named(request: Request) -> frozenset[str]:
    return frozenset(text.partition("=")[0] for text in request.env)


def _without(variables: Mapping[str, str], request: Request) -> dict[str, str]:
    """What the profile itself sets. A variable of `--env` hides the profile's of that name: then nothing is kept of either."""
    named = _named(request)
    return {name: value for name, value in variables.items() if name not in named}


def _origins(profile: Profile, request: Request) -> dict[str, object]:
    gone = frozenset(f"env.set.{name}" for name in _named(request))
    return {key: origin for key, origin in profile.origins.items() if key not in gone}


def _with_variables(profile: Profile, request: Request) -> Profile:
    """With those of `--env`, which no layer can override."""
    if not request.env:
        return profile
    patch = flags.layer(Request(env=request.env)).patch
    values = {key.removeprefix("env.set."): str(getattr(change, "value", "")) for key, change in patch.items()}
    return replace(
        profile,
        env=replace(profile.env, set={**profile.env.set, **values}),
        origins={**profile.origins, **dict.fromkeys(patch, flags.FLAG)},
    )


def _write(place: str, value: tuple[object, ...]) -> bool:
    folder, draft = place.rpartition("/")[0], f"{place}.{os.getpid()}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        data = marshal.dumps(value)  # type: ignore[arg-type]
        if not _private(os.lstat(folder)) or len(data) > MOST:
            return False
        _prune(folder)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(data)
        os.rename(draft, place)
    except (OSError, ValueError):
        return False
    return True


def _prune(folder: str) -> None:
    """Make room: the entries that were written longest ago go."""
    entries = list(os.scandir(folder))
    for entry in sorted(entries, key=lambda entry: entry.stat(follow_symlinks=False).st_mtime_ns)[: len(entries) - ENTRIES + 1]:
        os.unlink(entry.path)
