"""`keyring:SERVICE[/ACCOUNT]`: the desktop's secret service, asked through `secret-tool` of libsecret."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.tools import Tools, run

if TYPE_CHECKING:
    from inner.host import Host

HINT = "secret-tool store --label=LABEL service SERVICE username ACCOUNT"


def read(argument: str, host: Host) -> str:
    """The first secret of that service, and of that account if one is named."""
    service, _, account = argument.partition("/")
    tools = Tools(host)
    program = tools.find("secret-tool")
    if not program:
        raise ConfigError("`secret-tool` is not installed, which reads the keyring", hint="apt install libsecret-tools")
    out = run((program, "lookup", "service", service, *(("username", account) if account else ())), tools.environment())
    if out is None:
        raise ConfigError(f"the keyring has no secret for `{argument}`", hint=HINT)
    return out.decode("utf-8", "replace")
