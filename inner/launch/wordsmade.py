"""Makes bubblewrap's words for a plan, and with them what the next run of the same plan finds kept (`launch.wording`)."""

from __future__ import annotations

import os

from inner import bwrap, seccomp
from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING
from inner.launch import wording
from inner.paths import HostPath
from inner.plan.model import Overlay
from inner.records.write import outline
from inner.words import Content, Opened, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.launch.etc import Kept
    from inner.launch.wording import Found
    from inner.plan.model import Plan
    from inner.words import Features, Piece, Word


def prepared(plan: Plan, features: Features, folder: str) -> tuple[object, ...] | None:
    """What can be kept: plain data. None when the run will have other words, or an error. `folder`: the run's own."""
    if plan.private or plan.guard.apart or any(isinstance(mount, Overlay) for mount in plan.mounts):
        return None
    from inner.launch import etcmade  # a run whose words are its own has none

    try:
        tree = etcmade.keep(plan, folder.rpartition("/runs/")[0])
        limitations, operations = _made(plan, features, tree)
        return (wording.identity(features), limitations, packed(operations), outline(plan, folder), tree)
    except InnerError:
        return None


def made(plan: Plan, features: Features) -> Found:
    """The same, anew, without the outline."""
    limitations, operations = _made(plan, features, None)
    return limitations, tuple(word for operation in operations for word in operation), "", -1


def _made(plan: Plan, features: Features, tree: Kept | None) -> tuple[tuple[str, ...], Iterable[tuple[Word, ...]]]:
    code = seccomp.filter_of(plan, os.uname().machine)
    place, copied = (HostPath(tree[0]), tree[4]) if tree is not None else (None, ())
    return bwrap.limitations(plan, features), bwrap.fixed(plan, features, filter=code, etc=place, copied=copied)


def packed(operations: Iterable[tuple[Word, ...]]) -> tuple[Piece, ...]:
    """Words as plain data, in few pieces: text as `--args` reads it, and what stands for a descriptor as a tuple."""
    found: list[Piece] = []
    text: list[bytes] = []
    for operation in operations:
        for word in operation:
            if isinstance(word, str):
                text += (os.fsencode(word), b"\0")
                continue
            found.append(b"".join(text))
            text.clear()
            if isinstance(word, Content):
                found.append((word.data,))
            elif isinstance(word, Source):
                found.append((word.path, word.size))
            elif isinstance(word, Opened):
                found.append((word.path,))
            else:
                raise TypeError(f"not the same in every run: {word!r}")
    return (*found, b"".join(text))
