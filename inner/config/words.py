"""One word to start each agent at the terminal, in the project here; an alias of the same name takes its place.

Which it is, is mostly known without reading configuration as TOML: where no file says `aliases`, there is none.
"""

from __future__ import annotations

from inner.config.project import discover
from inner.frozen import TYPE_CHECKING
from inner.paths import config_dir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WORDS = {
    name: ("run", "-p", f"{name}-interactive", "--") for name in ("claude", "aider", "gemini", "codex", "opencode", "cursor")
}
SYSTEM = "/etc/inner"
FILE = "config.toml"
MOST = 65536  # bytes of a file that is looked at


def usual(argv: Sequence[str], env: Mapping[str, str]) -> Sequence[str]:
    """`argv` with one of the words above replaced. As it is when it begins with none, or when some file might have an alias."""
    words = WORDS.get(argv[0]) if argv else None
    if words is None:
        return argv
    from inner.host import RealHost

    host = RealHost(env)
    try:
        files = discover(host).files
    except OSError:  # the current folder is gone
        return argv
    for path in (f"{SYSTEM}/{FILE}", f"{config_dir(env, host.home)}/{FILE}", *files):
        if host.lstat(path) is None:
            continue
        text = host.read(path, MOST)
        # a quoted key can be spelled with escapes: whoever does that is not in a hurry
        if text is None or len(text) == MOST or b"aliases" in text or b"\\" in text:
            return argv
    return (*words, *argv[1:])
