"""What the kernel brings to a box's walls beyond namespaces: system call filter, Landlock, terminals, AppArmor; and WSL."""

from __future__ import annotations

import os

from inner.doctor.finding import FATAL, GOOD, NOTE, PROBLEM, Asked, Finding
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPES = 6  # the Landlock ABI that keeps abstract sockets and signals inside (landlock(7))
TIOCSTI = "/proc/sys/dev/tty/legacy_tiocsti"
APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
SECCOMP = "/proc/sys/kernel/seccomp/actions_avail"


def seccomp(asked: Asked) -> Iterator[Finding]:
    """Whether system calls can be filtered here."""
    from inner.seccomp import MACHINES

    machine = os.uname().machine
    if machine not in MACHINES:
        text = f"inner has no system call filter for {machine}: only for {' and '.join(MACHINES)}"
        yield Finding("seccomp", PROBLEM, text, '`seccomp = "off"` under `[sandbox]` of a profile runs without one')
    elif not asked.line(SECCOMP):
        yield Finding("seccomp", PROBLEM, "this kernel cannot filter system calls", "boot one with CONFIG_SECCOMP_FILTER=y")
    else:
        yield Finding("seccomp", GOOD, f"system calls are filtered ({machine})")


def landlock(_: Asked) -> Iterator[Finding]:
    """The version of Landlock (landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION)."""
    from inner.launch.syscall import LANDLOCK_CREATE_RULESET, LANDLOCK_CREATE_RULESET_VERSION, syscall

    abi = syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    if abi >= SCOPES:
        yield Finding("landlock", GOOD, f"version {abi}")
        return
    found = f"version {abi}" if abi > 0 else "not there"
    text = f"Landlock is {found}: a box with the host's network could reach abstract sockets"
    yield Finding("landlock", NOTE, text, "Linux 6.12 or later has it")


def terminal(asked: Asked) -> Iterator[Finding]:
    """Whether the kernel lets programs type into terminals at all. inner gives a box a terminal of its own and filters the call."""
    if asked.line(TIOCSTI) == "0":
        yield Finding("tiocsti", GOOD, "no program can type into a terminal")
    else:
        text = "programs may type into their terminal (TIOCSTI): boxes cannot, what else you start can"
        remedy = "`sudo sysctl -w dev.tty.legacy_tiocsti=0`" if asked.line(TIOCSTI) else "Linux 6.2 or later can forbid it"
        yield Finding("tiocsti", NOTE, text, remedy)


def apparmor(asked: Asked) -> Iterator[Finding]:
    """Whether AppArmor keeps user namespaces to programs with a profile; `namespaces` has said whether bubblewrap has one."""
    if asked.line(APPARMOR) == "1":
        yield Finding("apparmor", GOOD, "user namespaces are for programs with a profile")


def wsl(asked: Asked) -> Iterator[Finding]:
    """Windows Subsystem for Linux: version 1 has no namespaces; in version 2 limits need systemd."""
    release = os.uname().release.lower()
    if "microsoft" not in release:
        return
    if "wsl2" not in release and not asked.host.lstat("/run/WSL"):
        yield Finding(
            "wsl", FATAL, "WSL 1 has no Linux kernel, and so no namespaces", "`wsl --set-version DISTRIBUTION 2`, in Windows"
        )
        return
    if not os.path.isdir("/run/systemd/system"):
        remedy = "`[boot] systemd=true` in /etc/wsl.conf, then `wsl --shutdown` in Windows"
        yield Finding("wsl", NOTE, "WSL 2 without systemd: memory and processor time cannot be limited", remedy)
        return
    yield Finding("wsl", GOOD, "WSL 2 with systemd")


PROBES = (("seccomp", seccomp), ("landlock", landlock), ("tiocsti", terminal), ("apparmor", apparmor), ("wsl", wsl))
