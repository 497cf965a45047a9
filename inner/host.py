"""The machine the plan is made for, behind one small door.

`Host` is what `plan.build` may ask; `RealHost` asks the kernel; `Facts` answers from a record, so that a plan can be made for
another machine and kept as a golden file. Nothing here writes, starts a program or raises for what does not exist.
"""

from __future__ import annotations

import os
import stat as _stat

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
        def lstat(self, path: str) -> Stat | None: ...
        def readlink(self, path: str) -> str: ...
        def listdir(self, path: str) -> tuple[str, ...]: ...
        def read(self, path: str, limit: int = 65536, offset: int = 0) -> bytes | None: ...


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


def followed(host: Host, path: str) -> HostPath:
    """`realpath`, component by component."""
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


def executable(host: Host, path: str) -> bool:
    """A regular file with an execute bit for somebody."""
    found = host.lstat(realpath(host, path))
    return found is not None and found.kind == "file" and bool(found.mode & 0o111)


def which(host: Host, name: str, path: str | None = None) -> HostPath | None:
    """The first executable called `name` on `path` ($PATH when None). Relative entries and `.` are never searched."""
    if "/" in name:
        full = name if name.startswith("/") else f"{host.cwd}/{name}"
        return HostPath(normal(full)) if executable(host, full) else None
    for folder in (host.env.get("PATH", "") if path is None else path).split(":"):
        if folder.startswith("/") and executable(host, f"{folder}/{name}"):
            return HostPath(normal(f"{folder}/{name}"))
    return None


class Facts:
    """A machine as a record: `tree` maps an absolute path to "dir", "file", "link:TARGET", "socket" or, for a file that is read,
    ("file", content); anything else does not exist. Folders on the way to an entry exist."""

    def __init__(
        self,
        tree: Mapping[str, str | tuple[str, bytes] | Stat],
        *,
        env: Mapping[str, str],
        uid: int = 1000,
        gid: int = 1000,
        user: str = "user",
        home: str = "/home/user",
        cwd: str = "/home/user/project",
    ) -> None:
        self.env, self.uid, self.gid, self.user = env, uid, gid, user
        self.home, self.cwd = HostPath(home), HostPath(cwd)
        self._tree: dict[str, Stat] = {"/": Stat("dir")}
        self._links: dict[str, str] = {}
        self._content: dict[str, bytes] = {}
        self._names: dict[str, list[str]] = {}
        for path, what in tree.items():
            self._add(normal(path), what)

    def _add(self, path: str, what: str | tuple[str, bytes] | Stat) -> None:
        owner = self.uid if path == self.home or path.startswith(self.home + "/") else 0
        if isinstance(what, Stat):
            entry = what
        elif isinstance(what, tuple):
            entry = Stat(what[0], 0o755 if "/bin/" in path else 0o644, owner, owner, len(what[1]))
            self._content[path] = what[1]
        elif what.startswith("link:"):
            entry = Stat("link", 0o777, owner, owner)
            self._links[path] = what[5:]
        else:
            entry = Stat(what, 0o755, owner, owner)
        parent, _, name = path.rpartition("/")
        if parent and parent not in self._tree:
            self._add(parent, "dir")
        if path not in self._tree and name:
            self._names.setdefault(parent or "/", []).append(name)
        self._tree[path] = entry

    def _place(self, path: str) -> str:
        """The path with its parent's symlinks followed, as the kernel would before the last component."""
        parent, _, name = normal(path).rpartition("/")
        return f"{realpath(self, parent).rstrip('/')}/{name}" if parent else f"/{name}"

    def lstat(self, path: str) -> Stat | None:
        return self._tree.get(path) or self._tree.get(self._place(path))

    def readlink(self, path: str) -> str:
        return self._links.get(path) or self._links.get(self._place(path), "")

    def listdir(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(self._names.get(realpath(self, path), ())))

    def read(self, path: str, limit: int = 65536, offset: int = 0) -> bytes | None:
        content = self._content.get(realpath(self, path))
        return None if content is None else content[offset : offset + limit]


class Recorder:
    """Asks `host` and keeps every answer: `tree()` is what Facts needs to give the same ones, on any machine."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.env, self.uid, self.gid = host.env, host.uid, host.gid
        self.user, self.home, self.cwd = host.user, host.home, host.cwd
        self._seen: dict[str, str | tuple[str, bytes] | Stat] = {}

    def lstat(self, path: str) -> Stat | None:
        found = self._host.lstat(path)
        if found is not None and path not in self._seen:
            # Owners and modes matter, device and inode numbers are one machine's own.
            self._seen[path] = (
                f"link:{self._host.readlink(path)}"
                if found.kind == "link"
                else Stat(found.kind, found.mode, found.uid, found.gid, found.size)
            )
        return found

    def readlink(self, path: str) -> str:
        self.lstat(path)
        return self._host.readlink(path)

    def listdir(self, path: str) -> tuple[str, ...]:
        names = self._host.listdir(path)
        self.lstat(path)
        for name in names:
            self.lstat(f"{path.rstrip('/')}/{name}")
        return names

    def read(self, path: str, limit: int = 65536, offset: int = 0) -> bytes | None:
        content = self._host.read(path, limit, offset)
        if content is not None and offset == 0:
            self._seen[path] = ("file", content)
        return content

    def tree(self) -> dict[str, str | tuple[str, bytes] | Stat]:
        """Everything seen so far, by path."""
        return dict(sorted(self._seen.items()))
