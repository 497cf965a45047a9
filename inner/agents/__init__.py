"""One module per coding agent, each with the same names (see `base`); only the one that is needed is imported."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from inner.agents.base import Login, Seed

    class Agent(Protocol):
        """A module of this folder; the names are explained in `base`."""

        NAME: str
        COMMANDS: tuple[str, ...]
        ENV: tuple[tuple[str, str], ...]
        KEYS: tuple[str, ...]
        SEEDS: tuple[Seed, ...]
        LOGINS: tuple[Login, ...]
        HOSTS: tuple[str, ...]
        OPTIONAL: tuple[str, ...]
        PROTECTED: tuple[str, ...]
        BASE_URLS: tuple[tuple[str, str, str], ...]


NAMES = ("claude", "aider", "gemini", "codex", "opencode", "cursor", "generic")
BY_COMMAND = {
    "claude": "claude",
    "aider": "aider",
    "gemini": "gemini",
    "codex": "codex",
    "opencode": "opencode",
    "cursor-agent": "cursor",
}


def agent(name: str, where: str = "") -> Agent:
    """The agent called `name`; ConfigError when inner knows none."""
    if name not in NAMES:
        raise ConfigError(f"there is no agent called `{name}`", hint=f"one of: {', '.join(NAMES)}", where=where)
    module: Agent = getattr(__import__(f"inner.agents.{name}").agents, name)
    return module


def recognised(command: str) -> str:
    """Name of the agent whose program `command` (a name or a path) is, "" when it is none."""
    return BY_COMMAND.get(command.rpartition("/")[2], "")
