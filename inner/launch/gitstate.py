"""Unfinished operations of git (merge, rebase, cherry-pick, am, bisect): their files, as a box left them, judged and put in place.

What may pass `gitvet` says. A folder comes as a whole or not at all.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.launch import removal
from inner.launch.rundir import write
from inner.launch.shadow import OPERATIONS, STATE, read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Files: TypeAlias = dict[str, bytes]  # path below the git folder -> content

MOST_FILES, MOST_BYTES, MOST = 5000, 1 << 23, 1 << 26  # files of a folder, bytes of one, bytes of all
BISECT = tuple(name for name in STATE if name.startswith("BISECT_"))
WAITS = {"MERGE_HEAD": "merge", "CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert", "rebase-merge": "rebase",
         "rebase-apply": "`git am` or rebase", "sequencer": "cherry-pick or revert", "BISECT_LOG": "bisect"}  # fmt: skip
QUIET = ("ORIG_HEAD", "AUTO_MERGE", "REBASE_HEAD")  # nothing goes on from these


def found(folder: str) -> Files:
    """The files of every unfinished operation in a git folder; regular ones, through no link."""
    files: Files = {}
    try:
        there = set(os.listdir(folder))
    except OSError:
        return files
    names, room = [name for name in STATE if name in there], MOST
    for operation in OPERATIONS:
        try:
            if operation in there and not os.path.islink(f"{folder}/{operation}"):
                names += [f"{operation}/{name}" for name in sorted(os.listdir(f"{folder}/{operation}"))[:MOST_FILES]]
        except OSError:
            continue
    for name in names:
        try:
            content = read(f"{folder}/{name}", MOST_BYTES)
        except OSError:
            continue
        room -= len(content)
        files[name] = content if room > 0 and len(content) < MOST_BYTES else b"\0"  # which is never taken over
    return files


def unit(name: str) -> str:
    """What a file comes together with: its folder, the whole bisect, or nothing else."""
    return "BISECT_LOG" if name in BISECT else name.partition("/")[0]


class Unfinished:
    """What the box changed of a git folder's unfinished operations: `was` at the start, `now` at the end."""

    def __init__(self, was: Files, now: Files) -> None:
        self.was, self.now = was, now
        changed = {unit(name) for name in (*was, *now) if was.get(name) != now.get(name)}
        self.units = sorted(changed)

    def wanted(self) -> list[str]:
        """Objects that have to be there."""
        if not self.units:
            return []
        from inner.launch.gitvet import objects

        return objects({name: text for name, text in self.now.items() if unit(name) in self.units})

    def place(self, real: str, there: Iterable[str], notes: list[str]) -> None:
        """Puts it where `real`, a git folder of the host, is still as it was. What is left out, and why, goes to `notes`."""
        if not self.units:
            return
        from inner.launch.gitvet import judged

        for one in self.units:
            _again(real, one)
            have, was = _of(found(real), one), _of(self.was, one)
            want, left, reason = judged(_of(self.now, one), was, set(there))
            what = WAITS.get(one, f"`{one}`")
            if reason and one in QUIET:
                continue
            if reason:
                notes.append(
                    f"the unfinished {what} of the box is not taken over: {reason}; `git status` shows where HEAD stands"
                )
                continue
            if any(have.get(name) not in (was.get(name), want.get(name)) for name in (*have, *was, *want)):
                notes.append(f"`{one}` was changed outside meanwhile, and stays as it is there")
                continue
            if have != want:
                _put(real, one, want)
            if left:
                shown = ", ".join(f"`{line}`" for line in left[:5])
                notes.append(f"left out of the unfinished {what}, because it would run or sign outside: {shown}")
            if want and one in WAITS and not (one == "sequencer" and {"CHERRY_PICK_HEAD", "REVERT_HEAD"} & set(self.units)):
                notes.append(f"a {what} is unfinished, as the box left it: `git status` says how to go on or give it up")


def _of(files: Files, one: str) -> Files:
    return {name: text for name, text in files.items() if unit(name) == one}


def _again(real: str, one: str) -> None:
    """After a kill in the middle of `_put`."""
    if one in OPERATIONS:
        if os.path.isdir(f"{real}/{one}.old") and not os.path.lexists(f"{real}/{one}"):
            os.rename(f"{real}/{one}.old", f"{real}/{one}")
        for left in (f"{real}/{one}.old", f"{real}/{one}.new"):
            if os.path.lexists(left):
                removal.remove(left)


def _put(real: str, one: str, want: Files) -> None:
    """A file after the other, a folder as a whole."""
    if one not in OPERATIONS:
        for name in BISECT if one == "BISECT_LOG" else (one,):
            if name in want:
                write(f"{real}/{name}.new", want[name])
                os.rename(f"{real}/{name}.new", f"{real}/{name}")
            elif os.path.lexists(f"{real}/{name}"):
                os.unlink(f"{real}/{name}")
        return
    if want:
        os.mkdir(f"{real}/{one}.new", 0o755)
        for name, text in want.items():
            write(f"{real}/{one}.new/{name.rpartition('/')[2]}", text)
    if os.path.lexists(f"{real}/{one}"):
        os.rename(f"{real}/{one}", f"{real}/{one}.old")
    if want:
        os.rename(f"{real}/{one}.new", f"{real}/{one}")
    if os.path.lexists(f"{real}/{one}.old"):
        removal.remove(f"{real}/{one}.old")
