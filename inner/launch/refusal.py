"""Why this host lets no box be made: asked when a start has failed, and by those who look before (`inner doctor`)."""

from __future__ import annotations

import errno
import os

from inner.errors import HostError
from inner.frozen import TYPE_CHECKING
from inner.host import RealHost
from inner.launch.installed import answer
from inner.paths import quoted
from inner.plan.contract import RECORD
from inner.ui import safe

if TYPE_CHECKING:
    from inner.host import Host
    from inner.words import Features

CLONE_NEWUSER = 0x10000000  # linux/sched.h
SYSCTL = "/proc/sys/kernel/unprivileged_userns_clone"  # a patch of Debian's, also in Arch's hardened kernel
MOST = "/proc/sys/user/max_user_namespaces"  # namespaces(7)
OTHERS = {"mnt": "mount", "pid": "process", "net": "network", "ipc": "IPC", "uts": "UTS"}
APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
PROFILE = "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict"
OWN = "/etc/apparmor.d/inner"  # from inner's package
LABEL = "/proc/self/attr/current"


def namespace_problem(features: Features, host: Host | None = None) -> HostError | None:
    """Why no box can be made here, by really trying the smallest one; None when that works. Called after a failed start."""
    user = (features.path, "--unshare-user")
    rest = ("--unshare-pid", "--unshare-net", "--ro-bind", "/", "/")
    end = ("--", features.path, "--version")
    strict = ("--disable-userns",) if features.has("disable-userns") else ()
    if answer(*user, *strict, *rest, "--proc", "/proc", *end)[0] == 0:
        return None
    works = tuple(answer(*user, *more, *end)[0] == 0 for more in (("--ro-bind", "/", "/"), (*rest, "--proc", "/proc")))
    shown = " ".join((*user, *strict, *rest, "--proc /proc -- true"))
    confined = confinement(features.path)
    host = host or RealHost({})
    return diagnosis(
        host, features, userns=userns_errno(), bare=works[0], without_strict=works[1], shown=shown, confined=confined
    )


def diagnosis(
    host: Host, features: Features, *, userns: int, bare: bool, without_strict: bool, shown: str, confined: str = ""
) -> HostError:
    """The reason, from what was tried: `userns` is the errno of making a user namespace (0: it can be made), `bare` whether a box
    without a pid namespace and a /proc works, `without_strict` whether one works that may nest; `shown` the failing command;
    `confined` AppArmor's profile for bubblewrap.
    """
    if host.lstat(RECORD):
        return HostError(
            "this is inside of a box already, and no other can be made in it",
            where=RECORD,
            hint="`inner run` outside; there, `--allow nested-user-ns` lets programs of a box make user namespaces",
        )
    if _line(host, SYSCTL) == "0" and userns:
        hint = "`sudo sysctl -w kernel.unprivileged_userns_clone=1`"
        return HostError("this kernel forbids user namespaces to ordinary users", where=SYSCTL, hint=hint)
    if userns == errno.ENOSPC or (userns and _line(host, MOST) == "0"):
        none = _line(host, MOST) == "0"
        what = "this kernel allows no user namespaces" if none else "all user namespaces that this kernel allows are in use"
        return HostError(what, where=MOST, hint="`sudo sysctl -w user.max_user_namespaces=15000`")
    if userns in (errno.EINVAL, errno.ENOSYS):
        return HostError("this kernel was built without user namespaces", hint="boot one with CONFIG_USER_NS=y")
    for name, word in OTHERS.items():
        most = f"/proc/sys/user/max_{name}_namespaces"
        if _line(host, most) == "0":
            hint = f"`sudo sysctl -w user.max_{name}_namespaces=15000`"
            return HostError(f"this kernel allows no {word} namespaces", where=most, hint=hint)
    if features.setuid:
        return HostError(
            "bubblewrap is set-uid root here, and still cannot make a box",
            where=features.path,
            hint=f"`sudo chmod u-s {quoted(features.path)}`: with user namespaces it needs no set-uid bit",
        )
    name = PROFILE.rpartition("/")[2]
    load = f"sudo ln -s {PROFILE} /etc/apparmor.d/ && sudo apparmor_parser -r /etc/apparmor.d/{name}"
    have = "" if host.lstat(PROFILE) else "sudo apt-get install apparmor-profiles && "
    if _line(host, APPARMOR) == "1" and not bare:
        return HostError("AppArmor forbids user namespaces to programs without a profile", where=APPARMOR, hint=f"`{have}{load}`")
    if any(host.lstat(path) for path in ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")):
        options = "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
        if userns or not bare:
            return HostError("this container does not let programs make user namespaces", hint=f"`docker run {options}`")
        what = "this container hides parts of /proc, so the kernel allows no new one in it"
        return HostError(what, hint=f"`docker run {options}`, or `podman run --security-opt unmask=ALL`")
    if confined and not bare:
        inherited = bool(userns)  # by whatever runs in this session, not by bubblewrap alone
        own = inherited and host.lstat(OWN)
        return HostError(
            f"AppArmor's profile `{safe(confined)}` forbids user namespaces to {'what runs here' if inherited else 'bubblewrap'}",
            where=LABEL if inherited else features.path,
            hint=f"`sudo apparmor_parser -r {OWN}` lets /usr/bin/inner make them" if own else f"`{have}{load}`",
        )
    if without_strict:
        return HostError(
            "/proc/sys is read-only here, and user namespaces inside the box cannot be forbidden",
            where=MOST,
            hint="`sudo mount -o remount,rw /proc/sys`",
        )
    return HostError("this host does not let bubblewrap make a box", hint=f"`{shown}` shows what it says")


def confinement(path: str) -> str:
    """The profile of AppArmor's in force for a bubblewrap, "" when there is none: of one that waits for its arguments."""
    read, write = os.pipe2(os.O_CLOEXEC)
    nothing = ((os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2))
    try:
        child = os.posix_spawn(path, (path, "--args", "3"), {}, file_actions=((os.POSIX_SPAWN_DUP2, read, 3), *nothing))
    except OSError:
        os.close(write)
        return ""
    finally:
        os.close(read)
    try:
        with open(f"/proc/{child}/attr/current", encoding="utf-8", errors="replace") as file:
            label, _, mode = file.read(4096).strip("\0\n").rpartition(" ")
    except OSError:
        return ""
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(write)
    return label if mode == "(enforce)" else ""


def userns_errno() -> int:
    """The errno of making a user namespace, in a child; 0 when that works."""
    child = os.fork()
    if child == 0:
        os._exit(_errno_of_unshare())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _errno_of_unshare() -> int:
    """In a child of its own. `ctypes` is dear to import; by now time does not matter."""
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        return 0 if libc.unshare(CLONE_NEWUSER) == 0 else ctypes.get_errno() & 0xFF
    except (ImportError, AttributeError, OSError):
        return 0


def _line(host: Host, path: str) -> str:
    return (host.read(path, 64) or b"").decode("ascii", "replace").strip()
