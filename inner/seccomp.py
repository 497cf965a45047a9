"""The system call filter: which calls a box is refused, as data, and their translation to classic BPF (seccomp(2)).

What is not refused is allowed: a box runs compilers, debuggers and browsers, and a list of what is allowed would break with the
next libc. Refused is what reaches the host past every namespace, or kernel code that no ordinary program needs. Pure, x86_64
and aarch64; docs/explanation/system-calls.md has a table of these rules, which a test compares.
"""

from __future__ import annotations

from inner.errors import HostError
from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from typing import TypeAlias

    from inner.plan.model import Plan

    Numbers: TypeAlias = tuple[int, int]  # on x86_64 and on aarch64, NONE where there is no such call
    Test: TypeAlias = tuple[int, str, int, int]  # argument, how it is compared, with what, and the answer if so

MACHINES = ("x86_64", "aarch64")
AUDIT_ARCH = (0xC000003E, 0xC00000B7)  # linux/audit.h
NONE = -1
LAST = 471  # rseq_slice_yield, Linux 7.0. A later call is answered as by a kernel that lacks it, until somebody has looked at it.

# seccomp(2), errno(3)
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, EIO, ENOSYS, EPROTONOSUPPORT, EAFNOSUPPORT = (ERRNO | number for number in (1, 5, 38, 93, 97))

# The kernel reads an `int` argument from the lower half of its register, so only that half is compared (CVE-2019-10063).
EQUAL, OTHER, BELOW, ANY, NO = "equal", "other than", "below", "any bit of", "no bit of"

CLONE_NEW = 0x7E020000  # sched.h: every CLONE_NEW* but CLONE_NEWTIME, whose bit is part of the exit signal in clone(2)
CLONE_NEWTIME = 0x80
S_ISUID = 0o4000
MAKES_A_FILE = 0o100 | 0o20000000  # O_CREAT and the bit of O_TMPFILE
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
F_SETLEASE, F_SETDELEG = 1024, 1040  # linux/fcntl.h; the second, for folders, since 6.19
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
NETLINK_ROUTE = 0
HARMLESS = 0x0008 | 0x0020000 | 0x0040000  # personality(2): PER_LINUX32, UNAME26, ADDR_NO_RANDOMIZE
ASK = 0xFFFFFFFF


@frozen
class Rule:
    """`tests` are tried in turn and the first that holds answers, else `answer` is given."""

    calls: dict[str, Numbers]
    answer: int
    tests: tuple[Test, ...] = ()


@frozen
class Group:
    """Rules with one reason. `nested`: they also hold in a box that may make user namespaces of its own."""

    title: str
    why: str
    rules: tuple[Rule, ...]
    nested: bool = True


MOUNT_API: dict[str, Numbers] = {
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "open_tree_attr": (467, 467),
}  # fmt: skip
MACHINE: dict[str, Numbers] = {
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "syslog": (103, 116),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "vhangup": (153, 58),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "iopl": (172, NONE), "ioperm": (173, NONE),
}  # fmt: skip
OBSOLETE: dict[str, Numbers] = {
    "uselib": (134, NONE), "ustat": (136, NONE), "sysfs": (139, NONE), "_sysctl": (156, NONE),
    "create_module": (174, NONE), "get_kernel_syms": (177, NONE), "query_module": (178, NONE),
    "nfsservctl": (180, 42), "lookup_dcookie": (212, 18),
}  # fmt: skip

# EPERM where a program expects to be told no; ENOSYS, as from a kernel built without it, where it then does without.
GROUPS = (
    Group(
        "Keyrings",
        "keys of the user and of other sessions: no namespace separates them, and a request makes the kernel run a program outside",
        (Rule({"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)}, ENOSYS),),
    ),
    Group(
        "The terminal",
        "TIOCSTI types into the terminal, TIOCLINUX pastes into a console: as if the user had typed it",
        (Rule({"ioctl": (16, 29)}, ALLOW, ((1, EQUAL, TIOCSTI, EPERM), (1, EQUAL, TIOCLINUX, EPERM))),),
    ),
    Group(
        "Sockets",
        "only Unix, IPv4, IPv6 and NETLINK_ROUTE: AF_VSOCK reaches the hypervisor past the network namespace, the others are kernel code"
        " that is seldom used and often wrong",
        (
            Rule(
                {"socket": (41, 198), "socketpair": (53, 199)},
                EPROTONOSUPPORT,
                (
                    (0, EQUAL, AF_UNIX, ALLOW),
                    (0, EQUAL, AF_INET, ALLOW),
                    (0, EQUAL, AF_INET6, ALLOW),
                    (0, OTHER, AF_NETLINK, EAFNOSUPPORT),
                    (2, EQUAL, NETLINK_ROUTE, ALLOW),
                ),
            ),
        ),
    ),
    Group(
        "Namespaces",
        "in a user namespace of its own a program is root, and most holes in kernels of the last years were behind that door;"
        " the flags of clone3 lie in memory, where no filter sees them",
        (
            Rule({"clone": (56, 220)}, ALLOW, ((0, ANY, CLONE_NEW, EPERM),)),
            Rule({"unshare": (272, 97)}, ALLOW, ((0, ANY, CLONE_NEW | CLONE_NEWTIME, EPERM),)),
            Rule({"setns": (308, 268)}, EPERM),
            Rule({"clone3": (435, 435), "listns": (470, 470)}, ENOSYS),
        ),
        nested=False,
    ),
    Group(
        "Mounts",
        "what the box sees is what was mounted before it began",
        (
            Rule({"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51)}, EPERM),
            Rule(
                MOUNT_API,
                ENOSYS,
            ),
        ),
        nested=False,
    ),
    Group(
        "Set-user-ID files",
        "a program that runs as you for whoever starts it would stay behind in the project; the mode given to openat2 lies in memory",
        (
            Rule(
                {"chmod": (90, NONE), "fchmod": (91, 52), "creat": (85, NONE), "mknod": (133, NONE)},
                ALLOW,
                ((1, ANY, S_ISUID, EPERM),),
            ),
            Rule({"fchmodat": (268, 53), "fchmodat2": (452, 452), "mknodat": (259, 33)}, ALLOW, ((2, ANY, S_ISUID, EPERM),)),
            Rule({"open": (2, NONE)}, ALLOW, ((1, NO, MAKES_A_FILE, ALLOW), (2, ANY, S_ISUID, EPERM))),
            Rule({"openat": (257, 56)}, ALLOW, ((2, NO, MAKES_A_FILE, ALLOW), (3, ANY, S_ISUID, EPERM))),
            Rule({"openat2": (437, 437)}, ENOSYS),
        ),
        nested=False,
    ),
    Group(
        "Other processes",
        "ptrace does what debuggers do, inside the box; memory and descriptors are not taken from elsewhere",
        (
            Rule(
                {"ptrace": (101, 117)},
                EIO,  # what the kernel says of a request that it does not know
                (
                    (0, BELOW, 10, ALLOW),  # TRACEME, PEEK*, POKE*, CONT, KILL, SINGLESTEP
                    (0, BELOW, 12, EIO),
                    (0, BELOW, 19, ALLOW),  # registers, ATTACH, DETACH
                    (0, EQUAL, 24, ALLOW),  # SYSCALL
                    (0, EQUAL, 33, ALLOW),  # SINGLEBLOCK; PEEKMTETAGS on aarch64
                    (0, BELOW, 0x4200, EIO),
                    (0, BELOW, 0x420C, ALLOW),  # SETOPTIONS to SETSIGMASK: what gdb and strace live on
                    (0, EQUAL, 0x420E, ALLOW),  # GET_SYSCALL_INFO
                    (0, EQUAL, 0x420F, ALLOW),  # GET_RSEQ_CONFIGURATION
                    (0, EQUAL, 0x4212, ALLOW),  # SET_SYSCALL_INFO
                ),
            ),
            Rule({"process_vm_readv": (310, 270), "process_vm_writev": (311, 271)}, ENOSYS),
            Rule({"pidfd_getfd": (438, 438)}, EPERM),
        ),
    ),
    Group(
        "Leases",
        "whoever opens a file that is leased waits for who leased it, 45 seconds at a time (/proc/sys/fs/lease-break-time): outside as"
        " well, and a file that the box may only read is enough",
        (Rule({"fcntl": (72, 25)}, ALLOW, ((1, EQUAL, F_SETLEASE, EPERM), (1, EQUAL, F_SETDELEG, EPERM))),),
    ),
    Group(
        "Files by handle",
        "a handle opens any file of a file system, mounted here or not; fanotify watches whole mounts",
        (Rule({"open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "fanotify_mark": (301, 263)}, EPERM),),
    ),
    Group(
        "Programs for the kernel",
        "much code that runs in the kernel on behalf of the caller, and was often a way to become root;"
        " io_uring also makes calls that no filter sees",
        (
            Rule({"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)}, ENOSYS),
            Rule({"bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282)}, EPERM),
        ),
    ),
    Group(
        "The machine",
        "the kernel itself, its modules, its log, its clock, swap, quotas, I/O ports: an administrator's business",
        (
            Rule(
                MACHINE,
                EPERM,
            ),
        ),
    ),
    Group(
        "Memory layout",
        "pages of other processes on other nodes; a personality that makes all memory executable or undoes its randomisation for others",
        (
            Rule({"move_pages": (279, 239), "migrate_pages": (256, 238), "modify_ldt": (154, NONE)}, ENOSYS),
            Rule({"personality": (135, 92)}, ALLOW, ((0, EQUAL, ASK, ALLOW), (0, ANY, ASK & ~HARMLESS, EPERM))),
        ),
    ),
    Group(
        "What nobody calls any more",
        "left in the kernel for programs of another century",
        (
            Rule(
                OBSOLETE,
                ENOSYS,
            ),
        ),
    ),
)


def filter_of(plan: Plan, machine: str) -> bytes | None:
    """The program for a plan's box on `machine` (uname -m), None when the profile switches it off.

    Raises HostError for a machine whose calls are not known here: a filter of the wrong numbers would refuse the wrong calls.
    """
    if plan.seccomp == "off":
        return None
    if machine not in MACHINES:
        raise HostError(
            f"inner has no system call filter for {machine}: only for {' and '.join(MACHINES)}",
            hint='`seccomp = "off"` under `[sandbox]` of the profile runs without one',
        )
    return program(machine, nested_user=plan.namespaces.nested_user, own_pids=plan.namespaces.pid)


def program(machine: str, *, nested_user: bool = False, own_pids: bool = True) -> bytes:
    """An array of struct sock_filter. `nested_user`: the box may make user namespaces; `own_pids`: it has a pid namespace, so that
    ptrace ends at its border.
    """
    column = MACHINES.index(machine)
    answers: dict[int, bytes] = {}
    for group in GROUPS:
        if nested_user and not group.nested:
            continue
        for rule in group.rules:
            code = _ret(EPERM) if "ptrace" in rule.calls and not own_pids else _judge(rule)
            for numbers in rule.calls.values():
                if numbers[column] != NONE:
                    answers[numbers[column]] = code
    allow = _ret(ALLOW)
    ranges = [(0, allow)]  # where a range of numbers with one answer begins
    for number in sorted(answers):
        if ranges[-1][0] == number:
            ranges.pop()
        if not ranges or ranges[-1][1] != answers[number]:
            ranges.append((number, answers[number]))
        ranges.append((number + 1, allow))
    ranges = [*ranges, (LAST + 1, _ret(ENOSYS))]
    head = _load(4) + _jump(JEQ, AUDIT_ARCH[column], 1, 0) + _ret(KILL) + _load(0)  # int 0x80 ends here, and 32-bit programs
    if machine == "x86_64":
        head += _jump(JSET, 0x40000000, 0, 1) + _ret(ENOSYS)  # x32, which has the same architecture (seccomp(2), Notes)
    return head + _search(ranges)


# --- classic BPF (linux/filter.h); both machines are little-endian ------------------------------------------------------

JEQ, JGE, JSET = 0x15, 0x35, 0x45
COMPARED = {EQUAL: (JEQ, 0, 1), OTHER: (JEQ, 1, 0), BELOW: (JGE, 1, 0), ANY: (JSET, 0, 1), NO: (JSET, 1, 0)}


def _search(ranges: list[tuple[int, bytes]]) -> bytes:
    """A binary search for the number in the accumulator. Linux 5.11 and later remember the calls that are always allowed."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    left, right = _search(ranges[:middle]), _search(ranges[middle:])
    over = len(left) // 8
    if over < 256:
        return _jump(JGE, ranges[middle][0], over, 0) + left + right
    return _jump(JGE, ranges[middle][0], 0, 1) + _jump(0x05, over, 0, 0) + left + right  # BPF_JA goes further


def _judge(rule: Rule) -> bytes:
    code, loaded = b"", -1
    for argument, how, operand, answer in rule.tests:
        if argument != loaded:
            code += _load(16 + 8 * argument)
            loaded = argument
        jump, yes, no = COMPARED[how]
        code += _jump(jump, operand, yes, no) + _ret(answer)
    return code + _ret(rule.answer)


def _load(offset: int) -> bytes:
    """32 bits of struct seccomp_data: 0 the number, 4 the architecture, 16 + 8n the lower half of argument n."""
    return _jump(0x20, offset, 0, 0)


def _ret(answer: int) -> bytes:
    return _jump(0x06, answer, 0, 0)


def _jump(code: int, operand: int, yes: int, no: int) -> bytes:
    return (code | yes << 16 | no << 24 | operand << 32).to_bytes(8, "little")
