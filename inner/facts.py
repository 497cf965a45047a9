"""A machine as a record: a plan can be made for another one, and kept as a golden file.

`Facts` is a `Host` that answers from the record, `Recorder` makes the record of a host that is asked. Nothing here touches the disk.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.host import Stat, realpath
from inner.paths import HostPath, normal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inner.host import Host


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
        program: tuple[str, ...] = (),
    ) -> None:
        self.env, self.uid, self.gid, self.user = env, uid, gid, user
        self.home, self.cwd, self.program = HostPath(home), HostPath(cwd), program
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
        self.user, self.home, self.cwd, self.program = host.user, host.home, host.cwd, host.program
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
