"""bubblewrap's words for a plan, kept beside it: for the same plan and the same bubblewrap they are the same, but for the values of
variables. What a run adds to its plan (a login, a review, a tracer) makes them anew.
"""

from __future__ import annotations

import os

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING
from inner.launch import etc
from inner.paths import HostPath
from inner.plan.model import Overlay
from inner.words import environment, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    from inner.launch.etc import Kept
    from inner.plan.model import Plan
    from inner.words import Features, Word

    Found: TypeAlias = tuple[tuple[str, ...], tuple[Word, ...], str, int]


def prepared(plan: Plan, features: Features, folder: str) -> tuple[object, ...] | None:
    """What can be kept: plain data. None when the run will have other words, or an error. `folder`: the run's own."""
    if plan.private or plan.guard.apart or any(isinstance(mount, Overlay) for mount in plan.mounts):
        return None
    from inner import words
    from inner.launch import etcmade
    from inner.records.write import outline

    try:
        tree = etcmade.keep(plan, folder.rpartition("/runs/")[0])
        limitations, operations = _made(plan, features, tree)
        return (_of(features), limitations, words.packed(operations), outline(plan, folder), tree)
    except InnerError:
        return None


def sound(prepared: Any) -> bool:
    """Whether what was prepared still stands as it did."""
    return prepared is None or etc.sound(prepared[-1])


def found(prepared: Any, features: Features) -> Found | None:
    """Of a plan the limitations of this bubblewrap, the words but for the variables, the outline for its record, and a descriptor
    to keep as long as the box is there (-1: none); None when they were not kept, or for another bubblewrap."""
    try:
        of, limitations, pieces, outline, tree = prepared
        words = unpacked(pieces)
        held = -1 if tree is None or of != _of(features) else etc.hold(tree)
    except (TypeError, ValueError):
        return None
    return (limitations, words, outline, held) if of == _of(features) and (tree is None or held >= 0) else None


def made(plan: Plan, features: Features) -> Found:
    """The same, anew, without the outline."""
    limitations, operations = _made(plan, features, None)
    return limitations, tuple(word for operation in operations for word in operation), "", -1


def variables(plan: Plan, env: Mapping[str, str]) -> tuple[Word, ...]:
    """Those that are not kept: the variables of the box."""
    return tuple(word for operation in environment(plan.env, env) for word in operation)


def _made(plan: Plan, features: Features, tree: Kept | None) -> tuple[tuple[str, ...], Iterable[tuple[Word, ...]]]:
    from inner import bwrap, seccomp

    code = seccomp.filter_of(plan, os.uname().machine)
    place = HostPath(tree[0]) if tree is not None else None
    return bwrap.limitations(plan, features), bwrap.fixed(plan, features, filter=code, etc=place)


def _of(features: Features) -> tuple[object, ...]:
    return (features.path, features.version, tuple(sorted(features.flags)), features.setuid, os.uname().machine)
