"""Processes of the host: to see, read, trace, signal, starve. PID is one that has the token in its environment, memory and an open file."""

from __future__ import annotations

import os

from attempt import table

GROUP = "processes"
EVENTS = {"before": 'rm -f "$R/events"', "after": 'sleep 0.2; grep -qs signal "$R/events" && got it arrived; true'}
SECRETLY = "open(f'/proc/{E[\"PID\"]}/environ').read()"

ATTEMPTS = table(
    GROUP,
    {
        "see it": '[ -e /proc/$PID ] && grep -aq victim.py /proc/$PID/cmdline && got it',
        "count all": '[ "$(ls /proc | grep -cx "[0-9]*")" -gt 8 ] && got many',
        "see it with a tool": 'ps -eo args 2>/dev/null | grep -v grep | grep -q "[v]ictim.py" && got it; pgrep -f "[v]ictim.py" && got it',
        "read its environment": "cat /proc/$PID/environ",
        "read every environment": "cat /proc/[0-9]*/environ",
        "read every command line": "#py\nimport glob\nfor path in glob.glob('/proc/[0-9]*/cmdline'):\n    try: text = open(path).read()\n    except OSError: continue\n    if 'victim' + '.py' in text or '--ro' + '-bind' in text: got(path)",
        "read the mounts on the command line of process 1": ("tr '\\0' ' ' < /proc/1/cmdline | grep -q -- '--ro[-]bind' && got mounts; true", {"open": "flags"}),
        "read the environment of process 1": ("cat /proc/1/environ", {"open": "flags"}),
        "read the memory of process 1": ("#py\nfor line in open('/proc/1/maps'):\n    a, r, *rest = line.split(' ')\n    if r[0] == 'r' and ('stack' in line or 'heap' in line):\n        s, e = (int(x, 16) for x in a.split('-'))\n        try:\n            d = os.open('/proc/1/mem', os.O_RDONLY); sys.stdout.write(os.pread(d, e - s, s).decode('latin-1'))\n        except OSError as x: print(x)", {"open": "flags"}),
        "trace process 1": ("#py\nr = libc.ptrace(0x4206, 1, 0, 0); print(r)\nfor line in open('/proc/1/maps') if r == 0 else ():\n    a, p, *rest = line.split(' ')\n    if 'stack' in line:\n        s, e = (int(x, 16) for x in a.split('-')); sys.stdout.write(os.pread(os.open('/proc/1/mem', 0), e - s, s).decode('latin-1'))", {"open": "flags"}),
        "read its memory": "#py\nb = ctypes.create_string_buffer(64)\nclass V(ctypes.Structure): _fields_ = [('b', ctypes.c_void_p), ('n', ctypes.c_size_t)]\nl, r = V(ctypes.addressof(b), 40), V(int(E['ADDRESS']), 40)\nprint(libc.process_vm_readv(int(E['PID']), ctypes.byref(l), ctypes.c_ulong(1), ctypes.byref(r), ctypes.c_ulong(1), ctypes.c_ulong(0)), b.raw)",
        "read its memory through a file": "#py\nprint(os.pread(os.open('/proc/%s/mem' % E['PID'], os.O_RDONLY), 40, int(E['ADDRESS'])))",
        "trace it": "#py\nif libc.ptrace(0x4206, int(E['PID']), None, None) == 0: got('seized')",
        "take a descriptor of it": "#py\np = os.pidfd_open(int(E['PID'])); f = call(438, 438, p, int(E['KEPT']), 0); print(f, os.pread(f, 100, 0) if f >= 0 else '')",
        "open a descriptor of it": "for p in $([ -e /proc/$PID ] && echo $PID || ls /proc | grep -x '[0-9]*'); do cat /proc/$p/fd/$KEPT; done",
        "read through its root": 'cat "/proc/$PID/root$H/.netrc" "/proc/$PID/cwd/kept"',
        "signal it": ("kill -USR1 $PID", EVENTS),
        "signal everything": ("#py\nfor p in range(int(E['PID']) - 50, int(E['PID']) + 50):\n    if p == int(E['PID']) or not os.path.exists('/proc/%s' % E['PID']):\n        try: os.kill(p, 10) if p > 20 else None\n        except OSError: pass", EVENTS),
        "signal its group": ("kill -USR2 -- -$PID", EVENTS),
        "signal it by a descriptor": ("#py\ntry: p = os.pidfd_open(int(E['PID'])); signal.pidfd_send_signal(p, signal.SIGUSR1)\nexcept OSError as e: print(e)", EVENTS),
        "signal it by a file's owner": ("#py\nimport fcntl\nr, w = os.pipe(); fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC); fcntl.fcntl(r, fcntl.F_SETOWN, int(E['PID'])); os.write(w, b'x')", EVENTS),
        "signal its own group, with whoever started it": ("#py\nsignal.signal(10, signal.SIG_IGN)\nif os.getpgrp() == int(E.get('GROUP', '0') or 0) or os.getpgid(0) != os.getpid() and os.getppid() and not os.path.exists('/proc/%d' % os.getpgrp()): got('a group from outside')\nprint(os.getpgrp(), os.getsid(0))\nif os.getsid(0) == 0: got('a session from outside')", {"open": "flags"}),
        "change its priority": "#py\ntry: os.setpriority(0, int(E['PID']), 5); got('nice')\nexcept OSError as e: print(e)",
        "change its limits": "#py\nimport resource\ntry: resource.prlimit(int(E['PID']), resource.RLIMIT_CPU); got('limits')\nexcept OSError as e: print(e)",
        "change its processors": "#py\ntry: os.sched_setaffinity(int(E['PID']), os.sched_getaffinity(int(E['PID']))); got('affinity')\nexcept OSError as e: print(e)",
        "have it killed first": "#py\ntry: open('/proc/%s/oom_score_adj' % E['PID'], 'w').write('900'); got('marked')\nexcept OSError as e: print(e)",
        "attach to its memory": "#py\nlibc.shmat.restype = ctypes.c_void_p; p = libc.shmat(int(E['SEGMENT']), None, 0o10000)\nif p != 2 ** 64 - 1: print(ctypes.string_at(p))",
        "list its memory": '[ "$(tail -n +2 /proc/sysvipc/shm | wc -l)" -gt 0 ] && got listed',
        "open its message queue": "#py\nq = libc.mq_open(E['QUEUE'].encode(), os.O_RDONLY)\nb = ctypes.create_string_buffer(8192)\nif q >= 0: got('queue')",
        "write a parameter of the kernel": ("for f in kernel/core_pattern kernel/hostname vm/overcommit_memory net/ipv4/ip_forward kernel/modprobe fs/protected_symlinks; do ( : >> /proc/sys/$f ) 2>/dev/null && got $f; done", {"needs": lambda: _root()}),
        "write to what restarts the machine": ("( : >> /proc/sysrq-trigger ) && got it", {"needs": lambda: _root() and os.path.exists("/proc/sysrq-trigger")}),
        "leave a core dump": "#py\nimport resource\ntry: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))\nexcept (OSError, ValueError) as e: print(e)\nif resource.getrlimit(resource.RLIMIT_CORE)[1] != 0: got('a core may be written')",
        "wait for a process of the host": "#py\ntry: p = os.pidfd_open(int(E['PID'])); got('a handle') if b'victim' in open('/proc/%s/cmdline' % E['PID'], 'rb').read() else None\nexcept OSError as e: print(e)",
        "compare with a process of the host": ("#py\nreached(call(312, 272, os.getpid(), int(E['PID']), 0, 0, 0), errno.ESRCH)", {"needs": lambda: _kcmp()}),
    },
)  # fmt: skip


def _root() -> bool:
    return os.getuid() == 0


def _kcmp() -> bool:
    import ctypes
    import platform

    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(312 if platform.machine() == "x86_64" else 272, os.getpid(), os.getpid(), 0, 0, 0) >= 0
