"""The few kernel calls that Python has no name for, and the confinement that a box inherits from the process that starts it.

`ctypes` costs 4.7 ms to import, the extension module below it 0.5 ms: `_ctypes` is asked first, and `ctypes` only when a Python
has changed it. A kernel that does not know a call is no error here: `confine` returns what is in force, and what a run needs of it
`unconfined` tells before. A call that the kernel knows and refuses is one.
"""

from __future__ import annotations

import os

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# prctl(2)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
KEYCTL_GET_KEYRING_ID, KEYCTL_JOIN_SESSION_KEYRING = 0, 1  # keyctl(2)
KEY_SPEC_SESSION_KEYRING = -3
RLIMIT_FSIZE = 1
RLIMIT_CORE = 4
RLIMIT_NOFILE = 7
MOST_FILES = 16384  # that one process may have open
LANDLOCK_CREATE_RULESET_VERSION = 1  # landlock(7)
LANDLOCK_SCOPES = 1 | 2  # abstract unix sockets, signals
SIGKILL = 9

# asm/unistd.h: x86_64, and the generic table that every later architecture uses
NUMBERS = {"x86_64": (250, 302, 316)}
KEYCTL, PRLIMIT64, RENAMEAT2 = NUMBERS.get(os.uname().machine, (219, 261, 276))
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
CLOSE_RANGE, LAST_FD = 436, -1  # close_range(2): ~0U
OPENAT2 = 437
AT_FDCWD = -100
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS = 2, 4  # openat2(2)
PLAIN = os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW
HOW = b"".join(
    value.to_bytes(8, "little") for value in (PLAIN, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
)  # struct open_how
RENAME_NOREPLACE = 1  # rename(2)


def _find() -> tuple[Callable[..., int], Callable[..., int]]:
    try:
        import _ctypes

        call, library = _ctypes.call_function, _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
        at, pr = _ctypes.dlsym(library, "syscall"), _ctypes.dlsym(library, "prctl")
    except (ImportError, AttributeError, OSError):
        import ctypes

        libc = ctypes.CDLL(None)
        return libc.syscall, libc.prctl
    return (lambda *args: int(call(at, args))), (lambda *args: int(call(pr, args)))


_CALLS: list[Callable[..., int]] = []


def load() -> None:
    """Finds the calls. Done before fork, so that the child has nothing left to import."""
    if not _CALLS:
        _CALLS.extend(_find())


def syscall(number: int, *args: int | bytes | None) -> int:
    """A call by its number, -1 on error. Integers of 32 bits; bytes are handed over as a pointer."""
    load()
    return _CALLS[0](number, *args)


def prctl(option: int, value: int) -> int:
    """An option that takes one argument, -1 on error (man 2 prctl)."""
    load()
    return _CALLS[1](option, value, 0, 0, 0)


def bound_files(pid: int, size: int) -> None:
    """No file that this process of ours writes grows beyond that; writing fails (Python ignores SIGXFSZ)."""
    syscall(PRLIMIT64, pid, RLIMIT_FSIZE, size.to_bytes(8, "little") * 2, None)


def subreaper(on: bool) -> None:
    """While on, orphans of the box become our children, not init's, so that they can be waited for (prctl(2))."""
    prctl(PR_SET_CHILD_SUBREAPER, int(on))


def open_path(path: str) -> int:
    """An O_PATH descriptor of `path`, reached through no symbolic link at all. Raises OSError."""
    fd = syscall(OPENAT2, AT_FDCWD, os.fsencode(path), HOW, len(HOW))
    if fd >= 0:
        return fd
    fd = os.open(path, PLAIN)  # says why not; or a kernel before 5.6
    if os.readlink(f"/proc/self/fd/{fd}") == path:
        return fd
    os.close(fd)
    raise OSError(40, os.strerror(40), path)  # ELOOP


def move(folder: int, name: str, into: int, new: str) -> bool:
    """Renames from one open folder into another, over nothing; False where that is not possible, and then nothing has happened."""
    return syscall(RENAMEAT2, folder, os.fsencode(name), into, os.fsencode(new), RENAME_NOREPLACE) == 0


def confine(*, setuid: bool, parent: int, scopes: int = LANDLOCK_SCOPES) -> tuple[str, ...]:
    """What the box inherits, set in the child between fork and exec. Returns what is in force, by name.

    `parent`: the process that forked us; when it is gone already we end here. A set-uid bubblewrap needs its privilege, so
    no_new_privs and Landlock, which requires it, are left out for one; it sets no_new_privs itself. Raises RunError where the box
    would inherit what it must not. `scopes`: what Landlock keeps inside.
    """
    done = []
    if prctl(PR_SET_PDEATHSIG, SIGKILL) == 0:
        done.append("pdeathsig")
    if os.getppid() != parent:
        os.kill(os.getpid(), SIGKILL)
    # No core dump: kernel.core_pattern may pipe it, environment and all, to a program outside.
    if syscall(PRLIMIT64, 0, RLIMIT_CORE, bytes(16), None) == 0:
        done.append("core")
    # No namespace counts open files, and all of a machine are one number (file-max in proc_sys_fs(5)).
    found = bytes(16)  # the kernel writes into it
    if syscall(PRLIMIT64, 0, RLIMIT_NOFILE, None, found) == 0:
        soft, hard = (min(int.from_bytes(half, "little"), MOST_FILES) for half in (found[:8], found[8:]))
        syscall(PRLIMIT64, 0, RLIMIT_NOFILE, soft.to_bytes(8, "little") + hard.to_bytes(8, "little"), None)
    # Root may; anybody else keeps the groups that the kernel has for them, whatever number the box sees (user_namespaces(7)).
    if os.getuid() == 0:
        try:
            os.setgroups([])
            done.append("groups")
        except OSError:
            pass
    # The session keyring crosses every namespace (keyrings(7)); a new anonymous one has nothing in it.
    if syscall(KEYCTL, KEYCTL_JOIN_SESSION_KEYRING, None) >= 0:
        done.append("keyring")
    elif syscall(KEYCTL, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) >= 0:  # there is one, and it could be read
        raise RunError("the box would see your session keyring: no new one can be made (the quota of keys, /proc/key-users)")
    if setuid:
        return tuple(done)
    if prctl(PR_SET_NO_NEW_PRIVS, 1) == 0:
        done.append("no-new-privs")
    if scopes and restrict(scopes):
        done.append("scope")
    return tuple(done)


def restrict(scopes: int) -> bool:
    """Keeps this process and its children from what `scopes` names, outside of themselves; False where Landlock cannot. It needs
    no_new_privs. A ruleset that handles no file access: one that does would forbid bubblewrap to mount (landlock(7))."""
    if not has_scopes():
        return False
    ruleset = syscall(LANDLOCK_CREATE_RULESET, bytes(16) + scopes.to_bytes(8, "little"), 24, 0)
    if ruleset < 0 or syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) < 0:
        raise RunError("the box could reach abstract sockets and signal processes outside: Landlock refuses (too many layers)")
    os.close(ruleset)
    return True


def has_scopes() -> bool:
    """Whether Landlock here can keep a process from abstract sockets and signals (landlock(7): ABI 6, Linux 6.12)."""
    return syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 6


def unconfined(*, own_network: bool, setuid: bool) -> str:
    """What such a box can reach because `confine` cannot do all here, for people; "" when that is nothing."""
    if own_network or (not setuid and has_scopes()):
        return ""
    remedy = (
        "without the set-uid bit of bubblewrap it can be" if setuid and has_scopes() else "Linux 6.12 or later can, with Landlock"
    )
    return f"abstract sockets of this host (X11, D-Bus) are not kept from a box with the host's network: {remedy}"
