"""The patch algebra: what a layer does to the values below it. Pure, and no exceptions: what cannot be had is returned.

Laws (tests/laws/test_merge.py): applying layers in turn equals applying their composition; composition is associative; the
empty patch is the identity; a deny list only grows; what an untrusted layer leaves grants nothing that was not granted before.
"""

from __future__ import annotations

from inner.config.quantity import narrower
from inner.frozen import TYPE_CHECKING, frozen
from inner.profile.keys import KEYS, NARROWER_MOUNTS, NETWORK, name_of
from inner.profile.layer import AtLeast, Edit, Set
from inner.profile.model import MountSpec, Profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inner.origin import Origin
    from inner.profile.layer import Layer, Patch

_DEFAULTS = Profile("")


def default(leaf: str) -> object:
    """The value of a leaf that no layer names; None for an entry of a table."""
    name = name_of(leaf)
    if name != leaf:
        return None
    value: object = _DEFAULTS
    for part in ("checks" if name == "verify.custom.checks" else name).split("."):
        value = getattr(value, part)
    return value


# --- applying and composing ---------------------------------------------------------------------------------------------


def apply(leaf: str, patch: Patch, base: object) -> object:
    """The value of `leaf` when `patch` meets `base`."""
    patch = _growing(leaf, patch)
    if isinstance(patch, Set):
        return patch.value
    if isinstance(patch, AtLeast):
        return _wider(str(base), patch.value)
    return _edited(patch, base)  # type: ignore[arg-type]


def compose(leaf: str, first: Patch, then: Patch) -> Patch:
    """The patch that does what `first` and `then` do one after the other."""
    first, then = _growing(leaf, first), _growing(leaf, then)
    if isinstance(then, Set):
        return then
    if isinstance(first, Set):
        return Set(apply(leaf, then, first.value))
    if isinstance(first, AtLeast) or isinstance(then, AtLeast):
        return AtLeast(_wider(first.value, then.value)) if isinstance(first, AtLeast) and isinstance(then, AtLeast) else then
    gone = {*then.remove, *then.prepend}
    prepend = (*then.prepend, *(item for item in first.prepend if item not in gone))
    kept = tuple(item for item in first.append if item not in gone)
    known = {*kept, *prepend}
    append = (*kept, *(item for item in then.append if item not in known))
    return Edit(prepend, _unique((*first.remove, *then.remove)), append)


def _growing(leaf: str, patch: Patch) -> Patch:
    """A deny list only grows, whoever speaks: nothing is removed, and setting it adds to it."""
    if KEYS[name_of(leaf)].merge != "deny":
        return patch
    items = patch.value if isinstance(patch, Set) else (*patch.prepend, *patch.append) if isinstance(patch, Edit) else ()
    return Edit(append=_unique(items))  # type: ignore[arg-type]


def _edited(edit: Edit, base: tuple[object, ...]) -> tuple[object, ...]:
    gone = {*edit.remove, *edit.prepend}
    core = tuple(item for item in base if item not in gone)
    known = {*core, *edit.prepend}
    return (*edit.prepend, *core, *(item for item in edit.append if item not in known))


def _unique(items: Iterable[object]) -> tuple[object, ...]:
    return tuple(dict.fromkeys(items))


def _wider(one: str, other: str) -> str:
    return max(one, other, key=NETWORK.index)


# --- narrowing ----------------------------------------------------------------------------------------------------------


def narrow(patch: Mapping[str, Patch], base: Mapping[str, object]) -> tuple[dict[str, Patch], tuple[str, ...]]:
    """What an untrusted layer may do to `base`, and the leaves (or elements, `sandbox.allow[npmrc]`) that it does not get."""
    taken: dict[str, Patch] = {}
    refused: list[str] = []
    for leaf, change in patch.items():
        have = base[leaf] if leaf in base else default(leaf)
        wanted = apply(leaf, change, have)
        if wanted == have:
            continue
        got, missing = _least(leaf, wanted, have, patch, base)
        if got != have:
            taken[leaf] = Set(got)
        refused += missing
    return taken, tuple(refused)


def _least(
    leaf: str, wanted: object, have: object, patch: Mapping[str, Patch], base: Mapping[str, object]
) -> tuple[object, Iterable[str]]:
    """The part of `wanted` that grants no more than `have`, and what is left of it."""
    key = KEYS[name_of(leaf)]
    if key.narrow in ("fewer", "hosts"):
        if key.narrow == "hosts" and _gives_up_full(patch, base):
            return wanted, ()
        return (
            tuple(item for item in have if item in wanted),  # type: ignore[attr-defined,operator]
            [f"{leaf}[{item}]" for item in wanted if item not in have],  # type: ignore[attr-defined,operator]
        )
    if key.narrow == "more":
        return _unique((*have, *wanted)), ()  # type: ignore[misc]
    good = (
        key.narrow == "free"
        or (key.narrow == "order" and key.order.index(wanted) < key.order.index(have))
        or (key.narrow == "least" and wanted != 0 and (have == 0 or wanted < have))  # type: ignore[operator]
        or (key.narrow == "limit" and narrower(leaf.rpartition(".")[2], wanted, have))  # type: ignore[arg-type]
        or (key.narrow == "mounts" and _narrower_mount(wanted, have))
    )
    return (wanted, ()) if good else (have, (leaf,))


def _gives_up_full(patch: Mapping[str, Patch], base: Mapping[str, object]) -> bool:
    """The layer turns the whole network into a list of hosts: whatever is on the list, it was reachable before."""
    mode = "sandbox.network_mode"
    return base.get(mode) == "full" and mode in patch and apply(mode, patch[mode], "full") == "allowlist"


def _narrower_mount(wanted: object, have: object) -> bool:
    return (
        isinstance(wanted, MountSpec)
        and isinstance(have, MountSpec)
        and (wanted.src, wanted.dest) == (have.src, have.dest)
        and wanted.mode in NARROWER_MOUNTS[have.mode]
    )


def within(leaf: str, value: object, base: object, *, mode: str = "off", base_mode: str = "off") -> bool:
    """True when `value` grants nothing that `base` does not: the other side of `_least`, said without it.

    `mode` and `base_mode` are the network modes beside the values: a list of hosts grants something in "allowlist" alone.
    """
    key = KEYS[name_of(leaf)]
    if key.narrow == "free" or value == base:
        return True
    if key.narrow == "order":
        return key.order.index(value) <= key.order.index(base)
    if key.narrow == "fewer":
        return _subset(value, base)
    if key.narrow == "hosts":
        return _subset(value, base) or (base_mode == "full" and mode == "allowlist")
    if key.narrow == "more":
        return _subset(base, value)
    if key.narrow == "least":
        return value != 0 and (base == 0 or value <= base)  # type: ignore[operator]
    if key.narrow == "limit":
        return narrower(leaf.rpartition(".")[2], value, base)  # type: ignore[arg-type]
    return key.narrow == "mounts" and _narrower_mount(value, base)


def _subset(some: object, of: object) -> bool:
    return set(some) <= set(of)  # type: ignore[call-overload,no-any-return]


# --- folding ------------------------------------------------------------------------------------------------------------


@frozen
class Refused:
    """Something that an untrusted layer asked for and did not get."""

    key: str
    origin: Origin


@frozen
class Folded:
    """All layers merged: the value of every leaf that a layer names, where each was set, and what was refused."""

    values: Mapping[str, object]
    origins: Mapping[str, Origin]
    refused: tuple[Refused, ...] = ()


def fold(layers: Iterable[Layer]) -> Folded:
    """Lowest layer first."""
    values: dict[str, object] = {}
    origins: dict[str, Origin] = {}
    refused: list[Refused] = []
    for layer in layers:
        patch: Mapping[str, Patch] = layer.patch
        if not layer.trusted:
            patch, missing = narrow(patch, values)
            refused += (Refused(key, layer.at(key)) for key in missing)
        for leaf, change in patch.items():
            before = values[leaf] if leaf in values else default(leaf)
            values[leaf] = after = apply(leaf, change, before)
            origins[leaf] = layer.at(leaf)
            if isinstance(after, tuple):
                _trace(leaf, before, after, layer, origins)
    return Folded(values, origins, tuple(refused))


def _trace(leaf: str, before: object, after: tuple[object, ...], layer: Layer, origins: dict[str, Origin]) -> None:
    """Each element of a list keeps the origin of the layer that brought it."""
    old = dict.fromkeys(element(leaf, item) for item in before) if isinstance(before, tuple) else {}
    new = dict.fromkeys(element(leaf, item) for item in after)
    for key in old:
        if key not in new:
            origins.pop(key, None)
    for key in new:
        if key not in old:
            origins[key] = layer.at(key)


def element(leaf: str, item: object) -> str:
    """How an element of a list is called among origins; a record goes by its name."""
    return f"{leaf}[{getattr(item, 'name', item)}]"
