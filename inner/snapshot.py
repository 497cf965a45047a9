"""A host that is asked everything once, and remembers what: a plan is made of one state of the machine, and the same answers
make the same plan (`plan.store`).
"""

from __future__ import annotations

import os
import stat

from inner.frozen import TYPE_CHECKING
from inner.host import followed
from inner.paths import HostPath

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from inner.host import Host, Stat


ENTRY, CONTENT, NAMES = 0, 1, 2
FEW = 6  # names that are asked for one by one
SMALL = 8192  # bytes of a folder that is read as a whole instead


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


def look(path: str, what: int) -> tuple[object, ...] | None:
    """How a path looks: what `lstat` and `readlink` say of it; with `CONTENT` the last element says when it was last changed, also
    behind a link, with `NAMES` what is in the folder. A folder's size means nothing: boxes come and go in it.
    """
    try:
        info = os.lstat(path)
        link = os.readlink(path) if stat.S_ISLNK(info.st_mode) else ""
        more: tuple[object, ...] = ()
        if what == CONTENT:
            behind = os.stat(path) if link else info
            more = (behind.st_ino, behind.st_size, behind.st_mtime_ns, behind.st_ctime_ns)
        elif what == NAMES:
            more = tuple(sorted(os.listdir(path)))
    except (OSError, ValueError):
        return None
    size = 0 if stat.S_ISDIR(info.st_mode) else info.st_size
    return (info.st_mode, info.st_uid, info.st_gid, size, info.st_dev, info.st_ino, link, more)


def times(path: str, until: int) -> tuple[int, int] | None:
    """When a folder was last changed, if that was before `until` (nanoseconds since 1970): one that changes later has another time."""
    try:
        info = os.lstat(path)
    except (OSError, ValueError):
        return None
    found = (info.st_mtime_ns, info.st_ctime_ns)
    return found if stat.S_ISDIR(info.st_mode) and max(found) < until and info.st_dev not in _timeless() else None


def listed(path: str, was: tuple[int, int] | None, seen: tuple[object, ...]) -> bool:
    """Whether a folder looks as it did (`look` with `NAMES`). It is not read when nobody has changed it since."""
    try:
        info = os.lstat(path)
    except (OSError, ValueError):
        return False
    if (
        was == (info.st_mtime_ns, info.st_ctime_ns)
        and (info.st_mode, info.st_uid, info.st_gid, 0, info.st_dev, info.st_ino) == seen[:6]
    ):
        return True
    return look(path, NAMES) == seen


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


def absent(folder: str, names: tuple[str, ...]) -> bool:
    """Whether none of `names` is in `folder`. A small one is read at once; what it has is only believed where no rule of a file system,
    for instance that the case of letters does not matter, could find a name that is not written there.
    """
    if len(names) > FEW:
        try:
            if os.stat(folder).st_size <= SMALL:
                there = os.listdir(folder)
                if "".join(there).isascii() and {name.lower() for name in there}.isdisjoint([name.lower() for name in names]):
                    return True
        except FileNotFoundError:
            return True
        except (OSError, ValueError):
            pass
    place = folder.rstrip("/")
    return all(look(f"{place}/{name}", ENTRY) is None for name in names)
