"""A pane of a real tmux for tests, with a shell of the host in it, in which boxes are started as a person starts them."""

from __future__ import annotations

import os
import shlex
import subprocess
import time

from program import INNER

WAIT = 20  # seconds: generous, for a machine that is busy


class Screen:
    """One pane with a shell of the host in it, whose prompt is `host$ `."""

    def __init__(self, folder, home):
        self.socket = str(folder / "tmux")
        env = {
            "PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", "SHELL": "/bin/bash", "PS1": "host$ ",
            "HISTFILE": "/dev/null",
        }  # fmt: skip
        shell = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), "bash", "--norc", "--noprofile"]
        self.tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "30", "-c", str(folder / "project"), shlex.join(shell)
        )
        self.tmux("set-option", "-g", "set-clipboard", "on")
        self.wait("host$")

    def tmux(self, *words, **more):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm-256color", "HOME": "/nonexistent"}
        done = subprocess.run(["tmux", "-S", self.socket, *words], capture_output=True, text=True, timeout=30, env=env, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self):
        return "\n".join(line.rstrip() for line in self.tmux("capture-pane", "-p").splitlines())

    def key(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def line(self, text):
        self.type(text)
        self.key("Enter")

    def wait(self, wanted, *, seconds=WAIT):
        """Until `wanted` (a text, or a function of the screen's text) is there."""
        holds = wanted if callable(wanted) else lambda text: wanted in text
        end = time.monotonic() + seconds
        while not holds(seen := self.text()):
            if time.monotonic() > end:
                raise AssertionError(f"`{wanted}` did not come:\n{seen}")
            time.sleep(0.05)
        return seen

    def last(self, prompt):
        """Until the last line is `prompt`: the command before it has ended."""
        return self.wait(lambda text: text.rstrip().endswith(prompt.rstrip()))

    def back(self):
        """Until what `box` has started has ended: the shell has a new prompt below it."""
        self.wait(lambda text: text.rstrip().endswith("host$") and f"{self.socket}-start" in text.replace("\n", ""))
        return self.text()

    def taken(self):
        """Until inner, and not the shell, has the terminal, with every key."""
        shell, terminal = self.tmux("display-message", "-p", "#{pane_pid} #{pane_tty}").split()

        def it_has(_text):
            with open(f"/proc/{shell}/stat") as file:
                front = file.read().rpartition(") ")[2].split()[5]
            modes = subprocess.run(["stty", "-a", "-F", terminal], capture_output=True, text=True, check=True).stdout
            return front != shell and "-icanon" in modes

        self.wait(it_has)

    def front(self, *command):
        """Until a process of exactly this command line has its terminal, and runs."""

        def it_has(_text):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as words, open(f"/proc/{pid}/stat") as file:
                        state, _, group, _, _, front = file.read().rpartition(") ")[2].split()[:6]
                        if words.read() == "".join(f"{word}\0" for word in command).encode() and group == front and state in "RS":
                            return True
                except OSError:
                    continue
            return False

        self.wait(it_has)

    def box(self, *command, prompt="box$ "):
        """Start a box in the pane."""
        words = [*INNER, "run", "-e", "PS1=box$ ", "-e", "EDITOR=vim", "--", *(command or ("bash", "--norc", "--noprofile"))]
        path = f"{self.socket}-start"
        with open(path, "w") as file:
            file.write(f"exec {shlex.join(words)}\n")
        self.key("C-l")
        self.line(f"sh {path}")
        if prompt:
            self.last(prompt)
