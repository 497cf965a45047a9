"""Where a secret comes from: one module per kind of source, each with `read(argument, host) -> str`. A source that yields nothing
raises ConfigError, whose message names the source and never the secret.

Called by the egress process alone: what is read here is in no other memory, on no command line and in no file.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.host import Host

KINDS = ("env", "file", "command", "keyring")
LONGEST = 16384  # bytes


def secret(source: str, host: Host) -> str:
    """The secret behind `env:VAR`, `file:PATH`, `command:WORDS` or `keyring:SERVICE[/ACCOUNT]`."""
    kind, colon, argument = source.partition(":")
    if not colon or kind not in KINDS or not argument:
        raise ConfigError("a credential has a source that is none", hint="env:VAR, file:PATH, command:..., keyring:...")
    if kind == "env":
        from inner.credentials import env as module
    elif kind == "file":
        from inner.credentials import file as module  # type: ignore[no-redef]
    elif kind == "command":
        from inner.credentials import command as module  # type: ignore[no-redef]
    else:
        from inner.credentials import keyring as module  # type: ignore[no-redef]
    found = module.read(argument, host).strip(" \t\r\n")
    if not found:
        raise ConfigError(f"the credential `{_shown(source)}` is empty", hint=module.HINT)
    if len(found) > LONGEST or not found.isascii() or not found.isprintable():
        raise ConfigError(f"the credential `{_shown(source)}` holds what no header can carry", hint="one line of ASCII")
    return found


def _shown(source: str) -> str:
    return source[:100].encode("unicode_escape").decode("ascii")
