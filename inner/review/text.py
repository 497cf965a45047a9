"""Unified differences of hostile texts: bounded time whatever the input, no byte of theirs unescaped. Pure.

The shortest edit is searched (Myers, "An O(ND) difference algorithm", 1986) up to `MOST_EDITS`; beyond it the part between the common
beginning and the common end is shown as replaced whole.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_EDITS = 400
MOST_BYTES = 1 << 20  # larger files are only told of
CONTEXT = 3


def binary(data: bytes) -> bool:
    """As git judges: a NUL byte near the beginning."""
    return b"\0" in data[:8000]


def lines(data: bytes) -> list[str]:
    """Lines, undecodable bytes kept (PEP 383), without their line feeds; a last one without says so."""
    parts = data.decode("utf-8", "surrogateescape").split("\n")
    if parts[-1] == "":
        return parts[:-1]
    parts[-1] += "\n\\ No newline at end of file"
    return parts


def unified(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Hunks: `@@ -1,2 +1,3 @@` and lines that begin with a space, `-` or `+`; nothing when both are the same."""
    changes = edits(old, new)
    at = 0
    while at < len(changes):
        last = at
        while last + 1 < len(changes) and changes[last + 1][0] - changes[last][1] <= 2 * CONTEXT:
            last += 1
        first_old, first_new = max(0, changes[at][0] - CONTEXT), max(0, changes[at][2] - CONTEXT)
        end_old, end_new = min(len(old), changes[last][1] + CONTEXT), min(len(new), changes[last][3] + CONTEXT)
        yield f"@@ -{_range(first_old, end_old)} +{_range(first_new, end_new)} @@"
        here = first_old
        for i1, i2, j1, j2 in changes[at : last + 1]:
            yield from (" " + line for line in old[here:i1])
            yield from ("-" + line for line in old[i1:i2])
            yield from ("+" + line for line in new[j1:j2])
            here = i2
        yield from (" " + line for line in old[here:end_old])
        at = last + 1


def _range(first: int, end: int) -> str:
    count = end - first
    return f"{first + 1 if count else first}" + ("" if count == 1 else f",{count}")


def edits(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """(i1, i2, j1, j2), in order: old[i1:i2] became new[j1:j2]."""
    start, shortest = 0, min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    a, b = old[start : len(old) - end], new[start : len(new) - end]
    if not a and not b:
        return []
    steps = _shortest(a, b)
    if steps is None:
        return [(start, start + len(a), start, start + len(b))]
    result: list[tuple[int, int, int, int]] = []
    for i, j, removed in steps:
        i1, j1 = start + i, start + j
        i2, j2 = (i1 + 1, j1) if removed else (i1, j1 + 1)
        if result and result[-1][1] == i1 and result[-1][3] == j1:
            result[-1] = (result[-1][0], i2, result[-1][2], j2)
        else:
            result.append((i1, i2, j1, j2))
    return result


def _shortest(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int, bool]] | None:
    """Single removals (True) and insertions at (index in a, index in b), in order; None when there are too many."""
    n, m = len(a), len(b)
    reach = {1: 0}
    trace: list[dict[int, int]] = []
    for d in range(min(n + m, MOST_EDITS) + 1):
        trace.append(dict(reach))
        for k in range(-d, d + 1, 2):
            down = k == -d or (k != d and reach[k - 1] < reach[k + 1])
            x = reach[k + 1] if down else reach[k - 1] + 1
            y = x - k
            while x < n and y < m and a[x] == b[y]:
                x, y = x + 1, y + 1
            reach[k] = x
            if x >= n and y >= m:
                return _back(trace, n, m)
    return None


def _back(trace: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int, bool]]:
    steps = []
    for d in range(len(trace) - 1, 0, -1):
        reach, k = trace[d], x - y
        down = k == -d or (k != d and reach[k - 1] < reach[k + 1])
        before = k + 1 if down else k - 1
        x = reach[before]
        y = x - before
        steps.append((x, y, not down))
    return steps[::-1]


def counts(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Lines added and removed."""
    found = edits(old, new)
    return sum(j2 - j1 for _, _, j1, j2 in found), sum(i2 - i1 for i1, i2, _, _ in found)
