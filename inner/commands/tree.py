"""The commands as data, read from the application itself: completion scripts and manual pages are made of it."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


@frozen
class Choice:
    """An option: its names, what its value is called ("" for none), its help."""

    names: tuple[str, ...]
    value: str
    help: str


@frozen
class Node:
    """A command: the words that name it (`("inner", "profile", "show")`), its help, the commands below it, its options, and what
    its operands are called."""

    path: tuple[str, ...]
    help: str
    below: tuple[str, ...]
    options: tuple[Choice, ...]
    operands: tuple[str, ...]


def nodes(application: Any) -> tuple[Node, ...]:
    """`inner`, the group of all commands, and every command that help shows; a command before those below it."""
    return tuple(_walk(application, ("inner",)))


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[Node]:
    below = {name: one for name, one in getattr(command, "commands", {}).items() if not one.hidden}
    options, operands = [], []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            operands.append(parameter.metavar or parameter.name.upper())
        elif not getattr(parameter, "hidden", False):
            flag = parameter.is_flag or getattr(parameter, "count", False)
            value = "" if flag else parameter.metavar or "VALUE"
            options.append(Choice((*parameter.opts, *parameter.secondary_opts), value, parameter.help or ""))
    options.append(Choice(("-h", "--help"), "", "Show help and exit."))
    yield Node(path, command.help or "", tuple(sorted(below)), tuple(options), tuple(operands))
    for name in sorted(below):
        yield from _walk(below[name], (*path, name))
