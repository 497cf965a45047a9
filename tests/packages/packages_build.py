"""What the tests of packages build, with the wheels that the lock names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(out: Path, wheels: Path, **env: str) -> Path:
    """`inner.pyz` alone."""
    _run("pyz.py", out, wheels, **env)
    return out / "inner.pyz"


def release(out: Path, wheels: Path, *words: str, **env: str) -> None:
    """All that a release publishes."""
    _run("release.py", out, wheels, *words, **env)


def _run(script: str, out: Path, wheels: Path, *words: str, **env: str) -> None:
    line = [sys.executable, str(ROOT / "packaging" / script), "--out", str(out), "--wheels", str(wheels), *words]
    done = subprocess.run(line, capture_output=True, text=True, cwd="/", env={**os.environ, **env}, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
