"""What the tests of packages build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(out: Path, wheels: Path, **env: str) -> Path:
    """`inner.pyz`, from the wheels that the lock names."""
    line = [sys.executable, str(ROOT / "packaging/pyz.py"), "--out", str(out), "--wheels", str(wheels)]
    done = subprocess.run(line, capture_output=True, text=True, cwd="/", env={**os.environ, **env}, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "inner.pyz"
