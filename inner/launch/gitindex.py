"""Git's index as data: path -> its entries. A parser of our own, because the file may come out of a box (gitformat-index(5)).

Versions 2 to 4. ValueError, completing the sentence "its index ...", for what is not one.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    Entries: TypeAlias = list[tuple[int, str, int]]  # mode, object, stage

MODES = (0o100644, 0o100755, 0o120000, 0o160000)
EXTENDED = 0x4000
OVERLOOKED = 0x4000  # of the extended flags: skip-worktree
INTENT = 0x2000  # of the extended flags: `git add -N`, no content yet


def parse(data: bytes, width: int, overlooked: set[bytes] | None = None) -> dict[bytes, Entries]:
    """`width`: bytes of an object's name. An empty file is an empty index. `overlooked` gets the paths with the skip-worktree bit."""
    found: dict[bytes, Entries] = {}
    if not data:
        return found
    version, count = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    if data[:4] != b"DIRC" or version not in (2, 3, 4) or len(data) < 12 + width:
        raise ValueError("is of a kind that is not known here")
    at, end, path = 12, len(data) - width, b""
    for _ in range(count):
        flags_at = at + 40 + width
        if flags_at + 2 > end:
            raise ValueError("is cut off")
        flags = data[flags_at] << 8 | data[flags_at + 1]
        name_at = flags_at + 2
        more = 0
        if flags & EXTENDED:
            more = data[name_at] << 8 | data[name_at + 1]
            name_at += 2
        if version == 4:
            strip, name_at = _varint(data, name_at, end)
            stop = data.find(b"\0", name_at, end)
            if stop < 0 or strip > len(path):
                raise ValueError("is damaged")
            path = path[: len(path) - strip] + data[name_at:stop]
            following = stop + 1
        else:
            stop = data.find(b"\0", name_at, end)
            if stop < 0:
                raise ValueError("is damaged")
            path = data[name_at:stop]
            following = at + ((stop - at + 8) & ~7)
        mode = int.from_bytes(data[at + 24 : at + 28], "big")
        if mode not in MODES:
            raise ValueError("has entries that are not files (a sparse index?)")
        if overlooked is not None and more & OVERLOOKED:
            overlooked.add(path)
        if not more & INTENT:
            found.setdefault(path, []).append((mode, data[at + 40 : flags_at].hex(), flags >> 12 & 3))
        at = following
    while at + 8 <= end:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if name == b"link":
            raise ValueError("is split over two files")
        if name[:1].islower():
            raise ValueError(f"needs the extension {name!r}")
        at += 8 + size
    return found


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """As in pack files, with the offset encoding of varint.c."""
    if at >= end:
        raise ValueError("is cut off")
    byte = data[at]
    value, at = byte & 0x7F, at + 1
    while byte & 0x80:
        if at >= end or value > 1 << 40:
            raise ValueError("is damaged")
        byte = data[at]
        value, at = ((value + 1) << 7) | (byte & 0x7F), at + 1
    return value, at
