"""Cursor's command-line agent."""

from __future__ import annotations

from inner.agents.base import Login

NAME = "cursor"
COMMANDS = ("cursor-agent",)
ENV = ()
KEYS = ("CURSOR_API_KEY",)
SEEDS = ()
LOGINS = (Login(".cursor/cli-config.json"), Login(".config/cursor/auth.json"))
HOSTS = ("cursor.com", "*.cursor.sh", "*.cursor.com")
OPTIONAL = ()
PROTECTED = (".cursor", ".cursorrules")
BASE_URLS = ()
