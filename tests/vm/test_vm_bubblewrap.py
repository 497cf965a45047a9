"""Bubblewrap with the set-uid bit: a new one refuses it, and the way out is told; an old one makes boxes where ordinary users may not."""

from __future__ import annotations

import json

import pytest
from on import on


@pytest.fixture
def raised(machine):
    """Its bubblewrap is set-uid root, until the test ends."""
    assert machine.root("chmod", "u+s", "/usr/bin/bwrap") == (0, "", "")
    yield
    machine.root("chmod", "u-s", "/usr/bin/bwrap")


def bounded(machine):
    version = machine.sh("bwrap --version").out.split()[1]
    return f"warning: bubblewrap {version}, set-uid root, cannot bound the box's file systems in memory: without the set-uid bit it can\n"


def findings(machine):
    """Findings that are not good, with their remedies, and the exit status."""
    done = machine.sh("inner doctor --json")
    found = json.loads(done.out)["data"]["findings"]
    return {one["name"]: one["remedy"] for one in found if one["state"] in ("problem", "fatal")}, done.status


@on("trixie", "forky")
def test_a_new_one_refuses_the_set_uid_bit_and_the_remedy_is_told(machine, raised):
    assert machine.sh("cd project; inner run -- true") == (
        125, "",
        bounded(machine) + "error: bubblewrap is set-uid root here, and still cannot make a box\n  --> /usr/bin/bwrap\n"
        "hint: `sudo chmod u-s /usr/bin/bwrap`: with user namespaces it needs no set-uid bit\n",
    )  # fmt: skip
    remedy = "`sudo chmod u-s /usr/bin/bwrap`"
    told, status = findings(machine)
    assert told == {"bubblewrap-setuid": remedy, "namespaces": f"{remedy}: with user namespaces it needs no set-uid bit"}
    assert status == 4


@on("bookworm")
def test_an_old_one_makes_boxes_where_ordinary_users_may_not(machine, raised):
    switch = "/proc/sys/kernel/unprivileged_userns_clone"
    machine.root("sh", "-c", f"echo 0 > {switch}")
    try:
        assert machine.sh("unshare --user true").status == 1
        assert machine.sh("cd project; inner run -- id -u") == (0, "1000\n", bounded(machine))
        attacked = machine.sh("cd project; inner verify -p shell --attack")
        verified = machine.sh("cd project; inner verify -p shell")
        hosts = machine.sh("cd project; inner run --allow-host good.test -- touch made; ls")
        told, status = findings(machine)
    finally:
        machine.root("sh", "-c", f"echo 1 > {switch}")
    assert (attacked.status, attacked.out.splitlines()[-1].endswith(" 0 broken")) == (0, True), attacked.out
    failed = [line for line in verified.out.splitlines() if line.startswith("[!!] ")]
    assert [line.split()[1] for line in failed] == ["bounded", "sandbox"]  # what has been warned of, and the verdict
    assert verified.status == 1
    # The network of such a box belongs to root: no listener of ours can be put there. Refused, not left open.
    assert hosts.out == ""
    assert "error: cannot make the network of the box: " in hosts.err
    assert (told, status) == ({"bubblewrap-setuid": "`sudo chmod u-s /usr/bin/bwrap`"}, 1)
