"""The only module that prints. Data goes to standard output, talk to standard error; nothing depends on colour.

Text that comes from a project, a profile or the box is shown through `safe`, so that no escape sequence, newline or
direction mark of theirs reaches the terminal.
"""

from __future__ import annotations

import os
import sys

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING, fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def safe(text: object) -> str:
    """`text` with everything that does not show as itself written as an escape: control characters, direction marks (they can make a
    line read as another one, CVE-2021-42574), invisible and unassigned characters, undecodable bytes.
    """
    text = str(text)
    return text if text.isprintable() else "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def out(text: str = "") -> None:
    """One line of data on standard output."""
    _write(1, text + "\n")


def err(text: str = "") -> None:
    """One line of talk on standard error."""
    _write(2, text + "\n")


def prompt(text: str) -> None:
    """The beginning of a line of talk, for a question."""
    _write(2, safe(text))


def _write(fd: int, text: str) -> None:
    stream = sys.stdout if fd == 1 else sys.stderr
    data = text.encode("utf-8", "backslashreplace")
    if stream is None:
        return
    try:
        stream.flush()
        while data:
            data = data[os.write(fd, data) :]
    except BrokenPipeError:
        if fd == 1:  # `inner log list | head`: whoever stopped reading knows why
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise SystemExit(0) from None
    except OSError:
        if fd == 1:
            raise InnerError("cannot write to standard output", hint="is the disk full?") from None


def error(problem: InnerError) -> None:
    """`error:`, `-->` where, `hint:`, each on a line of its own."""
    err(f"error: {safe_lines(problem.message)}")
    if problem.where:
        err(f"  --> {safe(problem.where)}")
    if problem.hint:
        err(f"hint: {safe_lines(problem.hint)}")


def warning(text: str) -> None:
    """Something that does not stop the work."""
    err(f"warning: {safe_lines(text)}")


def note(text: str) -> None:
    """A line of talk in inner's own name."""
    err(f"inner: {safe_lines(text)}")


def safe_lines(text: str) -> str:
    """`safe`, with our own line breaks kept and indented."""
    return "\n       ".join(safe(line) for line in text.split("\n"))


def table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> None:
    """Columns, padded with spaces, escaped, on standard output; the last column is not padded."""
    lines = [[safe(cell) for cell in row] for row in ([head, *rows] if head else rows)]
    if not lines:
        return
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        row("".join(cell.ljust(width) + "  " for cell, width in zip(line[:-1], widths, strict=False)), line[-1])


def row(start: str, text: str) -> None:
    """A line on standard output. On a terminal that is too narrow for it `text` goes on below itself, or, where that leaves too little
    room, below the line; a pipe or a file gets the whole line.
    """
    line = (start + text).rstrip()
    columns = os.get_terminal_size(1).columns if os.isatty(1) else 0
    if not columns or len(line) <= columns:
        out(line)
        return
    from textwrap import wrap

    indent = len(start) if columns - len(start) >= 24 else 4
    first = start if indent == len(start) else ""
    if not first:
        out(start.rstrip())
    pieces = wrap(text, max(columns - indent, 20), break_on_hyphens=False)
    for at, piece in enumerate(pieces):
        out((first if first and not at else " " * indent) + piece)


def json(kind: str, data: object, *, schema: int = 1) -> None:
    """`{"schema": 1, "kind": kind, ...}` on standard output; records become objects."""
    import json as _json

    out(_json.dumps({"schema": schema, "kind": kind, "data": plain(data)}, indent=2, ensure_ascii=True))


def plain(value: object) -> object:
    """Records, tuples and mappings as JSON's own types; a record in a list says its class as `type`."""
    if hasattr(type(value), "__match_args__") and not isinstance(value, tuple):
        body = {name: plain(getattr(value, name)) for name in fields(value)}
        return {"type": type(value).__name__.lower(), **body}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (list, tuple, set, frozenset)):
        items: Iterable[object] = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [plain(item) for item in items]
    return value
