"""Whether a box can be made: bubblewrap, user namespaces by really making one, what a container's options leave, limits."""

from __future__ import annotations

import errno
import os

from inner.doctor.finding import FATAL, GOOD, NOTE, PROBLEM, Asked, Finding
from inner.frozen import TYPE_CHECKING
from inner.paths import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

# (fixed in, name, what it is about for somebody who runs boxes)
FLAWS = (((0, 12, 0), "CVE-2026-87766", "mounts on a symbolic link end where the link leads; inner gives it none"),)
CONTAINERS = (("/run/.containerenv", "podman"), ("/.dockerenv", "docker"), ("/run/systemd/container", "container"))


def bubblewrap(asked: Asked) -> Iterator[Finding]:
    """Which one, and what is known of it. Raises HostError when there is none."""
    from inner.launch.features import probe
    from inner.launch.installed import install

    features = asked.features = probe(asked.host.env, host=asked.host)
    version = ".".join(map(str, features.version))
    yield Finding("bubblewrap", GOOD, f"{version} ({features.path})")
    for fixed, name, about in FLAWS:
        if features.version < fixed:
            wanted = ".".join(map(str, fixed))
            text = f"{version} may have {name} (fixed in {wanted}, or by your distribution): {about}"
            remedy = install(asked.host).replace("apt-get install", "apt-get install --only-upgrade")
            yield Finding("bubblewrap-flaws", NOTE, text, f"`{remedy}`")
    if features.setuid:
        text = "bubblewrap is set-uid root: with user namespaces it needs no such right"
        yield Finding("bubblewrap-setuid", PROBLEM, text, f"`sudo chmod u-s {quoted(features.path)}`")
    if not features.has("bind-fd"):
        yield Finding(
            "bubblewrap-age", NOTE, f"{version} opens what it mounts by name; later ones take it from inner as it was checked"
        )


def namespaces(asked: Asked) -> Iterator[Finding]:
    """A box is made and thrown away; where that fails, why."""
    from inner.launch.installed import answer
    from inner.launch.refusal import MOST, SYSCTL, namespace_problem, userns_errno

    features = asked.features
    if features is None:
        return
    problem = namespace_problem(features, asked.host)
    if problem is None:
        yield Finding("namespaces", GOOD, "a box with namespaces of its own can be made")
        return
    engine = container(asked)
    if not engine or problem.where in (SYSCTL, MOST):
        where = f" ({problem.where})" if problem.where else ""
        yield Finding("namespaces", FATAL, f"{problem.message}{where}", problem.hint)
        return
    user, end = (features.path, "--unshare-user"), ("--ro-bind", "/", "/", "--", features.path, "--version")
    bare = answer(*user, *end)[0] == 0
    fresh = answer(*user, "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", *end[3:])[0] == 0
    flags = missing(
        engine,
        userns=userns_errno(),
        bare=bare,
        fresh=fresh,
        filtered=_status(asked, "Seccomp") == "2",
        confined=asked.line("/proc/self/attr/current").partition(" ")[0] not in ("", "unconfined"),
    )
    yield Finding(
        "namespaces", FATAL, problem.message, f"start the container with `{' '.join(flags)}`" if flags else problem.hint
    )


def missing(engine: str, *, userns: int, bare: bool, fresh: bool, filtered: bool, confined: bool) -> tuple[str, ...]:
    """The options that a container lacks, from what was tried: `userns` the errno of making a user namespace, `bare` a box without
    a /proc of its own, `fresh` one with it; whether the container's processes are `filtered` (seccomp) and `confined` (AppArmor).
    """
    flags = []
    if (userns or not bare) and filtered:
        flags.append("--security-opt seccomp=unconfined")
    if (userns in (errno.EACCES, errno.EPERM) or not bare) and confined:
        flags.append("--security-opt apparmor=unconfined")
    if not fresh:
        flags.append("--security-opt unmask=ALL" if engine == "podman" else "--security-opt systempaths=unconfined")
    return tuple(flags)


def container(asked: Asked) -> str:
    """The engine whose container this is, "" on a machine of its own."""
    found = next((name for path, name in CONTAINERS if asked.host.lstat(path)), "")
    return found or ("kubernetes" if asked.host.env.get("KUBERNETES_SERVICE_HOST") else "")


def limits(asked: Asked) -> Iterator[Finding]:
    """What holds memory, processor time and processes of a run: groups given to us, or this user's systemd, really asked."""
    from inner.errors import RunError
    from inner.launch import cgroup, scope
    from inner.launch.limits import remedy

    held = cgroup.possible()
    if len(held) == len(cgroup.FIELDS):
        yield Finding("limits", GOOD, "memory, cpu and pids, by control groups")
        return
    bus = scope.address(asked.host.env, asked.host.uid) if os.path.isdir(cgroup.SYSTEMD) else ""
    if bus:
        try:
            scope.Manager(bus).close()
        except (RunError, OSError) as problem:
            yield Finding("limits", PROBLEM, f"systemd does not answer: {problem}", "`systemctl --user status`")
            return
        yield Finding("limits", GOOD, "memory, cpu and pids, by systemd")
        return
    some = (
        f"only {' and '.join(held)} can be limited"
        if held
        else "memory and cpu cannot be limited, processes only by user namespace"
    )
    yield Finding("limits", NOTE, some, remedy())


def _status(asked: Asked, name: str) -> str:
    """A field of proc_pid_status(5)."""
    for line in asked.line("/proc/self/status").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    return ""


PROBES = (("bubblewrap", bubblewrap), ("namespaces", namespaces), ("limits", limits))
