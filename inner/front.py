"""The front door: recognises the plain forms of `inner run` without importing anything dear, and leaves everything else
(help, errors, completion, aliases, other commands) to the Typer application, which reads the same table.

`tests/laws/test_front.py` holds both readers equal on thousands of command lines.
"""

from __future__ import annotations

from inner.commands.options import RUN
from inner.frozen import TYPE_CHECKING
from inner.request import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.commands.options import Option

NAMES = {name: option for option in RUN for name in option.names}


def read(argv: Sequence[str]) -> Request | None:
    """The request in `argv` (without the program's name), or None when Typer should have a look.

    None is always right: this reader may know less than Typer's, never something else.
    """
    if not argv or argv[0] != "run":
        return None
    given: dict[str, object] = {}
    words: list[str] = []
    at = 1
    while at < len(argv):
        word = argv[at]
        at += 1
        if word == "--":
            return Request(**given, words=(*words, *argv[at:]))  # type: ignore[arg-type]
        if not word.startswith("-") or word == "-":
            words.append(word)  # options may follow (click, allow_interspersed_args)
            continue
        name, eq, value = word.partition("=") if word.startswith("--") else (word, "", "")
        option = NAMES.get(name)
        if option is None:
            return None
        if option.kind in ("flag", "switch"):
            if eq:
                return None
            given[option.field] = option.kind == "flag" or not name.startswith("--no-")
            continue
        if not eq:
            if at >= len(argv):
                return None
            value = argv[at]
            at += 1
        if not _keep(option, value, given):
            return None
    return Request(**given, words=tuple(words))  # type: ignore[arg-type]


def _keep(option: Option, value: str, given: dict[str, object]) -> bool:
    if option.kind == "texts":
        given[option.field] = (*given.get(option.field, ()), value)  # type: ignore[misc]
    elif option.kind == "text":
        given[option.field] = value
    elif value.isascii() and value.isdigit():  # other ways to write a number are Typer's to judge
        given[option.field] = int(value) if option.kind == "count" else float(value)
    else:
        return False
    return True
