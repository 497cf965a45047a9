"""Limits held by control groups of version 2, for real: by a systemd of the user's own, as at a usual login; by groups that root has
given away; and what is told of them.
"""

from __future__ import annotations

import json

import pytest
from on import on

FORKS = "import os, time\nn = 0\ntry:\n    while n < 60:\n        if os.fork() == 0:\n            time.sleep(60)\n        n += 1\nexcept OSError:\n    pass\nprint(n)"
EAT = "x = bytearray(200 << 20); print(len(x))"
# How much of a core it gets: of five seconds, with what starting took left out.
SPIN = "import time\nstart, used = time.monotonic(), time.process_time()\nwhile time.monotonic() < start + 5: pass\nprint((time.process_time() - used) / 5)"
# More than 64 MiB by one process, and by three that have less than that each.
ONE = "try:\n    print(len(bytearray(200 << 20)))\nexcept MemoryError:\n    print(0)"
THREE = "import os, time\nfor _ in range(3):\n    if os.fork() == 0:\n        x = bytearray(40 << 20)\n        time.sleep(3)\n        os._exit(0)\nprint([os.wait()[1] for _ in range(3)])"
ONLY = "memory cannot be limited, but for what each process has for itself"
SYSTEMD = on("trixie", "bookworm", "forky")


def profile(machine):
    text = 'schema_version = "1"\nname = "held"\nextends = "shell"\n[sandbox]\nrequire = ["limits"]\n'
    machine.sh(f"cat > held.toml <<'END'\n{text}END")


@SYSTEMD
def test_memory_is_bounded_and_its_end_is_explained(machine):
    assert machine.sh(f"cd project; inner run --limit-memory 64M -- python3 -c '{EAT}'") == (137, "", "")
    told = machine.sh("inner log show").out.splitlines()
    assert told[2] == "ended    out of memory: the kernel ended a process when the limit was reached"
    assert told[-2:] == [
        "memory   the limit of 64M was reached, and 1 process was ended for it",
        "         to allow more: `inner run --limit-memory SIZE`",
    ]
    assert machine.sh(f"cd project; inner run --limit-memory 512M -- python3 -c '{EAT}'") == (0, "209715200\n", "")


@SYSTEMD
def test_processor_time_is_bounded(machine):
    share = {
        cores: float(machine.sh(f"cd project; inner run --limit-cpu {cores} -- python3 -c '{SPIN}'").out)
        for cores in ("0.3", "2")
    }
    assert share["0.3"] < 0.45
    assert share["2"] > 0.6


@SYSTEMD
def test_the_number_of_processes_is_bounded(machine):
    assert machine.sh(f"cd project; inner run --limit-pids 20 -- python3 -c '{FORKS}'") == (0, "19\n", "")
    assert machine.sh(f"cd project; inner run --limit-pids 200 -- python3 -c '{FORKS}'") == (0, "60\n", "")
    told = json.loads(machine.sh("inner log show --json").out)["data"]["limits"]
    assert told["by"] == dict.fromkeys(("memory", "cpu", "pids"), "systemd")
    assert told["missing"] == []


@SYSTEMD
def test_a_profile_that_requires_limits_runs(machine):
    profile(machine)
    assert machine.sh("cd project; inner run -p ~/held.toml -- echo held") == (0, "held\n", "")


@SYSTEMD
def test_what_joins_a_run_is_in_its_scope_and_the_scope_ends_with_it(machine):
    """`inner exec`: its processes count with those of the run."""
    started = machine.sh("cd project; inner run --limit-memory 100M --detach -- sleep 1000")
    run = started.out.strip()
    assert started.status == 0, started
    try:
        assert machine.sh(f"inner exec {run} -- python3 -c '{EAT}'").status == 137
        assert machine.sh(f"inner exec {run} -- python3 -c 'print(1)'") == (0, "1\n", "")
        units = machine.sh("systemctl --user list-units --plain --no-legend 'inner-*'").out
        assert units.split()[:1] == [f"inner-{run}.scope"]
    finally:
        stopped = machine.sh(f"inner stop {run}")
    assert (stopped.status, stopped.out) == (0, f"{run}\n")
    units = "systemctl --user list-units --plain --no-legend 'inner-*'"
    assert machine.sh(f'for _ in $(seq 300); do [ "$({units})" ] || exit 0; sleep 0.2; done; exit 1') == (0, "", "")


@pytest.fixture
def given(machine):
    """A control group for the user, from root: the words of docs/how-to/limits.md."""
    make = "cd /sys/fs/cgroup; mkdir -p tester/login; echo +memory +cpu +pids | tee cgroup.subtree_control tester/cgroup.subtree_control; chown -R tester: tester"
    machine.root("sh", "-c", make)
    return lambda script: machine.root(
        "sh", "-c", 'echo $$ > /sys/fs/cgroup/tester/login/cgroup.procs; exec su --login tester -c "cd project; $1"', "sh", script
    )


@on("plain")
def test_without_systemd_a_control_group_from_root_holds_all_limits(machine, given):
    assert given(f"inner run --limit-memory 64M -- python3 -c '{EAT}'") == (137, "", "")
    assert float(given(f"inner run --limit-cpu 0.3 -- python3 -c '{SPIN}'").out) < 0.45
    assert given(f"inner run --limit-pids 20 -- python3 -c '{FORKS}'") == (0, "19\n", "")
    profile(machine)
    assert given("inner run -p ~/held.toml -- echo held") == (0, "held\n", "")
    assert "limits      memory, cpu and pids, by control groups" in given("inner doctor").out.replace("[ok] ", "")
    assert machine.root("find", "/sys/fs/cgroup", "-name", "inner-*").out == ""


@on("plain")
def test_without_a_control_group_limits_that_nothing_holds_are_told_or_refused(machine):
    profile(machine)
    reason = "no control group can be made here"
    assert machine.sh("cd project; inner run --limit-pids 20 -- true") == (0, "", "")  # the kernel counts processes
    told = f"warning: {ONLY}: {reason}\n"
    assert machine.sh(f"cd project; inner run --limit-memory 64M -- python3 -c '{ONE}'") == (0, "0\n", told)
    assert machine.sh(f"cd project; inner run --limit-memory 64M -- python3 -c '{THREE}'") == (0, "[0, 0, 0]\n", told)
    assert machine.sh("cd project; inner run -p ~/held.toml -- touch made; ls") == (
        0, "",
        f"error: memory and processor time cannot be limited, and this profile requires it: {reason}\n"
        "hint: without systemd, root can give you a control group: docs/how-to/limits.md\n",
    )  # fmt: skip


def service(machine, *properties, code=EAT):
    """A system service of the user's that runs inner, with 64 MiB."""
    unit = ["--quiet", "--pipe", "--wait", "--uid=tester", "--setenv=HOME=/home/tester"]
    unit += ["--setenv=PATH=/home/tester/.local/bin:/usr/bin:/bin", *(word for one in properties for word in ("-p", one))]
    command = f"cd; cd project; exec inner run --limit-memory 64M -- python3 -c '{code}'"
    return machine.root("systemd-run", *unit, "sh", "-c", command)


@on("trixie", "forky")
def test_a_unit_with_a_group_of_its_own_holds_them(machine, alone):
    assert service(machine, "Delegate=yes", "DelegateSubgroup=main") == (137, "", "")


@SYSTEMD
def test_a_unit_of_a_user_with_a_systemd_holds_them(machine):
    assert service(machine) == (137, "", "")


@SYSTEMD
def test_in_a_unit_whose_group_has_processes_in_it_only_each_of_them_is_held(machine, alone):
    """Below them no group can have controllers (cgroup-v2, No Internal Process Constraint)."""
    told = f"warning: {ONLY}: this session has no systemd of its own\n"
    assert service(machine, "Delegate=yes", code=ONE) == (0, "0\n", told)
    assert service(machine, "Delegate=yes", code=THREE) == (0, "[0, 0, 0]\n", told)
