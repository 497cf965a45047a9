"""Control groups by their files: a group for one run where this user may make one, its limits, and what was used (cgroups(7)).

Version 2 as the kernel's admin-guide/cgroup-v2 has it, version 1 for controllers that a host keeps there. Nothing is assumed of
a write that did not fail: `limits` reads back what is in force. `root` and `proc` are parameters for tests of other hosts.
"""

from __future__ import annotations

import errno
import os

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, frozen
from inner.launch.tree import read
from inner.paths import ancestors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inner.profile.model import Limits

FIELDS = ("memory", "cpu", "pids")
PERIOD = 100_000  # microseconds
ROOT = "/sys/fs/cgroup"
SYSTEMD = "/run/systemd/system"  # sd_booted(3)


@frozen
class Usage:
    """At most that much memory (bytes) and that many processes at once; how many the kernel ended for want of memory."""

    memory: int = 0
    processes: int = 0
    oom: int = 0


class Group:
    """The directories of one run's group: `places` maps each limit that is held there to a directory and a version."""

    def __init__(self, places: dict[str, tuple[str, int]]) -> None:
        self.places = places

    @property
    def folders(self) -> list[str]:
        """Every directory once."""
        return list(dict.fromkeys(folder for folder, _ in self.places.values()))

    def limit(self, limits: Limits) -> dict[str, tuple[str, int]]:
        """Write the limits; returns the places of those that are in force now."""
        for field, (folder, version) in list(self.places.items()):
            for name, text, must in _files(field, version, limits):
                try:
                    _write(f"{folder}/{name}", text)
                except OSError:
                    if must:
                        del self.places[field]
                        break
        return self.places

    def add(self, pid: int) -> None:
        """Move a process in; its children will be born there."""
        for folder in self.folders:
            try:
                _write(f"{folder}/cgroup.procs", str(pid))
            except OSError as problem:
                raise RunError(
                    f"cannot put the box into its control group: {problem.strerror}", where=folder, hint="`inner doctor`"
                ) from None

    def usage(self) -> Usage:
        """What was used so far; zeros for what this kernel does not count."""
        memory, version = self.places.get("memory", ("", 2))
        peak, oom = ("memory.peak", "memory.events") if version == 2 else ("memory.max_usage_in_bytes", "memory.oom_control")
        pids = self.places.get("pids", ("", 2))[0]
        return Usage(
            _number(read(f"{memory}/{peak}")) if memory else 0,
            _number(read(f"{pids}/pids.peak")) if pids else 0,
            _number(read(f"{memory}/{oom}").partition(b"oom_kill ")[2].partition(b"\n")[0]) if memory else 0,
        )

    def remove(self) -> None:
        """Remove the directories; what is still in there is ended first."""
        for folder in self.folders:
            remove(folder)


def remove(folder: str) -> None:
    """Remove a group whose processes have ended, or have to."""
    import time

    for _ in range(50):
        try:
            os.rmdir(folder)
        except OSError as problem:
            if problem.errno != errno.EBUSY:
                return
        else:
            return
        try:
            _write(f"{folder}/cgroup.kill", "1")  # since Linux 5.14
        except OSError:
            pass
        time.sleep(0.01)


def own(root: str = ROOT, proc: str = "/proc/self/cgroup") -> dict[str, str]:
    """Where we are: "" -> our directory of version 2, and each controller of version 1 -> ours there."""
    found = {}
    unified = root if os.path.exists(f"{root}/cgroup.controllers") else f"{root}/unified"
    for line in read(proc).decode("utf-8", "surrogateescape").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            top = unified if not name else f"{root}/{name}"
            if name in ("", *FIELDS) and os.path.isdir(f"{top}{path}"):
                found[name] = f"{top}{path}".rstrip("/")
    return found


def make(
    name: str, fields: Iterable[str] = FIELDS, *, root: str = ROOT, proc: str = "/proc/self/cgroup", systemd: str = SYSTEMD
) -> Group:
    """A group `name` for as many of `fields` as this user may limit by files of his own; it may be empty."""
    places: dict[str, tuple[str, int]] = {}
    here = own(root, proc)
    wanted = list(fields)
    for parent in _delegated(here.get("", ""), root, systemd):
        enabled = [field for field in wanted if _enable(parent, field)]
        if enabled and _mkdir(f"{parent}/{name}"):
            places = dict.fromkeys(enabled, (f"{parent}/{name}", 2))
            break
    for field in wanted:
        parent = here.get(field, "")
        if field not in places and parent and os.access(parent, os.W_OK) and _mkdir(f"{parent}/{name}"):
            places[field] = (f"{parent}/{name}", 1)
    return Group(places)


def possible(*, root: str = ROOT, proc: str = "/proc/self/cgroup", systemd: str = SYSTEMD) -> tuple[str, ...]:
    """The fields that `make` would find a place for, as far as can be told without making one."""
    here = own(root, proc)
    found = set()
    for parent in _delegated(here.get("", ""), root, systemd):
        there = read(f"{parent}/cgroup.controllers").decode().split()
        found |= {field for field in FIELDS if field in there}
    found |= {field for field in FIELDS if field in here and os.access(here[field], os.W_OK)}
    return tuple(field for field in FIELDS if field in found)


def of(pid: int, root: str = ROOT) -> Group:
    """The group that a process is in, as far as version 2 has its limits."""
    folder = own(root, f"/proc/{pid}/cgroup").get("", "")
    return Group({field: (folder, 2) for field in FIELDS if folder and in_force(folder, field)})


def in_force(folder: str, field: str) -> bool:
    """Whether a directory of version 2 limits this."""
    text = read(f"{folder}/{field}.max")
    return bool(text) and not text.startswith(b"max")


def _delegated(here: str, root: str, systemd: str) -> Iterator[str]:
    """Directories of version 2 in which this user may make groups and move his processes, the nearest first. Where systemd rules,
    only what it has given away (systemd.resource-control(5), Delegate=), and nothing that its user instances rule."""
    if not here:
        return
    ruled = os.path.isdir(systemd)
    for folder in (here, *ancestors(here)):
        if not folder.startswith(root):
            return
        if not (os.access(folder, os.W_OK) and os.access(f"{folder}/cgroup.procs", os.W_OK)):
            continue
        if ruled and (not _given(folder) or folder.rpartition("/")[2].startswith("user@")):
            continue
        if _occupied(folder):
            continue
        yield folder


def _occupied(folder: str) -> bool:
    """Whether processes are in it: only at the very top, which has no type, may groups with controllers be beside them. Some controllers
    can be enabled all the same, and then nothing may enter the groups below (cgroup-v2: No Internal Process Constraint, Threads)."""
    return bool(read(f"{folder}/cgroup.type")) and bool(read(f"{folder}/cgroup.procs"))


def _given(folder: str) -> bool:
    for name in ("user.delegate", "trusted.delegate"):
        try:
            if os.getxattr(folder, name) == b"1":
                return True
        except OSError:
            continue
    return False


def _enable(folder: str, field: str) -> bool:
    """A controller for the children of a group. Refused while processes are in it, except at the very top."""
    if field in read(f"{folder}/cgroup.subtree_control").decode().split():
        return True
    if field not in read(f"{folder}/cgroup.controllers").decode().split():
        return False
    try:
        _write(f"{folder}/cgroup.subtree_control", f"+{field}")
    except OSError:
        return False
    return True


def _files(field: str, version: int, limits: Limits) -> tuple[tuple[str, str, bool], ...]:
    """(file, text, whether it has to be there)."""
    memory, quota, pids = str(limits.memory), int((limits.cpu or 0) * PERIOD), str((limits.pids or 0) + 1)  # and pid 1 of the box
    if field == "pids":
        return (("pids.max", pids, True),)
    if version == 2:
        if field == "memory":
            return (("memory.max", memory, True), ("memory.swap.max", "0", False))
        return (("cpu.max", f"{quota} {PERIOD}", True),)
    if field == "memory":
        return (("memory.limit_in_bytes", memory, True), ("memory.memsw.limit_in_bytes", memory, False))
    return (("cpu.cfs_period_us", str(PERIOD), True), ("cpu.cfs_quota_us", str(quota), True))


def _mkdir(folder: str) -> bool:
    try:
        os.mkdir(folder, 0o755)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)


def _number(text: bytes) -> int:
    text = text.strip()
    return int(text) if text.isdigit() else 0
