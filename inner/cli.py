"""The Typer application: names the commands. Errors are caught in `inner.guard`; the plain forms of `inner run` do not come here.

Each command is a file of `inner.commands` with `add(app)`, which imports what it needs when it runs.
"""

from __future__ import annotations

import os
import re
import sys

os.environ.setdefault("TYPER_USE_RICH", "0")  # help in plain text: half the time, and readable without colour

import typer

from inner import __version__
from inner.errors import UsageError
from inner.guard import guard
from inner.paths import quoted
from inner.ui import safe


def build() -> typer.Typer:
    """The application with all its commands."""
    from inner.commands import (
        apply,
        approvals,
        attach,
        completion,
        config,
        diff,
        discard,
        doctor,
        export,
        init,
        log,
        man,
        profile,
        reset,
        run,
        runs,
        trust,
        verify,
        version,
        why,
    )
    from inner.commands.help import GroupedCommands

    app = typer.Typer(
        name="inner",
        cls=GroupedCommands,
        help="Run an AI agent, or any program you do not trust, in a box.",
        epilog="A first box: `inner run -- ls -A`. An agent: `inner claude`, or aider, codex, cursor, gemini, opencode. "
        "Help for a command: `inner COMMAND --help`.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80, "terminal_width": 80},
    )

    def show_version(value: bool) -> None:
        if value:
            typer.echo(f"inner {__version__}")
            raise typer.Exit

    @app.callback()
    def top(
        _version: bool = typer.Option(
            False, "--version", callback=show_version, is_eager=True, help="Print the version and exit."
        ),
    ) -> None:
        pass

    for command in (
        run,
        runs,
        attach,
        approvals,
        log,
        diff,
        apply,
        discard,
        verify,
        why,
        profile,
        config,
        trust,
        doctor,
        init,
        reset,
        export,
        completion,
        man,
        version,
    ):
        command.add(app)
    return app


def application() -> None:
    """The whole program, for what `inner.front` leaves to Typer. Exits."""
    argv = sys.argv[1:]
    sys.exit(guard(lambda: _dispatch(argv)))


def _dispatch(argv: list[str]) -> int:
    from inner.commands.alias import expanded

    argv = expanded(argv, known=command_names())
    if argv[:1] == ["help"]:  # as other programs have it
        argv = [*argv[1:], "--help"]
    return guard(lambda: _typer(argv), before_start=125 if argv[:1] == ["run"] else 0)


def command_names() -> frozenset[str]:
    """The built-in commands: no alias may have one of these names."""
    from typer.main import get_group

    return frozenset(get_group(build()).commands)


_NAMED = re.compile(r"(?:(?<= )|^)'([^'`]*)'(?=[ :,]|$)")  # what click puts in quotes can be typed
_SUPERFLUOUS = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", re.DOTALL)
_NUMBERS = ((r"a valid int(eger)?( range)?$", "a whole number"), (r"a valid float( range)?$", "a number"))


def _typer(argv: list[str]) -> int:
    try:
        result = build()(args=argv, prog_name="inner", standalone_mode=False)
    except Exception as problem:
        # Typer's own usage errors, whichever copy of click it has inside: they know their message and their command.
        message = getattr(problem, "format_message", None)
        if message is None or not hasattr(problem, "exit_code"):
            raise
        context = getattr(problem, "ctx", None)
        if (
            context is not None and type(problem).__name__ == "NoArgsIsHelpError"
        ):  # `inner`, `inner profile`: a question, not a fault
            typer.echo(context.get_help())
            return 0
        path = context.command_path if context is not None else "inner"
        if path == "inner" and argv[:1] == ["run"]:  # an option without its value has no context
            path = "inner run"
        if type(problem).__name__ == "MissingParameter":
            from inner.commands.runs import missing

            better = missing(path, getattr(getattr(problem, "param", None), "name", "") == "words")
            if better is not None:
                raise better from None
        text, close = _NAMED.sub(r"`\1`", message().rstrip(".")), ""
        if superfluous := _SUPERFLUOUS.fullmatch(text):
            text = f"`{path}` takes no `{safe(superfluous[1])}`"
        for pattern, plain in _NUMBERS:
            text = re.sub(pattern, plain, text)
        if type(problem).__name__ == "NoSuchOption":
            from inner.config.faults import did_you_mean

            name = str(getattr(problem, "option_name", ""))
            text = f"there is no option `{safe(name)}`"
            close = did_you_mean(name, getattr(problem, "possibilities", None) or ())
            if path == "inner run" and not close and "--" not in argv and not argv[1].startswith("-"):
                close = f"what is for the command follows `--`: `inner run -- {' '.join(map(quoted, argv[1:]))}`;"
        raise UsageError(text[:1].lower() + text[1:], hint=f"{close} `{path} --help` shows what it takes".lstrip()) from None
    return result if isinstance(result, int) else 0
