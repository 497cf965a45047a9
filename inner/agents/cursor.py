"""Cursor's command-line agent."""

from __future__ import annotations

from inner.agents.base import Login, Seed

NAME = "cursor"
COMMANDS = ("cursor-agent",)
ENV = ()
KEYS = ("CURSOR_API_KEY",)
SEEDS = (
    Seed(".cursor/cli-config.json", '{"version": 1, "editor": {"vimMode": false}, "permissions": {"allow": [], "deny": []}}\n'),
)
LOGINS = (
    Login(".cursor/cli-config.json", ("authInfo",)),
    Login(".config/cursor/auth.json", ("accessToken", "refreshToken"), rotates=True),
)
HOSTS = ("cursor.com", "*.cursor.sh", "*.cursor.com")
OPTIONAL = ()
PROTECTED = (".cursor/", ".cursorrules")
SCRATCH = ()
BASE_URLS = ()
