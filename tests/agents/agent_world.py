"""A home with the things a user has, a project in it, and the ways to run inner there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from program import INNER

KEY = "test-key-0123456789-abcdefghij"
CLAUDE = {
    "oauthAccount": {"emailAddress": "user@example.test"}, "projects": {"/other": {"history": ["other words"]}},
    "mcpServers": {"theirs": {"command": "touch", "args": ["mcp-was-here"]}},
}  # fmt: skip
HOME = {
    ".ssh/id_ed25519": "SECRET of ssh\n",
    ".aws/credentials": "SECRET of aws\n",
    ".bash_history": "SECRET of bash\n",
    ".gitconfig": "[user]\n\tname = A User\n\temail = user@example.test\n[init]\n\tdefaultBranch = main\n",
    ".claude.json": json.dumps(CLAUDE),
    ".claude/settings.json": json.dumps(
        {"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "touch hook-was-here"}]}]}}
    ),
    ".claude/history.jsonl": "SECRET of claude\n",
    ".codex/config.toml": 'notify = ["touch", "notify-was-here"]\n',
    ".codex/history.jsonl": "SECRET of codex\n",
    ".gemini/settings.json": '{"mcpServers": {"theirs": {"command": "touch", "args": ["mcp-was-here"]}}}',
    "other/notes": "SECRET of another project\n",
}
OWN = (".cache/inner", ".local/state/inner")  # what a run of inner may write


class World:
    """`home` and `project`, and the ways to run inner there."""

    def __init__(self, root: Path, programs: str) -> None:
        self.home = root / "home"
        self.project = self.home / "project"
        self.project.mkdir(parents=True)
        for name, text in HOME.items():
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(text)
        self.env = {"HOME": str(self.home), "PATH": f"{programs}:/usr/bin:/bin", "SHELL": "/bin/bash", "TERM": "xterm-256color"}
        self.git("init", "-q")
        (self.project / "README").write_text("a project\n")
        self.git("add", ".")
        self.git("commit", "-qm", "begin")

    def git(self, *words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=self.project, env={**self.env, "TZ": "UTC"}, check=True, capture_output=True, text=True
        ).stdout

    def run(self, *words: str, timeout: int = 120, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*INNER, "run", *words], cwd=self.project, env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip

    def command(self) -> dict[str, str]:
        """The environment of a person's shell, in which inner is a command."""
        import shlex

        program = self.home / "bin/inner"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {shlex.join(INNER)} "$@"\n')
        program.chmod(0o755)
        return {**self.env, "PATH": f"{self.home}/bin:{self.env['PATH']}", "COLORTERM": "truecolor"}

    def profile(self, name: str, text: str) -> None:
        path = self.home / f".config/inner/profiles/{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('schema_version = "1"\n' + text)

    def tree(self) -> dict[str, tuple[int, str]]:
        """Every file of home but the project and inner's own: mode and content."""
        found = {}
        for folder, folders, files in os.walk(self.home):
            here = os.path.relpath(folder, self.home)
            folders[:] = [f for f in folders if os.path.normpath(f"{here}/{f}") not in (*OWN, "project")]
            for name in files:
                path = Path(folder, name)
                data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
                found[os.path.normpath(f"{here}/{name}")] = (path.lstat().st_mode, hashlib.sha256(data).hexdigest())
        return found
