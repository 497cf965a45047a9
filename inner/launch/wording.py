"""bubblewrap's words for a plan, kept beside it: for the same plan and the same bubblewrap they are the same, but for the values of
variables. What a run adds to its plan (a login, a review, a tracer) makes them anew (`launch.wordsmade`).
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.launch import etc
from inner.words import environment, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from inner.plan.model import Plan
    from inner.words import Features, Word

    Found: TypeAlias = tuple[tuple[str, ...], tuple[Word, ...], str, int]


def sound(prepared: Any) -> bool:
    """Whether what was prepared still stands as it did."""
    return prepared is None or etc.sound(prepared[-1])


def found(prepared: Any, features: Features) -> Found | None:
    """Of a plan the limitations of this bubblewrap, the words but for the variables, the outline for its record, and a descriptor
    to keep as long as the box is there (-1: none); None when they were not kept, or for another bubblewrap."""
    try:
        of, limitations, pieces, outline, tree = prepared
        words = unpacked(pieces)
        held = -1 if tree is None or of != identity(features) else etc.hold(tree)
    except (TypeError, ValueError):
        return None
    return (limitations, words, outline, held) if of == identity(features) and (tree is None or held >= 0) else None


def variables(plan: Plan, env: Mapping[str, str]) -> tuple[Word, ...]:
    """Those that are not kept: the variables of the box."""
    return tuple(word for operation in environment(plan.env, env) for word in operation)


def identity(features: Features) -> tuple[object, ...]:
    """The bubblewrap and the machine that words are for."""
    return (features.path, features.version, tuple(sorted(features.flags)), features.setuid, os.uname().machine)
