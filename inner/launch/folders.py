"""A walk through a project that reads only the folders which changed since the last one; the others are asked for their time alone.

A folder has the names it had as long as its inode and ctime are what they were: nothing in a box sets a ctime back (inode(7)). Kept is
only what had been still for a while when it was read, on file systems whose times are this kernel's own; no box sees it
(`inner.kept`). Whatever is odd about what was kept means that everything is read.
"""

from __future__ import annotations

import os
import time

from inner import __version__, kept
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    # inode, ctime (0: read it), names to look at each time, whether it may be a repository itself; a child of None is always read
    Folder = tuple[int, int, tuple[str, ...], bool, "dict[str, Folder | None]"]

FORMAT = 1
ENTRIES = 64  # projects
MOST = 1 << 24  # bytes for one: some 300,000 folders
DEEPEST = 1000  # characters of a path that is remembered
WORTH = 2000  # entries read that keeping would have saved; a folder counts as so many:
OPENED = 50
# Not those that another machine or a program serves: their times are what that says.
LOCAL = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "tmpfs", "overlay"))


class Walk:
    """`through` visits every folder of a tree: `read` gets those that changed or are new, `unchanged` the others, `shut` those that
    cannot be entered. `over` is asked after each, with their number, whether to end it: then it is not `whole`. Links are not followed."""

    def __init__(self, project: str, since: int, cache: str = "", over: Callable[[int], bool] | None = None) -> None:
        self.project, self.since = project, since  # what changed since is read, whoever read it before
        self.place = f"{cache}/folders/{kept.name(project)}" if cache else ""
        self.over = over
        self.still = time.time_ns() - kept.SETTLED
        self.whole = True
        self.seen = 0  # folders
        self.fresh = 0  # what was read and need not be the next time
        self.device = 0

    # --- what is done with a folder ---------------------------------------------------------------------------------------

    def read(self, fd: int, path: str) -> tuple[list[str], Folder | None]:
        """Its subfolders' names, and what to remember of it (`remember`)."""
        raise NotImplementedError

    def unchanged(self, top: int, path: str, names: Iterable[str], *, bare: bool) -> None:
        """It has the names it had, among them these; `path` is reached from `top`."""
        raise NotImplementedError

    def enter(self, fd: int, name: str) -> int:
        """A descriptor of the folder `name` of `fd`."""
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)

    def shut(self, path: str) -> None:
        """It could not be entered."""
        raise NotImplementedError

    def remember(self, info: os.stat_result, names: list[str], entries: int, *, bare: bool) -> Folder | None:
        """`info`: of before it was read."""
        if info.st_dev != self.device:
            return None
        if info.st_ctime_ns > self.still:
            return (info.st_ino, 0, (), bare, {})
        self.fresh += entries + OPENED
        return (info.st_ino, info.st_ctime_ns, tuple(names), bare, {})

    # --- the walk ---------------------------------------------------------------------------------------------------------

    def through(self, top: int) -> None:
        """The folder `top` and all below."""
        self.device = os.fstat(top).st_dev
        children: dict[str, Folder | None] = {"": self._load()}
        todo = [("", "", children)]
        while todo and not self._ended():
            path, name, siblings = todo.pop()
            folder = siblings[name]
            if folder is None:
                self._new(top, path, name, siblings)
                continue
            inode, changed, names, bare, below = folder
            try:
                info = os.lstat(path or ".", dir_fd=top)
                same = info.st_ctime_ns == changed < self.since and info.st_ino == inode and info.st_dev == self.device
            except OSError:
                same = False
            if same:
                self.seen += 1
                if names or bare:
                    self.unchanged(top, path, names, bare=bare)
            else:
                below = self._again(top, path, name, siblings, below)
            prefix = f"{path}/" if path else ""
            todo += [(prefix + child, child, below) for child in below]
        if self.whole:
            self._save(top, children[""])

    def reach(self, top: int, path: str) -> int:
        """Through no link, as each folder was entered before."""
        fd = os.dup(top)
        for part in path.split("/") if path else ():
            try:
                deeper = self.enter(fd, part)
            finally:
                os.close(fd)
            fd = deeper
        return fd

    def _again(
        self, top: int, path: str, name: str, siblings: dict[str, Folder | None], below: dict[str, Folder | None]
    ) -> dict[str, Folder | None]:
        """Reads one that changed; what is known of the folders in it still holds."""
        siblings[name] = None
        try:
            fd = self.reach(top, path)
        except OSError:
            self.shut(path)
            return {}
        try:
            names, folder = self.read(fd, path)
        finally:
            os.close(fd)
        self.seen += 1
        children = {child: below.get(child) for child in names}
        if folder is not None:
            folder[4].update(children)
            siblings[name], children = folder, folder[4]
        return children

    def _new(self, top: int, path: str, name: str, siblings: dict[str, Folder | None]) -> None:
        try:
            fd = self.reach(top, path)
        except OSError:
            self.shut(path)
            return
        siblings[name] = self._deep(fd, path)

    def _deep(self, fd: int, start: str) -> Folder | None:
        """Depth first, with one descriptor: down by name, up by `..`, so that neither depth nor the length of a path matters."""
        path = [start] if start else []
        names, first = self.read(fd, start)
        self.seen += 1
        pending, folders = [names], [first]
        while not self._ended():
            if pending[-1]:
                name = pending[-1].pop()
                full = "/".join([*path, name])
                above = folders[-1]
                try:
                    child = self.enter(fd, name)
                except OSError:
                    self.shut(full)
                    if above is not None:
                        above[4][name] = None
                    continue
                os.close(fd)
                fd = child
                path.append(name)
                names, folder = self.read(fd, full if len(path) < 400 else f"{'/'.join(path[:3])}/.../{name}")
                self.seen += 1
                if above is None or len(full) > DEEPEST:
                    folder = None
                if above is not None:
                    above[4][name] = folder
                pending.append(names)
                folders.append(folder)
                continue
            pending.pop()
            folders.pop()
            if not pending:
                break
            path.pop()
            try:
                parent = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
            except OSError:
                self.whole = False
                break
            os.close(fd)
            fd = parent
        os.close(fd)
        return first

    def _ended(self) -> bool:
        if self.over is not None and self.over(self.seen):
            self.whole = False
        return not self.whole

    # --- from one walk to the next ----------------------------------------------------------------------------------------

    def _key(self) -> tuple[object, ...]:
        return (FORMAT, __version__, self.project, self.device)

    def _load(self) -> Folder | None:
        if not self.place:
            return None
        try:
            key, folder = kept.load(self.place, most=MOST)
        except (TypeError, ValueError):  # nothing kept
            return None
        return folder if key == self._key() else None

    def _save(self, top: int, folder: Folder | None) -> None:
        """Where it is worth it: writing takes a while, too."""
        if self.place and folder is not None and self.fresh >= max(WORTH, 10 * self.seen) and kind(top) in LOCAL:
            from inner.draft import save  # few starts find a folder changed

            save(self.place, (self._key(), folder), entries=ENTRIES, most=MOST)


def kind(fd: int) -> str:
    """The type of the file system (proc(5): fdinfo, mountinfo)."""
    with open(f"/proc/self/fdinfo/{fd}", "rb") as file:
        number = file.read().partition(b"mnt_id:")[2].split()[0]
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            if line.startswith(number + b" "):
                return line.partition(b" - ")[2].split(b" ", 1)[0].decode("ascii", "replace")
    return ""
