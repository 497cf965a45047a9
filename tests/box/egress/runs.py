"""Runs of `inner` that live on, for tests: a command for them, and the process that serves their network."""

from __future__ import annotations

from pathlib import Path


def egress_of(process) -> int:
    """The process that serves the network of a run."""
    line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    [found] = [int(pid) for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes() == line]
    return found


def shell(script, *words):
    return [*words, "--", "sh", "-c", script]
