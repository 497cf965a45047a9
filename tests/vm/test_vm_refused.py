"""Kernels that forbid namespaces, for real: no box, no command, the setting that forbids it, and what to type."""

from __future__ import annotations

import pytest
from on import on


@on("trixie", "forky")
@pytest.mark.parametrize(
    ("key", "what", "hint"),
    [
        ("kernel/unprivileged_userns_clone", "forbids user namespaces to ordinary users", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "allows no user namespaces", "user.max_user_namespaces=15000"),
        ("user/max_net_namespaces", "allows no network namespaces", "user.max_net_namespaces=15000"),
    ],
)
def test_a_kernel_that_forbids_namespaces_is_named_with_the_remedy(machine, key, what, hint):
    place = f"/proc/sys/{key}"
    before = machine.root("cat", place).out.strip()
    said = f"error: this kernel {what}\n  --> {place}\nhint: `sudo sysctl -w {hint}`\n"
    machine.root("sh", "-c", f"echo 0 > {place}")
    try:
        ran, verified, doctor = (machine.sh(f"cd project; inner {words}") for words in ("run -- touch made", "verify", "doctor"))
    finally:
        machine.root("sh", "-c", f"echo {before} > {place}")
    assert ran == (125, "", said)
    assert (verified.status, verified.out, verified.err[-len(said) :]) == (4, "", said)
    namespaces = [line for line in doctor.out.splitlines() if line.split()[1:2] == ["namespaces"]]
    assert namespaces == [f"[!!] namespaces  this kernel {what} ({place})"]
    assert doctor.out.splitlines()[-1] == "[!!] no box can be made on this machine"
    assert (doctor.status, doctor.told) == (4, "")
    assert machine.sh("cd project; [ ! -e made ] && inner run -- true") == (0, "", "")
