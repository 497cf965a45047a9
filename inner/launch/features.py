"""Which bubblewrap there is and what it can do.

The answer (`launch.installed`) is kept in the cache folder and used again while the file is the same one (device, inode, size, times).
"""

from __future__ import annotations

import os
import stat

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
        from inner.draft import save
        from inner.launch import installed

        known = installed.ask(path, host or RealHost(env))
        if cache:
            save(cache, (key, *known))
    return Features(HostPath(path), known[0], frozenset(known[1]), bool(info.st_mode & stat.S_ISUID))


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
    from inner.launch.installed import install

    hint = install(RealHost(env))
    if passed:
        raise HostError(
            f"`{passed[0]}` is not trusted: others could have put it there, or it lies in the project",
            where=passed[0],
            hint=f"install bubblewrap for the whole system: `{hint}`",
        )
    raise HostError("bubblewrap is not installed", hint=f"install it: `{hint}`")


def _guarded(path: str, owners: Sequence[int]) -> bool:
    """Whether nobody but `owners` can replace what is at a real path: it and all above it are theirs, or sticky as /tmp is."""
    for at, place in enumerate((path, *ancestors(path))):
        info = os.lstat(place)
        open_to_others = info.st_mode & 0o022 and not (at > 1 and info.st_mode & stat.S_ISVTX)
        if info.st_uid not in owners or open_to_others:
            return False
    return True


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
