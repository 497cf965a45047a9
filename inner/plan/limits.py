"""Resource limits: what the profile leaves open is found from the host."""

from __future__ import annotations

from inner.plan.model import MIB
from inner.profile.model import Limits

LEAST_MEMORY, MOST_MEMORY, UNKNOWN_MEMORY, PIDS = 512 * MIB, 8192 * MIB, 2048 * MIB, 512


def found(limits: Limits, *, memory: int, cpus: int) -> Limits:
    """`limits` with every field filled: half of `memory` bytes within 512M..8G, half of `cpus` but at least one, 512 processes."""
    half = min(max(memory // 2, LEAST_MEMORY), MOST_MEMORY) if memory else UNKNOWN_MEMORY
    return Limits(
        memory=half if limits.memory is None else limits.memory,
        cpu=max(cpus / 2, 1.0) if limits.cpu is None else limits.cpu,
        pids=PIDS if limits.pids is None else limits.pids,
    )
