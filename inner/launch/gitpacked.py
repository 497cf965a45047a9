"""Many new refs at once: into `packed-refs`, which is one file, under git's own lock. A file for each and one for its log, as
`git update-ref` makes them, keeps a busy disk for minutes.

What git asks before it makes a ref (refs/files-backend.c) is asked here: whatever is not plainly new is left to git.
"""

from __future__ import annotations

import os
import time

from inner.frozen import TYPE_CHECKING
from inner.launch.shadow import by_name, read, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inner.launch.gitcommand import Git

MANY = 200  # fewer are left to git, which notes them in its logs
SHARED = ("refs/heads/", "refs/tags/", "refs/notes/", "refs/remotes/", "refs/inner/")  # not of one work tree alone
HEAD = b"# pack-refs with: peeled fully-peeled sorted \n"
PATIENCE, PAUSE = 40, 0.05  # times that the lock is asked for, seconds in between


def again(common: str, run: str) -> None:
    """After an attempt that failed or was killed: its lock goes, which is a link to its file, and no other."""
    mine, lock = _names(common, run)
    if os.path.lexists(mine):
        if os.path.lexists(lock) and os.path.samestat(os.lstat(mine), os.lstat(lock)):
            os.unlink(lock)
        os.unlink(mine)


def add(git: Git, common: str, run: str, wanted: Mapping[str, str]) -> set[str]:
    """Makes those of `wanted` (name: object) that are new, and returns which; the names are such as git accepts."""
    place = f"{common}/packed-refs"
    mine, lock = _names(common, run)
    shared = {name: sha for name, sha in wanted.items() if name.startswith(SHARED)}
    if len(shared) < MANY or os.path.islink(place):
        return set()
    lines = _lines(git, shared)
    try:
        for _ in range(PATIENCE):
            seen = stamp(place)
            text = read(place) if seen else b""
            have = by_name(text)
            new = _new(common, {name: line for name, line in lines.items() if name not in have}, have)
            all_of_them = have | new
            head = HEAD if not text else text[: text.find(b"\n") + 1] if text.startswith(b"#") else b""
            _write(mine, head + b"".join(all_of_them[name] for name in sorted(all_of_them)))
            try:
                os.link(mine, lock)
            except FileExistsError:
                time.sleep(PAUSE)
                continue
            if stamp(place) == seen:
                os.rename(lock, place)
                # Who asked before that whether a name is free holds a lock on it, or has made it by now: theirs counts.
                return {os.fsdecode(name) for name in new.keys() - _taken(common, new)}
            os.unlink(lock)
    except OSError:
        pass  # no links on this file system, no room: git says it better
    finally:
        again(common, run)
    return set()


def _names(common: str, run: str) -> tuple[str, str]:
    return f"{common}/packed-refs.inner-{run}", f"{common}/packed-refs.lock"


def _lines(git: Git, wanted: Mapping[str, str]) -> dict[bytes, bytes]:
    """The lines for those whose object is there, and a commit for a branch, with what a tag leads to."""
    objects = list(dict.fromkeys(wanted.values()))
    asked = "".join(f"{sha}{of}\n" for of in ("", "^{}") for sha in objects).encode()
    out = git.must("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked).decode("ascii", "replace").splitlines()
    rows = [line.rpartition(" ") for line in out]
    found = {sha: (row[2], peeled) for sha, row, peeled in zip(objects, rows[: len(objects)], rows[len(objects) :], strict=True)}
    lines = {}
    for name, sha in wanted.items():
        kind, (leads, _, of) = found[sha]
        if kind == "commit" or (kind != "missing" and of != "missing" and not name.startswith("refs/heads/")):
            ref = os.fsencode(name)
            lines[ref] = b"%s %s\n" % (sha.encode(), ref) + (b"^%s\n" % leads.encode() if leads != sha else b"")
    return lines


def _new(common: str, lines: Mapping[bytes, bytes], have: Iterable[bytes]) -> dict[bytes, bytes]:
    """Those that no file stands for, and that neither lie below another ref nor have one below them."""
    names = {*have, *lines}
    folders: set[bytes] = set()
    for name in names:
        while (name := name.rpartition(b"/")[0]) and name not in folders:
            folders.add(name)
    both = names & folders
    below, taken = tuple(name + b"/" for name in both), _taken(common, lines)
    return {n: line for n, line in lines.items() if n not in both and n not in taken and not (both and n.startswith(below))}


def _taken(common: str, names: Iterable[bytes]) -> set[bytes]:
    """Those for which there is a file, a folder or a lock."""
    found: set[bytes] = set()
    listed: dict[bytes, frozenset[bytes] | None] = {}
    for name in names:
        folder, _, last = name.rpartition(b"/")
        if folder not in listed:
            try:
                listed[folder] = frozenset(os.listdir(os.fsencode(common) + b"/" + folder))
            except FileNotFoundError:
                listed[folder] = frozenset()
            except OSError:
                listed[folder] = None  # a file where a folder would be
        there = listed[folder]
        if there is None or last in there or last + b".lock" in there:
            found.add(name)
    return found


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    with open(fd, "wb", buffering=0) as file:
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
        os.fsync(fd)
