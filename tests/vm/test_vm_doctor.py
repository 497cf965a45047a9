"""`inner doctor` on each machine: what it finds, and its exit status. Refusals have theirs beside the test of each refusal."""

from __future__ import annotations

import json

from on import on

USUAL = {
    "bubblewrap": "good",
    "namespaces": "good",
    "limits": "good",
    "seccomp": "good",
    "landlock": "good",
    "tiocsti": "good",
    "folders": "good",
    "profiles": "good",
    "agents": "note",
    "path": "good",
}


def found(machine):
    """Findings by name, and the exit status."""
    done = machine.sh("inner doctor --json")
    assert done.told == ""
    data = json.loads(done.out)["data"]
    assert data["status"] == done.status
    return {one["name"]: one for one in data["findings"]}, done.status


def states(findings):
    return {name: one["state"] for name, one in findings.items()}


@on("trixie", "forky")
def test_a_usual_machine_is_good(machine):
    findings, status = found(machine)
    assert (states(findings), status) == (USUAL, 0)
    assert findings["limits"]["text"] == "memory, cpu and pids, by systemd"


@on("bookworm")
def test_an_older_bubblewrap_and_kernel_are_told_and_good_enough(machine):
    findings, status = found(machine)
    told = {"bubblewrap-flaws": "note", "landlock": "note", "tiocsti": "note"}
    assert (states(findings), status) == ({**USUAL, **told}, 0)
    assert findings["landlock"]["remedy"] == "Linux 6.12 or later has it"
    assert findings["tiocsti"]["remedy"] == "Linux 6.2 or later can forbid it"
    assert "apt-get install --only-upgrade bubblewrap" in findings["bubblewrap-flaws"]["remedy"]


@on("plain")
def test_without_systemd_limits_are_told_and_nothing_else(machine):
    findings, status = found(machine)
    assert (states(findings), status) == ({**USUAL, "limits": "note"}, 0)
    assert findings["limits"]["text"] == "memory and cpu cannot be limited, processes only by user namespace"
    assert findings["limits"]["remedy"] == "without systemd, root can give you a control group: docs/how-to/limits.md"
