"""The machine the plan is made for, behind one small door.

`Host` is what `plan.build` may ask; `RealHost` asks the kernel (`inner.facts` answers from a record). Nothing here writes,
starts a program or raises for what does not exist.
"""

from __future__ import annotations

import os
import stat as _stat
import sys

from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import HostPath, normal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol


@frozen
class Stat:
    """What lstat(2) says: `kind` is "dir", "file", "link", "socket" or "other"; `mode` the permission bits alone."""

    kind: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    size: int = 0
    dev: int = 0
    ino: int = 0


if TYPE_CHECKING:

    class Host(Protocol):
        """What may be asked about a machine. Errors other than "not there" count as "not there"."""

        env: Mapping[str, str]
        uid: int
        gid: int

        @property
        def user(self) -> str: ...  # login name
        @property
        def home(self) -> HostPath: ...
        @property
        def cwd(self) -> HostPath: ...
        @property
        def program(self) -> tuple[str, ...]: ...  # from where Python takes what this process runs
        def lstat(self, path: str) -> Stat | None: ...
        def readlink(self, path: str) -> str: ...
        def listdir(self, path: str) -> tuple[str, ...]: ...
        def read(self, path: str, limit: int = 65536, offset: int = 0) -> bytes | None: ...


PACKAGE = os.path.dirname(__file__)
KINDS = {_stat.S_IFDIR: "dir", _stat.S_IFREG: "file", _stat.S_IFLNK: "link", _stat.S_IFSOCK: "socket"}


class RealHost:
    """The machine we run on. `env` is a parameter: nothing below the command line reads os.environ."""

    def __init__(self, env: Mapping[str, str], cwd: str = "") -> None:
        self.env = env
        self.uid = os.getuid()
        self.gid = os.getgid()
        self._user = ""
        self._home = ""
        self._cwd = cwd

    def _passwd(self) -> None:
        import pwd

        try:
            entry = pwd.getpwuid(self.uid)
            self._user, home = entry.pw_name, entry.pw_dir
        except KeyError:  # a container that runs under a number of its own
            self._user, home = self.env.get("USER", "") or f"uid{self.uid}", "/"
        self._home = home

    @property
    def user(self) -> str:
        if not self._user:
            self._passwd()
        return self._user

    @property
    def home(self) -> HostPath:
        """$HOME when it is absolute, as every program takes it; else the password database's."""
        home = self.env.get("HOME", "")
        if not home.startswith("/"):
            if not self._home:
                self._passwd()
            home = self._home
        return HostPath(normal(home))

    @property
    def cwd(self) -> HostPath:
        return HostPath(self._cwd or os.getcwd())

    @property
    def program(self) -> tuple[str, ...]:
        """Real paths: the package, or the archive that it is in; the interpreter, its installation, site-packages."""
        places = (PACKAGE, os.path.dirname(sys.executable), sys.prefix, sys.base_prefix, *sys.path)
        return tuple([os.path.realpath(place) for place in places if place])

    def lstat(self, path: str) -> Stat | None:
        try:
            st = os.lstat(path)
        except (OSError, ValueError):
            return None
        kind = KINDS.get(_stat.S_IFMT(st.st_mode), "other")
        return Stat(kind, _stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_size, st.st_dev, st.st_ino)

    def readlink(self, path: str) -> str:
        try:
            return os.readlink(path)
        except (OSError, ValueError):
            return ""

    def listdir(self, path: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(path)))
        except (OSError, ValueError):
            return ()

    def read(self, path: str, limit: int = 65536, offset: int = 0) -> bytes | None:
        """At most `limit` bytes of a regular file; None for anything that is not one, so a FIFO cannot hold us."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except (OSError, ValueError):
            return None
        try:
            if not _stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            return os.pread(fd, limit, offset)
        except OSError:
            return None
        finally:
            os.close(fd)


# --- what follows from those four questions -----------------------------------------------------------------------------


def realpath(host: Host, path: str) -> HostPath:
    """`path` with every symlink followed; a component that does not exist is kept as it is. 40 links at most (ELOOP)."""
    resolve = getattr(host, "resolve", None)
    return followed(host, path) if resolve is None else resolve(path)


def followed(host: Host, path: str, passed: list[str] | None = None) -> HostPath:
    """`realpath`, component by component. `passed` gets the links on the way, each where it really is."""
    done, todo, links = "", [p for p in path.split("/") if p], 0
    todo.reverse()
    while todo:
        part = todo.pop()
        if part == ".":
            continue
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        here = f"{done}/{part}"
        found = host.lstat(here)
        if found is None or found.kind != "link" or links >= 40:
            done = here
            continue
        links += 1
        if passed is not None:
            passed.append(here)
        target = host.readlink(here)
        if target.startswith("/"):
            done = ""
        todo.extend(p for p in reversed(target.split("/")) if p)
    return HostPath(done or "/")


def kind(host: Host, path: str) -> str:
    """What is at `path` after symlinks: "dir", "file", "socket", "other", or "" when nothing is."""
    found = host.lstat(path)
    if found is not None and found.kind == "link":
        found = host.lstat(realpath(host, path))
    return found.kind if found is not None and found.kind != "link" else ""
