"""`command:WORDS`: what a command of the host prints, split into words as a shell does, without a shell."""

from __future__ import annotations

import shlex

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.tools import Tools, run

if TYPE_CHECKING:
    from inner.host import Host

HINT = "the command must print the secret and end with status 0 within 10 seconds"
MORE = ("GNUPGHOME", "PASSWORD_STORE_DIR", "GPG_TTY", "SSH_AUTH_SOCK", "OP_SESSION", "BW_SESSION", "VAULT_ADDR", "XDG_DATA_HOME")


def read(argument: str, host: Host) -> str:
    """Standard output of the command, found on trusted folders only and run from `/`."""
    try:
        words = shlex.split(argument)
    except ValueError:
        words = []
    tools = Tools(host)
    program = words[0] if words else ""
    if program.startswith("~/"):
        program = host.home + program[1:]
    if not program.startswith("/"):
        program = tools.find(program) if program and "/" not in program else ""
    if not program:
        raise ConfigError("the credential's command is not found", hint="command:/usr/bin/pass show api-key")
    out = run((program, *words[1:]), tools.environment(MORE))
    if out is None:
        raise ConfigError(f"the credential's command `{program}` failed", hint=HINT)
    return out.decode("utf-8", "replace")
