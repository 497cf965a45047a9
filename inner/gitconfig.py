"""Git's configuration as text: read, asked, written. Pure: bytes in, entries or bytes out.

The format is that of git-config(1), read as git's own config.c reads it. Which entries may enter a box `gitpolicy` knows.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 64 * 1024  # of one file: what follows is not read
SPACE = " \t\n\r"  # git's own isspace (ctype.c): no vertical tab, no form feed
ESCAPES = {"t": "\t", "b": "\b", "n": "\n", "\\": "\\", '"': '"'}


@frozen
class Entry:
    """One line: section and key in lower case, `sub` None where there is no subsection, `value` None for a bare key (true)."""

    section: str
    sub: str | None
    key: str
    value: str | None

    @property
    def name(self) -> str:
        """As `git config --list` prints it."""
        return f"{self.section}.{self.key}" if self.sub is None else f"{self.section}.{self.sub}.{self.key}"


# --- reading ------------------------------------------------------------------------------------------------------------


class _Reader:
    """The characters of a file as git's get_next_char gives them: CR LF is one newline, and so is the end."""

    def __init__(self, data: bytes) -> None:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        self.text, self.at, self.line, self.ended = text.replace("\r\n", "\n"), 0, 1, False

    def next(self) -> str:
        if self.at >= len(self.text):
            self.ended = True
            return "\n"
        char = self.text[self.at]
        self.at += 1
        self.line += char == "\n"
        return char

    def skip_line(self) -> None:
        """To the newline, which is left to be read."""
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end


class _BadLineError(Exception):
    pass


def parse(data: bytes) -> tuple[list[Entry], int]:
    """Every entry in order, and the number of the line that git would refuse, 0 when there is none: what follows it is not read."""
    reader, section = _Reader(data), ""
    entries: list[Entry] = []
    line = 1
    try:
        while True:
            line = reader.line
            char = reader.next()
            if reader.ended:
                return entries, 0
            if char in SPACE:
                continue
            if char in "#;":
                reader.skip_line()
            elif char == "[":
                section = _section(reader)
            elif section and char.isascii() and char.isalpha():
                entries.append(_entry(section, char, reader))
            else:
                raise _BadLineError
    except _BadLineError:
        return entries, line


def _is_key(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == "-")


def _section(reader: _Reader) -> str:
    """`[section]`, `[section "sub"]` or the old `[section.sub]`, as "section" or "section.sub"."""
    name = ""
    while True:
        char = reader.next()
        if reader.ended:
            raise _BadLineError
        if char == "]":
            return name
        if char in SPACE:
            return f"{name}.{_subsection(char, reader)}"
        if not _is_key(char) and char != ".":
            raise _BadLineError
        name += char.lower()


def _subsection(char: str, reader: _Reader) -> str:
    while char in SPACE:
        if char == "\n":
            raise _BadLineError
        char = reader.next()
    if char != '"':
        raise _BadLineError
    name = ""
    while (char := reader.next()) != '"':
        if char == "\\":
            char = reader.next()
        if char == "\n":
            raise _BadLineError
        name += char
    if reader.next() != "]":
        raise _BadLineError
    return name


def _entry(section: str, first: str, reader: _Reader) -> Entry:
    key = first.lower()
    while _is_key(char := reader.next()):
        key += char.lower()
    while char in " \t":
        char = reader.next()
    if char not in "\n=":
        raise _BadLineError
    value = _value(reader) if char == "=" else None
    name, dot, sub = section.partition(".")
    return Entry(name, sub if dot else None, key, value)


def _value(reader: _Reader) -> str:
    value, space, quoted = "", 0, False
    while True:
        char = reader.next()
        if char == "\n":
            if quoted:
                raise _BadLineError
            return value
        if char in SPACE and not quoted:
            space += bool(value)
            continue
        if char in ";#" and not quoted:
            reader.skip_line()
            continue
        value += " " * space
        space = 0
        if char == "\\":
            char = reader.next()
            if char != "\n":
                if char not in ESCAPES:
                    raise _BadLineError
                value += ESCAPES[char]
        elif char == '"':
            quoted = not quoted
        else:
            value += char


# --- asking -------------------------------------------------------------------------------------------------------------


def get(data: bytes, name: str) -> str | None:
    """The last value of `name`, such as `core.hooksPath` or `remote.origin.url`; "true" for a bare key, None when it is not set.

    Section and key in any case; included files are not looked into.
    """
    return value_of(parse(data)[0], name)


def value_of(entries: Iterable[Entry], name: str) -> str | None:
    """`get`, for entries."""
    section, _, rest = name.partition(".")
    sub, dot, key = rest.rpartition(".")
    found = None
    for entry in entries:
        if (entry.section, entry.sub, entry.key) == (section.lower(), sub if dot else None, key.lower()):
            found = "true" if entry.value is None else entry.value
    return found


def includes(data: bytes) -> list[tuple[str, str]]:
    """What a file includes, in order: the condition ("" for always, else such as `gitdir:~/work/`) and the path as written."""
    return [found for entry in parse(data)[0] if (found := included(entry))]


def included(entry: Entry) -> tuple[str, str] | None:
    """Condition and path of an entry that includes a file."""
    if entry.key != "path" or not entry.value:
        return None
    if entry.section == "include" and entry.sub is None:
        return "", entry.value
    return (entry.sub, entry.value) if entry.section == "includeif" and entry.sub is not None else None


def condition_holds(
    condition: str, *, git_dirs: Iterable[str], home: str, folder: str, branch: str = "", urls: Iterable[str] = ()
) -> bool:
    """Whether an `includeIf` applies. `git_dirs`: the repository's git folder, as typed and as real path; `folder`: that of the
    file which includes (git-config(1), "Conditional includes"). An unknown condition does not hold.
    """
    kind, _, pattern = condition.partition(":")
    if kind in ("gitdir", "gitdir/i"):
        if pattern.startswith("~/"):
            pattern = home + pattern[1:]
        elif pattern.startswith("./"):
            pattern = folder + pattern[1:]
        elif not pattern.startswith("/"):
            pattern = "**/" + pattern
        pattern += "**" if pattern.endswith("/") else ""
        fold = str.lower if kind.endswith("/i") else str
        return any(wildmatch(fold(pattern), fold(path)) for path in git_dirs)
    if kind == "onbranch":
        return bool(branch) and wildmatch(pattern + ("**" if pattern.endswith("/") else ""), branch)
    if condition.startswith("hasconfig:remote.*.url:"):
        wanted = condition.removeprefix("hasconfig:remote.*.url:")
        return any(wildmatch(wanted, url) for url in urls)
    return False


def wildmatch(pattern: str, text: str) -> bool:
    """Git's wildmatch with WM_PATHNAME, without character classes: `*` and `?` stop at a slash, `**/` and `/**` do not."""
    ways = {0}  # places in the text where the rest of the pattern may begin: linear in both, whatever the pattern is
    at = 0
    while at < len(pattern) and ways:
        char = pattern[at]
        if char == "*":
            stars = at
            while at < len(pattern) and pattern[at] == "*":
                at += 1
            deep = at - stars == 2 and (stars == 0 or pattern[stars - 1] == "/") and (at == len(pattern) or pattern[at] == "/")
            after: set[int] = set()
            for way in ways:
                end = len(text) if deep else text.find("/", way)
                after.update(range(way, (len(text) if end < 0 else end) + 1))
            if deep and at < len(pattern):  # `**/` matches no folder, too
                after = ways | {way + 1 for way in after if text[way : way + 1] == "/"}
                at += 1
            ways = after
            continue
        at += 1
        if char == "\\" and at < len(pattern):
            char = pattern[at]
            at += 1
            ways = {way + 1 for way in ways if text[way : way + 1] == char}
        elif char == "?":
            ways = {way + 1 for way in ways if text[way : way + 1] not in ("", "/")}
        else:
            ways = {way + 1 for way in ways if text[way : way + 1] == char}
    return len(text) in ways


# --- writing --------------------------------------------------------------------------------------------------------------


def render(entries: Iterable[Entry]) -> bytes:
    """A configuration file that git reads back as these entries."""
    lines: list[str] = []
    before: tuple[str, str | None] | None = None
    for entry in entries:
        if (entry.section, entry.sub) != before:
            before = (entry.section, entry.sub)
            lines.append(f"[{entry.section}]" if entry.sub is None else f'[{entry.section} "{_quoted(entry.sub)}"]')
        lines.append(f"\t{entry.key}" if entry.value is None else f'\t{entry.key} = "{_escaped(entry.value)}"')
    return ("\n".join(lines) + "\n" if lines else "").encode("utf-8", "surrogateescape")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _escaped(text: str) -> str:
    return _quoted(text).replace("\n", "\\n").replace("\t", "\\t")
