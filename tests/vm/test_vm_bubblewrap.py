"""Bubblewrap with the set-uid bit: a new one refuses it, and the way out is told."""

from __future__ import annotations

import pytest


@pytest.fixture
def raised():
    """raised(machine): its bubblewrap is set-uid root, until the test ends."""
    changed = []

    def raise_(machine):
        changed.append(machine)
        assert machine.root("chmod", "u+s", "/usr/bin/bwrap") == (0, "", "")

    yield raise_
    for machine in changed:
        machine.root("chmod", "u-s", "/usr/bin/bwrap")


def test_a_new_one_refuses_the_set_uid_bit_and_the_remedy_is_told(trixie, raised):
    raised(trixie)
    version = trixie.sh("bwrap --version").out.split()[1]
    assert trixie.sh("cd project; inner run -- true") == (
        125, "",
        f"warning: bubblewrap {version}, set-uid root, cannot bound the box's file systems in memory: without the set-uid bit it can\n"
        "error: bubblewrap is set-uid root here, and still cannot make a box\n  --> /usr/bin/bwrap\n"
        "hint: `sudo chmod u-s /usr/bin/bwrap`: with user namespaces it needs no set-uid bit\n",
    )  # fmt: skip
