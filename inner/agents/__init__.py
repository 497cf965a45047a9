"""One module per coding agent, each with the same names (see `base`); only the one that is needed is imported. A profile can
define more of them, or one of these otherwise (`[agent.NAME]`)."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from inner.agents.base import BaseUrl, Login, Seed
    from inner.origin import Origin
    from inner.profile.model import AgentSpec

    class Agent(Protocol):
        """A module of this folder, or a `base.Definition`; the names are explained in `base`."""

        @property
        def NAME(self) -> str: ...  # noqa: N802
        @property
        def COMMANDS(self) -> tuple[str, ...]: ...  # noqa: N802
        @property
        def ENV(self) -> tuple[tuple[str, str], ...]: ...  # noqa: N802
        @property
        def KEYS(self) -> tuple[str, ...]: ...  # noqa: N802
        @property
        def SEEDS(self) -> tuple[Seed, ...]: ...  # noqa: N802
        @property
        def LOGINS(self) -> tuple[Login, ...]: ...  # noqa: N802
        @property
        def HOSTS(self) -> tuple[str, ...]: ...  # noqa: N802
        @property
        def OPTIONAL(self) -> tuple[str, ...]: ...  # noqa: N802
        @property
        def PROTECTED(self) -> tuple[str, ...]: ...  # noqa: N802
        @property
        def SCRATCH(self) -> tuple[str, ...]: ...  # noqa: N802
        @property
        def BASE_URLS(self) -> tuple[BaseUrl, ...]: ...  # noqa: N802


NAMES = ("claude", "aider", "gemini", "codex", "opencode", "cursor", "generic")
BY_COMMAND = {
    "claude": "claude",
    "aider": "aider",
    "gemini": "gemini",
    "codex": "codex",
    "opencode": "opencode",
    "cursor-agent": "cursor",
}


def agent(name: str, origin: Origin | None = None, own: Mapping[str, AgentSpec] | None = None) -> Agent:
    """The agent called `name`, among `own` first; ConfigError when there is none."""
    if own and name in own:
        return _defined(name, own[name])
    if name not in NAMES:
        known = ", ".join(dict.fromkeys((*(own or ()), *NAMES)))
        hint = f"one of: {known}; or define it: `[agent.{name}]`"
        raise ConfigError(f"there is no agent called `{name}`", hint=hint, where=str(origin) if origin and origin.file else "")
    module: Agent = getattr(__import__(f"inner.agents.{name}").agents, name)
    return module


def recognised(command: str, own: Mapping[str, AgentSpec] | None = None) -> str:
    """Name of the agent whose program `command` (a name or a path) is, "" when it is none."""
    base = command.rpartition("/")[2]
    for name, spec in (own or {}).items():
        if base in spec.commands:
            return name
    return BY_COMMAND.get(base, "")


def _defined(name: str, spec: AgentSpec) -> Agent:
    from inner.agents.base import BaseUrl, Definition, Login, Seed

    return Definition(
        name,
        spec.commands,
        tuple(spec.env.items()),
        spec.keys,
        tuple(Seed(path, text) for path, text in spec.seeds.items()),
        tuple(Login(one.path, one.keep, one.expires, one.rotates) for one in spec.logins),
        spec.hosts,
        spec.optional,
        spec.protected,
        (),
        tuple(BaseUrl(variable, host, path, ((header, key),)) for variable, (host, path, header, key) in spec.base_urls.items()),
    )
