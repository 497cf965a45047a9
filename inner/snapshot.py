"""A host that is asked everything once, and remembers what: a plan is made of one state of the machine, and the same answers
make the same plan (`plan.store`). And what makes few and cheap questions of many: those are asked again at every start (`inner.looks`).
"""

from __future__ import annotations

import os
import stat

from inner.frozen import TYPE_CHECKING
from inner.host import followed
from inner.looks import CONTENT, ENTRY, NAMES
from inner.paths import HostPath

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from inner.host import Host, Stat


class Environment(dict[str, str]):
    """Variables, and which were asked for. `named` also knows those of which only the existence counted."""

    def __init__(self, env: dict[str, str]) -> None:
        super().__init__(env)
        self.named: set[str] = set()
        self.valued: set[str] = set()
        self.listed = False

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.valued.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.valued.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.named.add(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self.listed = True
        return super().__iter__()


class Snapshot:
    """Answers for `host`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.variables = Environment(dict(host.env))
        self.env: Mapping[str, str] = self.variables
        self.uid, self.gid, self.home, self.cwd = host.uid, host.gid, host.home, host.cwd
        self._lstat = host.lstat
        self._seen: dict[str, Stat | None] = {}
        self._real: dict[str, HostPath] = {}
        self.asked: dict[str, int] = {}  # path -> what counted of it: `ENTRY`, `CONTENT` or `NAMES`

    @property
    def user(self) -> str:
        return self._host.user

    @property
    def program(self) -> tuple[str, ...]:
        return self._host.program

    def lstat(self, path: str) -> Stat | None:
        try:
            return self._seen[path]
        except KeyError:
            pass
        if self._seen.get(path[: path.rfind("/")], self) is None:
            found = None  # nothing is in what is not there
        else:
            found = self._lstat(path)
            self.asked.setdefault(path, ENTRY)
        self._seen[path] = found
        return found

    def readlink(self, path: str) -> str:
        self.asked.setdefault(path, ENTRY)
        return self._host.readlink(path)

    def listdir(self, path: str) -> tuple[str, ...]:
        self.asked[path] = NAMES
        return self._host.listdir(path)

    def read(self, path: str, limit: int = 65536, offset: int = 0) -> bytes | None:
        self.asked[path] = CONTENT
        return self._host.read(path, limit, offset)

    def resolve(self, path: str) -> HostPath:
        """`host.realpath`: what is above a path is followed once for all that lies in it."""
        known = self._real.get(path)
        if known is None:
            parent, _, name = path.rpartition("/")
            if parent and name and name not in (".", ".."):
                here = f"{self.resolve(parent).rstrip('/')}/{name}"
                found = self.lstat(here)
                known = HostPath(here) if found is None or found.kind != "link" else followed(self, path)
            else:
                known = followed(self, path)
            self._real[path] = known
        return known


def questions(paths: Iterable[tuple[str, int, Any]], settled: int) -> tuple[object, ...]:
    """The cheapest ones with these answers (`looks.same`): what counted of each path, and how it looks (`looks.look`)."""
    folders = tuple((path, times(path, settled), seen) for path, what, seen in paths if seen and what == NAMES)
    entries = tuple(one for one in paths if one[2] is not None and one[1] != NAMES)
    return entries, folders, grouped(path for path, _, seen in paths if seen is None)


def times(path: str, until: int) -> tuple[int, int] | None:
    """When a folder was last changed, if that was before `until` (nanoseconds since 1970): one that changes later has another time."""
    try:
        info = os.lstat(path)
    except (OSError, ValueError):
        return None
    found = (info.st_mtime_ns, info.st_ctime_ns)
    return found if stat.S_ISDIR(info.st_mode) and max(found) < until and info.st_dev not in _timeless() else None


def _timeless() -> set[int]:
    """File systems of the kernel's own, whose folders change without a time."""
    return {os.stat(place).st_dev for place in ("/proc", "/sys") if os.path.isdir(place)}


def grouped(paths: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Paths by the folder they are in."""
    found: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        found.setdefault(folder or "/", []).append(name)
    return tuple((folder, tuple(names)) for folder, names in found.items())
