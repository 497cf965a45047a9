"""Programs of the host that are asked a question, outside of every project: absolute paths, a clean environment, `/` as the
working directory, a few seconds. Nothing that a repository or a downloaded profile brings along is ever started here.
"""

from __future__ import annotations

import os
import select
import time

from inner.frozen import TYPE_CHECKING
from inner.host import realpath
from inner.paths import covers
from inner.programs import executable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.host import Host

PATIENCE = 10.0  # seconds for one answer
LONGEST = 1 << 20  # bytes of it
SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/nix/var/nix/profiles/default/bin",
          "/run/current-system/sw/bin")  # fmt: skip
PASSED = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


class Tools:
    """The programs of `host` that may be asked."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.path = tuple(dict.fromkeys((*self._own(), *SYSTEM)))

    def _own(self) -> list[str]:
        """The folders of $PATH that belong to the person, not to a project: below hidden ones of the home (~/.local/bin)."""
        return [
            folder
            for folder in self.host.env.get("PATH", "").split(":")
            if folder.startswith(f"{self.host.home}/.") and "/../" not in folder + "/" and not covers(str(self.host.cwd), folder)
        ]

    def find(self, name: str) -> str:
        """The program itself, links followed, "" when there is none."""
        for folder in self.path:
            if executable(self.host, f"{folder}/{name}"):
                return str(realpath(self.host, f"{folder}/{name}"))
        return ""

    def ask(self, name: str, *args: str) -> str:
        """Standard output of a program that ended well, "" otherwise."""
        for folder in self.path:
            if executable(self.host, f"{folder}/{name}"):
                # not the target of the link: many programs are one, and go by the name they are called
                out = run((f"{folder}/{name}", *args), self.environment())
                return out.decode("utf-8", "replace") if out is not None else ""
        return ""

    def environment(self, more: Iterable[str] = ()) -> dict[str, str]:
        """What a program needs to find its user's settings, and no more."""
        env = {name: self.host.env[name] for name in (*PASSED, *more) if name in self.host.env}
        env["PATH"] = ":".join(self.path)
        return env

    def member(self, folder: str, archive: str, name: str) -> str:
        """A text in a zip archive of `folder` whose own name begins with `archive`."""
        import zipfile

        for one in self.host.listdir(folder):
            if one.startswith(archive):
                try:
                    with zipfile.ZipFile(f"{folder}/{one}") as opened:
                        for inside in opened.namelist():
                            if inside.rpartition("/")[2] == name and opened.getinfo(inside).file_size <= LONGEST:
                                return opened.read(inside).decode("utf-8", "replace")
                except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError):
                    continue
        return ""


def run(argv: tuple[str, ...], env: dict[str, str], patience: float = PATIENCE) -> bytes | None:
    """Standard output of a command, without terminal and input, from `/`; None when it fails, takes too long or says too much."""
    out, into = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.setsid()
            os.chdir("/")
            for fd, end in ((0, null), (1, into), (2, null)):
                os.dup2(end, fd)
            os.closerange(3, min(1 << 20, os.sysconf("SC_OPEN_MAX")))
            os.execve(argv[0], list(argv), env)  # noqa: S606 - no shell is the point
        finally:
            os._exit(127)
    os.close(into)
    text, until = b"", time.monotonic() + patience
    poll = select.poll()
    poll.register(out, select.POLLIN)
    whole = False
    while len(text) <= LONGEST and poll.poll(max(0.0, until - time.monotonic()) * 1000):
        piece = os.read(out, 65536)
        if not piece:
            whole = True
            break
        text += piece
    os.close(out)
    try:
        if not whole:
            os.killpg(pid, 9)
    except ProcessLookupError:
        pass
    _, status = os.waitpid(pid, 0)
    return text if whole and status == 0 else None
