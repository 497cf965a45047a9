"""Which system calls a usual start makes until bubblewrap is there, and which programs: counts, which a busy machine does not change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter

import pytest
from program import INNER, inner

# Beyond those of the interpreter's own start. What is not here is a question to ask: why does a start need that?
ASKED = {
    "newfstatat",
    "stat",
    "lstat",
    "fstat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents64",
    "getcwd",
}
READ = {"openat", "open", "openat2", "close", "read", "pread64", "lseek", "fcntl", "ioctl", "dup", "dup3"}
MADE = {
    "mkdir",
    "mkdirat",
    "mknodat",  # what holds the place of .envrc
    "renameat2",  # such things from and to where they wait between two runs
    "write",
    "pwrite64",
    "memfd_create",
    "pipe2",
    "flock",
    "link",
    "linkat",
    "fchmod",
    "fchmodat",
    "chmod",
    "copy_file_range",
}
US = {
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getpid",
    "getppid",
    "gettid",
    "getrandom",
    "uname",
    "sysinfo",
    "sched_getaffinity",
}
OURS = {"rt_sigaction", "rt_sigprocmask", "prctl", "mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "futex", "prlimit64"}
STARTED = {"clone", "clone3", "fork", "vfork", "set_robust_list", "execve", "wait4", "rseq", "clock_gettime", "time"}
CHILD = {"setsid", "dup2", "dup3", "close_range", "keyctl", "landlock_create_ruleset", "landlock_restrict_self", "exit_group"}
ROOT = {"unshare", "mount", "statfs", "setgroups"}  # inner.launch.devices, and other groups than root
MOST, MOST_OF_CHILD = 1060, 230
DURABLE = {"fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync"}


def traced(tmp_path, cwd, argv):
    """(process, call, line) of everything that `argv` and what it starts call."""
    out = tmp_path / "calls"
    subprocess.run(["strace", "-f", "-s", "200", "-o", str(out), *argv], cwd=cwd, check=True, capture_output=True, timeout=120)
    found = re.findall(r"^(\d+) +(\w+)\((.*)$", out.read_text(errors="replace"), re.MULTILINE)
    return [(int(pid), call, rest) for pid, call, rest in found]


def warm(tmp_path, project):
    """The calls of a start after others like it."""
    argv = [sys.executable, "-I", "-S", "-c", INNER[-1], "run", "--", "true"]
    time.sleep(2.2)  # what was written a moment ago is not kept (inner.kept)
    for _ in range(3):
        assert inner("run", "--", "true", cwd=project).returncode == 0
    return traced(tmp_path, project, argv)


def until_bubblewrap(calls):
    """Those of inner's own process until it forks, and those of its child until that is bubblewrap."""
    mine, forked, child, ours = calls[0][0], False, 0, ([], [])
    for pid, call, rest in calls:
        if pid == mine and not forked:
            ours[0].append(call)
            forked = call in ("clone", "clone3", "fork", "vfork")
        elif forked and pid != mine and child in (0, pid):
            child = pid
            ours[1].append(call)
            if call == "execve":
                assert "bwrap" in rest
                break
    return ours


@pytest.mark.parametrize("git", [False, True])
def test_a_usual_start_makes_few_calls_and_starts_nothing_but_bubblewrap(tmp_path, project, git):
    if git:
        commands = (
            ["init", "-q"],
            ["-c", "user.name=n", "-c", "user.email=e@inner.test", "commit", "-q", "--allow-empty", "-m", "m"],
        )
        for words in commands:
            subprocess.run(["git", *words], cwd=project, check=True)
    calls = warm(tmp_path, project)
    bare = Counter(call for _, call, _ in traced(tmp_path, project, [sys.executable, "-I", "-S", "-c", "import sys"]))
    before, child = until_bubblewrap(calls)
    assert set(before) - ASKED - READ - MADE - US - OURS - STARTED - bare.keys() == set()
    assert (Counter(before) - bare).total() <= MOST + 300 * git
    root = ROOT if os.getuid() == 0 else set()
    assert set(child) - ASKED - READ - US - OURS - STARTED - CHILD - root == set()
    assert len(child) <= MOST_OF_CHILD
    assert not DURABLE & {call for _, call, _ in calls}
    programs = [rest.split('"')[1].rpartition("/")[2] for _, call, rest in calls if call == "execve"]
    assert set(programs[1:]) == {"bwrap", "true"}
