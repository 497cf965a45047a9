"""Kernels that forbid namespaces, for real: no box, no command, the setting that forbids it, and what to type."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("key", "what", "hint"),
    [
        ("kernel/unprivileged_userns_clone", "forbids user namespaces to ordinary users", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "allows no user namespaces", "user.max_user_namespaces=15000"),
        ("user/max_net_namespaces", "allows no network namespaces", "user.max_net_namespaces=15000"),
    ],
)
def test_a_kernel_that_forbids_namespaces_is_named_with_the_remedy(trixie, key, what, hint):
    place = f"/proc/sys/{key}"
    before = trixie.root("cat", place).out.strip()
    said = f"error: this kernel {what}\n  --> {place}\nhint: `sudo sysctl -w {hint}`\n"
    trixie.root("sh", "-c", f"echo 0 > {place}")
    try:
        ran, verified, doctor = (trixie.sh(f"cd project; inner {words}") for words in ("run -- touch made", "verify", "doctor"))
    finally:
        trixie.root("sh", "-c", f"echo {before} > {place}")
    assert (ran.status, ran.out) == (125, "")
    first, _, rest = ran.err.partition("\n")
    assert first.startswith("bubblewrap: bwrap: ")
    assert rest == said
    assert (verified.status, verified.out, verified.err[-len(said) :]) == (4, "", said)
    namespaces = [line for line in doctor.out.splitlines() if line.split()[1:2] == ["namespaces"]]
    assert namespaces == [f"[!!] namespaces  this kernel {what} ({place})"]
    assert trixie.sh("cd project; [ ! -e made ] && inner run -- true") == (0, "", "")
