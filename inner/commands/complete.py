"""What completion scripts ask while somebody types, answered without reading configuration: names of profiles, ids of runs."""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.host import RealHost
from inner.paths import config_dir, state_dir

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


def main(words: Sequence[str]) -> int:
    """`__complete profiles|runs|living`: a name per line; nothing for anything else. A name that could be misread is left out."""
    host = RealHost(dict(os.environ))
    kind = words[0] if words else ""
    folder = {"runs": "runs", "living": "live"}.get(kind, "")
    found: Iterable[str] = _profiles(host) if kind == "profiles" else _runs(host, folder) if folder else ()
    names = sorted({name for name in found if LETTERS.issuperset(name) and name[:1].isalnum()})
    os.write(1, "".join(f"{name}\n" for name in names).encode())
    return 0


def _profiles(host: RealHost) -> Iterator[str]:
    from inner.profile.find import BUILT_IN

    folders = [f"{config_dir(host.env, host.home)}/profiles", "/etc/inner/profiles", *BUILT_IN]
    try:
        from inner.config.project import discover

        folders += discover(host).folders
    except OSError:  # the current folder is gone
        pass
    for folder in folders:
        for name in os.listdir(folder) if folder in BUILT_IN and os.path.isdir(folder) else host.listdir(folder):
            if name.endswith(".toml"):
                yield name[:-5]


def _runs(host: RealHost, folder: str) -> Iterator[str]:
    yield from host.listdir(f"{state_dir(host.env, host.home)}/{folder}")
