"""What a profile grants over another one, leaf by leaf with its line: what is shown before anybody is asked to trust it. Pure."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen, replace
from inner.origin import Origin
from inner.profile.keys import KEYS, name_of
from inner.profile.merge import default, element, fold, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inner.profile.layer import Layer
    from inner.profile.merge import Folded


@frozen
class Wider:
    """One thing that is granted: the key, what it would be, and the line that says so."""

    key: str
    value: str
    origin: Origin


def wider(layers: Iterable[Layer], base: Iterable[Layer]) -> tuple[Wider, ...]:
    """What `layers`, all of them trusted, grant over `base`."""
    return tuple(_wider(fold(replace(layer, trusted=True) for layer in layers), fold(base)))


def _wider(found: Folded, base: Folded) -> Iterator[Wider]:
    mode, base_mode = (str(side.values.get("sandbox.network_mode", "off")) for side in (found, base))
    for leaf, value in found.values.items():
        have = base.values[leaf] if leaf in base.values else default(leaf)
        if within(leaf, value, have, mode=mode, base_mode=base_mode):
            continue
        if KEYS[name_of(leaf)].narrow in ("fewer", "hosts") and isinstance(value, tuple) and isinstance(have, tuple):
            for item in value:
                if item not in have:
                    yield Wider(leaf, str(item), _where(found, element(leaf, item), leaf))
        else:
            yield Wider(leaf, text(value), _where(found, leaf, leaf))
    for leaf, have in base.values.items():  # what only the base forbids, `found` allows
        if (
            leaf not in found.values
            and name_of(leaf) == leaf
            and not within(leaf, default(leaf), have, mode=mode, base_mode=base_mode)
        ):
            yield Wider(leaf, text(default(leaf)), Origin("inner"))


def _where(found: Folded, key: str, leaf: str) -> Origin:
    return found.origins.get(key) or found.origins.get(leaf) or Origin("inner")


def text(value: object) -> str:
    """A value for people: a mount as `writable at /data`, a credential by its source, a list by its elements."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(text(item) for item in value) or "none"
    if hasattr(value, "src"):
        where = getattr(value, "dest", "")
        return f"{getattr(value, 'mode', '')}{f' at {where}' if where else ''}"
    if hasattr(value, "source"):
        return f"{getattr(value, 'source', '')} for {', '.join(getattr(value, 'hosts', ()))}"
    return str(getattr(value, "name", value))
