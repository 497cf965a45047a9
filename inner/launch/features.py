"""Which bubblewrap there is and what it can do.

The answer is kept in the cache folder and used again while the file is the same one (device, inode, size, times).
"""

from __future__ import annotations

import os
import select
import stat
import time

from inner import kept
from inner.errors import HostError
from inner.frozen import TYPE_CHECKING
from inner.host import RealHost
from inner.paths import HostPath, ancestors, cache_dir, covers
from inner.words import OLDEST, Features

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inner.host import Host

USUAL = ("/usr/bin", "/usr/local/bin", "/bin", "/run/wrappers/bin", "/run/current-system/sw/bin")
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


def probe(env: Mapping[str, str], *, project: str = "", host: Host | None = None) -> Features:
    """The bubblewrap of this host; never one out of `project` (the working directory when it is not named). `host` is asked which
    distribution this is. HostError when there is none, or one that is too old.
    """
    path, info = _find(env, project)
    key = (path, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    home = env.get("HOME", "")
    cache = f"{cache_dir(env, home)}/bwrap" if home.startswith("/") or env.get("XDG_CACHE_HOME", "").startswith("/") else ""
    known = _read(cache, key) if cache else None
    if known is None:
        known = _ask(path, host or RealHost(env))
        if cache:
            kept.save(cache, (key, *known))
    return Features(HostPath(path), known[0], frozenset(known[1]), bool(info.st_mode & stat.S_ISUID))


def _ask(path: str, host: Host) -> tuple[tuple[int, ...], tuple[str, ...]]:
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


def _find(env: Mapping[str, str], project: str) -> tuple[str, os.stat_result]:
    """The first on PATH that only root could have put there, else in one of the usual places, else the user's own on PATH."""
    named = [entry for entry in env.get("PATH", "").split(":") if entry.startswith("/")]
    outside = project or os.getcwd()
    if not project and covers(outside, env.get("HOME", "")):
        outside = ""  # not a project: nobody may run in it
    # In a user namespace without root, root's files belong to the overflow uid (user_namespaces(7)).
    system = (0, os.stat("/usr" if os.path.isdir("/usr") else "/").st_uid)
    passed = []
    for owners in (system, (*system, os.getuid())):
        for folder in (*named, *USUAL):
            try:
                info = os.stat(f"{folder}/bwrap")
                if not stat.S_ISREG(info.st_mode) or not info.st_mode & 0o111:
                    continue
                path, place = os.path.realpath(f"{folder}/bwrap"), os.path.realpath(folder)
                inside = outside and any(covers(outside, at) for at in (path, place, folder))
                if not inside and _guarded(path, owners) and _guarded(place, owners):
                    return path, info
            except OSError:
                continue
            passed.append(f"{folder}/bwrap")
    if passed:
        raise HostError(
            f"`{passed[0]}` is not trusted: others could have put it there, or it lies in the project",
            where=passed[0],
            hint=f"install bubblewrap for the whole system: `{install(RealHost(env))}`",
        )
    raise HostError("bubblewrap is not installed", hint=f"install it: `{install(RealHost(env))}`")


def _guarded(path: str, owners: Sequence[int]) -> bool:
    """Whether nobody but `owners` can replace what is at a real path: it and all above it are theirs, or sticky as /tmp is."""
    for at, place in enumerate((path, *ancestors(path))):
        info = os.lstat(place)
        open_to_others = info.st_mode & 0o022 and not (at > 1 and info.st_mode & stat.S_ISVTX)
        if info.st_uid not in owners or open_to_others:
            return False
    return True


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


# --- a program that is asked -------------------------------------------------------------------------------------------


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


# --- what was learnt is kept -------------------------------------------------------------------------------------------


def _read(path: str, key: tuple[object, ...]) -> tuple[tuple[int, ...], tuple[str, ...]] | None:
    """What was kept of this very file, when it is ours alone; anything else counts as nothing."""
    try:
        found, version, flags = kept.load(path)
    except (TypeError, ValueError):
        return None
    if found != key or not isinstance(version, tuple) or not isinstance(flags, tuple):
        return None
    whole = all(isinstance(part, int) for part in version) and all(isinstance(flag, str) for flag in flags)
    return (version, flags) if whole and version >= OLDEST else None
