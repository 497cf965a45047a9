"""`file:PATH`: a file that nobody else can read; `~` is the home."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.host import realpath
from inner.paths import quoted

if TYPE_CHECKING:
    from inner.host import Host

HINT = "one line, in a file of mode 600"
LONGEST = 65536


def read(argument: str, host: Host) -> str:
    """The content of the file."""
    path = host.home + argument[1:] if argument == "~" or argument.startswith("~/") else argument
    if not path.startswith("/"):  # relative to what? the project must not be the answer
        raise ConfigError(f"the credential `file:{argument}` is not an absolute path", hint=f"file:~/{argument}")
    found = host.lstat(realpath(host, path))
    if found is None or found.kind != "file":
        raise ConfigError(f"the credential `file:{argument}` is not a file", hint=HINT)
    if found.uid not in (host.uid, 0) or found.mode & 0o077:
        raise ConfigError(f"the credential `file:{argument}` can be read by others", hint=f"chmod 600 {quoted(path)}")
    text = host.read(path, LONGEST)
    if text is None:
        raise ConfigError(f"the credential `file:{argument}` cannot be read", hint=HINT)
    return text.decode("utf-8", "replace")
