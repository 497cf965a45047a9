"""Every refused system call, made for real: in a box of `inner run`, and in a box of bubblewrap's without a filter."""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import calls
from launched import BWRAP
from program import inner

from inner import seccomp

pytestmark = pytest.mark.box

MACHINE = os.uname().machine
COLUMN = seccomp.MACHINES.index(MACHINE)
PROBE = Path(calls.__file__).read_text()
OURS = 2748  # an errno that no kernel gives: where it comes back, the filter has answered
SETUID = 0o4755
AT_FDCWD = -100
NEWUSER = 0x10000000
FOLDER = {"zeros": 24}  # struct open_how with O_RDONLY

# name of the attempt: the call, its arguments (harmless where it is allowed), and what the filter says
REFUSED = {
    "add_key": ("add_key", ["user", "x", "y", 1, -3], "ENOSYS"),
    "request_key": ("request_key", ["user", "inner-none", None, -3], "ENOSYS"),
    "keyctl": ("keyctl", [0, -3, 1], "ENOSYS"),
    "TIOCSTI": ("ioctl", [{"fd": "tty"}, 0x5412, "x"], "EPERM"),
    "TIOCSTI, upper half set": ("ioctl", [{"fd": "tty"}, 0x5412 | 1 << 32, "x"], "EPERM"),
    "TIOCLINUX": ("ioctl", [{"fd": "tty"}, 0x541C, "\x0a"], "EPERM"),
    "lease": ("fcntl", [{"fd": "victim"}, 1024, 2], "EPERM"),
    "lease, upper half set": ("fcntl", [{"fd": "victim"}, 1024 | 1 << 32, 2], "EPERM"),
    "delegation": ("fcntl", [{"fd": "victim"}, 1040, {"zeros": 8}], "EPERM"),
    "packet socket": ("socket", [17, 3, 0], "EAFNOSUPPORT"),
    "vsock": ("socket", [40, 1, 0], "EAFNOSUPPORT"),
    "alg": ("socket", [38, 5, 0], "EAFNOSUPPORT"),
    "netlink generic": ("socket", [16, 3, 16], "EPROTONOSUPPORT"),
    "netlink sock_diag": ("socket", [16, 3, 4], "EPROTONOSUPPORT"),
    "packet socket pair": ("socketpair", [17, 3, 0, {"zeros": 8}], "EAFNOSUPPORT"),
    "clone": ("clone", [NEWUSER | 17], "EPERM"),
    "unshare": ("unshare", [NEWUSER], "EPERM"),
    "setns": ("setns", [-1, 0], "EPERM"),
    "clone3": ("clone3", [None, 0], "ENOSYS"),
    "listns": ("listns", [], "ENOSYS"),
    "mount": ("mount", ["x", "/mnt", "tmpfs", 0, None], "EPERM"),
    "umount2": ("umount2", ["/mnt", 0], "EPERM"),
    "pivot_root": ("pivot_root", ["/mnt", "/nosuch"], "EPERM"),
    "chroot": ("chroot", ["/mnt"], "EPERM"),
    "open_tree": ("open_tree", [AT_FDCWD, "/", 0], "ENOSYS"),
    "move_mount": ("move_mount", [-1, "x", -1, "x", 0], "ENOSYS"),
    "fsopen": ("fsopen", ["tmpfs", 0], "ENOSYS"),
    "fsconfig": ("fsconfig", [-1, 99], "ENOSYS"),
    "fsmount": ("fsmount", [-1, 0], "ENOSYS"),
    "fspick": ("fspick", [AT_FDCWD, "/", 0], "ENOSYS"),
    "mount_setattr": ("mount_setattr", [-1, "", 0, None, 0], "ENOSYS"),
    "open_tree_attr": ("open_tree_attr", [AT_FDCWD, "/", 0], "ENOSYS"),
    "chmod": ("chmod", ["victim", SETUID], "EPERM"),
    "fchmod": ("fchmod", [{"fd": "victim"}, SETUID], "EPERM"),
    "fchmodat": ("fchmodat", [AT_FDCWD, "victim", SETUID], "EPERM"),
    "fchmodat2": ("fchmodat2", [AT_FDCWD, "victim", SETUID, 0], "EPERM"),
    "creat": ("creat", ["made-1", SETUID], "EPERM"),
    "open": ("open", ["made-2", os.O_CREAT | os.O_WRONLY, SETUID], "EPERM"),
    "openat": ("openat", [AT_FDCWD, "made-3", os.O_CREAT | os.O_WRONLY, SETUID], "EPERM"),
    "openat, O_TMPFILE": ("openat", [AT_FDCWD, ".", os.O_TMPFILE | os.O_RDWR, SETUID], "EPERM"),
    "openat2": ("openat2", [AT_FDCWD, "/", FOLDER, 24], "ENOSYS"),
    "mknod": ("mknod", ["made-4", 0o100000 | SETUID, 0], "EPERM"),
    "mknodat": ("mknodat", [AT_FDCWD, "made-5", 0o100000 | SETUID, 0], "EPERM"),
    "ptrace, filters": ("ptrace", [0x420C, 1, 0, 0], "EIO"),
    "process_vm_readv": ("process_vm_readv", [1, None, 0, None, 0, 0], "ENOSYS"),
    "process_vm_writev": ("process_vm_writev", [1, None, 0, None, 0, 0], "ENOSYS"),
    "pidfd_getfd": ("pidfd_getfd", [-1, 0, 0], "EPERM"),
    "open_by_handle_at": ("open_by_handle_at", [-1, {"zeros": 64}, 0], "EPERM"),
    "fanotify_init": ("fanotify_init", [0x200, 0], "EPERM"),
    "fanotify_mark": ("fanotify_mark", [-1, 1, 0, -1, None], "EPERM"),
    "io_uring_setup": ("io_uring_setup", [1, {"zeros": 120}], "ENOSYS"),
    "io_uring_enter": ("io_uring_enter", [-1], "ENOSYS"),
    "io_uring_register": ("io_uring_register", [-1], "ENOSYS"),
    "bpf": ("bpf", [99, {"zeros": 120}, 120], "EPERM"),
    "perf_event_open": ("perf_event_open", [None, 0, -1, -1, 0], "EPERM"),
    "userfaultfd": ("userfaultfd", [1], "EPERM"),
    "kexec_load": ("kexec_load", [0, 99999], "EPERM"),
    "kexec_file_load": ("kexec_file_load", [-1, -1], "EPERM"),
    "reboot": ("reboot", [0, 0, 0, None], "EPERM"),
    "init_module": ("init_module", [None, 0, ""], "EPERM"),
    "finit_module": ("finit_module", [-1, "", 0], "EPERM"),
    "delete_module": ("delete_module", ["inner-none", 0], "EPERM"),
    "swapon": ("swapon", ["/nosuch", 0], "EPERM"),
    "swapoff": ("swapoff", ["/nosuch"], "EPERM"),
    "acct": ("acct", ["/nosuch"], "EPERM"),
    "syslog": ("syslog", [99, None, 0], "EPERM"),
    "quotactl": ("quotactl", [0x800001 << 8, None, 0, None], "EPERM"),
    "quotactl_fd": ("quotactl_fd", [-1], "EPERM"),
    "vhangup": ("vhangup", [], "EPERM"),
    "settimeofday": ("settimeofday", [{"zeros": 16}, {"zeros": 8}], "EPERM"),
    "clock_settime": ("clock_settime", [99, {"zeros": 16}], "EPERM"),
    "clock_adjtime": ("clock_adjtime", [0, {"zeros": 208}], "EPERM"),
    "adjtimex": ("adjtimex", [{"zeros": 208}], "EPERM"),
    "iopl": ("iopl", [0], "EPERM"),
    "ioperm": ("ioperm", [0, 1, 0], "EPERM"),
    "modify_ldt": ("modify_ldt", [0, {"zeros": 64}, 64], "ENOSYS"),
    "move_pages": ("move_pages", [0, 0, None, None, None, 0], "ENOSYS"),
    "migrate_pages": ("migrate_pages", [0, 0, None, None], "ENOSYS"),
    "READ_IMPLIES_EXEC": ("personality", [0x400000], "EPERM"),
    "uselib": ("uselib", ["/nosuch"], "ENOSYS"),
    "ustat": ("ustat", [-1, {"zeros": 64}], "ENOSYS"),
    "sysfs": ("sysfs", [3], "ENOSYS"),
    "_sysctl": ("_sysctl", [], "ENOSYS"),
    "create_module": ("create_module", [], "ENOSYS"),
    "get_kernel_syms": ("get_kernel_syms", [], "ENOSYS"),
    "query_module": ("query_module", [], "ENOSYS"),
    "nfsservctl": ("nfsservctl", [], "ENOSYS"),
    "lookup_dcookie": ("lookup_dcookie", [], "ENOSYS"),
}
# What the filter must not touch: the neighbours of what it refuses.
ALLOWED = {
    "TCGETS": ("ioctl", [{"fd": "tty"}, 0x5401, {"zeros": 64}]),
    "unix": ("socket", [1, 1, 0]),
    "inet": ("socket", [2, 1, 0]),
    "netlink route": ("socket", [16, 3, 0]),
    "unix pair": ("socketpair", [1, 1, 0, {"zeros": 8}]),
    "clone": ("clone", [17]),
    "unshare files": ("unshare", [0x400]),
    "chmod": ("chmod", ["victim", 0o1777]),
    "fchmodat": ("fchmodat", [AT_FDCWD, "victim", 0o2755]),
    "openat": ("openat", [AT_FDCWD, "made-6", os.O_CREAT | os.O_WRONLY, 0o644]),
    "openat, mode of no meaning": ("openat", [AT_FDCWD, "/", 0, SETUID]),
    "mknodat, a fifo": ("mknodat", [AT_FDCWD, "made-7", 0o010644, 0]),
    "ptrace me": ("ptrace", [0, 0, 0, 0]),
    "personality, asked": ("personality", [0xFFFFFFFF]),
    "no randomisation": ("personality", [0x40000]),
}


def for_users(test):
    """Root is refused what the test asks for, see test_root_box.py: no test, then."""
    return test if os.getuid() else None


def request(table, extra=None):
    """For `calls.py`: those that this machine has."""
    numbers = {name: found[COLUMN] for group in seccomp.GROUPS for rule in group.rules for name, found in rule.calls.items()}
    found = {name: [numbers[row[0]], *row[1]] for name, row in table.items() if numbers[row[0]] != seccomp.NONE}
    return json.dumps({**found, **(extra or {})})


def in_our_box(text, *options):
    done = inner("run", *options, "--", "/usr/bin/python3", "-I", "-c", PROBE, input=text, stdin=None)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


OPEN = ("--unshare-user", "--uid", "0", "--gid", "0", "--cap-add", "ALL", "--unshare-pid", "--unshare-ipc", "--unshare-net",
        "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/mnt", "--tmpfs", "/tmp")  # fmt: skip


def in_an_open_box(text, program=None):
    """All that an ordinary user can get: root of a user namespace, with every capability in it."""
    passed = ()
    if program is not None:
        fd = os.memfd_create("filter")
        os.write(fd, program)
        os.lseek(fd, 0, os.SEEK_SET)
        passed = (fd,)
    words = [word for fd in passed for word in ("--seccomp", str(fd))]
    done = subprocess.run(
        [BWRAP, *OPEN, *words, "--", "/usr/bin/python3", "-I", "-c", PROBE],
        input=text,
        capture_output=True,
        text=True,
        pass_fds=passed,
        timeout=60,
    )
    for fd in passed:
        os.close(fd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def marked(program):
    """The same filter, with an errno of ours in place of every other."""
    code = [(op, yes, no, k & 0xFFFF0000 | OURS if op == 6 and k & 0xFFFF0000 == seccomp.ERRNO else k)
            for op, yes, no, k in struct.iter_unpack("<HBBI", program)]  # fmt: skip
    return b"".join(struct.pack("<HBBI", *line) for line in code)


def test_each_refused_call_is_refused_in_the_box():
    got = in_our_box(request(REFUSED))
    assert {name: errno.errorcode.get(number, number) for name, number in got.items()} == {name: REFUSED[name][2] for name in got}


def test_it_is_the_filter_that_refuses():
    """With capabilities, in a box that is open but for the filter, and with an errno that the kernel itself never gives."""
    got = in_an_open_box(request(REFUSED, {"after the last": [472], "far away": [100_000]}), marked(seccomp.program(MACHINE)))
    assert {name: number for name, number in got.items() if number != OURS} == {}


# Without a filter the kernel says the same of these to everybody without the capability on the host itself, or was built without.
ALIKE = {
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "swapon", "swapoff", "acct", "vhangup", "settimeofday",
    "_sysctl", "create_module", "get_kernel_syms", "query_module", "nfsservctl", "lookup_dcookie", "listns", "uselib",
    "open_tree_attr", "open_by_handle_at", "bpf", "syslog", "alg", "vsock", "modify_ldt", "move_pages", "migrate_pages", "sysfs", "ustat",
}  # fmt: skip


def test_without_a_filter_the_kernel_takes_them():
    got = in_an_open_box(request(REFUSED))
    same = {name for name, number in got.items() if errno.errorcode.get(number) == REFUSED[name][2]}
    assert same <= ALIKE
    made = {name for name, number in got.items() if number == 0}
    assert got["TIOCSTI"] in {0, errno.EIO}  # where the administrator has set dev.tty.legacy_tiocsti=0 nobody may
    assert {"packet socket", "clone", "unshare", "mount", "chroot", "open_tree", "fsopen", "chmod", "openat", "openat, O_TMPFILE", "openat2",
            "netlink generic", "READ_IMPLIES_EXEC", "process_vm_readv", "fanotify_init", "adjtimex", "keyctl"} <= made  # fmt: skip


@pytest.mark.parametrize("filtered", [True, False])
def test_their_neighbours_are_allowed(filtered):
    got = in_our_box(request(ALLOWED)) if filtered else in_an_open_box(request(ALLOWED))
    assert {name: number for name, number in got.items() if number} == {}


def test_every_call_of_the_filter_is_tried():
    assert {row[0] for row in REFUSED.values()} == {
        name for group in seccomp.GROUPS for rule in group.rules for name in rule.calls
    }


# --- other ways to say the same -----------------------------------------------------------------------------------------------------

INT80 = """
import ctypes, mmap, os
child = os.fork()
if child == 0:  # push rbx; mov eax, NUMBER; xor ebx, ebx; int 0x80; pop rbx; ret
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(b"\\x53\\xb8" + (20).to_bytes(4, "little") + b"\\x31\\xdb\\xcd\\x80\\x5b\\xc3")
    os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))() == os.getpid() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_the_32_bit_entry_is_closed():
    """getpid(2) of i386, which nobody would refuse by itself."""
    if MACHINE != "x86_64":
        return
    done = inner("run", "--", "/usr/bin/python3", "-I", "-c", INT80)
    assert (done.stdout, done.returncode) == ("-31\n", 0)
    plain = subprocess.run(
        [BWRAP, *OPEN, "--", "/usr/bin/python3", "-I", "-c", INT80], capture_output=True, text=True, timeout=30
    )
    assert plain.stdout in {"0\n", "-11\n"}  # a kernel without IA32 emulation: SIGSEGV


def test_x32_is_closed():
    if MACHINE != "x86_64":
        return
    text = json.dumps({"getpid": [0x40000000 | 39], "unshare": [0x40000000 | 272, NEWUSER]})
    assert in_our_box(text) == {"getpid": errno.ENOSYS, "unshare": errno.ENOSYS}
    assert set(in_an_open_box(text, marked(seccomp.program(MACHINE))).values()) == {OURS}


# --- what a profile can change ------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder of the user's own to start in."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


@pytest.fixture
def user(tmp_path, monkeypatch):
    """user(NAME, TEXT): a profile of the user's own, which is trusted; a project's file could not say this."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config/inner/profiles").mkdir(parents=True)

    def write(name, text):
        (tmp_path / f"config/inner/profiles/{name}.toml").write_text(
            f'schema_version = "1"\nname = "{name}"\nextends = "shell"\n[sandbox]\n{text}\n'
        )
        return "-p", name

    return write


NESTED = 'set -e; unshare -Urm sh -c "mount -t tmpfs x /mnt; chroot / true; echo mounted"; unshare -Urpfn --mount-proc true; bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev echo nested'


@for_users
def test_namespaces_can_be_allowed(user):
    allowed = user("nested", 'allow = ["nested-user-ns"]')
    done = inner("run", *allowed, "--", "sh", "-c", NESTED)
    assert (done.stdout, done.returncode) == ("mounted\nnested\n", 0), done.stderr
    refused = inner("run", "--", "sh", "-c", NESTED)
    assert refused.returncode == 1
    assert "unshare" in refused.stderr


@for_users
def test_namespaces_allowed_leave_the_rest_refused(user):
    allowed = user("nested", 'allow = ["nested-user-ns"]')
    got = in_our_box(request(REFUSED), *allowed)
    groups = [group for group in seccomp.GROUPS if group.nested]
    still = {name for group in groups for rule in group.rules for name in rule.calls}
    wrong = {
        name: number
        for name, number in got.items()
        if REFUSED[name][0] in still and errno.errorcode.get(number) != REFUSED[name][2]
    }
    assert wrong == {}
    assert got["unshare"] == got["open_tree"] == got["chmod"] == 0


@for_users
def test_off_is_told_and_filters_nothing(user):
    off = user("open", 'seccomp = "off"')
    done = inner("run", *off, "--", "grep", "^Seccomp:", "/proc/self/status")
    assert done.stdout == "Seccomp:\t0\n"
    assert "system calls are not filtered" in done.stderr
    assert "open.toml:5" in done.stderr
    filtered = inner("run", "--", "grep", "^Seccomp:", "/proc/self/status")
    assert (filtered.stdout, filtered.stderr) == ("Seccomp:\t2\n", "")


@for_users
def test_the_plan_says_which(user):
    def row(*options):
        shown = inner("run", "--dry-run", *options, "--", "true").stdout
        return next(line for line in shown.splitlines() if line.startswith("system calls"))

    assert row() == "system calls filtered"
    assert row(*user("open", 'seccomp = "off"')) == "system calls not filtered"
    assert row(*user("nested", 'allow = ["nested-user-ns"]')) == "system calls filtered, but for namespaces and mounts"


def test_a_machine_without_a_filter_is_refused(tmp_path):
    """setarch(8) makes the kernel say i686."""
    if MACHINE != "x86_64":
        return
    from program import INNER

    for more in ((), ("--dry-run",), ("--dry-run", "--json")):
        done = subprocess.run(
            ["setarch", "i686", *INNER, "run", *more, "--", "true"], capture_output=True, text=True, timeout=30, cwd=tmp_path
        )
        assert done.returncode == 125
        assert done.stderr == (
            "error: inner has no system call filter for i686: only for x86_64 and aarch64\n"
            'hint: `seccomp = "off"` under `[sandbox]` of the profile runs without one\n'
        )


def test_what_breaks_breaks_as_the_page_says():
    """docs/explanation/system-calls.md"""
    done = inner(
        "run",
        "--",
        "sh",
        "-c",
        "install -m 4755 /bin/true x; cp /bin/true y; tar -cf t --mode 4755 y; tar -xpf t; ss -t >/dev/null; unshare -U true",
    )
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "install",
        "tar",
        "tar",
        "Cannot open netlink socket",
        "unshare",
    ]
    assert done.stderr.count("Operation not permitted") == 3
    assert done.stderr.count("Protocol not supported") == 1
    assert inner("run", "--", "sh", "-c", "ip -br address && ps -ef").returncode == 0
