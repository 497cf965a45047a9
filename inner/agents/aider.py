"""Aider. It reads its key from the environment only; `.aider.conf.yml` and the project's `.env` may hold keys, too."""

from __future__ import annotations

from inner.agents.base import BaseUrl

NAME = "aider"
COMMANDS = ("aider",)
ENV = (
    ("AIDER_CHECK_UPDATE", "false"),
    ("AIDER_ANALYTICS_DISABLE", "true"),
    ("AIDER_SHOW_RELEASE_NOTES", "false"),
    ("AIDER_GITIGNORE", "false"),
)
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY")
SEEDS = ()
LOGINS = ()
HOSTS = ("api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "openrouter.ai", "api.deepseek.com")
OPTIONAL = ("raw.githubusercontent.com", "us.i.posthog.com")
PROTECTED = (".aider.conf.yml",)
SCRATCH = ()
BASE_URLS = (
    BaseUrl("OPENAI_API_BASE", "api.openai.com", "/v1", (("authorization", "OPENAI_API_KEY"),)),
    BaseUrl("ANTHROPIC_API_BASE", "api.anthropic.com", "", (("x-api-key", "ANTHROPIC_API_KEY"),)),
)
