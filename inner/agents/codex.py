"""Codex CLI. Its own sandbox is switched off by the profiles' arguments: ours is around it, and two do not nest."""

from __future__ import annotations

from inner.agents.base import ABOUT, BaseUrl, Login, Seed

NAME = "codex"
COMMANDS = ("codex",)
ENV = (("CODEX_HOME", "${home}/.codex"),)
KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")
SEEDS = (
    Seed(".codex/AGENTS.md", ABOUT),
    # Without this the full-screen program starts a daemon from a 400 MB copy of itself, in memory here.
    Seed(
        ".codex/config.toml",
        "check_for_update_on_startup = false\n\n[analytics]\nenabled = false\n\n[features]\ndaemon_auto_start = false\nplugins = false\n"
        'apps = false\n\n[projects."${workdir}"]\ntrust_level = "trusted"\n',
    ),
)
LOGINS = (Login(".codex/auth.json", ("OPENAI_API_KEY", "auth_mode", "tokens", "last_refresh"), rotates=True),)
HOSTS = ("api.openai.com", "chatgpt.com", "auth.openai.com")
OPTIONAL = ("github.com", "api.github.com", "ab.chatgpt.com")
PROTECTED = (".codex/", ".agents/")
SCRATCH = ()
BASE_URLS = (
    BaseUrl(
        "OPENAI_BASE_URL",
        "api.openai.com",
        "/v1",
        (("authorization", "CODEX_API_KEY"),),
        # It does not read the variable, and tries websockets with the provider that it knows.
        (
            ".codex/config.toml",
            'model_provider = "moved"\nmodel_providers.moved = { name = "OpenAI", base_url = "{url}",'
            ' env_key = "CODEX_API_KEY", wire_api = "responses" }\n',
        ),
    ),
)
