"""All attempts to break out, one after the other, each in a process of its own. See `attempt`."""

from __future__ import annotations

from typing import Any

from inner.inside import attempts_files, attempts_kernel, attempts_reach
from inner.inside.attempt import ATTEMPTS, run

MODULES = (attempts_files, attempts_kernel, attempts_reach)  # importing them registers what they have


def answer(facts: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Name of the attempt -> how it ended; of all groups but those that `facts` leaves out."""
    left_out = facts.get("left_out", ())
    return {name: run(function, facts) for name, (group, _, function) in ATTEMPTS.items() if group not in left_out}
