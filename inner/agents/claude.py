"""Claude Code, by npm or its native installer."""

from __future__ import annotations

from inner.agents.base import ABOUT, BaseUrl, Login, Seed

NAME = "claude"
COMMANDS = ("claude",)
ENV = (
    ("CLAUDE_CODE_SANDBOXED", "1"),  # the folder is in a box: no trust dialog
    ("DISABLE_AUTOUPDATER", "1"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("IS_SANDBOX", "1"),  # permits its bypass mode for uid 0, too
)
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
SEEDS = (
    Seed(".claude.json", '{"hasCompletedOnboarding": true, "bypassPermissionsModeAccepted": true, "autoUpdates": false}\n'),
    Seed(".claude/CLAUDE.md", ABOUT),
    Seed(".claude/settings.json", '{"skipDangerousModePermissionPrompt": true}\n'),
)
LOGINS = (
    Login(".claude/.credentials.json", ("claudeAiOauth",), "claudeAiOauth.expiresAt", rotates=True),
    # Beside projects, history and MCP servers this file has the account's name, the theme, and the keys that were approved.
    Login(".claude.json", ("theme",), beside=True, approves=("customApiKeyResponses.approved", "ANTHROPIC_API_KEY")),
    Login(".claude.json", ("oauthAccount", "userID")),
)
HOSTS = ("api.anthropic.com", "platform.claude.com", "claude.ai")
OPTIONAL = (
    "downloads.claude.ai", "storage.googleapis.com", "mcp-proxy.anthropic.com", "raw.githubusercontent.com",
    "http-intake.logs.us5.datadoghq.com",
)  # fmt: skip
PROTECTED = (
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".claude/hooks/",
    ".claude/commands/",
    ".claude/agents/",
    ".claude/skills/",
    ".mcp.json",
)
SCRATCH = ()
BASE_URLS = (
    BaseUrl(
        "ANTHROPIC_BASE_URL",
        "api.anthropic.com",
        keys=(("x-api-key", "ANTHROPIC_API_KEY"), ("authorization", "ANTHROPIC_AUTH_TOKEN")),
    ),
)
