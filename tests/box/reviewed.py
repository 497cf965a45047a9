"""A project under review, for tests: a home of its own, boxes started by the program itself, and trees as values."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from program import inner

BACKENDS = ("overlay", "copy")


class World:
    """`project` lies in `home`; `run(...)` is `inner run --review -- ...` there; `backend` is who keeps the changes apart."""

    def __init__(self, place: Path, backend: str = "overlay", bwrap: str = "") -> None:
        self.home = place / "home"
        self.project = self.home / "project"
        self.project.mkdir(parents=True)
        self.state = self.home / ".local/state/inner"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "INNER_"))}
        self.env = {**kept, "HOME": str(self.home), **({"INNER_REVIEW": "copy"} if backend == "copy" else {})}
        if bwrap:
            self.env["PATH"] = f"{Path(bwrap).parent}:{self.env['PATH']}"

    def inner(self, *words, **more):
        return inner(*words, cwd=more.pop("cwd", self.project), env=self.env, **more)

    def run(self, *command, **more):
        """Runs it under review; files that were just written are a little older by then."""
        time.sleep(0.02)
        return self.inner("run", "--review", "--no-network", "--", *command, **more)

    def sh(self, script, **more):
        done = self.run("sh", "-c", script, **more)
        assert done.returncode == 0, done.stderr
        return done

    def reviews(self):
        return sorted(p for p in (self.state / "reviews").glob("2*") if p.is_dir()) if (self.state / "reviews").exists() else []

    def write(self, path, content="", mode=None):
        target = self.project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        target.write_bytes(content)
        if mode is not None:
            target.chmod(mode)
        return target


def tree(folder) -> dict[str, tuple]:
    """Every entry below a folder: type, permissions, and content or target. Opens up what it may not read."""
    found: dict[str, tuple] = {}
    shut: list[tuple[bytes, int]] = []
    todo = [os.fsencode(folder)]
    while todo:
        here = todo.pop()
        was = opened(here, 0o700)
        for name in os.listdir(here):
            path = here + b"/" + name
            info = os.lstat(path)
            mode = stat.S_IMODE(info.st_mode)
            key = os.fsdecode(path[len(os.fsencode(folder)) + 1 :])
            if stat.S_ISDIR(info.st_mode):
                found[key] = ("dir", mode)
                todo.append(path)
            elif stat.S_ISLNK(info.st_mode):
                found[key] = ("link", os.fsdecode(os.readlink(path)))
            elif stat.S_ISREG(info.st_mode):
                opened(path, 0o400)
                with open(path, "rb") as file:
                    found[key] = ("file", mode, file.read())
                if mode & 0o400 == 0:
                    os.chmod(path, mode)
            else:
                found[key] = ("special",)
        if was & 0o700 != 0o700:
            shut.append((here, was))
    for path, mode in reversed(shut):
        os.chmod(path, mode)
    return found


def opened(path: bytes, bits: int) -> int:
    """What the mode was. Changed only where it has to be: that alone would count as a change."""
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    if mode & bits != bits:
        os.chmod(path, mode | bits)
    return mode
