"""The limits of a run, by whatever this host has: a group given to us, a scope of systemd's, a group of version 1; and below all
of them the kernel's count of processes per user namespace, and what one process may keep in memory. Each limit stands on its own.

What was asked for and cannot be held is told once, or refused (`require = ["limits"]`); what is only a default is noted in the
record. The last word is what the kernel's files say after the box has been put there, and before it runs anything.
"""

from __future__ import annotations

import os

from inner.errors import HostError, RunError
from inner.frozen import TYPE_CHECKING
from inner.launch import cgroup, syscall
from inner.launch.tree import read
from inner.plan.limits import found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inner.launch.scope import Scope
    from inner.plan.model import Plan
    from inner.profile.model import Limits

RLIMIT_DATA, RLIMIT_NPROC = 2, 6  # asm-generic/resource.h
ENOUGH = 79 << 26  # bytes, 4.9 GiB: bun has 4.5 GiB that it may write, of which it uses a quarter (OpenCode 1.18)
NOTE = "cgroup"  # in the run's folder: directories to remove when inner was killed
REMEDY = "log in through systemd (`loginctl enable-linger`), or run in a unit with `Delegate=yes` and `DelegateSubgroup=main`"
ALONE = "without systemd, root can give you a control group: docs/how-to/limits.md"


class Held:
    """The limits of one run. `by` says what holds each: "cgroup", "systemd" or "rlimit"; `missing` has those that nothing holds."""

    def __init__(self, plan: Plan, env: Mapping[str, str], folder: str) -> None:
        self.asked = plan.limits
        self.limits = filled(plan.limits)
        self.required = "limits" in plan.require
        self.folder, self.env = folder, env
        self.by: dict[str, str] = {}
        self.reason = ""
        self.group = cgroup.Group({})
        self.scope: Scope | None = None

    def prepare(self) -> None:
        """Before the box is started: make the group, or reach systemd."""
        name = f"inner-{self.folder.rpartition('/')[2]}"
        uid = os.geteuid()
        if os.path.isdir(cgroup.SYSTEMD) and not cgroup.possible():
            self._systemd(name, uid)
        if self.scope is None:
            self.group = cgroup.make(name)
            self.by = dict.fromkeys(self.group.limit(self.limits), "cgroup")
            self._note()

    def _systemd(self, name: str, uid: int) -> None:
        from inner.launch import scope

        bus = scope.address(self.env, uid)
        if not bus:
            self.reason = "this session has no systemd of its own"
            return
        try:
            self.scope = scope.Scope(bus, name, self.limits)
        except RunError as problem:
            self.reason = problem.message

    def _note(self) -> None:
        if self.group.folders:
            try:
                fd = os.open(f"{self.folder}/{NOTE}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except OSError:
                return
            with open(fd, "wb") as file:
                file.write(b"\0".join(os.fsencode(folder) for folder in self.group.folders))

    def hold(self, pid: int, warn: Callable[[str], None]) -> dict[str, object]:
        """Put pid 1 of the box where it is limited; returns what the record says of it. RunError when something is required, or
        asked for, that is not held."""
        if self.scope is not None:
            try:
                self.by = dict.fromkeys(self.scope.add(pid), "systemd")
            except RunError as problem:
                self.reason = problem.message
        else:
            try:
                self.group.add(pid)
            except RunError as problem:
                self.by, self.reason = {}, problem.message
        if counted(pid, (self.limits.pids or 0) + 1) and "pids" not in self.by:
            self.by["pids"] = "rlimit"
        missing = [field for field in cgroup.FIELDS if field not in self.by]
        each = bounded(pid, of_each(self.asked.memory, self.limits.memory or 0)) if "memory" in missing else 0
        reason = (self.reason or "no control group can be made here") if missing else ""
        wanted = [field for field in missing if getattr(self.asked, field) is not None]
        if missing and self.required:
            raise HostError(f"{_list(missing)} cannot be limited, and this profile requires it: {reason}", hint=remedy())
        if wanted:
            only = ", but for what each process has for itself" if each and "memory" in wanted else ""
            warn(f"{_list(wanted)} cannot be limited{only}: {reason}")
        values = {field: getattr(self.limits, field) for field in cgroup.FIELDS}
        place = {"scope": self.scope.name} if self.scope is not None else {"groups": self.group.folders}
        return {**values, "by": self.by, "missing": missing, "reason": reason, "each": each, **place}

    def close(self) -> None:
        """Give it all back. Twice is once."""
        self.usage()
        self.group.remove()

    def usage(self) -> cgroup.Usage:
        """What was used, read for the last time."""
        if self.scope is not None:
            usage, self.scope = self.scope.close(), None
            return usage
        return self.group.usage()


def filled(limits: Limits) -> Limits:
    """With what this host gives by default."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        memory = 0
    return found(limits, memory=memory, cpus=len(os.sched_getaffinity(0)))


def remedy() -> str:
    """What would let this user limit memory and processor time."""
    return REMEDY if os.path.isdir(cgroup.SYSTEMD) else ALONE


def outlook(env: Mapping[str, str]) -> dict[str, str]:
    """What would hold each limit here, for those who only look; a field that nothing would hold is not in it."""
    held = dict.fromkeys(cgroup.possible(), "cgroup")
    if not held and os.path.isdir(cgroup.SYSTEMD):
        from inner.launch import scope

        if scope.address(env, os.geteuid()):
            held = dict.fromkeys(cgroup.FIELDS, "systemd")
    if "pids" not in held and countable():
        held["pids"] = "rlimit"
    return held


def recover(folder: str) -> None:
    """Remove the groups of a run whose inner was killed."""
    try:
        fd = os.open(f"{folder}/{NOTE}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    with open(fd, "rb") as file:
        for path in file.read().split(b"\0"):
            cgroup.remove(os.fsdecode(path))


def countable() -> bool:
    """Since Linux 5.14 the number of processes is counted for each user namespace. It has never held for root."""
    numbers = [int(part) if part.isdigit() else 0 for part in os.uname().release.replace("-", ".").split(".")[:2]]
    return os.getuid() != 0 and numbers >= [5, 14]


def counted(pid: int, most: int) -> bool:
    """RLIMIT_NPROC for pid 1 of the box, set once its user namespace is there: before, it would count all that the user runs."""
    return countable() and bool(_lower(pid, RLIMIT_NPROC, b"Max processes", most))


def of_each(asked: int | None, limit: int) -> int:
    """What one process may have where nothing counts what all of them have: what was asked for, else half of what all would get, and
    not less than agents start with, whatever the machine has: it is address space, and no promise of memory."""
    return asked or max(limit // 2, ENOUGH)


def bounded(pid: int, most: int) -> int:
    """RLIMIT_DATA for pid 1 of the box and its children: what is writable and not shared. RLIMIT_AS would count address space that is
    only reserved, of which runtimes take terabytes. Returns what holds, 0 for nothing."""
    return _lower(pid, RLIMIT_DATA, b"Max data size", most)


def _lower(pid: int, limit: int, name: bytes, most: int) -> int:
    """Never above what is in force already, for nobody but root may raise it."""
    text = read(f"/proc/{pid}/limits").partition(name)[2].split()[1:2]
    hard = min(most, int(text[0])) if text and text[0].isdigit() else most
    return hard if syscall.syscall(syscall.PRLIMIT64, pid, limit, hard.to_bytes(8, "little") * 2, None) == 0 else 0


def _list(fields: list[str]) -> str:
    names = {"memory": "memory", "cpu": "processor time", "pids": "the number of processes"}
    return " and ".join(names[field] for field in fields)
