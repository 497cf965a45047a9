"""The filter, run in an interpreter of classic BPF and compared with a plain description of what it has to answer."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inner import seccomp
from inner.errors import HostError
from inner.paths import BoxPath, HostPath
from inner.plan.model import Namespaces, Plan

ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FOREIGN = {"i386": 0x40000003, "arm": 0x40000028, "riscv64": 0xC00000F3, "big-endian aarch64": 0x800000B7}
ALLOW, KILL = "allow", "kill"
NAMES = {1: "EPERM", 5: "EIO", 38: "ENOSYS", 93: "EPROTONOSUPPORT", 97: "EAFNOSUPPORT"}
CALLS = {name: numbers for group in seccomp.GROUPS for rule in group.rules for name, numbers in rule.calls.items()}
COLUMN = {machine: {name: numbers[i] for name, numbers in CALLS.items() if numbers[i] >= 0} for i, machine in enumerate(ARCH)}


def answer(program: bytes, arch: int, number: int, args: tuple[int, ...] = ()) -> str:
    """What the kernel would do: Documentation/networking/filter.rst, and seccomp's restrictions (kernel/seccomp.c)."""
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0x7F0000001000, *(list(args) + [0] * 6)[:6])
    code = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        op, yes, no, k = code[at]
        at += 1
        if op == 0x20:
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif op == 0x05:
            at += k
        elif op in {0x15, 0x35, 0x45}:
            held = {0x15: accumulator == k, 0x35: accumulator >= k, 0x45: bool(accumulator & k)}[op]
            at += yes if held else no
        elif op == 0x06:
            kind = k & 0xFFFF0000
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(kind) or NAMES[k & 0xFFFF]
        else:
            raise AssertionError(f"no instruction of ours: {op:#x}")


REFUSED = {
    "EPERM": "setns mount umount2 pivot_root chroot pidfd_getfd open_by_handle_at fanotify_init fanotify_mark bpf perf_event_open"
    " userfaultfd kexec_load kexec_file_load reboot init_module finit_module delete_module swapon swapoff acct syslog quotactl"
    " quotactl_fd vhangup settimeofday clock_settime clock_adjtime adjtimex iopl ioperm",
    "ENOSYS": "add_key request_key keyctl clone3 listns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr open_tree_attr"
    " openat2 process_vm_readv process_vm_writev io_uring_setup io_uring_enter io_uring_register move_pages migrate_pages modify_ldt"
    " uselib ustat sysfs _sysctl create_module get_kernel_syms query_module nfsservctl lookup_dcookie",
}
ALLOWED_NESTED = (
    "setns mount umount2 pivot_root chroot clone3 listns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr open_tree_attr"
    " openat2 clone unshare chmod fchmod fchmodat fchmodat2 creat mknod mknodat open openat"
)
NESTED = set(ALLOWED_NESTED.split())
WHOLE = {name: errno for errno, names in REFUSED.items() for name in names.split()}
ARGUMENTS = "ioctl fcntl socket socketpair clone unshare chmod fchmod creat mknod fchmodat fchmodat2 mknodat open openat ptrace personality"
LOOKED_AT = set(ARGUMENTS.split())


def expected(name: str, args: tuple[int, ...], *, nested: bool = False) -> str:
    """What the documentation says, in plain words."""
    if name in WHOLE:
        return ALLOW if nested and name in NESTED else WHOLE[name]
    if name not in LOOKED_AT or (nested and name in NESTED):
        return ALLOW
    a, b, c, d, *_ = [arg & 0xFFFFFFFF for arg in args] + [0] * 6
    match name:
        case "ioctl":
            return "EPERM" if b in (0x5412, 0x541C) else ALLOW
        case "fcntl":
            return "EPERM" if b in (1024, 1040) else ALLOW
        case "socket" | "socketpair":
            if a in (1, 2, 10) or (a == 16 and c == 0):
                return ALLOW
            return "EPROTONOSUPPORT" if a == 16 else "EAFNOSUPPORT"
        case "clone":
            return "EPERM" if a & 0x7E020000 else ALLOW
        case "unshare":
            return "EPERM" if a & 0x7E020080 else ALLOW
        case "chmod" | "fchmod" | "creat" | "mknod":
            return "EPERM" if b & 0o4000 else ALLOW
        case "fchmodat" | "fchmodat2" | "mknodat":
            return "EPERM" if c & 0o4000 else ALLOW
        case "open":
            return "EPERM" if b & 0o20000100 and c & 0o4000 else ALLOW
        case "openat":
            return "EPERM" if c & 0o20000100 and d & 0o4000 else ALLOW
        case "personality":
            return ALLOW if a == 0xFFFFFFFF or not a & ~0x60008 & 0xFFFFFFFF else "EPERM"
        case "ptrace":
            known = {*range(10), *range(12, 19), 24, 33, *range(0x4200, 0x420C), 0x420E, 0x420F, 0x4212}
            return ALLOW if a in known else "EIO"
    raise AssertionError(name)


WORDS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(0, 64),
    st.sampled_from(
        [
            0x5412,
            0x541C,
            0x10000000,
            0x80,
            0o4755,
            0o755,
            0o100,
            0o20200000,
            0x40000,
            0x60008,
            0xFFFFFFFF,
            0x4206,
            0x420D,
            16,
            40,
            1024,
            1030,
            1040,
        ]
    ),
    st.sampled_from([0x5412, 0x541C, 0x10000000, 40, 0o4755]).map(lambda low: low | 0xDEAD << 32),
)
ARGS = st.tuples(*[WORDS] * 6)
PROGRAMS = {(machine, nested): seccomp.program(machine, nested_user=nested) for machine in ARCH for nested in (False, True)}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("machine", ARCH)
def test_every_number_is_answered_as_the_description_says(machine, nested):
    """Every number, with arguments that nobody minds."""
    by_number = {number: name for name, number in COLUMN[machine].items()}
    for number in range(1000):
        name = by_number.get(number, "")
        want = "ENOSYS" if number > 471 else expected(name, (), nested=nested)
        assert answer(PROGRAMS[machine, nested], ARCH[machine], number) == want, (number, name)


@given(machine=st.sampled_from(list(ARCH)), nested=st.booleans(), name=st.sampled_from(sorted(LOOKED_AT)), args=ARGS)
def test_arguments_are_judged_as_the_description_says(machine, nested, name, args):
    if name in COLUMN[machine]:
        assert answer(PROGRAMS[machine, nested], ARCH[machine], COLUMN[machine][name], args) == expected(
            name, args, nested=nested
        )


@given(machine=st.sampled_from(list(ARCH)), number=st.integers(0, 2**32 - 1), args=ARGS)
def test_numbers_without_a_call_are_unknown(machine, number, args):
    if number > 471:
        assert answer(PROGRAMS[machine, False], ARCH[machine], number, args) == "ENOSYS"


@given(
    machine=st.sampled_from(list(ARCH)),
    arch=st.one_of(st.sampled_from(list(FOREIGN.values())), st.integers(0, 2**32 - 1)),
    number=st.integers(0, 500),
    args=ARGS,
)
def test_other_architectures_end_the_program(machine, arch, number, args):
    if arch != ARCH[machine]:
        assert answer(PROGRAMS[machine, False], arch, number, args) == KILL


@given(number=st.integers(0, 2**30 - 1), args=ARGS)
def test_x32_does_not_exist(number, args):
    assert answer(PROGRAMS["x86_64", False], ARCH["x86_64"], number | 0x40000000, args) == "ENOSYS"


@pytest.mark.parametrize("machine", ARCH)
def test_the_upper_half_of_an_argument_hides_nothing(machine):
    program, ioctl = PROGRAMS[machine, False], COLUMN[machine]["ioctl"]
    for high in (0, 1, 0x80000000, 0xFFFFFFFF):
        assert answer(program, ARCH[machine], ioctl, (0, high << 32 | 0x5412)) == "EPERM"


@pytest.mark.parametrize("machine", ARCH)
def test_no_call_of_the_description_is_missing(machine):
    named = set(WHOLE) | LOOKED_AT
    assert named == set(CALLS)
    only_old = {"open", "creat", "chmod", "mknod", "iopl", "ioperm", "modify_ldt", "uselib", "ustat", "sysfs", "_sysctl", "create_module",
                "get_kernel_syms", "query_module"}  # fmt: skip
    assert set(COLUMN[machine]) == named - (only_old if machine == "aarch64" else set())
    assert len(set(COLUMN[machine].values())) == len(COLUMN[machine])


@pytest.mark.parametrize("machine", ARCH)
def test_without_a_pid_namespace_nothing_is_traced(machine):
    program, ptrace = seccomp.program(machine, own_pids=False), COLUMN[machine]["ptrace"]
    assert {answer(program, ARCH[machine], ptrace, (request,)) for request in (0, 16, 0x4206)} == {"EPERM"}


@pytest.mark.parametrize("machine", ARCH)
def test_the_kernel_would_take_it(machine):
    """kernel/seccomp.c, seccomp_check_filter: at most 4096 instructions, aligned loads, jumps forward and inside, a return at the end."""
    for nested in (False, True):
        code = list(struct.iter_unpack("<HBBI", PROGRAMS[machine, nested]))
        assert len(code) <= 4096
        for at, (op, yes, no, k) in enumerate(code):
            if op == 0x20:
                assert k % 4 == 0
                assert k < 64
            reach = {0x05: k}.get(op, max(yes, no)) if op & 7 == 5 else 0
            assert at + 1 + reach < len(code) or op == 0x06
        assert code[-1][0] == 0x06


def test_far_jumps():
    """More between two halves than a jump of 8 bits can skip."""
    ranges = [(number, seccomp._ret(seccomp.ERRNO | 38 if number % 2 else seccomp.ALLOW)) for number in range(900)]
    program = seccomp._load(0) + seccomp._search(ranges)
    for number in range(900):
        assert answer(program, 0, number) == ("ENOSYS" if number % 2 else ALLOW)


# --- the numbers ----------------------------------------------------------------------------------------------------------------


def header(*places: str) -> dict[str, int]:
    for place in map(Path, places):
        if place.exists():
            found = re.findall(r"^#define\s+__NR(?:3264)?_(\w+)\s+(\d+)\s*$", place.read_text(), re.MULTILINE)
            return {name: int(number) for name, number in found}
    return {}


HEADERS = {
    "x86_64": header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": header("/usr/include/asm-generic/unistd.h"),
}
if os.uname().machine != "x86_64":
    HEADERS["x86_64"] = {}


@pytest.mark.parametrize("machine", ARCH)
def test_the_numbers_are_the_kernel_s(machine):
    """linux-libc-dev has both tables: x86_64's own, and the one of all later machines. A header older than a call does not name it."""
    known = HEADERS[machine]
    if not known:
        assert not Path("/usr/include/linux/seccomp.h").exists(), (
            "the kernel's headers are installed, and their table was not found"
        )
        return
    newest = max(known.values())
    for name, number in COLUMN[machine].items():
        if number <= newest:
            assert known.get(name) == number, name


# --- from a plan ----------------------------------------------------------------------------------------------------------------


def plan(**more):
    return Plan(
        profile="p", command=("true",), cwd=BoxPath("/"), home=BoxPath("/"), project=HostPath("/"), mounts=(), env=(), **more
    )


def test_off_means_no_filter():
    assert seccomp.filter_of(plan(seccomp="off"), "x86_64") is None
    assert seccomp.filter_of(plan(seccomp="off"), "riscv64") is None


def test_namespaces_of_the_plan_decide():
    for machine in ARCH:
        assert seccomp.filter_of(plan(), machine) == seccomp.program(machine)
        nested = plan(namespaces=Namespaces(nested_user=True))
        assert seccomp.filter_of(nested, machine) == seccomp.program(machine, nested_user=True)
        shared = plan(namespaces=Namespaces(pid=False))
        assert seccomp.filter_of(shared, machine) == seccomp.program(machine, own_pids=False)


@pytest.mark.parametrize("machine", ["riscv64", "i686", "armv7l", "ppc64le", "aarch64_be", ""])
def test_a_machine_that_is_not_known_is_refused(machine):
    with pytest.raises(HostError) as error:
        seccomp.filter_of(plan(), machine)
    assert 'seccomp = "off"' in error.value.hint
