"""A place for homes where inner has been before, each at the path of the last one: it finds the profile that it made then, and
starts in a third of the time. For tests that start many boxes and are not about what is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from program import inner

CACHE = "home/.cache/inner"
# How the tests start boxes, as far as a profile depends on it.
STARTS = (
    (("--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", "true"), {}),
    (("--review", "--no-network", "--", "true"), {}),
    (("--review", "--no-network", "--", "true"), {"INNER_REVIEW": "copy"}),
)


def kept(place: Path) -> Path:
    """What inner keeps of its first starts in the home below `place`, once the files that they read are old enough."""
    project, end = place / "home/project", time.monotonic() + 60
    project.mkdir(parents=True)
    for number, (words, more) in enumerate(STARTS, 1):
        env = {"HOME": str(place / "home"), "PATH": "/usr/local/bin:/usr/bin:/bin", **more}
        while len(list((place / CACHE).glob("profiles/*"))) < number:
            assert time.monotonic() < end
            inner("run", *words, cwd=project, env=env, check=True)
    found = Path(shutil.copytree(place / CACHE, place.with_name("kept")))
    moved_out(place)
    return found


@contextmanager
def moved_in(found: Path) -> Iterator[Path]:
    place = found.with_name("here")
    shutil.copytree(found, place / CACHE)
    try:
        yield place
    finally:
        moved_out(place)


def moved_out(place: Path) -> None:
    """What still ends there finds nobody else at this path."""
    gone = place.with_name(f"gone-{os.urandom(4).hex()}")
    place.rename(gone)
    subprocess.run(["sh", "-c", 'chmod -R u+rwX "$0"; rm -rf "$0"', gone], check=True, capture_output=True)
