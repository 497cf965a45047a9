"""The bubblewrap that is installed, or could be: what it says of itself when it is started, and the command that installs one.

`answer` starts it, or another program, for a moment: nobody's environment, no input, an end to its time.
"""

from __future__ import annotations

import os
import select
import time

from inner.errors import HostError
from inner.frozen import TYPE_CHECKING
from inner.words import OLDEST

if TYPE_CHECKING:
    from inner.host import Host

TIMEOUT = 5.0  # seconds: a bubblewrap on a file system that hangs must not hang us
MOST_OUTPUT = 65536
INSTALL = {
    "debian": "sudo apt-get install bubblewrap",
    "ubuntu": "sudo apt-get install bubblewrap",
    "fedora": "sudo dnf install bubblewrap",
    "rhel": "sudo dnf install bubblewrap",
    "arch": "sudo pacman -S bubblewrap",
    "opensuse": "sudo zypper install bubblewrap",
    "suse": "sudo zypper install bubblewrap",
    "alpine": "sudo apk add bubblewrap",
    "gentoo": "sudo emerge sys-apps/bubblewrap",
    "void": "sudo xbps-install bubblewrap",
    "nixos": "nix profile install nixpkgs#bubblewrap",
    "guix": "guix install bubblewrap",
}


def ask(path: str, host: Host) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Version and flags, from the program itself."""
    text = _output(path, "--version")
    word = text.split()[-1] if text.split() else ""
    version = tuple(int(part) for part in word.split(".") if part.isascii() and part.isdigit())
    if not version:
        raise HostError(f"`{path}` does not say its version", where=path, hint=f"install it again: `{install(host)}`")
    if version < OLDEST:
        raise HostError(
            f"bubblewrap {word} is too old: inner needs 0.5.0 or later", where=path, hint=f"upgrade it: `{install(host)}`"
        )
    lines = [line.split() for line in _output(path, "--help").splitlines()]
    return version, tuple(sorted({line[0][2:] for line in lines if line and line[0].startswith("--")}))


def install(host: Host) -> str:
    """The command that installs bubblewrap on this distribution (os-release(5))."""
    text = host.read("/etc/os-release") or host.read("/usr/lib/os-release") or b""
    named: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        named[name.strip()] = value.strip().strip("\"'")
    for name in (named.get("ID", ""), *named.get("ID_LIKE", "").split(), named.get("ID", "").partition("-")[0]):
        if name in INSTALL:
            return INSTALL[name]
    return INSTALL["debian"]


def _output(*argv: str) -> str:
    return answer(*argv)[1]


def answer(*argv: str) -> tuple[int, str]:
    """Exit status (-N: killed by signal N) and output of a short command, with an empty environment, killed after TIMEOUT."""
    until = time.monotonic() + TIMEOUT
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        try:
            both = ((os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_DUP2, write, 2))
            child = os.posix_spawn(argv[0], argv, {}, file_actions=(nothing, *both))
        except OSError as problem:
            raise HostError(f"cannot start `{argv[0]}`: {problem.strerror}", where=argv[0]) from None
        os.close(write)
        write = -1
        text = b""
        while select.select([read], [], [], max(0.0, until - time.monotonic()))[0]:
            chunk = os.read(read, MOST_OUTPUT)
            if not chunk or len(text) > MOST_OUTPUT:
                break
            text += chunk
        return _wait(child, until), text.decode("utf-8", "replace")
    finally:
        os.close(read)
        if write >= 0:
            os.close(write)


def _wait(child: int, until: float) -> int:
    """The child's status; it is killed when it has not ended by then (it may have closed its output and stayed)."""
    pause = 0.0005
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    os.kill(child, 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
