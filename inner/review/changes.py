"""What differs between a layer and the host: one `Change` for each place, found by walking what the box has left, not the project.

A copy made only for its metadata is no change. `conflict` says why a change cannot be applied as it is: the host's side is not
what the box has seen. Nothing is changed here.
"""

from __future__ import annotations

import os
import stat

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING, frozen, replace
from inner.review import record
from inner.review.base import GONE, Base
from inner.review.tree import Kept, Tree, join, mark, same, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inner.review.record import Layer, Review
    from inner.review.tree import Mark

MODES = 0o1777  # what of a mode is ever brought over: set-id bits are not
KINDS = {stat.S_IFDIR: "dir", stat.S_IFREG: "file", stat.S_IFLNK: "link"}


@frozen
class Change:
    """`kind`: added, modified, replaced (by another type of file), deleted, mode. `what` and `was` are "file", "dir", "link",
    "special" (a device, a socket, a pipe: never applied) or "": what the box has there, what the host has. `mark` is the host's
    entry as it was looked at. `source`: the deleted file that this added one is, renamed."""

    layer: int
    path: str
    kind: str
    what: str = ""
    was: str = ""
    mode: int = 0
    old_mode: int = 0
    size: int = 0
    mark: Mark | None = None
    conflict: str = ""
    source: str = ""
    setid: bool = False


def kind(info: os.stat_result | None) -> str:
    """What is there: "dir", "file", "link", "special", or "" for nothing."""
    return "" if info is None else KINDS.get(stat.S_IFMT(info.st_mode), "special")


def kind_bits(info: os.stat_result) -> int:
    """The type, as the kernel has it."""
    return stat.S_IFMT(info.st_mode)


class Comparison:
    """One layer next to the host's folder. `changes` may be asked again: it looks again. `live`: the box is still at work there."""

    def __init__(self, review: Review, layer: Layer, *, live: bool = False) -> None:
        self.layer = layer
        self.first = layer.src == review.project
        self.place = f"{review.folder}/{layer.number}"
        copied = layer.kind == "copy"
        self.host = Tree(layer.src)
        if os.fstat(self.host.root).st_ino != layer.inode:
            self.host.close()
            raise InnerError(f"`{layer.src}` is not the folder that this review is about any more", where=review.folder)
        self.kept = Kept(f"{self.place}/{'copy' if copied else 'upper'}", f"{self.place}.modes", live=live)
        self.base = Base(review, layer)
        self.done = set(record.names(f"{self.place}.done"))
        self._points = set(layer.points)

    def close(self) -> None:
        """Let go of both folders."""
        self.host.close()
        self.kept.close()

    def __enter__(self) -> Comparison:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def changes(self) -> list[Change]:
        """Sorted by path, folders before what is in them."""
        walk = self._copied() if self.layer.kind == "copy" else self._overlaid()
        found = [change for change in walk if change.path not in self.done]
        return _renamed(sorted(found, key=lambda change: change.path.split("/")), self)

    def _conflict(self, path: str, how: str, what: str, host: os.stat_result | None) -> str:
        reason = self.base.reason(self.host, path, host)
        if not reason and how == "added" and what == "dir" and self.layer.kind != "copy":
            # Copied up from one of the host (folders are not renamed in such an overlay), which is there no more.
            return GONE if self.kept.attribute(path, "user.overlay.origin") is not None else ""
        return reason

    # --- an overlay's upper folder (Documentation/filesystems/overlayfs.rst) -------------------------------------------------

    def _overlaid(self) -> Iterator[Change]:
        todo = [("", True)]  # folder, whether the host has it too
        while todo:
            folder, merged = todo.pop()
            entries, opaque = self.kept.listing(folder)
            for name, info in entries:
                path = join(folder, name)
                host = self.host.stat(path) if merged else None
                if self._whiteout(path, info):
                    yield from self._gone(path, host)
                    continue
                yield from self._differs(path, info, host)
                if stat.S_ISDIR(info.st_mode):
                    todo.append((path, host is not None and stat.S_ISDIR(host.st_mode)))
                elif host is not None and stat.S_ISDIR(host.st_mode):
                    yield from self._inside(path)
            if opaque and merged and folder:
                kept = {name for name, _ in entries}
                for name, host in self._hosts(folder):
                    if name not in kept:
                        yield from self._gone(join(folder, name), host)

    def _whiteout(self, path: str, info: os.stat_result) -> bool:
        if stat.S_ISCHR(info.st_mode):
            return info.st_rdev == 0
        return stat.S_ISREG(info.st_mode) and info.st_size == 0 and self.kept.attribute(path, "user.overlay.whiteout") is not None

    def _hosts(self, folder: str) -> list[tuple[str, os.stat_result]]:
        try:
            return self.host.entries(folder)
        except OSError:
            return []

    # --- a copy -----------------------------------------------------------------------------------------------------------

    def _copied(self) -> Iterator[Change]:
        seen, folders = set(), {""}
        for path, info in self.kept.below(""):
            seen.add(path)
            if stat.S_ISDIR(info.st_mode):
                folders.add(path)
            if self.base.untouched(path, info):
                continue
            host = self.host.stat(path)
            yield from self._differs(path, info, host)
            if host is not None and stat.S_ISDIR(host.st_mode) and not stat.S_ISDIR(info.st_mode):
                yield from self._inside(path)
        for path in self.base.all():
            if path not in seen and split(path)[0] in folders:
                yield from self._gone(path, self.host.stat(path))

    # --- one place --------------------------------------------------------------------------------------------------------

    def _gone(self, path: str, host: os.stat_result | None) -> Iterator[Change]:
        """Deleted in the box, with everything below it; nothing when the host has not got it either."""
        if host is None:
            return
        yield self._deleted(path, host)
        if stat.S_ISDIR(host.st_mode):
            yield from self._inside(path)

    def _inside(self, folder: str) -> Iterator[Change]:
        for path, host in self.host.below(folder):
            yield self._deleted(path, host)

    def _deleted(self, path: str, host: os.stat_result) -> Change:
        old = host.st_mode & MODES
        was, reason = kind(host), self._conflict(path, "deleted", "", host)
        return Change(self.layer.number, path, "deleted", "", was, 0, old, host.st_size, mark(host), reason)

    def _differs(self, path: str, info: os.stat_result, host: os.stat_result | None) -> Iterator[Change]:
        what, was = kind(info), kind(host)
        bits = self.kept.mode(path, info)
        mode, old = bits & MODES, host.st_mode & MODES if host is not None else 0
        if what != "dir":
            mode &= 0o777
            old &= 0o777
        if path in self._points and not was and (what == "dir" or info.st_size == 0):
            return  # made for a mount; had the box put something in it, that is listed itself
        if was == "":
            how = "added"
        elif what != was:
            how = "replaced"
        elif (what == "file" and not self._same(path, info, host)) or (what == "link" and self._moved(path)):
            how = "modified"
        elif what in ("file", "dir") and mode != old:
            how = "mode"
        elif what == "special" and host is not None and (host.st_rdev, kind_bits(host)) != (info.st_rdev, kind_bits(info)):
            how = "replaced"
        else:
            return
        seen = mark(host) if host is not None else None
        setid = what == "file" and bool(bits & 0o6000)
        reason = self._conflict(path, how, what, host)
        yield Change(self.layer.number, path, how, what, was, mode, old, info.st_size, seen, reason, setid=setid)

    def _same(self, path: str, info: os.stat_result, host: os.stat_result | None) -> bool:
        if host is None or info.st_size != host.st_size:
            return False
        try:
            outside = self.host.open(path)
        except OSError:
            return False
        try:
            inside = self.kept.open(path)
            try:
                return same(inside, outside)
            finally:
                os.close(inside)
        finally:
            os.close(outside)

    def _moved(self, path: str) -> bool:
        try:
            return self.kept.readlink(path) != self.host.readlink(path)
        except OSError:
            return True


MOST_PAIRS = 2000  # comparisons of contents for the sake of renames


def _renamed(changes: list[Change], comparison: Comparison) -> list[Change]:
    """Added files that are deleted ones, byte for byte, say from where they come."""
    gone: dict[int, list[Change]] = {}
    for change in changes:
        if change.kind == "deleted" and change.was == "file" and change.size:
            gone.setdefault(change.size, []).append(change)
    if not gone:
        return changes
    tries, result = 0, []
    for change in changes:
        source = ""
        if change.kind == "added" and change.what == "file" and change.size in gone:
            own = split(change.path)[1]
            for other in sorted(gone[change.size], key=lambda c: split(c.path)[1] != own):
                tries += 1
                if tries > MOST_PAIRS:
                    break
                if _same_files(comparison, change.path, other.path):
                    gone[change.size].remove(other)
                    source = other.path
                    break
        result.append(replace(change, source=source) if source else change)
    return result


def _same_files(comparison: Comparison, new: str, old: str) -> bool:
    try:
        inside = comparison.kept.open(new)
    except OSError:
        return False
    try:
        outside = comparison.host.open(old)
    except OSError:
        os.close(inside)
        return False
    try:
        return same(inside, outside)
    finally:
        os.close(inside)
        os.close(outside)
