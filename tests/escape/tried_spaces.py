"""Namespaces, mounts, descriptors and capabilities: ways under, around and over the walls of the box."""

from __future__ import annotations

import errno
import os

from attempt import table

GROUP = "spaces"
NEW_USER, NEW_NS = 0x10000000, 0x20000
UNSHARED = "#py\ndef fresh(flags):\n    'A child in namespaces of its own; None when it may not.'\n    r = libc.unshare(flags)\n    if r: print(os.strerror(ctypes.get_errno()))\n    return r == 0\n"
FLAGS_OF_MOUNT = "MS = {'bind': 4096, 'rec': 16384, 'remount': 32, 'ro': 1, 'move': 8192}\ndef mount(what, to, kind=None, flags=0, more=None):\n    r = libc.mount(what.encode() if what else None, to.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), more.encode() if more else None)\n    if r: print(to, os.strerror(ctypes.get_errno()))\n    return r == 0\n"

ATTEMPTS = table(
    GROUP,
    {
        "a user namespace": UNSHARED + "if fresh(0x10000000): got('made')",
        "every other namespace with it": UNSHARED + "for f in (0x20000, 0x8000000, 0x40000000, 0x4000000, 0x2000000, 0x80):\n    if os.fork() == 0:\n        if fresh(0x10000000 | f): got(hex(f))\n        os._exit(0)\n    os.wait()",
        "a user namespace by clone": "#py\nr = call(56, 220, 0x10000000 | 17, 0, 0, 0, 0)\nif r == 0: os._exit(0)\nreached(r)",
        "a user namespace by clone3": "#py\na = struct.pack('QQQQQQQQ', 0x10000000, 0, 0, 0, 17, 0, 0, 0); r = call(435, 435, a, len(a))\nif r == 0: os._exit(0)\nreached(r)",
        "a user namespace by a program": "unshare -Ur true && got made; bwrap --unshare-user --ro-bind / / true && got made",
        "root in a namespace": UNSHARED + "if fresh(0x10000000):\n    open('/proc/self/setgroups', 'w').write('deny'); open('/proc/self/uid_map', 'w').write('0 %d 1' % os.getuid() if 0 else '0 0 1' if os.getuid() == 0 else '0 %d 1' % int(open('/proc/self/loginuid').read() or 0) if 0 else '0 ' + str(os.stat('/proc/self').st_uid) + ' 1'); got('root')",
        "other namespaces without one": (UNSHARED + "for f in (0x20000, 0x8000000, 0x40000000, 0x4000000, 0x2000000, 0x20000000):\n    if fresh(f): got(hex(f))", {"open": "box"}),
        "join the namespaces of process 1": ("#py\nfor n in ('mnt', 'user', 'net', 'pid', 'ipc', 'uts', 'cgroup'):\n    try: reached(-ctypes.get_errno() if libc.setns(os.open('/proc/1/ns/' + n, os.O_RDONLY), 0) else 0, errno.EINVAL)\n    except OSError as e: print(e)", {"open": "host", "needs": lambda: _enters()}),
        "join by a process descriptor": ("#py\ntry: r = libc.setns(os.pidfd_open(os.getpid()), 0x4000000); reached(-ctypes.get_errno() if r else 0)\nexcept OSError as e: print(e)", {"open": "box"}),
        "ask a namespace for its owner": "#py\nimport fcntl\ntry: f = fcntl.ioctl(os.open('/proc/self/ns/user', os.O_RDONLY), 0xb702); got('the parent namespace')\nexcept OSError as e: print(e)\ntry: f = fcntl.ioctl(os.open('/proc/self/ns/pid', os.O_RDONLY), 0xb702); got('the parent namespace')\nexcept OSError as e: print(e)\nif os.readlink('/proc/self/ns/user') in E['NAMESPACES'].split(): got('it is the host s own')",
        "be in the host's namespaces": "#py\nfor n in ('user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'):\n    if os.readlink('/proc/self/ns/' + n) in E['NAMESPACES'].split(): got(n)",
        "mount a file system": (FLAGS_OF_MOUNT and "#py\n" + FLAGS_OF_MOUNT + "if mount('x', '/tmp', 'tmpfs'): got('mounted')", {"open": "box"}),
        "mount a fresh /proc": ("#py\n" + FLAGS_OF_MOUNT + "if libc.unshare(0x20000) == 0 and mount('proc', '/tmp', 'proc') or mount('/proc', '/mnt' if os.path.isdir('/mnt') else '/tmp', None, 4096 | 16384): got('mounted')", {"open": "box"}),
        "make the system writable": ("#py\n" + FLAGS_OF_MOUNT + "for p in ('/usr', '/etc', '/', E['P'] + '/.git/hooks', E['P'] + '/.vscode'):\n    if mount(None, p, None, 32 | 4096): got(p)", {"open": "box"}),
        "take away what hides": ("#py\nfor p in ('/tmp', '/proc/keys', '/usr/local/etc', E['P'] + '/.git', E['P'] + '/.vscode', E['P'], '/'):\n    for f in (0, 2, 8):\n        if libc.umount2(p.encode(), f) == 0: got(p)\nlibc.unshare(0x20000)\nif libc.mount(b'x', b'/mnt' if os.path.isdir('/mnt') else b'/tmp', b'tmpfs', 0, None) == 0: got('a mount of its own')", {"open": "box"}),
        "bind what is under a mask": ("#py\n" + FLAGS_OF_MOUNT + "os.makedirs('/tmp/u-' + E['T'], exist_ok=True)\nif mount(E['P'], '/tmp/u-' + E['T'], None, 4096): got('bound')", {"open": "box"}),
        "move a mount": ("#py\n" + FLAGS_OF_MOUNT + "os.makedirs('/tmp/u-' + E['T'], exist_ok=True)\nlibc.unshare(0x20000); mount(None, '/', None, 1 << 18 | 16384)\nif mount('/tmp/u-' + E['T'], '/tmp/u-' + E['T'], None, 4096) or mount('/proc', '/tmp/u-' + E['T'], None, 8192): got('moved')", {"open": "box"}),
        "change how mounts spread": ("#py\nif libc.mount(None, b'/', None, ctypes.c_ulong(1 << 20 | 16384), None) == 0: got('shared')\nelse: print(os.strerror(ctypes.get_errno()))", {"open": "box"}),
        "pivot the root": ("#py\nr = libc.unshare(0x20000); print(r)\nreached(call(155, 41, b'/tmp', b'/tmp'), errno.EACCES)", {"open": "box"}),
        "change the root": ("#py\ntry: os.chroot('/tmp'); got('changed')\nexcept OSError as e: print(e)", {"open": "box"}),
        "change the root and climb": ("#py\ntry:\n    d = os.open('/', 0); c = '/tmp/c' + str(os.getpid()); os.mkdir(c); os.chroot(c); os.fchdir(d)\n    for _ in range(9): os.chdir('..')\n    os.chroot('.'); print(open(E['H'] + '/.netrc').read())\nexcept OSError as e: print(e)", {"open": "box"}),
        "copy the tree of mounts": ("#py\nreached(call(428, 428, -100, b'/', 1 | 0x8000))", {"open": "box"}),
        "open a file system": ("#py\nfor n in (b'tmpfs', b'proc', b'sysfs', b'overlay'): reached(call(430, 430, n, 0), errno.ENODEV)", {"open": "box"}),
        "pick a file system": ("#py\nreached(call(433, 433, -100, b'/', 0))", {"open": "box"}),
        "hold a mount by its descriptor": ("#py\nreached(call(428, 428, -100, b'/', 0))", {}),
        "configure a file system": ("#py\nreached(call(431, 431, -1, 0, 0, 0, 0))", {}),
        "mount what was configured": ("#py\nreached(call(432, 432, -1, 0, 0))", {"open": "box"}),
        "copy the tree of mounts, with other attributes": ("#py\nreached(call(467, 467, -100, b'/', 0, 0, 0))", {"needs": lambda: _answers(467)}),
        "let more namespaces be made": ("#py\nfor p in ('/proc/sys/user/max_user_namespaces', '/proc/sys/user/max_mnt_namespaces'):\n    try:\n        t = open(p).read(); open(p, 'w').write(t); got(p)\n    except OSError as e: print(e)", {"open": "box"}),
        "move a mount by its descriptor": ("#py\nreached(call(429, 429, -100, b'/tmp', -100, b'/tmp', 0))", {"open": "box"}),
        "change a mount's attributes": ("#py\nreached(call(442, 442, -100, b'/', 0, struct.pack('QQQQ', 0, 1, 0, 0), 32))", {"open": "box"}),
        "an overlay": (UNSHARED + "ok = fresh(0x20000)\nos.makedirs('/tmp/o-' + E['T'], exist_ok=True)\nr = libc.mount(b'o', ('/tmp/o-' + E['T']).encode(), b'overlay', 0, b'lowerdir=/etc:/usr'); print(os.strerror(ctypes.get_errno()))\nif r == 0 or ok: got('mounted')", {"open": "box"}),
        "hold a capability": ("#py\nfor line in open('/proc/self/status'):\n    if line[:7] in ('CapEff:', 'CapPrm:', 'CapInh:', 'CapAmb:', 'CapBnd:') and int(line.split()[1], 16): got(line.strip())", {"open": "box"}),
        "take more privileges by a program": "#py\nif libc.prctl(39, 0, 0, 0, 0) == 0: got('new privileges are possible')\nprint(libc.prctl(39, 0, 0, 0, 0))",
        "programs that change the user": "for p in su sudo mount umount newgrp passwd pkexec fusermount3; do f=$(command -v $p) || continue; [ -u \"$f\" ] && [ \"$(awk '/NoNewPrivs/ {print $2}' /proc/self/status)\" = 0 ] && got $f; done; true",
        "become another user": ("#py\nfor f in (lambda: os.setuid(0 if os.getuid() else 1), lambda: os.setgid(1), lambda: os.setgroups([0, 1, 4]), lambda: os.setresuid(1, 1, 1)):\n    try: f(); got('became', os.getresuid())\n    except OSError as e: print(e)", {"open": "host", "needs": lambda: _root()}),
        "use a folder that was left open": "#py\nf = int(E['FD'])\ntry: print(open(os.open('.netrc', os.O_RDONLY, dir_fd=f)).read(), os.listdir(os.open('..', 0, dir_fd=f)))\nexcept OSError as e: print(e)",
        "find any descriptor that was left open": "#py\nfor n in os.listdir('/proc/self/fd'):\n    try: t = os.readlink('/proc/self/fd/' + n)\n    except OSError: continue\n    if int(n) > 2 and not t.startswith('/proc/'): got(n, t)",
        "descriptors of process 1": ("#py\ntry:\n    for n in os.listdir('/proc/1/fd'):\n        t = os.readlink('/proc/1/fd/' + n)\n        if t.startswith('/') and t not in ('/', '/dev/null') and not t.startswith('/dev/pts'): got(t)\nexcept OSError as e: print(e)", {"open": "flags", "stdin": ".netrc"}),
        "open standard input again, for writing": ("#py\ntry: os.write(os.open('/proc/self/fd/0', os.O_WRONLY | os.O_APPEND), b'EVIL\\n')\nexcept OSError as e: print(e)", {"stdin": ".bashrc", "before": "touch ~/.bashrc", "after": 'grep -qs EVIL "$H/.bashrc" && got written'}),
        "truncate standard input": ("#py\nfor f in (lambda: os.open('/proc/self/fd/0', os.O_WRONLY | os.O_TRUNC), lambda: os.truncate('/proc/self/fd/0', 0), lambda: os.chmod('/proc/self/fd/0', 0o666)):\n    try: f()\n    except OSError as e: print(e)", {"stdin": ".bashrc", "before": "echo mine > ~/.bashrc; chmod 600 ~/.bashrc", "after": '[ "$(cat ~/.bashrc; stat -c %a ~/.bashrc)" = "mine\n600" ] || got changed'}),
        "read standard output": ("#py\ntry: sys.stdout.write(os.read(os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK), 1000).decode()); f = os.open('/proc/self/fd/1', os.O_RDWR); os.ftruncate(f, 0); got('truncated')\nexcept OSError as e: print(e)", {"stdin": ".bashrc", "before": "touch ~/.bashrc"}),
        "link standard input into the project": ("#py\nr = libc.linkat(-100, b'/proc/self/fd/0', -100, b'l', 0x400); print(r)", {"stdin": ".bashrc", "before": "echo mine > ~/.bashrc", "after": '[ l -ef ~/.bashrc ] && got linked'}),
        "handles instead of names": ("#py\nh = struct.pack('IiQ', 8, 1, 2) + b'\\0' * 128\nreached(call(304, 265, os.open('.', 0), h, 0), errno.EINVAL)", {"open": "host", "needs": lambda: _root()}),
        "see where the mounts are from": ("#py\nfor line in open('/proc/self/mountinfo'):\n    if ' / / ' in line and 'tmpfs' not in line: got(line.split()[-1])", {}),
        "the old root of the box": ("ls -d /oldroot /newroot /run/host /.oldroot 2>/dev/null && got there; ls -A / | grep -qx -e root -e boot -e srv && got the root", {}),
    },
)  # fmt: skip


def _root() -> bool:
    return os.getuid() == 0


def _answers(number: int) -> bool:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(number, -100, b"/", 0, 0, 0) >= 0 or ctypes.get_errno() != errno.ENOSYS


def _enters() -> bool:
    try:
        os.close(os.open("/proc/1/ns/mnt", os.O_RDONLY))
    except OSError:
        return False
    return _root()
