"""Signals for every process of a box, seen from outside.

A process is signalled through a descriptor (pidfd_open(2)) taken while it was seen as a child of the box, so that a reused number
is never hit.
"""

from __future__ import annotations

from inner.launch.tree import Process, children, stat


def below(pid: int) -> list[int]:
    """Every descendant of `pid`, parents first."""
    found, todo, seen = [], children(pid), set()
    while todo:
        pid = todo.pop()
        if pid not in seen:
            seen.add(pid)
            found.append(pid)
            todo.extend(children(pid))
    return found


def signal_one(pid: int, parent: int, signum: int) -> None:
    """Signals `pid` when it is, still, a child of `parent` or of nobody we know (0)."""
    process = Process(pid)
    if parent == 0 or stat(pid)[1:2] == [b"%d" % parent]:
        process.send(signum)
    process.close()


def signal_below(pid: int, signums: tuple[int, ...], *, group: int = 0, rounds: int = 3) -> int:
    """Signals every descendant of `pid` (in process group `group` when given), again for those born meanwhile.
    Returns how many were reached."""
    reached: set[int] = set()
    for _ in range(rounds):
        fresh = False
        for parent, child in _pairs(pid):
            if child in reached:
                continue
            process = Process(child)
            fields = stat(child)
            if fields[1:2] == [b"%d" % parent] and (group == 0 or fields[2:3] == [b"%d" % group]):
                for signum in signums:
                    process.send(signum)
                reached.add(child)
                fresh = True
            process.close()
        if not fresh:
            break
    return len(reached)


def _pairs(pid: int) -> list[tuple[int, int]]:
    pairs, todo = [], [pid]
    while todo:
        parent = todo.pop()
        for child in children(parent):
            pairs.append((parent, child))
            todo.append(child)
            if len(pairs) > 100_000:
                return pairs
    return pairs
