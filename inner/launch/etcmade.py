"""The box's own /etc, kept in the state folder as a folder that is mounted as one: it is some sixty files, folders and links, and for
bubblewrap to make them at every start takes as long as ten mounts. Folders of the machine's that would be mounted in it are copied, where
they are small, for the same reason.

A folder is named after what is in it, so that plans share it; it is never written again, and no box can (the mount is read-only).
Who uses one keeps a lock beside it shared (`etc.hold`).
"""

from __future__ import annotations

import fcntl
import hashlib
import marshal
import os
import stat
import time

from inner import draft, kept
from inner.bwrap import ETC, in_etc, placed
from inner.frozen import TYPE_CHECKING
from inner.launch import etc, removal
from inner.paths import ancestors, covers
from inner.plan.model import Bind, Data, Dir, Symlink, Tmpfs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    from inner.launch.etc import Kept, State
    from inner.plan.model import Plan

    Entry: TypeAlias = tuple[
        str, int, bytes | str | None
    ]  # path below /etc, mode; bytes of a file, target of a link, None: a folder

MOST = 32  # folders, of some 500K: git's settings may be others in each project, and a plan whose folder goes is made anew
MACHINES = ETC
SMALL = 128  # entries of a folder of the machine's that is copied, and
BYTES = 1 << 20  # of their contents
FORGOTTEN = 3600  # seconds after which a draft is nobody's


def keep(plan: Plan, state: str) -> Kept | None:
    """The folder for a plan, made when it is not there, and how it looks; None when its box has another /etc, or nothing can be
    kept."""
    copies: dict[str, tuple[list[Entry], list[State]]] = {
        mount.dest: copy for mount in _mounted(plan) if (copy := _copy(mount)) is not None
    }
    entries = _entries(plan, copies)
    if entries is None:
        return None
    parent = f"{state}/etc"  # not in the cache, which people empty while boxes run
    folder = f"{parent}/{hashlib.sha256(marshal.dumps(entries, 2)).hexdigest()[:32]}"  # of version 2: the same for the same
    try:
        if os.path.lexists(state) and not kept.private(os.lstat(state)):
            return None  # another user's, by `sudo`: nothing of ours is left there
        draft.make(parent)
        if not kept.private(os.lstat(parent)):
            return None
        if not _whole(folder, entries):
            if os.path.isdir(folder) and not _remove(folder):
                return None
            _make_room(parent)
            _make(folder, entries)
            if not _whole(folder, entries):  # a file system that keeps no modes, or somebody is removing it
                return None
        _lock(folder)
        own = tuple(etc.state(_at(folder, path)) for path, _, content in entries if content is None)
        return folder, own, etc.boot(), tuple(seen for _, looked in copies.values() for seen in looked), tuple(copies)
    except (OSError, ValueError):
        return None


def _mounted(plan: Plan) -> list[Bind]:
    """The folders of the machine's that are mounted read-only in the box's own /etc, with nothing mounted in them."""
    placed_in = list(placed(plan.mounts))
    within = {under.dest for _, under in placed_in if under is not None}
    return [
        mount
        for mount, under in placed_in
        if isinstance(mount, Bind)
        and (mount.mode, mount.kind, mount.dev) == ("ro", "dir", False)
        and covers(ETC, mount.dest)
        and covers(MACHINES, mount.src)  # what a profile takes from elsewhere may change while the box runs
        and isinstance(under, Tmpfs)
        and under.dest == "/"
        and mount.dest not in within
    ]


def _copy(mount: Bind) -> tuple[list[Entry], list[State]] | None:
    """What is in such a folder, and how that looked before; None where it is not small, or not only links and files that all may read
    and that were left alone for a while."""
    entries: list[Entry] = []
    looked: list[State] = []
    todo, room = [""], BYTES
    settled = time.time_ns() - kept.SETTLED
    try:
        device = os.lstat(mount.src).st_dev
        while todo:
            if len(entries) + len(todo) > SMALL:
                return None
            path = todo.pop()
            at = _at(mount.src, path)
            info = os.lstat(at)
            inside = _at(mount.dest[len(ETC) + 1 :], path)
            if stat.S_ISLNK(info.st_mode):
                entries.append((inside, 0, os.readlink(at)))
                continue
            looked.append(etc.look(at))
            if info.st_dev != device or info.st_ctime_ns > settled:
                return None
            if stat.S_ISDIR(info.st_mode) and info.st_mode & 0o005 == 0o005:
                entries.append((inside, info.st_mode & 0o755, None))
                todo += [f"{path}/{name}" if path else name for name in sorted(os.listdir(at))]
            elif stat.S_ISREG(info.st_mode) and info.st_size <= room and info.st_mode & 0o004:
                with open(at, "rb") as file:
                    content = file.read(room + 1)
                entries.append((inside, info.st_mode & 0o755, content))
                room -= len(content)
            else:
                return None
            if room < 0:
                return None
    except OSError:
        return None
    return entries, looked


def _entries(plan: Plan, copies: Mapping[str, tuple[list[Entry], list[State]]]) -> tuple[Entry, ...] | None:
    """What lies in /etc where that is a part of the box's own root: folders before what is in them. What is mounted there needs
    something to be mounted on."""
    found: dict[str, Entry] = {}
    for mount, under in placed(plan.mounts):
        if not covers(ETC, mount.dest) or not isinstance(under, Tmpfs) or under.dest != "/":
            continue
        path = mount.dest[len(ETC) + 1 :]
        for above in reversed([place[len(ETC) + 1 :] for place in ancestors(mount.dest) if covers(ETC, place)]):
            found.setdefault(above, (above, 0o755, None))
        if mount.dest in copies:
            found |= {entry[0]: entry for entry in copies[mount.dest][0]}
        elif not in_etc(mount, under):
            folder = not isinstance(mount, Data) and getattr(mount, "kind", "dir") == "dir"
            found[path] = (path, 0o755, None) if folder else (path, 0o444, b"")
        elif isinstance(mount, Symlink):
            found[path] = (path, 0, mount.target)
        elif isinstance(mount, Data):
            found[path] = (path, mount.perms, mount.content)
        elif isinstance(mount, Dir):
            found[path] = (path, mount.perms, None)
    own = any(mount.dest == ETC and in_etc(mount, under) for mount, under in placed(plan.mounts))
    return tuple(found.values()) if own else None


def _at(folder: str, path: str) -> str:
    return f"{folder}/{path}" if path else folder


def _whole(folder: str, entries: Iterable[Entry]) -> bool:
    """Whether all of them are there as they should be, and nothing else."""
    within: dict[str, set[str]] = {path: set() for path, _, content in entries if content is None}
    for path, _, _ in entries:
        if path:
            within[path.rpartition("/")[0]].add(path.rpartition("/")[2])
    try:
        return all(_is(_at(folder, path), mode, content) for path, mode, content in entries) and all(
            names.issuperset(os.listdir(_at(folder, path))) for path, names in within.items()
        )
    except OSError:
        return False


def _is(place: str, mode: int, content: bytes | str | None) -> bool:
    if isinstance(content, str):
        return os.readlink(place) == content
    info = os.lstat(place)
    if info.st_mode & 0o777 != mode:
        return False
    return stat.S_ISDIR(info.st_mode) if content is None else stat.S_ISREG(info.st_mode) and kept.read(place) == content


def _lock(folder: str) -> None:
    os.close(os.open(etc.lock(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def _make(folder: str, entries: Iterable[Entry]) -> None:
    """Complete before it gets its name."""
    draft = f"{folder}.{os.urandom(4).hex()}"  # the number of a process may be another's as well, in another container
    try:
        for path, mode, content in entries:
            place = _at(draft, path)
            if isinstance(content, str):
                os.symlink(content, place)
            elif content is None:
                os.mkdir(place)
            else:
                with open(place, "xb") as file:
                    file.write(content)
                    os.fchmod(file.fileno(), mode)
        for path, mode, content in entries:
            if content is None:
                os.chmod(_at(draft, path), mode)
        _lock(folder)
        os.rename(draft, folder)
    except BaseException:
        removal.remove(draft)
        if not os.path.isdir(folder):  # somebody else's, who was faster
            raise


def _make_room(folder: str) -> None:
    """The oldest that nobody uses go, and what was left half made."""
    with os.scandir(folder) as found:
        dated = sorted(
            (entry.stat(follow_symlinks=False).st_mtime, entry.path) for entry in found if entry.is_dir(follow_symlinks=False)
        )
    whole = [path for _, path in dated if "." not in path.rpartition("/")[2]]
    gone = [path for at, path in dated if path not in whole and at < time.time() - FORGOTTEN]
    for path in whole[: max(0, len(whole) - MOST + 1)]:
        _remove(path)
    for path in gone:
        removal.remove(path)


def _remove(folder: str) -> bool:
    """Unless somebody uses it."""
    fd = kept.opened(etc.lock(folder))
    try:
        if fd >= 0:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(etc.lock(folder))
        removal.remove(folder)
    except OSError:
        return False
    finally:
        if fd >= 0:
            os.close(fd)
    return True
