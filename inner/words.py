"""Words for one bubblewrap, as far as they do not depend on what a plan means (that is `inner.bwrap`): placeholders for descriptors
that the launcher fills in, and the variables of the box.

A plan's other words are the same in every run of it, so they are kept beside it (`launch.wordsmade.packed`; `unpacked`).
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import HostPath

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias

    from inner.plan.model import Variable

OLDEST = (0, 5, 0)  # --perms and --clearenv

# Descriptors the launcher may have, and what tells bubblewrap about them (bwrap(1)).
GIVEN = {"status": "--json-status-fd", "info": "--info-fd", "block": "--block-fd", "sync": "--sync-fd"}


@frozen
class Features:
    """One bubblewrap: where it is, its version, the flags that its `--help` names, and whether it is set-uid root."""

    path: HostPath
    version: tuple[int, ...]
    flags: frozenset[str]
    setuid: bool = False

    def has(self, flag: str) -> bool:
        """Whether this bubblewrap knows `--flag`, and lets us use it. As set-uid root 0.8.0 refuses `--size` and overlays; for
        `--disable-userns` it may not write what the box's root could (/proc/sys/user/max_user_namespaces).
        """
        return flag in self.flags and not (self.setuid and (flag in ("size", "disable-userns") or "overlay" in flag))


@frozen
class Content:
    """The number of a descriptor from which `data` can be read."""

    data: bytes


@frozen
class Source:
    """The number of a descriptor from which the host's file at `path` can be read, which has `size` bytes."""

    path: HostPath
    size: int


@frozen
class Opened:
    """The number of an O_PATH descriptor for `path`, opened without following symlinks."""

    path: HostPath


@frozen
class Given:
    """The number of a descriptor that the launcher has under this name, one of `GIVEN`."""

    name: str


if TYPE_CHECKING:
    Word: TypeAlias = (
        str | bytes | Content | Source | Opened | Given
    )  # bytes: words as `--args` reads them, each with its NUL byte
    Piece: TypeAlias = bytes | tuple[bytes | str] | tuple[str, int]


def checked(operation: tuple[Word, ...]) -> tuple[Word, ...]:
    """Raises ConfigError for what would be two words."""
    for word in operation:
        text = word.path if isinstance(word, (Opened, Source)) else word
        if isinstance(text, str) and "\0" in text:
            raise ConfigError("a path or a variable of the box holds a NUL byte")
    return operation


def environment(variables: Iterable[Variable], env: Mapping[str, str]) -> Iterator[tuple[Word, ...]]:
    """The variables of the box; those that a plan only names have the value they have in `env`."""
    for variable in variables:
        value = env.get(named(variable)) if variable.value is None else variable.value
        if value is not None:
            yield checked(("--setenv", named(variable), value))


def named(variable: Variable) -> str:
    """The variable's name; ConfigError when setenv(3) would refuse it."""
    if not variable.name or "=" in variable.name:
        raise ConfigError(f"`{variable.name}` cannot be the name of a variable", where=str(variable.origin))
    return variable.name


def unpacked(pieces: tuple[Piece, ...]) -> tuple[Word, ...]:
    """Words that were kept as plain data. ValueError when these are none."""
    return tuple([piece if isinstance(piece, bytes) else _unpacked(*piece) for piece in pieces])


def _unpacked(what: bytes | str, size: int = -1) -> Word:
    if isinstance(what, bytes):
        return Content(what)
    return Opened(HostPath(what)) if size < 0 else Source(HostPath(what), size)
