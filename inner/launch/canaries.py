"""What the host lays out for `inner verify --attack`, so that an attempt that succeeds gets hold of something that is really there, and
the host can tell: a file with a token in inner's own folder, a process (`canary`), a secret in the environment, an open
descriptor. All of it is inner's, needs no privilege, and is gone afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from inner.errors import HostError
from inner.launch.aside import HELD as ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLE = "CANARY_ACCESS_TOKEN"  # a secret's name, in the environment that the box is started from
LEFT = (
    ".envrc",
    ".mcp.json",
    ".inner.toml",
    ".vscode",
    ".git/commondir",
    ".git/config.worktree",
)  # what attempts leave in a project

MOVED = (".git", ".git/hooks", ".git/config")  # what they move aside and back


class Canaries:
    """`facts` is for the attempts; `saw(evidence)` says whether the host saw what only it can see, and takes it away."""

    def __init__(self, facts: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
        self.facts = facts
        self._child = child
        self._events: set[str] | None = None

    def saw(self, evidence: str) -> bool:
        """`file PATH` and `folder PATH` are looked for, and removed when they are empty; anything else must have been told."""
        what, _, path = evidence.partition(" ")
        if what in ("file", "folder"):
            return self._left(path, folder=what == "folder")
        if self._events is None:
            self._events = set(self._child.communicate(timeout=10)[0].decode("utf-8", "replace").splitlines())
        return evidence in self._events

    def _left(self, path: str, *, folder: bool) -> bool:
        """What comes out of the box is hostile: only a new and empty thing of ours, where an attempt was told to leave one, goes."""
        project = self.facts["project"]
        parent = path.rpartition("/")[0]
        above, _, last = parent.rpartition("/")
        places = (
            self.facts["home"],
            self.facts["tmp"],
            project,
            f"{project}/.git",
            f"{project}/.git/hooks",
            f"{project}/.vscode",
        )
        if (
            parent not in places
            or {path, f"{path}{ASIDE}"} & set(self.facts["there"])
            or os.path.realpath(parent) != f"{os.path.realpath(above)}/{last}"
        ):
            return False
        if os.path.lexists(path):
            return _removed(path, folder=folder)
        _removed(f"{path}{ASIDE}", folder=folder)  # what appears during a run is put out of effect after it (aftermath)
        return False


def _removed(path: str, *, folder: bool) -> bool:
    """Whether a thing of ours, and empty, was there; it is gone now."""
    try:
        info = os.lstat(path)
        if info.st_uid != os.getuid() or (not folder and info.st_size):
            return False
        os.rmdir(path) if folder else os.unlink(path)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def canaries(folder: str, *, project: str, home: str, **more: object) -> Iterator[Canaries]:
    """`folder` is one of inner's own, hidden from every box, and exists; `more` goes into the facts as it is."""
    token = os.urandom(16).hex()
    canary = f"{folder}/canary"
    with contextlib.ExitStack() as stack:
        with open(os.open(canary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w", encoding="ascii") as file:
            file.write(token + "\n")
        tmp = stack.enter_context(tempfile.TemporaryDirectory(prefix="inner-attack-"))
        left_open = os.open(folder, os.O_RDONLY)  # as whoever starts a program hands one over by mistake
        stack.callback(os.close, left_open)
        os.set_inheritable(left_open, True)
        child = _start(stack, token, folder)
        line = child.stdout.readline() if child.stdout is not None else b""
        if not line:
            raise HostError("nothing could be laid out for the attempts", where=folder)
        named = [f"{project}/{name}{end}" for name in LEFT for end in ("", ASIDE)]
        there = [path for path in named if os.path.lexists(path)]
        moved = [path for name in MOVED if os.path.lexists(path := f"{project}/{name}")]
        facts = {
            "inodes": {path: os.lstat(path).st_ino for path in moved}, "token": token, "canary": canary, "folder": folder, "tmp": tmp, "project": project, "home": home, "there": there,
            "git": os.path.isdir(f"{project}/.git"), "hostname": os.uname().nodename, **json.loads(line), **more,
        }  # fmt: skip
        yield Canaries(facts, child)


def variables(facts: Mapping[str, Any]) -> dict[str, str]:
    """The secret in the environment that the box is started from."""
    return {VARIABLE: facts["token"]}


def _start(stack: contextlib.ExitStack, token: str, folder: str) -> subprocess.Popen[bytes]:
    """The process: its own session, so that its group is nobody else's."""
    source = (pkgutil.get_data("inner.launch", "canary.py") or b"").decode()
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", source, token, folder],
        env={VARIABLE: token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )

    def end() -> None:
        """Closing its standard input lets it clean up."""
        try:
            if child.stdin is not None and not child.stdin.closed:
                child.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()

    stack.callback(end)
    return child
