"""Which git repository a folder belongs to, found as git finds it, without running git and without believing the project.

Pure. A `.git` file may name any folder of the host: it is believed only when that folder names the work tree back.
"""

from __future__ import annotations

from inner import gitconfig
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.host import kind, realpath
from inner.paths import HostPath, ancestors, covers, normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.gitconfig import Entry
    from inner.host import Host

READ_ONLY = 'or have `git_dir = "ro"` under `[sandbox]`'
EXTENSIONS = ("objectformat", "noop", "preciousobjects", "partialclone", "worktreeconfig", "relativeworktrees")  # understood


@frozen
class Repository:
    """`top` is the work tree; `gitdir` has its HEAD and index; `common` objects, refs and configuration. Real paths. `entries` is
    the repository's configuration as it is.
    """

    top: HostPath
    gitdir: HostPath
    common: HostPath
    entries: tuple[Entry, ...] = ()

    @property
    def dotgit(self) -> HostPath:
        """What git looks for: a folder, or a file that names one."""
        return HostPath(f"{self.top}/.git")

    def option(self, name: str) -> str:
        """A value of its configuration, "" when it is not set."""
        return gitconfig.value_of(self.entries, name) or ""

    @property
    def hash(self) -> str:
        """`sha1` or `sha256`."""
        return self.option("extensions.objectFormat").lower() or "sha1"


def find(host: Host, folder: str, *, home: str) -> tuple[Repository | None, str]:
    """The repository of `folder`, a real path, and why it is not believed where there is something like one. It is looked for in
    the folders above as well, below home and as far as they are the user's own.
    """
    for place in (folder, *ancestors(folder)):
        if place != folder and (covers(place, home) or place == "/" or not _own(host, place)):
            break
        if host.lstat(f"{place}/.git") is not None:
            found, reason = at(host, place)
            if found is not None or reason:
                return found, reason
    return None, ""


def at(host: Host, top: str) -> tuple[Repository | None, str]:
    """The repository whose work tree is `top`, a real path, or why what is there is not believed ("" when nothing is)."""
    dotgit = f"{top}/.git"
    found = host.lstat(dotgit)
    if found is None:
        return None, ""
    if found.kind == "link":
        return None, "is a symbolic link"
    if found.kind == "dir":
        if not is_gitdir(host, dotgit) or host.lstat(f"{dotgit}/commondir") is not None:
            owned = "is not a whole repository" if found.uid == host.uid else "belongs to another user"
            return None, "" if not host.listdir(dotgit) else owned
        return _made(host, top, dotgit, dotgit), ""
    line = (host.read(dotgit, 4097) or b"").decode("utf-8", "surrogateescape")
    if found.kind != "file" or not line.startswith("gitdir: ") or len(line) > 4096:
        return None, "is no file of git's"
    named = line.removeprefix("gitdir: ").rstrip("\n")
    gitdir = realpath(host, named if named.startswith("/") else normal(f"{top}/{named}"))
    if not _own(host, gitdir):
        return None, f"names `{gitdir}`, which is not a folder of yours"
    linked = _text(host, f"{gitdir}/commondir")
    if linked:
        common = realpath(host, linked if linked.startswith("/") else normal(f"{gitdir}/{linked}"))
        back = _text(host, f"{gitdir}/gitdir")
        back = back if back.startswith("/") else normal(f"{gitdir}/{back}")
        if realpath(host, back) == dotgit and gitdir.rpartition("/")[0] == f"{common}/worktrees" and is_gitdir(host, common):
            return _made(host, top, gitdir, common), ""
    elif is_gitdir(host, gitdir):
        repository = _made(host, top, gitdir, gitdir)
        back = repository.option("core.worktree")
        if back and realpath(host, back if back.startswith("/") else normal(f"{gitdir}/{back}")) == top:
            return repository, ""
    return None, f"names `{gitdir}`, which does not point back"


def supported(repository: Repository) -> None:
    """ConfigError for a repository of which no copy can be made."""
    for entry in repository.entries:
        known = entry.key in EXTENSIONS or (entry.key == "refstorage" and (entry.value or "").lower() == "files")
        if entry.section == "extensions" and not known:
            what = f"{entry.key} = {entry.value}"
            raise ConfigError(
                f"the repository uses `extensions.{what}`, which inner cannot bring commits back to",
                where=str(repository.dotgit),
                hint='`git_dir = "ro"` under `[sandbox]`: the box may look at it, not commit',
            )
    if repository.hash not in ("sha1", "sha256"):
        raise ConfigError(f"the repository names objects by `{repository.hash}`", where=str(repository.dotgit), hint=READ_ONLY)


def submodules(host: Host, top: str) -> list[str]:
    """The places of its submodules that are there, as `.gitmodules` names them; nothing that is reached through a link."""
    entries, _ = gitconfig.parse(host.read(f"{top}/.gitmodules", gitconfig.MOST_BYTES) or b"")
    found = []
    for entry in entries:
        if entry.section == "submodule" and entry.key == "path" and entry.value:
            path = normal(f"{top}/{entry.value}")
            if path != top and covers(top, path) and realpath(host, path) == path and host.lstat(f"{path}/.git") is not None:
                found.append(path)
    return found


def worktrees(host: Host, common: str) -> list[str]:
    """The places of its linked work trees that are there, as git notes them; nothing that is reached through a link."""
    found = []
    for name in host.listdir(f"{common}/worktrees"):
        back = _text(host, f"{common}/worktrees/{name}/gitdir")
        path = normal(back if back.startswith("/") else f"{common}/worktrees/{name}/{back}").removesuffix("/.git")
        if back and realpath(host, path) == path and host.lstat(f"{path}/.git") is not None:
            found.append(path)
    return found


def children(host: Host, folder: str) -> list[str]:
    """Folders directly in `folder` that have a `.git` of their own."""
    places = [f"{folder}/{name}" for name in host.listdir(folder) if name != ".git"]
    return [
        place for place in places if host.lstat(f"{place}/.git") is not None and getattr(host.lstat(place), "kind", "") == "dir"
    ]


def borrowed(host: Host, objects: str) -> list[HostPath]:
    """Folders of objects that this one names to be read as well (gitrepository-layout(5)), as real paths."""
    found: list[HostPath] = []
    todo = [objects]
    while todo and len(found) < 20:
        here = todo.pop()
        for line in (host.read(f"{here}/info/alternates") or b"").decode("utf-8", "surrogateescape").splitlines():
            if line and not line.startswith("#"):
                place = realpath(host, line if line.startswith("/") else normal(f"{here}/{line}"))
                if place not in found:
                    found.append(place)
                    todo.append(place)
    return found


def _made(host: Host, top: str, gitdir: str, common: str) -> Repository:
    entries: Sequence[Entry] = gitconfig.parse(host.read(f"{common}/config", gitconfig.MOST_BYTES) or b"")[0]
    if (gitconfig.value_of(entries, "extensions.worktreeConfig") or "").lower() in ("true", "yes", "on", "1"):
        entries = [*entries, *gitconfig.parse(host.read(f"{gitdir}/config.worktree", gitconfig.MOST_BYTES) or b"")[0]]
    return Repository(HostPath(top), HostPath(gitdir), HostPath(common), tuple(entries))


def is_gitdir(host: Host, path: str) -> bool:
    """As git's is_git_directory (setup.c), and nothing of it behind a link."""
    shapes = [getattr(host.lstat(f"{path}/{name}"), "kind", "") for name in ("HEAD", "objects", "refs")]
    return shapes == ["file", "dir", "dir"] and _own(host, path)


def _own(host: Host, path: str) -> bool:
    found = host.lstat(path)
    return found is not None and found.kind == "dir" and found.uid == host.uid and kind(host, path) == "dir"


def _text(host: Host, path: str) -> str:
    return (host.read(path, 4096) or b"").decode("utf-8", "surrogateescape").rstrip("\n")
