"""Aliases: `[aliases]` of the settings, one level deep, never over a built-in command, split as a shell splits words."""

from __future__ import annotations

import os
import shlex

from inner.errors import ConfigError, UsageError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def expanded(argv: list[str], *, known: Collection[str]) -> list[str]:
    """`argv` with its first word replaced when that is an alias and not a command."""
    if not argv or argv[0].startswith("-") or argv[0] in known:
        return argv
    from inner.host import RealHost
    from inner.settings import load

    settings = load(RealHost(os.environ))
    text = settings.aliases.get(argv[0])
    if text is None:
        for said in settings.notices:
            if said.startswith(f"`aliases.{argv[0]}` "):
                raise UsageError(said)
        return argv
    where = str(settings.origin(f"aliases.{argv[0]}"))
    try:
        words = shlex.split(text)
    except ValueError:
        raise ConfigError(f"alias `{argv[0]}` has a quote that is not closed", where=where) from None
    if not words or words[0] not in known:
        raise ConfigError(
            f"alias `{argv[0]}` does not begin with a command of inner", where=where, hint='for instance `"run -p shell --"`'
        )
    if "${workspaces_path}" in text and not settings.workspaces_path:
        message = f"alias `{argv[0]}` speaks of `${{workspaces_path}}`, which is not set"
        raise ConfigError(message, where=where, hint='set `workspaces_path = "~/work"`')
    return [word.replace("${workspaces_path}", settings.workspaces_path) for word in words] + argv[1:]
