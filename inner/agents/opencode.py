"""OpenCode. It talks to the provider that the user configured: hosts of the usual ones are in the list."""

from __future__ import annotations

from inner.agents.base import ABOUT, BaseUrl, Login, Seed

NAME = "opencode"
COMMANDS = ("opencode",)
ENV = (
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
)
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")
SEEDS = (
    Seed(".config/opencode/AGENTS.md", ABOUT),
    Seed(
        ".config/opencode/opencode.json",
        '{"$schema": "https://opencode.ai/config.json", "autoupdate": false, "share": "disabled", "permission": "allow"}\n',
    ),
)
LOGINS = (Login(".local/share/opencode/auth.json", rotates=True, beside=True),)  # one entry a provider, nothing else
HOSTS = ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com", "openrouter.ai", "opencode.ai")
OPTIONAL = ("models.opencode.ai",)
PROTECTED = (".opencode/", "opencode.json", "opencode.jsonc")
SCRATCH = (".opencode",)  # it puts a `.gitignore` there, and does not start when it cannot
BASE_URLS = (
    BaseUrl("ANTHROPIC_BASE_URL", "api.anthropic.com", "/v1", (("x-api-key", "ANTHROPIC_API_KEY"),)),
    BaseUrl("OPENAI_BASE_URL", "api.openai.com", "/v1", (("authorization", "OPENAI_API_KEY"),)),
)
