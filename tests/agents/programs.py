"""Installs the coding agents that can be had from package registries, as a user would, in a folder of their own. Once: what is
there in the wanted versions is used again. `python setup.py FOLDER` does it by hand.

cursor-agent is not among them: it is installed by a script of its vendor alone. See `cursor.py`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

NPM = {
    "@anthropic-ai/claude-code": "2.1.197",
    "@openai/codex": "0.169.0",
    "@google/gemini-cli": "0.61.0",
    "opencode-ai": "1.18.33",
}
AIDER = "0.86.2"
PYTHONS = ("python3.12", "python3.11", "python3.10", "python3")  # those that Aider supports
WANTED = repr((NPM, AIDER))


def prepare(place: Path) -> str:
    """Install below `place`; the PATH entries with the programs."""
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = place / "versions"
        if not mark.exists() or mark.read_text() != WANTED:
            for part in ("npm", "aider", "bin"):
                shutil.rmtree(place / part, ignore_errors=True)
            _npm(place)
            _aider(place)
            mark.write_text(WANTED)
    return f"{place}/npm/bin:{place}/bin"


def _npm(place: Path) -> None:
    env = {**os.environ, "HOME": str(place), "npm_config_cache": f"{place}/npm-cache", "npm_config_update_notifier": "false"}
    packages = [f"{name}@{version}" for name, version in NPM.items()]
    _run("npm", "install", "--global", "--prefix", f"{place}/npm", "--no-fund", "--no-audit", *packages, env=env)
    shutil.rmtree(place / "npm-cache", ignore_errors=True)


def _aider(place: Path) -> None:
    """In a virtual environment with a link to its command, as pipx does it."""
    _run(python(), "-m", "venv", f"{place}/aider")
    _run(f"{place}/aider/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", f"aider-chat=={AIDER}")
    (place / "bin").mkdir()
    (place / "bin/aider").symlink_to("../aider/bin/aider")


def python() -> str:
    """A Python that Aider supports, of the system's own."""
    for name in PYTHONS:
        found = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin") or shutil.which(name)
        if found and "/shims/" not in found:
            good = "import sys, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))"
            if subprocess.run([found, "-c", good], check=False).returncode == 0:
                return found
    raise SystemExit("Aider needs Python 3.10, 3.11 or 3.12 with `venv`: install one of them")


def _run(*words: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    print(prepare(Path(sys.argv[1]).absolute()))
