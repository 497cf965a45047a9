"""`extends`: from one profile to the chain of layers below it.

A profile sees the scopes it could not be hidden by: a user's profile never extends what a project happens to call by the same
name. And a project that is not trusted does not choose what it is put on: the user did.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import quoted
from inner.profile.find import is_path, remote
from inner.profile.layer import Layer
from inner.profile.merge import fold
from inner.ui import safe

if TYPE_CHECKING:
    from inner.profile.find import Place, Shelf
    from inner.profile.source import Source

LONGEST = 32  # profiles in a chain


@frozen
class Chain:
    """The layers of a profile, lowest first, and the name that the profile itself goes by."""

    name: str
    layers: tuple[Layer, ...]


def chain(shelf: Shelf, top: Place, *, trusting: bool = False) -> Chain:
    """Follow `extends` from `top` down. ConfigError for a cycle (naming it), a missing base, and one that may not be chosen.

    `trusting`: as it would be if every file were trusted.
    """
    place: Place | None = top
    seen: list[tuple[Place, Source]] = []
    while place is not None:
        if any(place == known for known, _ in seen):
            raise _cycle(seen, place)
        if len(seen) == LONGEST:
            raise ConfigError(f"profile `{safe(top.name)}` extends more than {LONGEST} profiles", where=str(seen[-1][1].base))
        found = shelf.source(place)
        seen.append((place, found))
        place = _base(shelf, top, place, found, trusted=trusting or found.layer.trusted)
    name = top.name if top.named else seen[0][1].name or top.name
    return Chain(name, tuple(found.layer for _, found in reversed(seen)))


def _base(shelf: Shelf, top: Place, place: Place, found: Source, *, trusted: bool) -> Place | None:
    """The profile that `found` is put on, or None. What is not trusted narrows the profile it hides: it may not replace it."""
    wanted, where = found.extends, str(found.base)
    hidden = None if trusted else _hidden(shelf, place)
    if "://" in wanted:
        raise remote(wanted, where)
    if place.scope == "remote":
        return _remote_base(shelf, place, found, trusted=trusted)
    if not wanted:
        base = hidden
    elif is_path(wanted):
        base = shelf.at_path(wanted, shelf.folder(place), where=where)
    else:
        message = f"profile `{safe(place.name)}` extends `{safe(wanted)}`, which does not exist"
        base = shelf.below(wanted, above=place, where=where, message=message)
    if base is None or trusted:
        return base
    if (hidden is not None and base != hidden) or (base.scope != "project" and base not in users_choice(shelf, top)):
        raise ConfigError(
            f"profile `{safe(place.name)}` of this project, which is not trusted, may not choose `{safe(base.name)}` as its base",
            where=where,
            hint=f"read the file, then `inner trust {quoted(place.path)}`; or name the base: `inner run -p {safe(base.name)}`",
        )
    return base


def _remote_base(shelf: Shelf, place: Place, found: Source, *, trusted: bool) -> Place | None:
    """What was downloaded stands on a built-in profile; unless it is trusted, on one that keeps to the narrow ways: `shell` when
    it names none."""
    wanted, where = found.extends, str(found.base)
    if is_path(wanted):
        raise ConfigError("a downloaded profile may extend a built-in one, not a file of this machine", where=where)
    if not wanted:
        return None if trusted else _first_of(shelf, "shell", "built-in")
    message = f"a downloaded profile extends a built-in one, and `{safe(wanted)}` is none"
    base = shelf.below(wanted, above=place, where=where, message=message)
    if not trusted:
        values = fold(chain(shelf, base).layers).values
        if values.get("sandbox.allow") or values.get("sandbox.network_mode") == "full":
            raise ConfigError(
                f"a downloaded profile may not build on `{safe(base.name)}`, which grants more than the others",
                where=where,
                hint="read it, then add `--trust-remote`, or `inner profile install URL`",
            )
    return base


def _hidden(shelf: Shelf, place: Place) -> Place | None:
    """The profile of the same name below a project's."""
    found = shelf.candidates(place.name) if place.named else ()
    return next(iter(found[found.index(place) + 1 :]), None) if found else None


def users_choice(shelf: Shelf, top: Place) -> tuple[Place, ...]:
    """What the user would have got without the project: the profile of that name; where there is none, the default one."""
    own = _first(shelf, top.name) if top.named else None
    if own is not None:
        return (own,)
    default = shelf.settings.default_profile
    chosen = shelf.at_path(default, str(shelf.host.cwd)) if is_path(default) else _first(shelf, default)
    shell = _first(shelf, "shell")
    return tuple(place for place in (chosen, shell) if place and (place == chosen or place.scope == "built-in"))


def _first_of(shelf: Shelf, name: str, scope: str) -> Place | None:
    return next((place for place in shelf.candidates(name) if place.scope == scope), None)


def _first(shelf: Shelf, name: str) -> Place | None:
    return next((place for place in shelf.candidates(name) if place.scope != "project"), None)


def _cycle(seen: list[tuple[Place, Source]], place: Place) -> ConfigError:
    start = next(number for number, (known, _) in enumerate(seen) if known == place)
    names = [safe(known.name) for known, _ in seen[start:]] + [safe(place.name)]
    return ConfigError(
        "profiles extend each other in a circle: " + " -> ".join(f"`{name}`" for name in names),
        where=str(seen[-1][1].base),
        hint="take one of the `extends` out",
    )
