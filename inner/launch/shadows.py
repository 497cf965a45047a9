"""The copies of git folders of one run, in the order of a start: a place for each before bubblewrap is forked, what is in them while it
is busy, and whether the box changed anything of one, which most runs do not.

A file or folder is what it was as long as its inode and ctime are: nothing in a box sets a ctime back (inode(7)). That is asked only
on file systems whose times are this kernel's own (`folders.LOCAL`), and only of what was still before the box ran.
"""

from __future__ import annotations

import os
import time

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from inner.plan.model import Shadow

    Times: TypeAlias = dict[str, tuple[int, int]]  # path in a copy, parents first -> inode, ctime

SECOND = 1_000_000_000
COARSE = 5  # CLOCK_REALTIME_COARSE (clock_gettime(2)), which the kernel takes the times of files from
SPENT = "spent"  # in the state folder: copies that came to nothing, to be removed
MORE = 2  # that a run removes than it may leave


class Shadows:
    """`begin`, `fill`, `settle` before anything runs in the box; `part` when it has ended."""

    def __init__(self, shadows: Sequence[Shadow]) -> None:
        self.shadows = shadows
        self.empty = list(shadows)
        self.times: dict[str, Times] = {}
        # Where what has been asked for its time gets another one with any change, however soon (Linux 6.13: multigrain timestamps).
        self.exact: set[str] = set()

    def begin(self) -> None:
        """What bubblewrap mounts, and mounts on. Where that is more than one folder of one copy, or a git of ours has something to do
        in it, all of it."""
        one = self.shadows[0]
        try:
            for place in (one.into, f"{one.into}/shadow", f"{one.into}/shadow/hooks"):
                os.mkdir(place, 0o700)
        except OSError:
            self.fill()  # which says why it cannot
        if len(self.shadows) > 1 or one.part or one.hidden or os.path.lexists(f"{one.gitdir}/modules"):
            self.fill()

    def fill(self) -> None:
        """Make what `begin` has left. RunError when that fails."""
        if not self.empty:
            return
        from inner.launch import shadow
        from inner.launch.folders import LOCAL, kind

        for one in self.empty:
            shadow.make(one)
            copy = f"{one.into}/shadow"
            fd = os.open(copy, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if kind(fd) in LOCAL:
                    times = self.times[one.into] = _times(fd, copy)
                    os.chmod(copy, 0o700)
                    times[""] = _state(os.stat(fd))
                    if times[""][1] > time.clock_gettime_ns(COARSE):
                        self.exact.add(one.into)
            finally:
                os.close(fd)
        self.empty = []

    def settle(self) -> None:
        """The box will run: what changes from now on gets another time than those that were seen, or it is not asked about them."""
        now = time.clock_gettime_ns(COARSE)
        for into, times in [(into, times) for into, times in self.times.items() if into not in self.exact]:
            changed = [ctime for _, ctime in times.values()]
            seconds = not any(ctime % SECOND for ctime in changed)  # what the file system counts (ext4 with small inodes)
            if max(changed) >= (now - now % SECOND if seconds else now):
                del self.times[into]

    def part(self, folder: str) -> None:
        """Takes those that the box did not change out of the run's `folder`: of them nothing is to be taken over."""
        spent = _spent(folder)
        for into, times in self.times.items():
            if _same(f"{into}/shadow", times):
                try:
                    if not os.path.isdir(spent):
                        os.mkdir(spent, 0o700)
                    os.rename(into, f"{spent}/{folder.rpartition('/')[2]}-{into.rpartition('/')[2]}")
                except OSError:
                    continue  # then it is read once more
        self.times = {}

    def sweep(self, folder: str) -> None:
        """Remove what others have taken out of theirs: in a folder of our own, two who remove the same would be in each other's way."""
        spent = _spent(folder)
        try:
            names = os.listdir(spent)
        except OSError:
            return
        taken = 0
        for name in names:
            try:
                os.rename(f"{spent}/{name}", f"{folder}/{SPENT}-{taken}")
            except OSError:
                continue  # another run has taken it
            from inner.launch.removal import remove

            remove(f"{folder}/{SPENT}-{taken}")
            taken += 1
            if taken == len(self.shadows) + MORE:
                break


def _spent(folder: str) -> str:
    return f"{folder.rpartition('/runs/')[0]}/{SPENT}"


def _times(fd: int, folder: str) -> Times:
    """Of everything in an open folder of ours."""
    times = {"": _state(os.stat(fd))}
    todo = [""]
    while todo:
        here = todo.pop()
        with os.scandir(f"{folder}/{here}") as entries:
            for entry in entries:
                times[here + entry.name] = _state(entry.stat(follow_symlinks=False))
                if entry.is_dir(follow_symlinks=False):
                    todo.append(f"{here}{entry.name}/")
    return times


def _same(folder: str, times: Times) -> bool:
    """Whether all that was there still is, and is what it was: a folder that is has the names that it had."""
    try:
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return all(_state(os.lstat(path, dir_fd=fd) if path else os.stat(fd)) == state for path, state in times.items())
        finally:
            os.close(fd)
    except OSError:
        return False


def _state(info: os.stat_result) -> tuple[int, int]:
    return info.st_ino, info.st_ctime_ns
