"""What the host had when the box saw it, as far as it is known: the ground on which a change counts as a conflict.

While the box runs, an overlay shows the host's files as they are, and nothing is read at the start. So the first test is time: an
entry whose inode has changed (ctime, which no program can set) since the review began is not what the box was given. When the run
has ended, `seal` keeps for each changed place how the host's entry looked, with a digest of its content, and from then on that is
compared, exactly: a time that changed alone (a backup that made a link, `chmod` to the mode it had) is no conflict.
"""

from __future__ import annotations

import marshal
import os
import stat

from inner.errors import HostError
from inner.frozen import TYPE_CHECKING
from inner.review import record
from inner.review.tree import mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.review.changes import Change
    from inner.review.record import Layer, Review
    from inner.review.tree import Mark, Tree

CHANGED = "changed outside since the run began"
GONE = "deleted outside since the run began"
MADE = "made outside since the run began"
MOST_BYTES = 1 << 24  # of a file whose content is compared when only its time differs
MOVED = "a folder above it was moved or changed outside"


class Base:
    """The base of one layer."""

    def __init__(self, review: Review, layer: Layer) -> None:
        place = f"{review.folder}/{layer.number}"
        self._since = review.began - max(0, review.clock - record.ahead())  # a clock that was set back stamps earlier times
        self._sealed: dict[str, tuple[Mark, bytes] | str | None] = _load(f"{place}.seal") or {}
        self._copied: dict[str, tuple[Mark, int, int]] | None = _load(f"{place}/base") if layer.kind == "copy" else None
        self._ways: dict[str, bool] = {}
        words = record.names(f"{place}.journal")  # an apply that was killed was working there
        self._working = {
            about if kind == "beside" else path for kind, path, about in zip(words[::4], words[1::4], words[2::4], strict=False)
        }

    def reason(self, host: Tree, path: str, info: os.stat_result | None) -> str:
        """Why what the host has at `path` now is not what the box was given; "" when it is."""
        if path in self._working and (info is None or stat.S_ISDIR(info.st_mode)):
            return ""
        now = mark(info) if info is not None else None
        if self._copied is not None:
            before = self._copied.get(path)
            return _differs(before[0] if before else None, now)
        if path in self._sealed:
            kept = self._sealed[path]
            if isinstance(kept, str):
                return kept
            problem = _differs(kept[0] if kept else None, now)
            return "" if problem == CHANGED and kept and now and _alike(host, path, kept, now) else problem
        if info is None:
            return ""
        if stat.S_ISDIR(info.st_mode):
            return CHANGED if self._placed(info) else ""
        if info.st_ctime_ns >= self._since:
            return CHANGED
        return MOVED if self._way_changed(host, path) else ""

    def _placed(self, info: os.stat_result) -> bool:
        """Whether a folder itself was renamed or given another mode: its entries changing stamps both times alike (rename(2))."""
        return info.st_ctime_ns >= self._since and info.st_ctime_ns != info.st_mtime_ns

    def _way_changed(self, host: Tree, path: str) -> bool:
        folder = path.rpartition("/")[0]
        chain = []
        while folder and folder not in self._ways:
            chain.append(folder)
            folder = folder.rpartition("/")[0]
        answer = self._ways.get(folder, False)
        for place in reversed(chain):
            if not answer:
                info = host.stat(place)
                answer = info is None or self._placed(info)
            self._ways[place] = answer
        return answer

    def untouched(self, path: str, info: os.stat_result) -> bool:
        """Whether the copy of `path` is as it was made."""
        known = (self._copied or {}).get(path)
        return known is not None and (info.st_ino, info.st_ctime_ns) == known[1:] and not stat.S_ISDIR(info.st_mode)

    def knew(self, path: str) -> bool:
        """Whether `path` was copied."""
        return path in (self._copied or {})

    def all(self) -> Iterable[str]:
        """Every path that was copied."""
        return self._copied or {}


def _differs(before: Mark | None, now: Mark | None) -> str:
    if before is None:
        return MADE if now is not None else ""
    if now is None:
        return GONE
    if stat.S_ISDIR(before[1]) and stat.S_ISDIR(now[1]):
        return CHANGED if before[:2] != now[:2] else ""  # its entries are judged one by one
    return CHANGED if before != now else ""


def _alike(host: Tree, path: str, kept: tuple[Mark, bytes], now: Mark) -> bool:
    """Whether nothing but the inode's time is another one, and the content is what it was."""
    return bool(kept[1]) and kept[0][:4] == now[:4] and digest(host, path, now) == kept[1]


def digest(host: Tree, path: str, info: Mark) -> bytes:
    """Of a regular file's content, b"" for anything else and for what is large."""
    if not stat.S_ISREG(info[1]) or info[2] > MOST_BYTES:
        return b""
    try:
        from _blake2 import blake2b  # `hashlib` without its other half, at a fifth of the time
    except ImportError:
        from hashlib import blake2b
    try:
        fd = host.open(path)
    except OSError:
        return b""
    with open(fd, "rb") as file:
        return blake2b(file.read(), digest_size=32).digest()


def seal(host: Tree, place: str, changes: Iterable[Change]) -> None:
    """Keeps how the host's side of every change looks now, or why it is in conflict already."""
    table = {c.path: c.conflict or (c.mark and (c.mark, digest(host, c.path, c.mark))) for c in changes}
    write(f"{place}.seal", table)


def write(path: str, value: object) -> None:
    """Writes a table, whole or not at all."""
    try:
        fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as file:
            marshal.dump(value, file, 4)  # type: ignore[arg-type]
        os.rename(f"{path}.new", path)
    except OSError as problem:
        raise HostError(f"cannot write: {problem.strerror}", where=path, hint="`df -h` shows whether the disk is full") from None


def _load(path: str):  # type: ignore[no-untyped-def]
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            return marshal.load(file)  # noqa: S302 - in a folder that nobody else can write
    except (OSError, ValueError, EOFError, TypeError):
        return None
