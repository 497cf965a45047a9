"""A repository on the world's https server."""

from __future__ import annotations

import subprocess
from pathlib import Path


def repository(world, name: str) -> Path:
    """`https://allowed.test/git/NAME.git`, served as plain files, with one commit."""
    place, work = world.folder / f"www/{name}.git", world.folder / f"{name}-work"
    if not place.exists():
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@allowed.test"]
        subprocess.run([*git, "init", "-q", "-b", "main", str(work)], check=True)
        (work / "file").write_text("from the server\n")
        subprocess.run([*git, "-C", str(work), "add", "."], check=True)
        subprocess.run([*git, "-C", str(work), "commit", "-qm", "one"], check=True)
        subprocess.run([*git, "clone", "-q", "--bare", str(work), str(place)], check=True)
        subprocess.run([*git, "-C", str(place), "update-server-info"], check=True)
    return place
