"""Something to mount on where a protected name does not exist: made before a box starts, gone when the last box of the project is.

What is made is written down first, outside of the project, and removed only while it is still what was made: the same inode,
still empty. Every box of a project holds its lock shared; whoever gets it alone cleans up, also after a box that was killed.
(Removing a mount point on the host detaches what other boxes have mounted there.)
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time

from inner import kept
from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.launch.spares import Spares, untouched
from inner.launch.syscall import open_path
from inner.paths import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.plan.model import Placeholder

THEIRS = "theirs"  # in the journal: made by somebody else between our look and our try


def folder(state: str, project: str | int) -> str:
    """Where the lock of a project (a path, or a descriptor) is, and the journal of what was made in it."""
    info = os.stat(project)
    return f"{state}/projects/{info.st_dev:x}-{info.st_ino:x}"


def found(folder_of_it: str, project: str, top: int = -1) -> str:
    """Where the project that `folder` says this of is by now: still at its path, or where `top`, open since then, has been moved
    to; "" for nowhere. Another folder may be at its path: a box that may write above it, or the user, can have put it there."""
    state = folder_of_it.rpartition("/projects/")[0]
    for place in (project, f"/proc/self/fd/{top}"):
        try:
            place = place if place == project else os.readlink(place)  # noqa: PLW2901
            if folder(state, place) == folder_of_it:
                return place
        except OSError:
            continue
    return ""


class Hold:
    """The share of one box in its project's placeholders. `release` gives it back."""

    def __init__(self, folder: str, project: str, placeholders: Sequence[Placeholder]) -> None:
        """Takes the lock in `folder` and makes what is missing; RunError when that cannot be made."""
        self.folder, self.project, self.fd = folder, project, -1
        self.made: dict[str, tuple[int, int]] = {}  # what each placeholder is
        self._kept: list[int] = []  # descriptors of them: a number of an inode in use is not given to another one
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self.fd = _open(self.folder, "lock")
            if _alone(self.fd):
                _clean(self.folder, project)
            fcntl.flock(self.fd, fcntl.LOCK_SH)
            _make(self.folder, project, placeholders)
            for one in placeholders:
                self._kept.append(os.open(one.path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC))
                found = os.fstat(self._kept[-1])
                self.made[one.path] = (found.st_dev, found.st_ino)
        except OSError as problem:
            self.release()
            what = problem.filename or project
            raise RunError(
                f"cannot protect names that do not exist yet in `{project}`: {problem.strerror}",
                where=str(what),
                hint=_mend(project, problem.errno),
            ) from None

    def alone(self) -> bool:
        """Whether no other box of the project is there. The share stays what it was."""
        alone = _alone(self.fd)
        fcntl.flock(self.fd, fcntl.LOCK_SH)  # which the try may have lost (flock(2))
        return alone

    def release(self, place: str | None = None) -> None:
        """Give it back; the last one removes what is left. `place`: see `leave`."""
        if self.fd >= 0:
            leave(self.folder, self.fd, self.project if place is None else place)
            self.fd = -1
        while self._kept:
            os.close(self._kept.pop())


def _mend(project: str, problem: int | None = None) -> str:
    """What helps where nothing can be made in the project: who may not change its mode is not told to."""
    from inner.profile.expand import literal

    shown = quoted(project)
    if problem in (errno.ENOSPC, errno.EDQUOT):
        return f"make room: `df -h {shown}`"
    read_only = f"mount it read-only: `-m {quoted(literal(f'{project}:{project}'))}`"
    try:
        held = os.stat(project).st_uid != os.geteuid() or os.statvfs(project).f_flag & os.ST_RDONLY
    except OSError:
        held = True
    return f"{read_only}, or work on a copy: `cp -r {shown} ~/`" if held else f"`chmod u+w {shown}`, or {read_only}"


def leave(folder: str, fd: int, place: str) -> None:
    """Close the lock `fd`, and clean up when nobody else holds it. `place`: where the project is by now; "": that is not known, and
    the next box of it cleans up."""
    try:
        if place and _alone(fd):
            _clean(folder, place)
    finally:
        os.close(fd)


def there(state: str, project: str) -> frozenset[str]:
    """Those that are in a project now, for the boxes that are."""
    found: list[str] = []
    try:
        journal = os.open(f"{folder(state, project)}/journal", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return frozenset()
    try:
        fcntl.flock(journal, fcntl.LOCK_SH)  # who makes some lets go when it is noted what they are
        for name, noted in _noted(journal).items():
            path = f"{project}/{os.fsdecode(name)}"
            try:
                if _untouched(path, *noted):
                    found.append(path)
            except OSError:
                continue
    finally:
        os.close(journal)
    return frozenset(found)


def _untouched(path: str, kind: bytes, number: bytes) -> bool:
    """Whether it is what the journal says, and nobody has put anything into it."""
    info = os.lstat(path)
    device, inode, empty = [*number.split(b":"), b"", b""][:3]
    if (device, inode) != (b"%x" % info.st_dev, b"%x" % info.st_ino) or kind == THEIRS.encode() or info.st_uid != os.getuid():
        return False
    if kind == b"dir":
        return stat.S_ISDIR(info.st_mode) and (empty == b"%x" % info.st_mtime_ns or not os.listdir(path))
    return stat.S_ISSOCK(info.st_mode) if kind == b"socket" else stat.S_ISREG(info.st_mode) and untouched(path)


def _noted(journal: int) -> dict[bytes, tuple[bytes, bytes]]:
    """The last kind and number of each path."""
    last: dict[bytes, tuple[bytes, bytes]] = {}
    for record in os.pread(journal, os.fstat(journal).st_size, 0).split(b"\0"):
        kind, _, rest = record.partition(b" ")
        number, _, path = rest.partition(b" ")
        if path:
            last[path] = (kind, number)
    return last


def recover(folder: str, place: str) -> None:
    """For a run that was killed: remove what it left, unless another box of the project is there."""
    try:
        leave(folder, _open(folder, "lock"), place)
    except OSError:
        return


def _open(folder: str, name: str) -> int:
    return os.open(f"{folder}/{name}", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _alone(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _make(folder: str, project: str, placeholders: Sequence[Placeholder]) -> None:
    """Note the names (below the project, which may be moved), make them, note what they became: two writes, whatever their number."""
    if all(os.path.lexists(p.path) for p in placeholders):
        return
    journal, spares = _open(folder, "journal"), Spares(folder.rpartition("/projects/")[0])
    try:
        fcntl.flock(journal, fcntl.LOCK_EX)
        missing = [p for p in placeholders if not os.path.lexists(p.path)]
        os.write(journal, b"".join(_record(p.path[len(project) + 1 :], p.kind, None) for p in missing))
        made = []
        for p in missing:
            try:
                kind = p.kind
                spare = spares.take(p)
                if spare:
                    pass
                elif kind == "dir":
                    os.mkdir(p.path, 0o755)
                elif kind == "socket" and _node(p.path):
                    pass
                else:
                    kind = "file"
                    fd = os.open(p.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                    try:
                        os.write(fd, p.content)
                        os.fchmod(fd, 0o444)
                    finally:
                        os.close(fd)
            except FileExistsError:
                kind, spare = THEIRS, False  # it is mounted as it is
            made.append(_record(p.path[len(project) + 1 :], kind, os.lstat(p.path), spare=spare))
        os.write(journal, b"".join(made))
    finally:
        spares.close()
        os.close(journal)


def _node(path: str) -> bool:
    """Makes a socket that nobody can listen to; False where the file system has none (vfat, 9p)."""
    try:
        os.mknod(path, stat.S_IFSOCK | 0o444)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def _record(path: str, kind: str, info: os.stat_result | None, *, spare: bool = False) -> bytes:
    """The kind, what it is (`?`: not made yet), the path. A spare folder has been empty since its mtime, where that is some time ago:
    what is made within one tick of a clock does not change it."""
    number = f"{info.st_dev:x}:{info.st_ino:x}" if info is not None else "?"
    if info is not None and spare and kind == "dir" and info.st_mtime_ns < time.time_ns() - kept.SETTLED:
        number += f":{info.st_mtime_ns:x}"
    return f"{kind} {number} ".encode() + os.fsencode(path) + b"\0"


def _clean(folder: str, project: str) -> None:
    """Remove what the journal names as far as it is still ours, from the project, wherever that is by now. Only with the lock held alone."""
    journal = _open(folder, "journal")
    try:
        last = _noted(journal)
        if not last:
            return
        spares, parents = Spares(folder.rpartition("/projects/")[0]), dict[str, int]()
        try:
            for path in reversed(last):
                parent, _, name = f"{project}/{os.fsdecode(path)}".rpartition("/")
                try:
                    if parent not in parents:
                        parents[parent] = open_path(parent or "/")
                    _remove(parents[parent], name, *last[path], spares)
                except OSError:
                    pass  # gone, or somebody's by now
        finally:
            spares.close()
            for fd in parents.values():
                os.close(fd)
        os.ftruncate(journal, 0)
    finally:
        os.close(journal)


def _remove(at: int, name: str, kind: bytes, number: bytes, spares: Spares) -> None:
    """One of the open folder `at`, as far as it is what the journal says. Raises OSError where it is not."""
    info = os.lstat(name, dir_fd=at)
    if number == b"?" and kind != b"dir" and stat.S_ISREG(info.st_mode) and stat.S_IMODE(info.st_mode) != 0o444:
        return  # killed before it was made, and somebody has made it since
    device, _, rest = number.partition(b":")
    inode, _, empty = rest.partition(b":")
    if number != b"?" and (int(device, 16), int(inode, 16)) != (info.st_dev, info.st_ino):
        return
    if kind == THEIRS.encode() or info.st_uid != os.getuid():
        return
    if kind == b"dir":
        ours = stat.S_ISDIR(info.st_mode)
    elif kind == b"socket" and stat.S_ISSOCK(info.st_mode):
        ours = not info.st_mode & 0o222
    else:
        ours = stat.S_ISREG(info.st_mode) and info.st_nlink == 1 and untouched(name, at)
    if not ours or (number != b"?" and spares.give(at, name, kind.decode(), info, int(empty or b"0", 16))):
        return
    if kind == b"dir":
        os.rmdir(name, dir_fd=at)  # fails when the user has put something in it meanwhile, and then it is theirs
    else:
        os.unlink(name, dir_fd=at)
