"""`env:VAR`: a variable of the environment that inner was started in."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.host import Host

HINT = "export the variable before `inner run`"


def read(argument: str, host: Host) -> str:
    """The value of the variable."""
    value = host.env.get(argument)
    if value is None:
        raise ConfigError(f"the credential `env:{argument}` is not set", hint=HINT)
    return value
