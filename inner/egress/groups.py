"""Groups of hosts in a network list: `@pip @npm @cargo @go @maven @apt` become the hosts that this machine's tools are set up to
use (`indexes`), `@github` is a table.

What was found is kept under the contents it was found in, so that a run asks no tool twice. The contents themselves may hold
passwords: only their hash is stored.
"""

from __future__ import annotations

from inner import draft, kept
from inner.egress import address
from inner.egress.rules import HTTP, HTTPS, LAN, normal_host
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.egress.indexes import Source
    from inner.host import Host

GITHUB = (
    "github.com", "github.com:22", "api.github.com", "codeload.github.com", "uploads.github.com",
    "raw.githubusercontent.com", "objects.githubusercontent.com", "release-assets.githubusercontent.com",
)  # fmt: skip
"""Clone and push over https and ssh, the API, archives, releases. Whoever may reach these can tell anything to anybody: the
repositories of others are on the same hosts."""

TABLES = {"github": GITHUB}
ASKED = ("pip", "npm", "cargo", "go", "maven", "apt")
FORMAT = 2
LONGEST = 65536  # bytes of a file that is read
NOTHING = "the hosts of `@{0}` are not known: {0} is not set up on this machine"


def expand(entries: Iterable[str], host: Host | None) -> dict[str, str]:
    """The entries with every group replaced by its hosts, each once, and as what each was written. Raises ConfigError."""
    found: dict[str, str] = {}
    for entry in entries:
        for one in group(entry[1:], host) if entry.startswith("@") else (entry,):
            if one == entry or one not in found:  # who names it himself goes before a group that has it too
                found[one] = entry
    return found


def group(name: str, host: Host | None) -> tuple[str, ...]:
    """The entries of one group, named without the `@`."""
    if name in TABLES:
        return TABLES[name]
    if name not in ASKED:
        known = " ".join(f"@{one}" for one in (*ASKED, *TABLES))
        shown = name.encode("unicode_escape").decode("ascii")
        raise ConfigError(f"`@{shown}` is a group of hosts that nobody knows", hint=known)
    if host is None:
        raise ConfigError(f"the hosts of `@{name}` are not known here", hint="name the hosts themselves")
    from inner.egress.indexes import SOURCES

    source = SOURCES[name]
    texts = {path: text for path in source.files(host) if (text := host.read(path, LONGEST)) is not None}
    key = _key(source, texts, host)
    known = kept.load(_place(name, host))
    if isinstance(known, tuple) and known[:2] == (FORMAT, key):
        return tuple(str(entry) for entry in known[2:])
    found = _ask(source, {path: text.decode("utf-8", "replace") for path, text in texts.items()}, host)
    if not found:
        raise ConfigError(NOTHING.format(name), hint="name the hosts themselves: `example.org`, `*.example.org`")
    draft.save(_place(name, host), (FORMAT, key, *found))  # when it cannot be kept, it is asked again next time
    return found


def _ask(source: Source, texts: dict[str, str], host: Host) -> tuple[str, ...]:
    configured, instead = source.configured(texts, host.env)
    found = [entry(url, lan=True) for url in configured]
    if not instead:
        from inner.tools import Tools

        found += [entry(url) for url in source.default(host, Tools(host))]
    return tuple(dict.fromkeys(one for one in found if one))


def entry(url: str, *, lan: bool = False) -> str:
    """The entry for an address of an index, "" when it is none. A mirror at a private address or on this machine (`lan`) was set
    up by whoever owns the machine, and is meant."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0].rpartition("@")[2].partition("?")[0]
    plain = scheme.lower().rpartition("+")[2] == "http"
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        host, port = authority, ""
    name = normal_host(host)
    if not name or (port and not (port.isdigit() and 0 < int(port) < 65536)):
        return ""
    number = int(port) if port else HTTP if plain else HTTPS
    shown = f"[{name}]" if ":" in name else name
    usual = number == (HTTP if plain else HTTPS)
    raw = address.packed(name)
    why = "loopback" if name == "localhost" else address.special(raw) if raw else ""
    if why:  # only with its port, and nothing but the two kinds that a mirror can have
        return f"{shown}:{number}" if lan and (why == "private" or name in ("localhost", "127.0.0.1", "::1")) else ""
    return (LAN if lan and not raw else "") + (name if usual else f"{shown}:{number}")


# --- what was found before ------------------------------------------------------------------------------------------------


def _key(source: Source, texts: dict[str, bytes], host: Host) -> bytes:
    """A hash of all that the answer depends on: files, variables, and the programs that may have been asked."""
    import marshal

    from inner.tools import Tools

    variables = sorted((n, v) for n, v in host.env.items() if n in source.variables or n.startswith("CARGO_REGISTRIES_"))
    programs = []
    if source.programs:
        tools = Tools(host)
        for program in source.programs:
            found = host.lstat(tools.find(program))
            programs.append((found.size, found.dev, found.ino) if found else None)
    data = marshal.dumps((source.name, sorted(texts.items()), variables, programs, str(host.home)), 2)
    try:
        from _blake2 import blake2b  # `hashlib` costs ten times as much
    except ImportError:
        from hashlib import blake2b

    return bytes(blake2b(data, digest_size=32).digest())


def _place(name: str, host: Host) -> str:
    return f"{cache_dir(host.env, host.home)}/groups/{name}"
