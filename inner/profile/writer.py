"""Resolves a profile anew, and keeps it with the bytes of all that it was resolved from: `profile.store` finds it.

What this imports reads configuration and is dear: a process that has done it may want to start again.
"""

from __future__ import annotations

import os
import time

from inner import kept
from inner.config.trust import Trust
from inner.draft import save
from inner.frozen import TYPE_CHECKING, replace
from inner.profile import compiled, store
from inner.profile.find import BUILT_IN
from inner.profile.resolve import resolve
from inner.settings import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inner.config.project import Project
    from inner.host import RealHost, Stat
    from inner.paths import HostPath
    from inner.profile.model import Profile
    from inner.request import Request

ENTRIES = 256


class Watched:
    """A host that remembers what was asked of it: what a resolved profile depends on."""

    def __init__(self, host: RealHost) -> None:
        self._host = host
        self.env, self.uid, self.gid = host.env, host.uid, host.gid
        self.seen: dict[str, tuple[object, ...] | None] = {}

    @property
    def program(self) -> tuple[str, ...]:
        return self._host.program

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


def resolved(request: Request, host: RealHost, project: Project) -> tuple[Profile, bool]:
    """The profile of `request`, and whether it was kept for the next run."""
    began = time.time_ns()
    watched = Watched(host)
    settings = load(watched, no_project=request.no_project, project=project)
    profile = resolve(request, settings, watched)
    trust = Trust.of(host)
    files = {document.file for document in settings.documents} | {layer.file for layer in profile.layers if layer.file}
    decisions = {trust.record(file) for file in files if project.owns(file)}
    folders = (f"{settings.user}/", f"{settings.system}/", *(f"{folder}/" for folder in BUILT_IN), f"{trust.folder}/")
    if not store.own(request, project) and not all(file.startswith(folders) for file in files):
        return profile, False  # a base that some project may call its own: whose it is depends on where inner is started
    states = {**watched.seen, **{path: kept.content(path) for path in (*files, *decisions)}}
    return profile, keep(request, host, project, states, profile, began)


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
    named = store.named(request)
    variables = {name: value for name, value in profile.env.set.items() if name not in named}
    origins = {key: origin for key, origin in profile.origins.items() if key.removeprefix("env.set.") not in named}
    bare = replace(profile, env=replace(profile.env, set=variables), origins=origins)
    of = store.key(request, host, project)
    return save(store.place(host, of), (of, tuple(states.items()), compiled.to_plain(bare)), entries=ENTRIES)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 1 << 62
