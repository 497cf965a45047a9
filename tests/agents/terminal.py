"""A terminal for a test: tmux, with a shell in it. What is on the screen is asked of tmux, as a person would look at it."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

PATIENCE = 60.0


class Terminal:
    """`with Terminal(folder, env) as t`: a screen of 100 by 30, with bash, whose prompt is `$ `."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.socket = folder, folder.parent / "tmux"
        self.env = {**env, "PS1": "$ ", "HISTFILE": "/dev/null", "LANG": "C.UTF-8"}

    def tmux(self, *words: str) -> str:
        line = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *words]
        done = subprocess.run(line, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout

    def __enter__(self) -> Terminal:
        self.tmux("new-session", "-d", "-x", "100", "-y", "30", "-s", "t", "bash --norc --noprofile")
        self.tmux("set-option", "-g", "status", "off")
        self.wait(r"^\$ $")
        return self

    def __exit__(self, *_: object) -> None:
        self.tmux("kill-server")

    @property
    def screen(self) -> str:
        text = self.tmux("capture-pane", "-p", "-t", "t")
        return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")

    def wait(self, pattern: str, *, seconds: float = PATIENCE) -> str:
        """The screen, as soon as it has what `pattern` says."""
        end = time.monotonic() + seconds
        while True:
            screen = self.screen
            if re.search(pattern, screen + ("" if screen.endswith("\n") else ""), re.MULTILINE) or (screen.endswith("$") and pattern == r"^\$ $"):
                return screen
            assert time.monotonic() < end, f"no {pattern!r} on the screen:\n{screen}"
            time.sleep(0.1)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-t", "t", "-l", text)

    def key(self, *names: str) -> None:
        self.tmux("send-keys", "-t", "t", *names)

    def resize(self, width: int, height: int) -> None:
        self.tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    def state(self) -> str:
        """What a program may leave behind: cursor, alternate screen, mouse, keypad."""
        return self.tmux(
            "display-message", "-p", "-t", "t",
            "cursor=#{cursor_flag} alternate=#{alternate_on} mouse=#{mouse_any_flag} keypad=#{keypad_flag} cursorkeys=#{keypad_cursor_flag} wrap=#{wrap_flag}",
        ).strip()  # fmt: skip
