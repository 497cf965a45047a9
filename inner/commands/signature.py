"""From the table of options to a function that Typer understands: the table stays the only declaration of `inner run`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import typer

from inner.commands.options import RUN, Option
from inner.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES: dict[str, Any] = {"text": str, "texts": list[str], "number": float, "count": int, "flag": bool, "switch": bool}


def run_command(main: Callable[[Request], int]) -> Callable[..., None]:
    """A Typer command with one parameter per option, and the words after `--`."""

    def command(**given: Any) -> None:
        words = tuple(given.pop("words") or ())
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        chosen: dict[str, Any] = {name: value for name, value in fields.items() if value not in (None, ())}
        raise typer.Exit(main(Request(**chosen, words=words)))

    parameters = [_parameter(option) for option in RUN]
    words = typer.Argument(
        None, metavar="[-- COMMAND ARGS...]", help="The command, or arguments for the profile's own.", show_default=False
    )
    parameters.append(inspect.Parameter("words", inspect.Parameter.KEYWORD_ONLY, default=words, annotation=list[str]))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__name__ = "run"
    return command


def _parameter(option: Option) -> inspect.Parameter:
    names = list(option.names)
    if option.kind == "switch":
        names[-2:] = [f"{names[-2]}/{names[-1]}"]
    default: Any = False if option.kind == "flag" else None
    declared = typer.Option(
        default, *names, help=option.help + ".", metavar=option.metavar or None, show_default=False, rich_help_panel=option.group
    )
    kind = TYPES[option.kind]
    return inspect.Parameter(
        option.field, inspect.Parameter.KEYWORD_ONLY, default=declared, annotation=kind if option.kind == "flag" else kind | None
    )
