"""A layer: one source of profile settings, as a patch. What a patch does is said in `merge`, which keys there are in `keys`.

Records only, cheap to import: the command line becomes a layer on every run.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias


@frozen
class Set:
    """The value, whatever was there before."""

    value: object


@frozen
class Edit:
    """A change to a list: what is in `remove` goes; `prepend` is put, or moved, to the front; of `append`, what is missing
    is put to the end."""

    prepend: tuple[object, ...] = ()
    remove: tuple[object, ...] = ()
    append: tuple[object, ...] = ()


@frozen
class AtLeast:
    """At least this much of an ordered choice: `AtLeast("allowlist")` widens "off" and leaves "full"."""

    value: str


if TYPE_CHECKING:
    Patch: TypeAlias = Set | Edit | AtLeast


@frozen
class Layer:
    """`patch` maps a dotted key (`sandbox.root`, `env.set.FOO`) to what is done to it; `lines` maps such a key, and
    `sandbox.allow[npmrc]` for an element, to its line. An untrusted layer can only narrow."""

    origin: Origin
    patch: Mapping[str, Patch]
    lines: Mapping[str, int] = {}
    trusted: bool = True

    def at(self, key: str) -> Origin:
        """Where this layer speaks of `key`."""
        line = self.lines.get(key) or self.lines.get(key.partition("[")[0], 0)
        return Origin(self.origin.source, self.origin.file, line) if line else self.origin
