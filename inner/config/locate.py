"""On which line of a TOML text a key or a list element stands: `tomllib` does not tell.

One pass over the text, linear in its length. It is no validator: on a text that is not TOML it stops and returns what it has.
It refuses what is nested too deeply, before `tomllib` (quadratic in the parts of a dotted key, recursive in arrays) meets it.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    Path: TypeAlias = tuple[str | int, ...]

DEPTH = 16  # of tables and arrays, and parts of a dotted key: the format needs 5

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?""""{0,2}' r"|'''.*?''''{0,2}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\n]*")


class _NotTomlError(Exception):
    """The text is not TOML at this place: the parser will say so, with a better message."""


def lines(text: str, file: str = "") -> dict[Path, int]:
    """Line (from 1) of every key path; an element of an array has its index in the path. ConfigError when nested too deeply."""
    scan = _Scan(text, file)
    try:
        scan.document()
    except _NotTomlError:
        pass
    return scan.found


class _Scan:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.at, self.file = text, 0, file
        self.found: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}  # arrays of tables: index of the last one
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def line(self) -> int:
        return bisect_right(self.starts, self.at)

    def too_deep(self) -> ConfigError:
        where = f"{self.file}:{self.line()}" if self.file else ""
        message = f"tables, lists or dotted keys are nested more than {DEPTH} deep"
        return ConfigError(message, where=where, hint="no key of inner needs that")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _NotTomlError
        self.at = match.end()
        return match.group()

    def expect(self, text: str) -> None:
        if not self.text.startswith(text, self.at):
            raise _NotTomlError
        self.at += len(text)

    def document(self) -> None:
        table: Path = ()
        while True:
            self.skip(_GAP)
            if not self.peek():
                return
            if self.peek() == "[":
                table = self.header()
            else:
                self.pair(table, 0)

    def header(self) -> Path:
        line = self.line()
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        parts = self.key()
        self.expect("]]" if many else "]")
        path: Path = ()
        for number, part in enumerate(parts, 1):
            path += (part,)
            if many and number == len(parts):
                self.arrays[path] = self.arrays.get(path, -1) + 1
                self.found.setdefault(path, line)
            if path in self.arrays:
                path += (self.arrays[path],)
            self.found.setdefault(path, line)
        return path

    def key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self.skip(_BLANK)
            if self.peek() in ('"', "'"):
                parts.append(_unquoted(self.skip(_STRING)))
            else:
                parts.append(self.skip(_BARE_KEY))
            if len(parts) > DEPTH:
                raise self.too_deep()
            self.skip(_BLANK)
            if self.peek() != ".":
                return parts
            self.at += 1

    def pair(self, table: Path, depth: int) -> None:
        line, path = self.line(), table
        for part in self.key():
            path += (part,)
            self.found.setdefault(path, line)
        self.expect("=")
        self.value(path, depth + 1)

    def value(self, path: Path, depth: int) -> None:
        if depth > DEPTH:
            raise self.too_deep()
        self.skip(_BLANK)
        first = self.peek()
        if first in ('"', "'"):
            self.skip(_STRING)
        elif first == "[":
            self.array(path, depth)
        elif first == "{":
            self.inline(path, depth)
        elif not self.skip(_PLAIN).strip():
            raise _NotTomlError

    def array(self, path: Path, depth: int) -> None:
        self.at += 1
        index = 0
        while True:
            self.skip(_GAP)
            if self.peek() == "]":
                break
            self.found.setdefault((*path, index), self.line())
            self.value((*path, index), depth + 1)
            index += 1
            self.skip(_GAP)
            if self.peek() != ",":
                break
            self.at += 1
        self.expect("]")

    def inline(self, path: Path, depth: int) -> None:
        self.at += 1
        while True:
            self.skip(_GAP)
            if self.peek() == "}":
                break
            self.pair(path, depth)
            self.skip(_GAP)
            if self.peek() != ",":
                break
            self.at += 1
        self.expect("}")


def _unquoted(raw: str) -> str:
    if "\\" not in raw and not raw.startswith(('"""', "'''")):
        return raw[1:-1]
    try:
        return str(tomllib.loads(f"k = {raw}")["k"])
    except tomllib.TOMLDecodeError:
        raise _NotTomlError from None
