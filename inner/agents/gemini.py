"""Gemini CLI."""

from __future__ import annotations

from inner.agents.base import ABOUT, BaseUrl, Login, Seed

NAME = "gemini"
COMMANDS = ("gemini",)
ENV = (
    ("GEMINI_CLI_TRUST_WORKSPACE", "true"),  # else `--yolo` is taken back without a word
    ("GEMINI_CLI_NO_RELAUNCH", "true"),
)
KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
SEEDS = (
    Seed(".gemini/GEMINI.md", ABOUT),
    Seed(
        ".gemini/settings.json",
        '{"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": false},'
        ' "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false}}\n',
    ),
)
LOGINS = (
    Login(
        ".gemini/oauth_creds.json",
        ("access_token", "refresh_token", "scope", "token_type", "id_token", "expiry_date"),
        "expiry_date",
        rotates=True,
    ),
    Login(".gemini/google_accounts.json", ("active",)),
    Login(".gemini/settings.json", ("security",)),
)
HOSTS = (
    "generativelanguage.googleapis.com",
    "cloudcode-pa.googleapis.com",
    "oauth2.googleapis.com",
    "www.googleapis.com",
    "accounts.google.com",
)
OPTIONAL = ("play.googleapis.com",)
PROTECTED = (".gemini/",)
SCRATCH = ()
BASE_URLS = (
    BaseUrl("GOOGLE_GEMINI_BASE_URL", "generativelanguage.googleapis.com", keys=(("x-goog-api-key", "GEMINI_API_KEY"),)),
)
