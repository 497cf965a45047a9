"""The box's side of an allowlist: where its resolver is. The egress process listens there; the plan tells the box's C library."""

from __future__ import annotations

RESOLVER = "127.18.0.1"  # of 127/8, every address of which is local without any set-up


def resolv_conf() -> bytes:
    """`/etc/resolv.conf` of a box with an allowlist. No search list: a name is asked for as it stands (resolv.conf(5))."""
    return f"nameserver {RESOLVER}\noptions timeout:5 attempts:2\n".encode("ascii")
