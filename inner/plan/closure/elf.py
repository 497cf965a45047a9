"""What an ELF file needs before its first instruction: interpreter, libraries, places to look in (elf(5), ld.so(8)).

Pure over a reader of bytes. A file that is not what it says (cut short, offsets beyond the end) needs nothing.
"""

from __future__ import annotations

import struct

from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 0, 1, 5, 15, 29
MOST_HEADERS, MOST_DYNAMIC, MOST_STRING, MOST_NEEDED = 64, 4096, 1024, 32


@frozen
class Needs:
    """`interpreter` is "" for a static program; `search` holds RPATH and RUNPATH as written, `$ORIGIN` and all."""

    interpreter: str = ""
    libraries: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    bits: int = 64


def needs(read: Callable[[int, int], bytes], head: bytes) -> Needs | None:
    """`read(limit, offset)` gives bytes of the file, `head` are its first 64 or more; None when it is no ELF file."""
    if head[:4] != b"\x7fELF" or len(head) < 52 or head[4] not in (1, 2):
        return None
    try:
        return _parse(read, head)
    except (struct.error, ValueError, IndexError, OverflowError):
        return None


def _parse(read: Callable[[int, int], bytes], head: bytes) -> Needs:
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    if wide:
        (start,) = struct.unpack_from(order + "Q", head, 32)
        size, count = struct.unpack_from(order + "HH", head, 54)
    else:
        (start,) = struct.unpack_from(order + "I", head, 28)
        size, count = struct.unpack_from(order + "HH", head, 42)
    count = min(count, MOST_HEADERS)
    table = head[start : start + size * count] if start + size * count <= len(head) else read(size * count, start)
    interpreter, loads, dynamic = "", [], (0, 0)
    for number in range(count):
        if wide:
            kind, _, offset, address, _, length = struct.unpack_from(order + "IIQQQQ", table, number * size)
        else:
            kind, offset, address, _, length = struct.unpack_from(order + "IIIII", table, number * size)
        if kind == PT_INTERP:
            inside = offset + length <= len(head)
            interpreter = _text(head[offset : offset + length] if inside else read(min(length, 4096), offset), 0)
        elif kind == PT_LOAD:
            loads.append((address, offset, length))
        elif kind == PT_DYNAMIC:
            dynamic = (offset, min(length, MOST_DYNAMIC))
    bits = 64 if wide else 32
    needed, search, address = _dynamic(read(dynamic[1], dynamic[0]) if dynamic[1] else b"", order, wide=wide)
    place = next((offset + address - start for start, offset, size in loads if start <= address < start + size), -1)
    if not search or place < 0:
        return Needs(interpreter, (), (), bits)  # all libraries are the loader's own business
    # Single strings: a table may be megabytes long, and patchelf puts its own at the end.
    texts = [_text(read(MOST_STRING, place + at), 0) for at in (*search[:2], *needed[:MOST_NEEDED])]
    places = [part for text in texts[: len(search[:2])] for part in text.split(":") if part]
    return Needs(interpreter, tuple(texts[len(search[:2]) :]), tuple(places), bits)


def _dynamic(data: bytes, order: str, *, wide: bool) -> tuple[list[int], list[int], int]:
    needed: list[int] = []
    search: list[int] = []
    address = 0
    width = 16 if wide else 8
    for tag, value in struct.iter_unpack(order + ("qQ" if wide else "iI"), data[: len(data) // width * width]):
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            needed.append(value)
        elif tag in (DT_RPATH, DT_RUNPATH):
            search.append(value)
        elif tag == DT_STRTAB:
            address = value
    return needed, search, address


def _text(data: bytes, at: int) -> str:
    end = data.find(b"\0", at)
    return data[at : end if end >= 0 else len(data)].decode("utf-8", "surrogateescape")
