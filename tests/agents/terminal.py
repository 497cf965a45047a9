"""A terminal for a test: tmux, with a shell in it. What is on the screen is asked of tmux, as a person would look at it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 180.0  # seconds: on a machine that has other things to do, a program of this size takes a minute to start


class Terminal:
    """`with Terminal(folder, env, beside=place) as t`: a screen of 100 by 30, with bash, whose prompt is `$ `."""

    def __init__(self, folder: Path, env: dict[str, str], *, beside: Path) -> None:
        self.folder, self.beside, self.socket = folder, beside, beside / "tmux"
        self.asked = 0
        self.env = {**env, "HISTFILE": "/dev/null", "LANG": "C.UTF-8"}

    def tmux(self, *words: str) -> str:
        line = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *words]
        done = subprocess.run(line, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout

    def __enter__(self) -> Terminal:
        self.tmux("new-session", "-d", "-x", "100", "-y", "30", "-s", "t", "bash --norc --noprofile")
        self.tmux("set-option", "-g", "status", "off")
        self.type("PS1='$ '; clear")
        self.key("Enter")
        self.wait(r"^\$$")
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
            if re.search(pattern, screen, re.MULTILINE):
                return screen
            assert time.monotonic() < end, f"no {pattern!r} on the screen:\n{screen}"
            time.sleep(0.1)

    def until(self, good: Callable[[str], object], *, seconds: float = PATIENCE) -> str:
        """The screen, as soon as it is `good`."""
        end = time.monotonic() + seconds
        while not good(screen := self.screen):
            assert time.monotonic() < end, f"not as it should be:\n{screen}"
            time.sleep(0.1)
        return screen

    def pause(self, seconds: float) -> None:
        """Keys that come at once are one thing to some programs."""
        time.sleep(seconds)

    def run(self, line: str) -> None:
        """A command of the shell."""
        self.type(line)
        self.key("Enter")

    def modes(self) -> str:
        """What stty(1) says of the terminal, with the shell in front."""
        self.asked += 1
        self.run(f"clear; stty -a >{self.beside}/modes; echo written {self.asked}")
        self.wait(f"^written {self.asked}$")
        return "\n".join((self.beside / "modes").read_text().splitlines()[1:])

    def kill(self, name: str) -> None:
        """Kill the programs of this name that descend from the shell."""
        shell = int(self.tmux("display-message", "-p", "-t", "t", "#{pane_pid}"))
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if Path(words[0].decode()).name == name and self._descends(int(folder.name), shell):
                    os.kill(int(folder.name), signal.SIGKILL)
            except (OSError, ValueError):
                continue

    def _descends(self, pid: int, ancestor: int) -> bool:
        while pid > 1:
            if pid == ancestor:
                return True
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return False

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
