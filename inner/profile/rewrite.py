"""Values put into the text of a profile by hand, as its owner would: comments, order and spacing stay. Pure.

Each change is checked by parsing what came out; what cannot be changed without touching anything else is refused, with the line
to write oneself.
"""

from __future__ import annotations

import re
import tomllib

from inner.config.locate import lines
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.profile.amend import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_HEADER = re.compile(r"\s*\[")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]]')
_SCALAR = re.compile(r'(\s*)("(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|[A-Za-z0-9_.+-]+)')


def rewritten(content: bytes, wanted: Mapping[str, Mapping[str, object]]) -> bytes:
    """`content` with `wanted`, table by table: elements of lists are added, everything else is set. ConfigError when that is
    not possible."""
    text = content.decode("utf-8").replace("\r\n", "\n")
    for table, values in wanted.items():
        for key, value in values.items():
            text = _with(text, table, key, value)
    return text.encode("utf-8")


def _with(text: str, table: str, key: str, value: object) -> str:
    data = tomllib.loads(text)
    old = data.get(table, {}).get(key)
    new = [*old, *(item for item in value if item not in old)] if isinstance(old, list) and isinstance(value, list) else value
    if new == old:
        return text
    line = f"{key if _BARE.fullmatch(key) else quoted(key)} = {_value(new)}"
    made = _placed(text, table, key, new, old, line)
    after: dict[str, Any] = {**data, table: {**data.get(table, {}), key: new}}
    try:
        if tomllib.loads(made) == after:
            return made
    except tomllib.TOMLDecodeError:
        pass
    raise ConfigError(f"`{key}` of `[{table}]` cannot be changed by itself in this file", hint=f"write it there: `{line}`")


def _placed(text: str, table: str, key: str, new: object, old: object, line: str) -> str:
    rows = text.split("\n")
    known = lines(text)
    if old is not None:
        before = "\n".join(rows[: known.get((table, key), 1) - 1])
        start = len(before) + 1 if before else 0
        equals = text.find("=", start + (len(quoted(key)) if "=" in key else 0)) + 1
        if isinstance(old, list) and isinstance(new, list):
            return _longer(text, equals, new[len(old) :])
        found = _SCALAR.match(text, equals)
        return f"{text[: found.start(2)]}{_value(new)}{text[found.end(2) :]}" if found else text
    header = next((at for at, row in enumerate(rows) if re.fullmatch(rf"\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?", row)), None)
    if header is None:
        return f"{text.rstrip()}\n\n[{table}]\n{line}\n".lstrip("\n")
    last = header
    for at in range(header + 1, len(rows)):
        if _HEADER.match(rows[at]):
            break
        if rows[at].strip() and not rows[at].lstrip().startswith("#"):
            last = at
    return "\n".join([*rows[: last + 1], line, *rows[last + 1 :]])


def _longer(text: str, at: int, more: list[object]) -> str:
    """The array that begins after `at` with more elements, in its own style: on one line, or one a line."""
    depth, last, end = 0, at, -1
    for token in _TOKEN.finditer(text, at):
        if token[0] == "[":
            depth += 1
            last = token.end() if depth == 1 else last
        elif token[0] == "]":
            depth -= 1
            if depth == 0:
                end = token.start()
                break
            last = token.end()
        elif not token[0].startswith("#"):
            last = token.end()
    if end < 0:
        return text
    items = [_value(item) for item in more]
    comma = "" if text[last - 1] == "[" else ","
    if "\n" not in text[last:end]:
        rest = text[last:end].replace(",", "", 1)
        return f"{text[:last]}{comma}{' ' if comma else ''}{', '.join(items)}{rest}{text[end:]}"
    row = text[text.rfind("\n", 0, last) + 1 : last]
    indent = row[: len(row) - len(row.lstrip())] if comma and row.lstrip()[:1] in "\"'" else "  "
    rest = text[last:end].lstrip(" ,") if comma else text[last:end].lstrip(" ")
    here, _, below = rest.partition("\n")
    added = "".join(f"\n{indent}{item}," for item in items)
    return f"{text[:last]}{comma}{'  ' + here if here else ''}{added}\n{below}{text[end:]}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{key if _BARE.fullmatch(key) else quoted(key)} = {_value(item)}" for key, item in value.items())
            + " }"
        )
    return quoted(value) if isinstance(value, str) else str(value)
