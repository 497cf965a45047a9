"""Which folder is the project, and which configuration files it has. Pure over `Host`: nothing is opened here.

The walk goes up from the working directory to the first folder with such a file; it ends at the git root, below $HOME, at a
mount boundary, and where another user could have written: a file lying in /tmp configures nobody.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.host import realpath
from inner.paths import HostPath, ancestors, covers, normal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inner.host import Host, Stat

FILES = (".inner.toml", ".config/inner.toml")  # the second, and the second below, as the Go tool has them
FOLDERS = (".inner/profiles", ".config/inner/profiles")


@frozen
class Project:
    """A project by its real path. `files` and `folders` exist, the one that wins first. `area` is where files count as the
    project's even when they are named by path: its root, the git root or the working directory; "" for none."""

    root: HostPath
    area: HostPath
    files: tuple[HostPath, ...] = ()
    folders: tuple[HostPath, ...] = ()
    notices: tuple[str, ...] = ()

    def owns(self, path: str) -> bool:
        """True when a file at this path came with the project."""
        return bool(self.area) and covers(self.area, path)


def discover(host: Host, workdir: str = "") -> Project:
    """The project around `workdir` (default: the current folder). `root` is "" when there is none."""
    start = realpath(host, normal(workdir if workdir.startswith("/") else f"{host.cwd}/{workdir}"))
    home = realpath(host, host.home)
    walk = tuple(_walk(host, start, home))
    area = walk[-1] if walk and _repository(host, f"{walk[-1]}/.git") else HostPath("" if covers(start, home) else start)
    for folder in walk:
        present = [path for name in (*FILES, *FOLDERS) if _there(host, path := HostPath(f"{folder}/{name}"))]
        if not present:
            continue
        safe = [path for path in present if _private(host, path, folder)]
        notices = tuple(
            f"`{path}` is not read: another user could have written to its folder" for path in present if path not in safe
        )
        if not safe:
            return Project(HostPath(""), area, notices=notices)
        folders = tuple(path for path in safe if path.endswith("/profiles"))
        files = tuple(path for path in safe if path not in folders)
        return Project(folder, area if covers(area, folder) else folder, files, folders, notices)
    return Project(HostPath(""), area)


def _walk(host: Host, start: HostPath, home: HostPath) -> Iterator[HostPath]:
    first = host.lstat(start)
    for path in (start, *ancestors(start)):
        folder = HostPath(path)
        found = host.lstat(folder)
        if folder == "/" or covers(folder, home) or first is None or found is None or found.dev != first.dev:
            return
        yield folder
        if _repository(host, f"{folder}/.git") or not ours(found, host):
            return


def _there(host: Host, path: str) -> bool:
    """Whether it is there, and not what holds its place while a box runs (`plan.protect`)."""
    found = host.lstat(path)
    return found is not None and found.kind != "socket" and (found.kind, found.size, found.mode & 0o777) != ("file", 0, 0o444)


def _repository(host: Host, path: str) -> bool:
    """Whether a `.git` is there that is one: not the empty folder that holds its place while a box runs."""
    found = host.lstat(path)
    return found is not None and (found.kind != "dir" or bool(host.listdir(path)))


def _private(host: Host, path: str, root: str) -> bool:
    """Nobody else can put something in the place of `path`, or of a folder between it and `root`."""
    folders = [folder for folder in ancestors(path) if covers(root, folder)]
    if path.endswith("/profiles"):  # its files are read as well
        folders.append(HostPath(path))
    return all((found := host.lstat(folder)) is not None and (found.kind == "link" or ours(found, host)) for folder in folders)


def refuse_shared(host: Host, folder: str, *, shared: bool = False) -> None:
    """ConfigError when another user could put files into `folder`, which is the user's own or the system's."""
    real = realpath(host, folder)
    found = host.lstat(real)
    if found is not None and not ours(found, host, shared=shared):
        message = "other users may write to this folder, and configuration is read from it"

        raise ConfigError(message, where=folder, hint=f"`chmod go-w {quoted(folder)}`, or `chown` when it is not yours")


def ours(found: Stat, host: Host, *, shared: bool = False) -> bool:
    """Only the user and root (with `shared`, and a group of theirs) can make or replace files in this folder."""
    if found.uid not in (host.uid, 0) or found.mode & 0o002:
        return False
    if shared or not found.mode & 0o020:
        return True
    from inner.config.document import private_group

    return private_group(found.gid, host.uid)
