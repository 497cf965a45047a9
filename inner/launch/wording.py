"""bubblewrap's words for a plan, kept beside it: for the same plan and the same bubblewrap they are the same, but for the values of
variables. What a run adds to its plan (a login, a review, a tracer) makes them anew.
"""

from __future__ import annotations

import os

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING
from inner.plan.model import Overlay
from inner.words import environment, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from inner.plan.model import Plan
    from inner.words import Features, Word


def prepared(plan: Plan, features: Features, folder: str) -> tuple[object, ...] | None:
    """What can be kept: plain data. None when the run will have other words, or an error. `folder`: the run's own."""
    if plan.private or plan.guard.apart or any(isinstance(mount, Overlay) for mount in plan.mounts):
        return None
    from inner import words
    from inner.records.write import outline

    try:
        limitations, operations = _made(plan, features)
        return (_of(features), limitations, words.packed(operations), outline(plan, folder))
    except InnerError:
        return None


def found(prepared: Any, features: Features) -> tuple[tuple[str, ...], tuple[Word, ...], str] | None:
    """Of a plan the limitations of this bubblewrap, the words but for the variables, and the outline for its record; None when
    they were not kept, or for another bubblewrap."""
    try:
        of, limitations, pieces, outline = prepared
        return (limitations, unpacked(pieces), outline) if of == _of(features) else None
    except (TypeError, ValueError):
        return None


def made(plan: Plan, features: Features) -> tuple[tuple[str, ...], tuple[Word, ...], str]:
    """The same, anew, without the outline."""
    limitations, operations = _made(plan, features)
    return limitations, tuple(word for operation in operations for word in operation), ""


def variables(plan: Plan, env: Mapping[str, str]) -> tuple[Word, ...]:
    """Those that are not kept: the variables of the box."""
    return tuple(word for operation in environment(plan.env, env) for word in operation)


def _made(plan: Plan, features: Features) -> tuple[tuple[str, ...], Iterable[tuple[Word, ...]]]:
    from inner import bwrap, seccomp

    code = seccomp.filter_of(plan, os.uname().machine)
    return bwrap.limitations(plan, features), bwrap.fixed(plan, features, filter=code)


def _of(features: Features) -> tuple[object, ...]:
    return (features.path, features.version, tuple(sorted(features.flags)), features.setuid, os.uname().machine)
