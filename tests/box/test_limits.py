"""Limits as anybody has them, without a control group: the number of processes is held by the kernel, the rest is told or refused."""

from __future__ import annotations

import json
import os

import pytest
from living import profile
from program import inner

pytestmark = [pytest.mark.box, pytest.mark.usefixtures("home")]

FORKS = "import os, time\nn = 0\ntry:\n    while n < 60:\n        if os.fork() == 0:\n            time.sleep(60)\n        n += 1\nexcept OSError:\n    pass\nprint(n)"


def as_anybody(*words):
    """`inner` without a control group to write to: as it is for most users, and for root once the file system is read-only."""
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none /sys/fs/cgroup && exec "$@"', "sh"]
    return inner(*words, before=hidden if os.getuid() == 0 else [])


def test_a_fork_bomb_is_held():
    done = inner("run", "--limit-pids", "20", "--", "python3", "-c", FORKS)
    assert done.stdout == "19\n"  # and python3 itself
    assert inner("run", "--limit-pids", "200", "--", "python3", "-c", FORKS).stdout == "60\n"


def test_the_bound_cannot_be_raised_in_the_box():
    raised = "import resource\ntry:\n    resource.setrlimit(resource.RLIMIT_NPROC, (4000, 4000))\nexcept (ValueError, OSError) as e:\n    pass\n"
    assert inner("run", "--limit-pids", "20", "--", "python3", "-c", raised + FORKS).stdout == "19\n"


def test_other_processes_of_the_user_do_not_count():
    """RLIMIT_NPROC before the user namespace would count them, and this box could not start."""
    assert inner("run", "--limit-pids", "2", "--", "python3", "-c", "print('here')").stdout == "here\n"


def test_memory_that_was_asked_for_and_cannot_be_held_is_told_once(home):
    done = as_anybody("run", "--limit-memory", "1G", "--", "true")
    assert done.returncode == 0
    assert done.stderr.count("warning: ") == 1
    assert "warning: memory cannot be limited, but for what each process has for itself: " in done.stderr
    assert as_anybody("run", "--", "true").stderr == ""  # a default is no promise


TAKE = "try:\n    taken = [bytearray(64 << 20) for _ in range(%d)]\nexcept MemoryError:\n    print('no more')\n"
RAISE = "import resource\ntry:\n    resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))\nexcept (ValueError, OSError):\n    pass\n"


def test_one_process_is_held_even_where_nothing_counts_memory(home):
    few = as_anybody("run", "--limit-memory", "512M", "--", "python3", "-c", TAKE % 2)
    assert (few.returncode, few.stdout) == (0, "")
    assert as_anybody("run", "--limit-memory", "512M", "--", "python3", "-c", RAISE + TAKE % 8).stdout == "no more\n"


def test_what_agents_start_with_is_left_to_each_process(home):
    """OpenCode asked for 4.5 GiB, used one, and told its model that memory had run out."""
    told = as_anybody("run", "--", "python3", "-c", "import resource\nprint(resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20)")
    assert told.stdout == "5056\n"


def test_address_space_that_is_only_reserved_is_not_memory(home):
    """As runtimes of JavaScript, Go and Java do."""
    reserve = "import mmap\nprint(len(mmap.mmap(-1, 1 << 40, flags=0x4022, prot=0)))"  # MAP_NORESERVE, PROT_NONE
    assert as_anybody("run", "--limit-memory", "512M", "--", "python3", "-c", reserve).stdout == f"{1 << 40}\n"


def test_a_profile_that_requires_limits_is_refused(home):
    done = as_anybody("run", "-p", profile(home, '[sandbox]\nrequire = ["limits"]\n'), "--", "touch", "made")
    assert done.returncode == 125
    assert "this profile requires it" in done.stderr
    assert "hint: " in done.stderr
    assert not os.path.exists("made")


def test_what_holds_each_limit_is_recorded():
    inner("run", "--limit-pids", "50", "--", "true")
    limits = json.loads(inner("log", "show", "--json").stdout)["data"]["limits"]
    assert limits["pids"] == 50
    assert limits["by"]["pids"] in {"rlimit", "cgroup", "systemd"}
    assert set(limits["missing"]) | set(limits["by"]) == {"memory", "cpu", "pids"}
