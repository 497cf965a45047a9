"""`inner man`: manual pages, made from the commands as they are; with `--write` all pages and completion scripts, for packages.

SOURCE_DATE_EPOCH dates the pages.
"""

from __future__ import annotations

import os
import time

import typer

from inner import __version__
from inner.errors import UsageError
from inner.frozen import TYPE_CHECKING
from inner.guard import guard

if TYPE_CHECKING:
    from typing import Any

    from inner.commands.tree import Node

STATUS = (
    ("0", "good; of inner run: the command's own status"),
    ("1", "a check failed"),
    ("2", "the command line is wrong"),
    ("3", "a profile or a settings file is wrong"),
    ("4", "this machine cannot do what was asked"),
    ("124", "the run was ended by its time limit"),
    ("125", "inner failed before the command was started"),
    ("126, 127", "the command cannot be executed; it does not exist in the box"),
)
FILES = (
    ("~/.config/inner/config.toml, /etc/inner/config.toml", "settings"),
    ("~/.config/inner/profiles/*.toml, /etc/inner/profiles/*.toml", "profiles"),
    (".inner.toml", "of a project: it can only narrow a box until it is trusted"),
    ("~/.local/state/inner", "runs, reviews, decisions about trust"),
    ("~/.cache/inner", "what can be found anew"),
)


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command(help="Print a manual page: `inner man run | man -l -` shows one.")
    def man(
        context: typer.Context,
        command: str = typer.Argument("", metavar="[COMMAND]", help="One of the commands."),
        write: str = typer.Option("", metavar="PATH", help="Write all pages and completion scripts to a folder instead."),
    ) -> None:
        root = context.find_root().command
        raise typer.Exit(guard(lambda: save(write, root) if write else show(command, root)))


def show(command: str, application: Any) -> int:
    """Print one page."""
    from inner import ui
    from inner.commands.help import no_command
    from inner.commands.tree import nodes

    found = nodes(application)
    pages = {" ".join(node.path[1:]): node for node in found if len(node.path) < 3}
    if command not in pages:
        raise no_command(command, "inner", found[0].below)
    ui.out(page(pages[command], found).rstrip("\n"))
    return 0


def save(folder: str, application: Any) -> int:
    """FOLDER/man1/inner.1 and a page for each command; FOLDER/completions/inner.bash, _inner, inner.fish."""
    from inner.commands import completion
    from inner.commands.tree import nodes

    found = nodes(application)
    texts = {f"man1/{'-'.join(node.path)}.1": page(node, found) for node in found if len(node.path) < 3}
    texts |= {
        f"completions/{name}": script(found) + "\n"
        for name, script in (("inner.bash", completion.bash), ("_inner", completion.zsh), ("inner.fish", completion.fish))
    }
    try:
        for name, text in texts.items():
            os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as problem:
        raise UsageError(f"cannot write to `{folder}`: {problem.strerror}", hint="--write FOLDER, one that you own") from None
    return 0


def page(node: Node, everything: tuple[Node, ...]) -> str:
    """One page in man(7)."""
    name = "-".join(node.path)
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))
    brief = node.help.partition("\n")[0].partition(". ")[0].rstrip(".")
    lines = [
        f'.TH {name.upper()} 1 "{date}" "inner {__version__}" "User Commands"',
        ".SH NAME",
        f"{escape(name)} \\- {escape(brief[:1].lower() + brief[1:])}",
        ".SH SYNOPSIS",
    ]
    inside = [one for one in everything if one.path[: len(node.path)] == node.path and (len(node.path) > 1 or one is node)]
    for one in inside:
        if not one.below or one is node:
            operands = " ".join(one.operands) or ("COMMAND" if one.below else "")
            lines += [f".B {escape(' '.join(one.path))}", escape(f"[OPTIONS] {operands}".strip()), ".br"]
    lines.pop()
    lines += [".SH DESCRIPTION", escape(node.help)]
    if node.below:
        lines.append(".SH COMMANDS")
        for below in node.below:
            text = next(one.help for one in everything if one.path == (*node.path, below))
            lines += [".TP", f".B {escape(below)}", escape(text)]
    for one in inside:
        lines.append(".SH OPTIONS" if one is node else f".SH OPTIONS OF {escape(' '.join(one.path).upper())}")
        for option in one.options:
            names = ", ".join(option.names) + (f" {option.value}" if option.value else "")
            lines += [".TP", f".B {escape(names)}", escape(option.help)]
    also = ["inner"]
    if len(node.path) == 1:
        for title, rows in (("EXIT STATUS", STATUS), ("FILES", FILES)):
            lines.append(f".SH {title}")
            for first, text in rows:
                lines += [".TP", f".B {escape(first)}", escape(text)]
        also = [f"inner-{below}" for below in node.below]
    lines += [".SH SEE ALSO", *(f".BR {escape(one)} (1)," for one in also), ".BR bwrap (1)"]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text for groff: backslashes, hyphens as such, no line that begins with a request, one line."""
    text = " ".join(text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").split())
    return f"\\&{text}" if text[:1] in (".", "'") else text
