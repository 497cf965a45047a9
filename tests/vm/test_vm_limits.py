"""Limits held by a systemd of the user's own, as at a usual login: control groups of version 2, and what is told of them."""

from __future__ import annotations

import json

FORKS = "import os, time\nn = 0\ntry:\n    while n < 60:\n        if os.fork() == 0:\n            time.sleep(60)\n        n += 1\nexcept OSError:\n    pass\nprint(n)"
EAT = "x = bytearray(200 << 20); print(len(x))"


def test_memory_is_bounded_and_its_end_is_explained(trixie):
    assert trixie.sh(f"cd project; inner run --limit-memory 64M -- python3 -c '{EAT}'") == (137, "", "")
    told = trixie.sh("inner log show").out.splitlines()
    assert told[2] == "ended    out of memory: the kernel ended a process when the limit was reached"
    assert told[-3:] == [
        "used     memory 64M at most, 2 processes at most",
        "memory   the limit of 64M was reached, and 1 process was ended for it",
        "         to allow more: `inner run --limit-memory SIZE`",
    ]
    assert trixie.sh(f"cd project; inner run --limit-memory 512M -- python3 -c '{EAT}'") == (0, "209715200\n", "")


def test_the_number_of_processes_is_bounded(trixie):
    assert trixie.sh(f"cd project; inner run --limit-pids 20 -- python3 -c '{FORKS}'") == (0, "19\n", "")
    told = json.loads(trixie.sh("inner log show --json").out)["data"]["limits"]
    assert told["by"] == dict.fromkeys(("memory", "cpu", "pids"), "systemd")
    assert told["missing"] == []


def test_a_profile_that_requires_limits_runs(trixie):
    text = 'schema_version = "1"\nname = "held"\nextends = "shell"\n[sandbox]\nrequire = ["limits"]\n'
    trixie.sh(f"cat > held.toml <<'END'\n{text}END")
    assert trixie.sh("cd project; inner run -p ~/held.toml -- echo held") == (0, "held\n", "")
