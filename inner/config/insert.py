"""One more item in a list of a TOML text, everything else as it stands: comments, order, the way it is laid out. Pure."""

from __future__ import annotations

import re
import tomllib

from inner.config.locate import lines
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""' r"|'''.*?'''" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'|#[^\n]*|[^\s\"'#\[\],]+|[\[\],]", re.DOTALL
)


def with_item(content: bytes, table: str, key: str, item: str, *, where: str) -> bytes:
    """`content` with the word `item`, which needs no escape, in the list `key` of `table`; as it is when it is there already. A key
    that edits a list of the profile below (`{ add = [...] }`) gets it there. ConfigError when the text is not ours to rewrite."""
    try:
        text = content.decode()
        before = tomllib.loads(text)
        there = before.get(table, {}).get(key)
        path: tuple[str, ...] = (table, key)
        if isinstance(there, dict):
            path = (*path, "set" if "set" in there else "add")
            there = there.get(path[-1])
        if there is not None and item in there:
            return content
        made = _in_list(text, path, item) if there else _in_table(text, path, item, there)
        _expect(before, path, item)
        if tomllib.loads(made) != before:
            raise ValueError
    except (ValueError, TypeError, AttributeError, KeyError):  # TOMLDecodeError is a ValueError
        raise ConfigError(
            f"`{key}` of this file cannot be added to without rewriting it",
            where=where,
            hint=f'`{key} = ["{item}"]` under `[{table}]`, by hand',
        ) from None
    return made.encode()


def _expect(data: dict[str, Any], path: tuple[str, ...], item: str) -> None:
    place = data
    for part in path[:-1]:
        place = place.setdefault(part, {})
    place[path[-1]] = [*place.get(path[-1], ()), item]


def _in_table(text: str, path: tuple[str, ...], item: str, there: object) -> str:
    """The list is empty, or not there yet: a line of its own below the head of the table."""
    found = lines(text)
    rows = text.split("\n")
    table, key = path[0], path[1]
    if there is not None:
        at = found[path] - 1
        rows[at] = re.sub(r"\[\s*\]", f'["{item}"]', rows[at], count=1)
        return "\n".join(rows)
    if len(path) > 2:
        raise ValueError
    line = f'{key} = ["{item}"]'
    number = found.get((table,))
    if number is None:
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}\n[{table}]\n{line}\n"
    head = rows[number - 1].lstrip()
    rows.insert(*((number, line) if head.startswith("[") else (number - 1, f"{table}.{line}")))
    return "\n".join(rows)


def _in_list(text: str, path: tuple[str, ...], item: str) -> str:
    """After its last element, on a line of its own where that one has one."""
    row = lines(text)[path] - 1
    start = sum(len(line) + 1 for line in text.split("\n")[:row])
    start = text.index("=", text.index(path[-1], start))
    opened, last, comma = -1, -1, -1
    for token in _TOKEN.finditer(text, start + 1):
        word = token.group()
        if word == "[":
            if opened >= 0:
                raise ValueError
            opened = token.end()
        elif word == "]":
            break
        elif word == ",":
            comma = token.end()
        elif not word.startswith("#"):
            last, comma = token.end(), -1
    else:
        raise ValueError
    begin = text.rfind("\n", 0, last) + 1
    if begin <= opened:  # not on a line of its own
        return f'{text[:last]}, "{item}"{text[last:]}'
    indent = re.match(r"[ \t]*", text[begin:])
    end = text.find("\n", max(last, comma))
    tail = text[last:end] if comma >= 0 else f",{text[last:end]}"
    return f'{text[:last]}{tail}\n{indent.group() if indent else ""}"{item}",{text[end:]}'
