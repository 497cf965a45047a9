"""Two kinds of path that must not be mixed up, and the folders inner keeps for itself.

`HostPath` names a file outside, `BoxPath` one inside. Both are plain strings at run time (`pathlib` costs 11 ms to import);
mypy keeps them apart. Everything here is pure: no function touches the disk.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import NewType

    HostPath = NewType("HostPath", str)
    BoxPath = NewType("BoxPath", str)
else:
    HostPath = BoxPath = str


def normal(path: str) -> str:
    """`path` without `.`, `..`, doubled or trailing slashes, decided by text alone; absolute paths stay absolute."""
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not path.startswith("/"):
            parts.append(part)
    text = "/".join(parts)
    return "/" + text if path.startswith("/") else text or "."


def covers(parent: str, path: str) -> bool:
    """True when `path` is `parent` or lies below it. Both normal."""
    return parent == "/" or path == parent or path.startswith(parent + "/")


def ancestors(path: str) -> "Iterator[str]":
    """Every proper ancestor of a normal absolute path, nearest first, `/` last."""
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path


def quoted(word: str) -> str:
    """`word` for a shell: in quotes where it needs them, on one line whatever is in it. For every command line that is shown."""
    from shlex import quote

    if word.isprintable():
        return quote(word)
    data = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(b) if 0x20 <= b < 0x7F and chr(b) not in "\\'" else f"\\x{b:02x}" for b in data) + "'"


def config_dir(env: "Mapping[str, str]", home: str) -> HostPath:
    """Where the user's own configuration lives (XDG base directory specification 0.8)."""
    return HostPath(_base(env, "XDG_CONFIG_HOME", home + "/.config") + "/inner")


def state_dir(env: "Mapping[str, str]", home: str) -> HostPath:
    """Runs, trust decisions, journals. Never visible in a box."""
    return HostPath(_base(env, "XDG_STATE_HOME", home + "/.local/state") + "/inner")


def cache_dir(env: "Mapping[str, str]", home: str) -> HostPath:
    """Compiled configuration and probe results: may be deleted at any time. Never visible in a box."""
    return HostPath(_base(env, "XDG_CACHE_HOME", home + "/.cache") + "/inner")


def own_below(folder: str, env: "Mapping[str, str]", home: str) -> HostPath:
    """Which of inner's own folders lies in `folder`: who works there in a box could have made it. "" when none does, or home is there as
    well, where no box works."""
    none = HostPath("")
    return none if covers(folder, home) else next((place for place in own(env, home) if covers(folder, place)), none)


def own(env: "Mapping[str, str]", home: str) -> dict[HostPath, str]:
    """The three of them, with the variable that names another place."""
    return {
        cache_dir(env, home): "XDG_CACHE_HOME",
        state_dir(env, home): "XDG_STATE_HOME",
        config_dir(env, home): "XDG_CONFIG_HOME",
    }


def _base(env: "Mapping[str, str]", name: str, default: str) -> str:
    value = env.get(name, "")
    return normal(value) if value.startswith("/") else default  # the specification: a relative value is ignored
