"""Brings changes to the host, one place at a time, each whole or not at all.

Written beside its place and then swapped with what is there (renameat2(2)), a file is looked at once more after the swap: when it
was not what the review was about, it is swapped back. So nothing that somebody wrote meanwhile is lost. Names made on the way are
in `journal` before they exist, and what is done in `done`: after a kill at any point, doing it again finishes the work.
"""

from __future__ import annotations

import errno
import os
import stat

from inner.errors import HostError
from inner.frozen import TYPE_CHECKING
from inner.review import kernel, record
from inner.review.base import CHANGED, GONE, MADE
from inner.review.tree import BLOCK, join, mark, same, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inner.review.changes import Change, Comparison
    from inner.review.tree import Mark

GIT = "git's own files are never copied: they name programs that git runs"
SPECIAL = "a device, socket or pipe: never brought over"
FILLED = "something was put into it outside"
LOST = "its folder is not there any more"
BESIDE = ".boxed"
FULL = (errno.ENOSPC, errno.EDQUOT)


class Apply:
    """One layer's changes. `step` is called before each change of the host, with words about it (tests end the process there)."""

    def __init__(self, comparison: Comparison, step: Callable[[str], None] | None = None) -> None:
        self.comparison = comparison
        self.host, self.kept = comparison.host, comparison.kept
        self._place = comparison.place
        self._step = step or (lambda _words: None)
        self._count = 0
        self._final: dict[str, int] = {}  # folders that were opened up, or get their mode at the end
        self.left: list[tuple[Change, str]] = []
        self.applied: list[Change] = []
        self.strays: list[str] = []

    def run(self, changes: Iterable[Change], *, way: str = "") -> None:
        """Applies those without a conflict, and does with the others what `way` says: "theirs" takes the box's version, "ours" the
        host's, "beside" writes the box's next to it; "" leaves them. `left` says what was left, and why."""
        changes = sorted(changes, key=lambda change: change.path.split("/"))
        todo = []
        for change in changes:
            if change.conflict and way != "theirs":
                self._settle(change, way)
            elif git_owned(change.path):
                self.left.append((change, GIT))
            elif change.what == "special":
                self.left.append((change, SPECIAL))
            else:
                todo.append(change)
        try:
            self._all(todo)
        finally:
            self._finish()
            record.append(f"{self._place}.done", (change.path for change in self.applied))
        kernel.flush(self.host.root)
        if os.path.lexists(f"{self._place}.journal"):
            os.unlink(f"{self._place}.journal")

    def _all(self, todo: list[Change]) -> None:
        replaced = {change.path for change in todo if change.kind == "replaced" and change.was == "dir"}
        gone = [change for change in todo if change.kind == "deleted"]
        early = [change for change in gone if any(_under(change.path, place) for place in replaced)] if replaced else []
        for change in reversed(early):
            self._do(change, self._delete)
        for change in todo:
            if change.kind != "deleted":
                self._do(change, self._mode if change.kind == "mode" else self._put)
        late = set(map(id, early))
        for change in reversed(gone):
            if id(change) not in late:
                self._do(change, self._delete)

    def _settle(self, change: Change, way: str) -> None:
        """A conflict, without taking the box's version."""
        if way == "ours" or (way == "beside" and change.what not in ("file", "link")):
            self.applied.append(change)
        elif way == "beside":
            name = split(change.path)[1] + BESIDE
            self._do(change, lambda c: self._place_new(c, self._writable(split(c.path)[0]), name, None))
        else:
            self.left.append((change, change.conflict))

    def _do(self, change: Change, act: Callable[[Change], str]) -> None:
        try:
            reason = act(change)
        except OSError as problem:
            if problem.errno in FULL:
                hint = "what is applied is applied, the rest is kept: make room and do the same again"
                raise HostError(f"no room for `{change.path}`", where=self.host.path, hint=hint) from None
            gone = problem.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
            reason = LOST if gone else str(problem.strerror).lower()
        if reason:
            self.left.append((change, reason))
        else:
            self.applied.append(change)

    # --- one place ----------------------------------------------------------------------------------------------------------

    def _put(self, change: Change) -> str:
        """Added, modified, or replaced by something else."""
        folder, name = split(change.path)
        where = self._writable(folder)
        if change.what == "dir":
            return self._folder(change, where, name)
        if change.was == "dir":
            self._note("gone", change.path)
            self._step(f"remove folder {change.path}")
            self.host.forget(change.path)
            try:
                os.rmdir(name, dir_fd=where)
            except OSError as problem:
                if problem.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return FILLED
                if problem.errno != errno.ENOENT:
                    raise
            return self._place_new(change, where, name, None)
        return self._place_new(change, where, name, change.mark)

    def _folder(self, change: Change, where: int, name: str) -> str:
        path = change.path
        if change.was and change.was != "dir":
            reason = self._take_away(change, where, name)
            if reason:
                return reason
        self._step(f"make folder {path}")
        self._note("mkdir", path)
        try:
            os.mkdir(name, 0o700, dir_fd=where)
        except FileExistsError:
            info = self.host.stat(path)
            if info is None or not stat.S_ISDIR(info.st_mode):
                return MADE
            return ""  # somebody made it too: what is in it will be judged by itself
        self._final[path] = change.mode
        return ""

    def _place_new(self, change: Change, where: int, name: str, seen: Mark | None) -> str:
        """Writes the box's entry beside `name` and swaps it in, when `seen` (nothing, if None) is there."""
        new = self._name(change.path, seen)
        self._step(f"write {change.path}")
        ours = 0
        try:
            if change.what == "link":
                os.symlink(self.kept.readlink(change.path), new, dir_fd=where)
            else:
                self._write(change, where, name, new)
            ours = os.stat(new, dir_fd=where, follow_symlinks=False).st_ino
            self._step(f"place {change.path}")
            return self._swap(where, new, name, seen)
        finally:
            try:  # ours, or a beginning of it; never what was there before, unless `_swap` has recognised it
                if os.stat(new, dir_fd=where, follow_symlinks=False).st_ino == ours or not ours:
                    os.unlink(new, dir_fd=where)
            except FileNotFoundError:
                pass

    def _swap(self, where: int, new: str, name: str, seen: Mark | None) -> str:
        if seen is None:
            return "" if kernel.move(where, new, name) else MADE
        try:
            if not _is(os.stat(name, dir_fd=where, follow_symlinks=False), seen):
                return CHANGED
        except FileNotFoundError:
            return GONE
        if not kernel.exchange(where, new, name):  # a file system without it: the look just now has to do
            os.rename(new, name, src_dir_fd=where, dst_dir_fd=where)
            return ""
        self._step(f"check {name}")
        if not _is(os.stat(new, dir_fd=where, follow_symlinks=False), seen):
            kernel.exchange(where, new, name)
            return CHANGED
        os.unlink(new, dir_fd=where)
        return ""

    def _write(self, change: Change, where: int, name: str, new: str) -> None:
        source = self.kept.open(change.path)
        try:
            target = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=where)
            try:
                _copy(source, target)
                if change.was == "file":
                    _inherit(where, name, target)
                info = os.fstat(source)
                os.fchmod(target, change.mode & 0o777)
                os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _mode(self, change: Change) -> str:
        folder, name = split(change.path)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.host.folder(folder))
        try:
            if not _is(os.fstat(fd), change.mark):
                return CHANGED
            if change.what == "dir":
                self._final[change.path] = change.mode
                self._writable(change.path)
            else:
                self._step(f"mode {change.path}")
                os.chmod(f"/proc/self/fd/{fd}", change.mode)
        finally:
            os.close(fd)
        return ""

    def _delete(self, change: Change) -> str:
        folder, name = split(change.path)
        try:
            where = self._writable(folder)
        except FileNotFoundError:
            return ""
        if change.was == "dir":
            self._step(f"remove folder {change.path}")
            self.host.forget(change.path)
            self._final.pop(change.path, None)
            try:
                os.rmdir(name, dir_fd=where)
            except OSError as problem:
                if problem.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return FILLED
                if problem.errno == errno.ENOENT:
                    return ""
                raise
            return ""
        return self._take_away(change, where, name)

    def _take_away(self, change: Change, where: int, name: str) -> str:
        """Removes an entry that is no folder, if it is the one that was looked at."""
        old = self._name(change.path, change.mark)
        self._step(f"take away {change.path}")
        try:
            if not _is(os.stat(name, dir_fd=where, follow_symlinks=False), change.mark):
                return CHANGED
            if not kernel.move(where, name, old):
                return "a name that is needed is taken"
        except FileNotFoundError:
            return ""
        self._step(f"check {name}")
        if not _is(os.stat(old, dir_fd=where, follow_symlinks=False), change.mark):
            kernel.move(where, old, name)
            return CHANGED
        os.unlink(old, dir_fd=where)
        return ""

    # --- folders that may not be written to -----------------------------------------------------------------------------------

    def _writable(self, folder: str) -> int:
        """The folder, in which something will be made or removed. The box could do that, so it may lack only our own permission."""
        fd = self.host.folder(folder)
        info = os.fstat(fd)
        if info.st_mode & 0o300 != 0o300 and info.st_uid == os.geteuid() and folder:
            self._final.setdefault(folder, stat.S_IMODE(info.st_mode))
            self._note("mode", folder, str(self._final[folder]))
            os.chmod(f"/proc/self/fd/{fd}", stat.S_IMODE(info.st_mode) | 0o700)
        return fd

    def _finish(self) -> None:
        for path, mode in sorted(self._final.items(), key=lambda item: -item[0].count("/")):
            self._step(f"mode {path}")
            try:
                os.chmod(f"/proc/self/fd/{self.host.folder(path)}", mode & 0o1777)
            except OSError:
                continue  # it is gone
        self._final = {}

    # --- what a kill leaves ---------------------------------------------------------------------------------------------------

    def _name(self, path: str, seen: Mark | None) -> str:
        """A name beside `path` that nothing has, noted before it is used, with what may come to lie there."""
        self._count += 1
        new = f".inner-{os.getpid()}-{os.urandom(4).hex()}-{self._count}"
        identity = f"{seen[0]}:{seen[2]}:{seen[3]}" if seen is not None else ""
        self._note("beside", join(split(path)[0], new), path, identity)
        return new

    def _note(self, *words: str) -> None:
        record.append(f"{self._place}.journal", (*words, *[""] * (4 - len(words))))

    def recover(self) -> None:
        """Clears up what an apply that was killed has left beside its places: what it wrote, and what it had taken away. Done before
        changes are looked for; the journal stays until they are applied, because it tells which gaps are our own (`Base`)."""
        words = record.names(f"{self._place}.journal")
        for kind, path, about, identity in zip(words[::4], words[1::4], words[2::4], words[3::4], strict=False):
            info = self.host.stat(path)
            if info is None:
                continue
            folder, name = split(path)
            if kind == "mkdir":
                kept = self.kept.stat(path)
                if kept is not None and stat.S_ISDIR(info.st_mode) and stat.S_IMODE(info.st_mode) == 0o700:
                    self._final[path] = self.kept.mode(path, kept) & 0o1777
            elif kind == "mode" and stat.S_ISDIR(info.st_mode) and stat.S_IMODE(info.st_mode) == int(about) | 0o700:
                self._final.setdefault(path, int(about))
            elif kind == "beside" and (identity == _identity(info) or self._ours(path, about, info)):
                _unlink(self.host.folder(folder), name)
            elif kind == "beside" and not kernel.move(self.host.folder(folder), name, split(about)[1]):
                self.strays.append(path)  # changed outside in the moment of the kill, and so was its place
        self._finish()

    def _ours(self, path: str, about: str, info: os.stat_result) -> bool:
        """Whether the entry at `path` is the beginning of what the box has at `about`."""
        if stat.S_ISLNK(info.st_mode):
            return True  # we alone make links with such names
        try:
            one, other = self.host.open(path), self.kept.open(about)
        except OSError:
            return False
        try:
            return os.fstat(other).st_size >= info.st_size and same(one, other, info.st_size)
        finally:
            os.close(one)
            os.close(other)


def git_owned(path: str) -> bool:
    """Whether a path is in a `.git`, or is one."""
    return ".git" in path.split("/")


def _under(path: str, place: str) -> bool:
    return path.startswith(place + "/")


def _identity(info: os.stat_result) -> str:
    """What stays when an entry is renamed: not the time of its inode."""
    return f"{info.st_ino}:{info.st_size}:{info.st_mtime_ns}"


def _is(info: os.stat_result, seen: Mark | None) -> bool:
    """Whether this is the entry that was looked at. Being renamed changes the time of the inode, so that one does not count."""
    if seen is None:
        return False
    now = mark(info)
    if stat.S_ISDIR(info.st_mode):
        return now[:2] == seen[:2]
    return now[:4] == seen[:4]


def _copy(source: int, target: int) -> None:
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError as problem:
        if problem.errno in FULL:
            raise
        while chunk := os.read(source, BLOCK):  # another file system, or one without the call: continue where it stopped
            while chunk:
                chunk = chunk[os.write(target, chunk) :]


def _inherit(where: int, name: str, target: int) -> None:
    """What a file has besides content, mode and times, its successor has too: owner (which only root can give), group and extended
    attributes (access lists)."""
    try:
        old = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where)
    except OSError:
        return
    try:
        info, ours = os.fstat(old), os.fstat(target)
        if (info.st_uid, info.st_gid) != (ours.st_uid, ours.st_gid):
            os.fchown(target, info.st_uid if os.geteuid() == 0 else -1, info.st_gid)
        for attribute in os.listxattr(old):
            if attribute.startswith(("user.", "system.posix_acl")):
                os.setxattr(target, attribute, os.getxattr(old, attribute))
    except OSError:
        pass
    finally:
        os.close(old)


def _unlink(where: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=where)
    except FileNotFoundError:
        pass
