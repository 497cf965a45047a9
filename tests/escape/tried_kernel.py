"""Calls that no program in a box needs and that have let programs out before: the kernel is not even to look at what they say. And what the
kernel tells about the machine."""

from __future__ import annotations

import os
import platform
import socket
from pathlib import Path

from attempt import table

GROUP = "kernel"
X86 = platform.machine() == "x86_64"


def _number(path: str, otherwise: int) -> int:
    return int(Path(path).read_text()) if Path(path).exists() else otherwise


def _speaks(family: int, kind: int, protocol: int = 0) -> bool:
    try:
        socket.socket(family, kind, protocol).close()
    except OSError:
        return False
    return True


def _families() -> list[int]:
    return [f for f in range(1, 46) if f not in (1, 2, 10, 16) and any(_speaks(f, kind) for kind in (1, 2, 3, 5))]


ATTEMPTS = table(
    GROUP,
    {
        "read a key of the session": "#py\nk = call(248, 217, b'user', b'inner:e', b'x', 1, -3); reached(call(250, 219, 11, k if k > 0 else -3, 0, 0, 0), errno.ENOKEY)",
        "add a key": "#py\nreached(call(248, 217, b'user', b'inner:e', b'x', 1, -2))",
        "ask for a key": "#py\nreached(call(249, 218, b'user', b'inner:none', 0, 0))",
        "a ring of keys of its own": "#py\nreached(call(250, 219, 1, 0, 0, 0, 0))",
        "list keys": ("grep -q . /proc/keys /proc/key-users && got keys", {"needs": lambda: Path("/proc/keys").exists() and bool(Path("/proc/key-users").read_text())}),
        "a map of the kernel's (bpf)": ("#py\nr = call(321, 280, 0, struct.pack('IIII', 2, 4, 8, 1) + b'\\0' * 112, 128); print(r)\nif r >= 0 or -r not in (errno.EPERM, errno.ENOSYS): got('looked at')", {"needs": lambda: _number("/proc/sys/kernel/unprivileged_bpf_disabled", 0) == 0}),
        "rings of calls (io_uring)": ("#py\nreached(call(425, 425, 8, b'\\0' * 120))", {"needs": lambda: _number("/proc/sys/kernel/io_uring_disabled", 0) == 0}),
        "rings of calls, entered": ("#py\nreached(call(426, 426, -1, 0, 0, 0, 0, 0))", {"needs": lambda: _number("/proc/sys/kernel/io_uring_disabled", 0) == 0}),
        "page faults (userfaultfd)": "#py\nreached(call(323, 282, 1))",
        "counters (perf_event_open)": ("#py\nreached(call(298, 241, struct.pack('IIQQQQQ', 1, 112, 0, 0, 0, 0, 96) + b'\\0' * 64, 0, -1, -1, 0), errno.EACCES)", {"needs": lambda: _number("/proc/sys/kernel/perf_event_paranoid", 2) <= 2}),
        "the kernel's log": ("#py\nreached(call(103, 116, 10, 0, 0))", {"needs": lambda: _number("/proc/sys/kernel/dmesg_restrict", 0) == 0}),
        "watch a whole file system (fanotify)": "#py\nreached(call(300, 262, 0x200, 0))",
        "memory of another process": "#py\nb = ctypes.create_string_buffer(8)\nv = struct.pack('QQ', ctypes.addressof(b), 8)\nreached(call(310, 270, os.getpid(), v, 1, v, 1, 0))",
        "write memory of another process": "#py\nb = ctypes.create_string_buffer(8)\nv = struct.pack('QQ', ctypes.addressof(b), 8)\nreached(call(311, 271, os.getpid(), v, 1, v, 1, 0))",
        "descriptors of another process": "#py\nreached(call(438, 438, os.pidfd_open(os.getpid()), 0, 0))",
        "pages of another process": "#py\nreached(call(279, 239, 0, 0, 0, 0, 0, 0))",
        "pages of another process, moved": "#py\nreached(call(256, 238, 0, 0, 0, 0))",
        "another personality": "#py\nreached(call(135, 92, 0x0400000))",
        "addresses that do not change": "#py\nreached(call(135, 92, 0x0040000 | 0x0100000 | 0x0080000))",
        "segments (modify_ldt)": ("#py\nreached(call(154, -1, 0, b'\\0' * 64, 64))", {"needs": lambda: X86}),
        "ports (iopl)": ("#py\nreached(call(172, -1, 0))", {"needs": lambda: X86 and _answers(172)}),
        "ports (ioperm)": ("#py\nreached(call(173, -1, 0, 0, 0))", {"needs": lambda: X86 and _answers(172)}),
        "the 32-bit entry": ("#py\nimport mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(b'\\xb8\\x36\\x01\\x00\\x00\\xbb\\x00\\x00\\x00\\x10\\xcd\\x80\\xc3')\nr = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()\ngot(r) if r == 0 else print(r)", {"needs": lambda: X86 and _ia32(), "begins": True}),
        "the 32-bit entry, for a socket": ("#py\nimport mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(b'\\xb8\\x67\\x01\\x00\\x00\\xbb\\x26\\x00\\x00\\x00\\xb9\\x05\\x00\\x00\\x00\\xba\\x00\\x00\\x00\\x00\\xcd\\x80\\xc3')\nr = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()\nreached(r) if r > -4096 else print(r)", {"needs": lambda: X86 and _ia32()}),
        "numbers that have not been given": ("#py\nfor n in (470, 471, 500, 547): print(call(n, n, 0, 0, 0, 0, 0, 0))\nr = call(272, 97, 0x10000000)\nreached(r)", {}),
        "upper halves of arguments": "#py\nreached(call(272, 97, 0x10000000 | 1 << 40))\nr = call(41, 198, 40 | 1 << 32, 1, 0); got(r) if r >= 0 else print(r)\nreached(call(135, 92, 0x0400000 | 1 << 33))",
        "flags in company": "#py\nfor f in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000, 0x4000000, 0x2000000, 0x80):\n    if os.fork() == 0:\n        r = call(272, 97, f | 0x200); got(hex(f)) if r == 0 and f == 0x10000000 else print(r); os._exit(0)\n    os.wait()",
        "the hypervisor (vsock)": ("#py\ntry: socket.socket(40, 1); got('made')\nexcept OSError as e: print(e)", {"needs": lambda: _speaks(40, 1)}),
        "ciphers of the kernel (alg)": ("#py\ntry: s = socket.socket(38, 5); s.bind(('hash', 'sha256')); got('made')\nexcept OSError as e: print(e)", {"needs": lambda: _speaks(38, 5)}),
        "every other family of sockets": ("#py\nfor f in range(46):\n    for k in (1, 2, 3, 5):\n        try:\n            if f not in (1, 2, 10, 16): socket.socket(f, k); got(f)\n        except OSError: pass", {"needs": lambda: bool(_families())}),
        "families of netlink": "#py\nfor p in range(1, 22):\n    try: socket.socket(16, 3, p); got(p)\n    except OSError as e: print(p, e)",
        "device events": "#py\ns = socket.socket(16, 3, 15) if 1 else 0\ns.bind((0, 1)); got('listening')",
        "symbols of the kernel": ("grep -qs . /proc/kallsyms && got symbols", {"needs": lambda: Path("/proc/kallsyms").exists()}),
        "modules of the kernel": ("grep -qs . /proc/modules && got modules; ls /sys/module >/dev/null 2>&1 && got modules", {"needs": lambda: Path("/sys/module").exists()}),
        "firmware and numbers of the machine": ("cat /sys/class/dmi/id/* /sys/class/net/*/address 2>/dev/null | grep -q . && got numbers", {"needs": lambda: bool(list(Path("/sys/class/net").glob("*/address")))}),
        "disks": ("grep -q . /proc/partitions /proc/diskstats && got disks; ls /sys/block/* >/dev/null 2>&1 && got disks", {"needs": lambda: bool(Path("/proc/partitions").read_text().strip())}),
        "interrupts and timers": "grep -qs . /proc/interrupts && got interrupts; grep -qs . /proc/timer_list && got timers; true",
        "the name of the machine": '[ "$(uname -n)" = "$NODE" ] && got "$(uname -n)"; [ "$(cat /proc/sys/kernel/hostname)" = "$NODE" ] && got it',
        "the number of the machine": ("cat /etc/machine-id /var/lib/dbus/machine-id 2>/dev/null | grep -q . && got it", {"needs": lambda: bool(Path("/etc/machine-id").exists() and Path("/etc/machine-id").read_text())}),
        "change the name of the machine": ("#py\ntry: socket.sethostname('evil'); got('changed')\nexcept OSError as e: print(e)", {"open": "box"}),
        "the control groups of the host": ("grep -q . /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/memory/tasks 2>/dev/null && got groups; grep '^[0-9]*:.*:/..*' /proc/self/cgroup | grep -qvE ':/inner-[0-9]+-[0-9]+-[0-9a-f]+$' && got path; ls /sys/fs/cgroup | grep -q . && got groups", {"needs": lambda: Path("/sys/fs/cgroup").is_dir() and bool(os.listdir("/sys/fs/cgroup"))}),
        "who is logged in": ("cat /proc/self/loginuid /proc/self/sessionid | grep -qv 4294967295 && got session; who | grep -q . && got users; [ -e /var/run/utmp ] && got utmp", {"needs": lambda: Path("/var/run/utmp").exists()}),
        "set the clock": ("#py\nreached(call(227, 112, 99, struct.pack('qq', 0, 0)))", {}),
        "read the clock's settings": "#py\nreached(call(159, 171, b'\\0' * 208)); reached(call(305, 266, 0, b'\\0' * 208))",
        "write out every disk's quota": "#py\nreached(call(179, 60, 0x80000100, 0, 0, 0))",
        "a mode that no filter sees": "#py\nreached(call(437, 437, -100, b'.', struct.pack('QQQ', 0, 0, 0), 24))",
        "read a filter back, and single steps of the system": ("#py\nfor n in (0x420c, 0x420d, 31, 32, 3000):\n    r = libc.ptrace(n, os.getpid(), 0, 0); e = ctypes.get_errno()\n    if r >= 0 or e != errno.EIO: got(hex(n), errno.errorcode.get(e))", {}),
        "calls of another century": ("#py\nreached(call(139, -1, 3, 0, 0)); reached(call(136, -1, 0, b'\\0' * 64))", {"needs": lambda: X86}),
        "load a module": ("#py\nreached(call(313, 273, -1, b'', 0))", {"needs": lambda: os.getuid() == 0 and Path("/proc/modules").exists()}),
        "swap": ("#py\nreached(call(167, 224, b'/none', 0))", {"needs": lambda: os.getuid() == 0}),
        "account for processes": ("#py\nreached(call(163, 89, b'/none'))", {"needs": lambda: os.getuid() == 0}),
        "a landlock of its own": "#py\nr = call(444, 444, 0, 0, 1); print(r)\nif libc.prctl(22, 2, 0, 0, 0) == 0 or libc.ptrace(0x4206, 1, 0, 0) == 0 and os.getppid() != 1 and not os.path.exists('/proc/2'): got('nothing')\nif open('/proc/self/status').read().split('Seccomp:')[1].split()[0] == '0': got('no filter')",
    },
)  # fmt: skip


def _ia32() -> bool:
    return "CONFIG_IA32_EMULATION=y" in _config() or Path("/proc/sys/abi/vsyscall32").exists()


def _config() -> str:
    import gzip

    path = Path("/proc/config.gz")
    return gzip.decompress(path.read_bytes()).decode() if path.exists() else ""


def _answers(number: int) -> bool:
    import ctypes

    return ctypes.CDLL(None).syscall(number, 0, 0, 0) == 0
