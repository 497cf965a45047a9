"""Console blocks of the pages, run: a home folder and a project of their own, one shell for each page, real boxes.

A block is fenced and says `console`. Its lines are commands (`$ `, continued by `> `) and what they print. `...` stands for any text, on
a line of its own for any lines. Run ids, times and amounts of memory are taken to be equal, and so are widths of columns; an id in a command is
the run's that was printed in its place.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from program import ROOT, START

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"(?ms)^```console\n(.*?)^```$")
ID = re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b")
SHOWN = (
    "20260412-101500-a1b2c3",
    "20260412-101730-d4e5f6",
    "20260412-102100-0718c9",
    "20260412-102415-5b2e77",
    "20260412-103002-93f0aa",
)
AMOUNTS = ((r"\d+\.\d s\b", "0.1 s"), (r"\b\d+ s ago", "1 s ago"), (r"memory [\d.]+[KMG]? at most", "memory 5M at most"),
           (r"\d+ process(es)? at most", "2 processes at most"), (r"\b[0-9a-f]{10} -> [0-9a-f]{10}\b", "3f2a9c81d0 -> 81b3e07744"),
           (r"\b[0-9a-f]{64}\b", "b09143f1"), (r"(?m)^inner: .*: \d+ s so far\n", ""))  # fmt: skip
CLAUDE = """#!/bin/sh
# Stands for an agent: one small piece of work on the project.
printf '\\ndef logout(user):\\n    user.session = None\\n' >> src/auth.py
echo 'build: ; python3 -m compileall src' > Makefile
git add -A && git commit -qm 'Add logout' && echo 'Added logout() and a Makefile, and committed both.'
"""


class Step(NamedTuple):
    """A command and what the page says that it prints."""

    command: str
    expected: str


def steps(block: str) -> list[Step]:
    found: list[list[str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], ""])
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1][0] += "\n" + line[2:]
        else:
            assert found, f"a console block begins with a command, not with {line!r}"
            found[-1][1] += line + "\n"
    return [Step(*one) for one in found]


class Shell:
    """A machine's user at work, `~/project` being a small git repository."""

    def __init__(self, root: Path) -> None:
        self.root, self.ids = root, list[str]()
        self.home, self.bin = root / "me", root / "bin"
        self.cwd, self.status, self.env = self.home / "project", 0, root / "env"
        for folder in (self.home / "project/src", self.home / ".local/bin", self.bin):
            folder.mkdir(parents=True)
        self.script(self.bin / "inner", f'#!/bin/sh\nexec {sys.executable} -I -c {shlex.quote(START)} "$@"\n')
        self.script(self.home / ".local/bin/claude", CLAUDE)
        (self.home / ".gitconfig").write_text("[user]\n\tname = Me\n\temail = me@example.org\n[init]\n\tdefaultBranch = main\n")
        (self.home / "project/src/auth.py").write_text("def login(user):\n    user.session = object()\n")
        (self.home / ".ssh").mkdir(mode=0o700)
        (self.home / ".ssh/id_ed25519").write_text("a private key\n")
        (self.home / "project/README.md").write_text("# A project\n")
        self.env.write_text("")
        self.run("git init -q && git add -A && git commit -qm 'Begin'")

    def script(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def run(self, command: str) -> str:
        """What it prints, on both streams, with this machine's folders and ids as the pages have them."""
        for shown, real in zip(SHOWN, self.ids, strict=False):
            command = command.replace(shown, real).replace(shown.rpartition("-")[2], real.rpartition("-")[2])
        script = f". {self.env}\n(exit {self.status})\n{command}\nstatus=$?\nexport -p > {self.env}\npwd > {self.root}/cwd\nexit $status"
        env = {"HOME": str(self.home), "PATH": f"{self.bin}:{self.home}/.local/bin:/usr/bin:/bin", "TERM": "dumb", "COLUMNS": "80",
               "LANG": "C.UTF-8", "USER": "me", "SHELL": "/bin/bash"}  # fmt: skip
        done = subprocess.run(["bash", "-c", script], cwd=self.cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)  # fmt: skip
        self.status = done.returncode
        self.cwd = Path((self.root / "cwd").read_text().strip())
        out = done.stdout.decode()
        for found in ID.findall(out):
            if found not in self.ids:
                self.ids.append(found)
        return self.as_shown(out)

    def as_shown(self, text: str) -> str:
        text = text.replace(str(self.home), "/home/me")
        for shown, real in zip(SHOWN, self.ids, strict=False):
            text = text.replace(real, shown).replace(real.rpartition("-")[2], shown.rpartition("-")[2])
        return even(re.sub(r"(built-in [a-z0-9.-]+\.toml):\d+", r"\1:9", text))


def even(text: str) -> str:
    """The same text with what differs from run to run evened out."""
    for pattern, shown in AMOUNTS:
        text = re.sub(pattern, shown, text)
    text = re.sub(r"(built-in [a-z0-9.-]+\.toml):\d+", r"\1:9", text)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def same(expected: str, printed: str) -> bool:
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else r"[^\n]*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in re.sub(" {2,}", "  ", even(expected)).splitlines()
    )
    return re.fullmatch(pattern, re.sub(" {2,}", "  ", printed)) is not None


def rewritten(page: Path, root: Path) -> tuple[str, list[str]]:
    """The page with every output as it is now, and what of it was different before."""
    shell, wrong = Shell(root), list[str]()

    def again(match: re.Match[str]) -> str:
        lines = []
        for step in steps(match[1]):
            printed = shell.run(step.command)
            if not same(step.expected, printed):
                wrong.append(f"$ {step.command}\n--- the page\n{step.expected}--- the program\n{printed}")
            kept = step.expected if same(step.expected, printed) else printed
            lines.append("$ " + step.command.replace("\n", "\n> ") + "\n" + kept)
        return "```console\n" + "".join(lines) + "```"

    return BLOCK.sub(again, page.read_text()), wrong


def has_blocks(page: Path) -> bool:
    return os.path.isfile(page) and BLOCK.search(page.read_text()) is not None
