"""Write manual pages and completion scripts, from the program itself: `python packaging/man.py FOLDER`.

FOLDER/man1/inner.1 and a page for each command; FOLDER/completions/inner.bash, _inner, inner.fish. SOURCE_DATE_EPOCH dates the pages.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from typer.main import get_group

from inner import __version__
from inner.cli import build
from inner.commands import completion
from inner.commands.tree import Node, nodes

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


def main(folder: Path) -> None:
    """Write all of it."""
    os.umask(0o022)
    found = nodes(get_group(build()))
    (folder / "man1").mkdir(parents=True, exist_ok=True)
    (folder / "completions").mkdir(exist_ok=True)
    for node in found:
        if len(node.path) < 3:
            (folder / "man1" / f"{'-'.join(node.path)}.1").write_text(page(node, found))
    for name, script in (("inner.bash", completion.bash), ("_inner", completion.zsh), ("inner.fish", completion.fish)):
        (folder / "completions" / name).write_text(script(found) + "\n")


def page(node: Node, everything: tuple[Node, ...]) -> str:
    """One page in man(7)."""
    name = "-".join(node.path)
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or time.time()))
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
        for name_below in node.below:
            text = next(one.help for one in everything if one.path == (*node.path, name_below))
            lines += [".TP", f".B {escape(name_below)}", escape(text)]
    for one in inside:
        lines.append(".SH OPTIONS" if one is node else f".SH OPTIONS OF {escape(' '.join(one.path).upper())}")
        for option in one.options:
            names = ", ".join(option.names) + (f" {option.value}" if option.value else "")
            lines += [".TP", f".B {escape(names)}", escape(option.help)]
    if len(node.path) == 1:
        for title, rows in (("EXIT STATUS", STATUS), ("FILES", FILES)):
            lines.append(f".SH {title}")
            for first, text in rows:
                lines += [".TP", f".B {escape(first)}", escape(text)]
    also = sorted({one.path[1] for one in everything if len(one.path) == 2} - {node.path[-1]})[:40]
    pages = [*([] if len(node.path) == 1 else ["inner"]), *(f"inner-{one}" for one in also if len(node.path) == 1)]
    lines += [".SH SEE ALSO", ",\n".join(f".BR {escape(one)} (1)" for one in pages) + ",\n.BR bwrap (1)"]
    return "\n".join(lines).replace(" (1),\n", " (1),\n") + "\n"


def escape(text: str) -> str:
    """Text for groff: backslashes, hyphens as such, no line that begins with a request, one line."""
    text = " ".join(text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").split())
    return f"\\&{text}" if text[:1] in (".", "'") else text


if __name__ == "__main__":
    main(Path(sys.argv[1]))
