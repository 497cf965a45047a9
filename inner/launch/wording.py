"""bubblewrap's words for a plan, kept beside it: for the same plan and the same bubblewrap they are the same, but for the values of
variables. What a run adds to its plan (a login, a review, a tracer) makes them anew.
"""

from __future__ import annotations

import os

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING
from inner.words import environment, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from inner.plan.model import Plan
    from inner.words import Features, Word


def prepared(plan: Plan, features: Features) -> tuple[object, ...] | None:
    """What can be kept: plain data. None when there will be other words, or an error."""
    from inner import bwrap, seccomp, words

    if plan.private or plan.guard.apart:
        return None
    try:
        code = seccomp.filter_of(plan, os.uname().machine)
        return (_of(features), bwrap.limitations(plan, features), words.packed(bwrap.fixed(plan, features, filter=code)))
    except InnerError:
        return None


def found(prepared: Any, features: Features) -> tuple[tuple[str, ...], tuple[Word, ...]] | None:
    """The limitations and the words of a plan, but for its variables, if they were kept and for this bubblewrap."""
    try:
        of, limitations, pieces = prepared
        return (limitations, unpacked(pieces)) if of == _of(features) else None
    except (TypeError, ValueError):
        return None


def made(plan: Plan, features: Features) -> tuple[tuple[str, ...], tuple[Word, ...]]:
    """The same, anew."""
    from inner import bwrap, seccomp

    code = seccomp.filter_of(plan, os.uname().machine)
    words = tuple(word for operation in bwrap.fixed(plan, features, filter=code) for word in operation)
    return bwrap.limitations(plan, features), words


def variables(plan: Plan, env: Mapping[str, str]) -> tuple[Word, ...]:
    """Those that are not kept: the variables of the box."""
    return tuple(word for operation in environment(plan.env, env) for word in operation)


def _of(features: Features) -> tuple[object, ...]:
    return (features.path, features.version, tuple(sorted(features.flags)), features.setuid, os.uname().machine)
