"""Changes to a profile, as patches by leaf: tried out on the merged profile, and written as the TOML that makes them.

What `inner why` and `inner verify --suggest` print is what was tried: both come from the same patches. Pure.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, replace
from inner.profile.keys import name_of
from inner.profile.layer import Edit, Set
from inner.profile.merge import apply
from inner.profile.model import MountSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inner.profile.layer import Patch
    from inner.profile.model import Profile


def amended(profile: Profile, patches: Mapping[str, Patch]) -> Profile:
    """`profile` with the patches on top, as a trusted layer would lay them; origins stay those of what was there."""
    for leaf, patch in patches.items():
        profile = _with(profile, leaf, patch)
    return profile


def _with(profile: Profile, leaf: str, patch: Patch) -> Profile:
    table = name_of(leaf)
    if table == "mounts":
        spec = patch.value if isinstance(patch, Set) else None
        if not isinstance(spec, MountSpec):
            raise TypeError(f"not a mount: {patch!r}")
        others = tuple(m for m in profile.mounts if m.src != spec.src)
        return replace(profile, mounts=(*others, spec))
    if table != leaf:  # an entry of a table: `env.set.FOO`
        if not isinstance(patch, Set):
            raise TypeError(f"an entry of a table is set as a whole: {patch!r}")
        section, _, name = table.partition(".")
        old = getattr(profile, section)
        return replace(profile, **{section: replace(old, **{name: {**getattr(old, name), leaf[len(table) + 1 :]: patch.value}})})
    way, record = leaf.split("."), profile
    chain: list[object] = [record]
    for part in way[:-1]:
        chain.append(getattr(chain[-1], part))
    value: object = apply(leaf, patch, getattr(chain[-1], way[-1]))
    for holder, part in zip(reversed(chain), reversed(way), strict=True):
        value = replace(holder, **{part: value})
    return value  # type: ignore[return-value]


def toml(patches: Mapping[str, Patch]) -> str:
    """The lines, tables in the order in which they first occur; each list is edited, so that it can stand on any base."""
    tables: dict[str, list[str]] = {}
    for leaf, patch in patches.items():
        table = name_of(leaf)
        if table != leaf:
            tables.setdefault(table, []).append(f"{quoted(leaf[len(table) + 1 :])} = {_value(patch)}")
        else:
            section, _, key = leaf.rpartition(".")
            tables.setdefault(section, []).append(f"{key} = {_value(patch)}")
    return "\n".join("\n".join([f"[{table}]", *lines]) for table, lines in tables.items())


def _value(patch: Patch) -> str:
    if isinstance(patch, Edit):
        if not patch.remove:
            return _text((*patch.prepend, *patch.append))
        added = f"add = {_text((*patch.prepend, *patch.append))}, " if patch.prepend or patch.append else ""
        return f"{{ {added}remove = {_text(patch.remove)} }}"
    return _text(patch.value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(quoted(str(item)) for item in value) + "]"
    if isinstance(value, MountSpec):
        return f"{{ dest = {quoted(value.dest)}, mode = {quoted(value.mode)} }}" if value.dest else quoted(value.mode)
    return quoted(str(value))


def quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = "".join(
        "\\" + char
        if char in '"\\'
        else char
        if char.isprintable()
        else f"\\u{ord(char):04x}"
        if ord(char) < 65536
        else f"\\U{ord(char):08x}"
        for char in text
    )
    return f'"{escaped}"'
