"""Where this machine's own distribution has its packages, and who makes a system of them."""

from __future__ import annotations

import fcntl
import subprocess
from contextlib import contextmanager
from pathlib import Path


def archive() -> str:
    """The address that its apt has for its own release."""
    form = "$(RELEASE) $(COMPONENT) $(REPO_URI)"
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"], capture_output=True, text=True, check=True
    )
    with open("/etc/os-release") as file:
        named = dict(line.strip().split("=", 1) for line in file if "=" in line)
    found = [
        line.split()[2] for line in told.stdout.splitlines() if line.split()[:2] == [named["VERSION_CODENAME"].strip('"'), "main"]
    ]
    assert found, "no apt source of this machine has its own release"
    return found[0]


@contextmanager
def alone(cache: Path, name: str):
    """One process at a time makes `name` in a cache; whoever waited finds it there."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
