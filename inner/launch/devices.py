"""Device nodes for a box that root starts. bubblewrap's `--dev` shows the host's own nodes, and whoever owns one may change its
mode, through a bind mount too: `chmod 0 /dev/null` in the box would be felt by the whole machine.

A read-only mount prevents that and still lets the device be written (path_resolution(7), mount(2)). bubblewrap can make none with
devices on it, but its binds keep the flags of what they are made from, so it is started in a mount namespace with such nodes.
"""

from __future__ import annotations

import os

from inner.errors import RunError
from inner.launch import syscall

NODES = ("null", "zero", "full", "random", "urandom", "tty")
UNSHARE, MOUNT = {"x86_64": (272, 165)}.get(os.uname().machine, (97, 40))
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 1, 32, 4096, 16384, 1 << 19
# statvfs(3) and mount(2) have the same numbers for these: nosuid, nodev, noexec, noatime, nodiratime
KEPT = 2 | 4 | 8 | 1024 | 2048
ST_RELATIME, MS_RELATIME = 4096, 1 << 21


def protect() -> None:
    """In the child, before exec, with the rights of root. Raises RunError where those are not enough (a container's root)."""
    if syscall.syscall(UNSHARE, CLONE_NEWNS) < 0 or _mount(b"/", MS_REC | MS_SLAVE) < 0:
        raise RunError(
            "the host's device nodes cannot be kept from this box: root lacks CAP_SYS_ADMIN here; run as an ordinary user"
        )
    for name in NODES:
        path = f"/dev/{name}"
        if not os.path.exists(path):
            continue
        flags = os.statvfs(path).f_flag
        kept = flags & KEPT | (MS_RELATIME if flags & ST_RELATIME else 0)
        node = os.fsencode(path)
        if (
            syscall.syscall(MOUNT, node, node, None, MS_BIND, None) < 0
            or _mount(node, MS_REMOUNT | MS_BIND | MS_RDONLY | kept) < 0
        ):
            raise RunError(f"`{path}` cannot be made read-only for this box; run as an ordinary user")


def _mount(place: bytes, flags: int) -> int:
    return syscall.syscall(MOUNT, b"none", place, None, flags, None)
