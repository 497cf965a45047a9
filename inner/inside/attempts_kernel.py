"""Attempts on the kernel's own interfaces and on privileges. See `attempt`; numbers are those of the system call tables."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import struct
from typing import Any

from inner.inside.attempt import MACHINE, Held, attempt, call, checked, libc

Facts = dict[str, Any]
KERNEL, PRIVILEGES = "kernel interfaces", "privileges"
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REMOUNT, MS_BIND, MNT_DETACH = 32, 4096, 2


@attempt(KERNEL, "put a key into the kernel's keyrings")
def add_key(_facts: Facts) -> str:
    call(248, 217, ctypes.c_char_p(b"user"), ctypes.c_char_p(b"inner-attack"), ctypes.c_char_p(b"x"), 1, -1)  # thread keyring
    return "added one"


@attempt(KERNEL, "ask the kernel's keyrings (keyctl)")
def keyctl(_facts: Facts) -> str:
    return f"keyring {call(250, 219, 0, -3, 1)}"  # KEYCTL_GET_KEYRING_ID of the session


@attempt(KERNEL, "use io_uring")
def io_uring(_facts: Facts) -> str:
    os.close(call(425, 425, 1, ctypes.create_string_buffer(120)))
    return "a ring"


@attempt(KERNEL, "handle page faults (userfaultfd)")
def page_faults(_facts: Facts) -> str:
    os.close(call(323, 282, 1))  # UFFD_USER_MODE_ONLY
    return "a descriptor"


@attempt(KERNEL, "watch with performance counters")
def performance(_facts: Facts) -> str:
    head = struct.pack("<IIQQQQQ", 1, 128, 0, 0, 0, 0, 0x60)  # PERF_TYPE_SOFTWARE, size, ..., exclude_kernel and exclude_hv
    attributes = ctypes.create_string_buffer(head, 128)
    os.close(call(298, 241, attributes, 0, -1, -1, 0))
    return "a counter"


@attempt(KERNEL, "make a user namespace")
def user_namespace(_facts: Facts) -> str:
    checked(libc().unshare(CLONE_NEWUSER))
    return "all capabilities in it"


@attempt(KERNEL, "make a user namespace by clone3")
def user_namespace_clone3(_facts: Facts) -> str:
    arguments = (ctypes.c_uint64 * 11)(CLONE_NEWUSER, 0, 0, 0, 17)  # SIGCHLD
    child = call(435, 435, ctypes.byref(arguments), ctypes.sizeof(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "a child in one"


@attempt(KERNEL, "mount in a namespace of its own")
def mount_in_namespace(_facts: Facts) -> str:
    checked(libc().unshare(CLONE_NEWUSER | CLONE_NEWNS))
    _mount_memory()
    return "a file system of its own"


def _mount_memory() -> None:
    checked(libc().mount(b"none", b"/proc/self/fdinfo" if not os.path.isdir("/tmp") else b"/tmp", b"tmpfs", 0, None))  # noqa: S108
    libc().umount2(b"/tmp", MNT_DETACH)


@attempt(KERNEL, "call the kernel by its 32-bit entry")
def int80(_facts: Facts) -> str:
    if MACHINE != "x86_64":
        raise Held("not on this machine")
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    place = ctypes.addressof(ctypes.c_char.from_buffer(code))
    if ctypes.CFUNCTYPE(ctypes.c_int)(place)() != os.getpid():
        raise Held("no answer")
    return "it answered"


@attempt(KERNEL, "take on another personality")
def personality(_facts: Facts) -> str:
    call(135, 92, 0x0400000)  # READ_IMPLIES_EXEC
    return "everything readable is executable"


@attempt(KERNEL, "change the segment table (modify_ldt)")
def segments(_facts: Facts) -> str:
    call(154, -1, 0, ctypes.create_string_buffer(64), 64)
    return "read it"


@attempt(KERNEL, "move pages between memories")
def move_pages(_facts: Facts) -> str:
    call(279, 239, 0, 0, None, None, None, 0)
    return "it would have"


@attempt(KERNEL, "watch a file system (fanotify)")
def fanotify(_facts: Facts) -> str:
    os.close(call(300, 262, 0x200, 0))  # FAN_REPORT_FID: what everybody may since 5.13
    return "a descriptor"


@attempt(KERNEL, "read the kernel's log")
def kernel_log(_facts: Facts) -> str:
    return f"{call(103, 116, 10, None, 0)} bytes of it"  # SYSLOG_ACTION_SIZE_BUFFER


@attempt(KERNEL, "read another process' memory at all")
def own_memory(_facts: Facts) -> str:
    buffer = ctypes.create_string_buffer(b"x" * 8)
    into = ctypes.create_string_buffer(8)
    theirs = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 8)
    ours = (ctypes.c_uint64 * 2)(ctypes.addressof(into), 8)
    call(310, 270, os.getppid(), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
    return "of the process that started it"


@attempt(KERNEL, "take descriptors out of other processes at all")
def own_descriptor(_facts: Facts) -> str:
    pidfd = call(434, 434, os.getppid(), 0)
    os.close(call(438, 438, pidfd, 0, 0))
    return "of the process that started it"


@attempt(KERNEL, "have a crash written down")
def core_dump(_facts: Facts) -> str:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    except ValueError as problem:
        raise OSError(errno.EPERM, str(problem)) from None
    return "a core dump is possible"


@attempt(KERNEL, "set the kernel's parameters")
def parameters(_facts: Facts) -> str:
    reason = errno.ENOENT
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger"):
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))  # nothing is written
        except OSError as problem:
            reason = problem.errno or reason
        else:
            return f"could write {path}"
    raise OSError(reason, os.strerror(reason))


# --- privileges -----------------------------------------------------------------------------------------------------------


@attempt(PRIVILEGES, "hold a capability")
def capability(_facts: Facts) -> str:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        held = [line.split()[0][:-1] for line in file if line.startswith("Cap") and int(line.split()[1], 16)]
    if not held:
        raise Held("none")
    return ", ".join(held)


@attempt(PRIVILEGES, "mount a file system")
def mount(_facts: Facts) -> str:
    _mount_memory()
    return "mounted one"


@attempt(PRIVILEGES, "copy the tree of mounts (open_tree)")
def mount_copy(_facts: Facts) -> str:
    os.close(call(428, 428, -100, ctypes.c_char_p(b"/"), 0x8001))  # AT_FDCWD, AT_RECURSIVE | OPEN_TREE_CLONE
    return "a copy of its own"


@attempt(PRIVILEGES, "make the system writable again")
def remount(_facts: Facts) -> str:
    checked(libc().mount(None, b"/usr", None, MS_REMOUNT | MS_BIND, None))
    libc().mount(None, b"/usr", None, MS_REMOUNT | MS_BIND | 1, None)
    return "remounted /usr"


@attempt(PRIVILEGES, "take a mount away that hides something")
def unmount(facts: Facts) -> str:
    reason = errno.EPERM
    for path in facts["masks"]:
        if libc().umount2(path.encode(), MNT_DETACH) == 0:
            return f"uncovered {path}"
        reason = ctypes.get_errno()
    raise OSError(reason, os.strerror(reason))


@attempt(PRIVILEGES, "change the root folder")
def change_root(_facts: Facts) -> str:
    os.chroot(".")
    return "changed it"


@attempt(PRIVILEGES, "rename the machine")
def rename_machine(_facts: Facts) -> str:
    name = os.uname().nodename.encode()
    checked(libc().sethostname(name, len(name)))  # the name that it has
    return "could have"
