"""The model of the box's file system: which mount decides what a process sees at a path.

A later mount hides what is below it; the list is ordered so that parents come first, hence the deepest mount that covers a
path decides (mount_namespaces(7)). The same model is asked by `--dry-run`, by checks, and compared with the kernel in tests.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import BoxPath, HostPath, ancestors
from inner.plan.model import Bind, Data, Dev, Dir, Mask, Overlay, Proc, Symlink, Tmpfs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.host import Host
    from inner.plan.model import Mount

MOST_LINKS = 40  # ELOOP, path_resolution(7)


def order(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """Parents before children; among mounts at one place the last one stays, and it keeps its place among its equals."""
    last: dict[BoxPath, Mount] = {}
    for mount in mounts:
        last.pop(mount.dest, None)
        last[mount.dest] = mount
    return tuple(sorted(last.values(), key=lambda mount: 0 if mount.dest == "/" else mount.dest.count("/")))


def simplify(ordered: Sequence[Mount]) -> tuple[Mount, ...]:
    """Without the binds that a parent's bind of the same mode shows anyway: bubblewrap's start is quadratic in mounts."""
    kept: dict[BoxPath, Mount] = {}
    for mount in ordered:
        if isinstance(mount, Bind) and not mount.dev:
            above = next((kept[place] for place in ancestors(mount.dest) if place in kept), None)  # type: ignore[index]
            if isinstance(above, Bind) and above.mode == mount.mode and below(above, mount.dest) == mount.src:
                continue
        kept[mount.dest] = mount
    return tuple(kept.values())


def below(bind: Bind | Overlay, path: str) -> HostPath:
    """The host's path behind `path`, which `bind` covers."""
    rest = path[len(bind.dest.rstrip("/")) :]
    return HostPath((bind.src.rstrip("/") + rest) or "/")


@frozen
class Seen:
    """What is at a path of the box: `path` is canonical there; `kind` "dir", "file", "other", or "" when nothing is; `mode`
    "ro" or "rw"; `host` the host's path behind it, "" when it is the box's own; `mount` what decided.
    """

    path: BoxPath
    kind: str
    mode: str
    host: HostPath
    mount: Mount | None


class MountTable:
    """Answers for one list of mounts, which `order` made, on one host."""

    def __init__(self, mounts: Sequence[Mount], host: Host) -> None:
        self._host = host
        self._at: dict[str, Mount] = {mount.dest: mount for mount in mounts}
        self._made = {folder for mount in mounts for folder in ancestors(mount.dest)}

    def decides(self, path: str) -> Mount | None:
        """The mount whose file system `path`, canonical, lies in; a file or a link made there counts at its own path only."""
        if path in self._at:
            return self._at[path]
        for folder in ancestors(path):
            mount = self._at.get(folder)
            if mount is not None and not isinstance(mount, (Dir, Symlink, Data)):
                return mount
        return None

    def at(self, path: str, *, follow: bool = True) -> Seen:
        """What a process sees at an absolute path; symlinks are followed as the kernel does, the last one when `follow`."""
        done, todo, links = "", [part for part in path.split("/") if part], 0
        todo.reverse()
        while todo:
            part = todo.pop()
            if part == ".":
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            here = f"{done}/{part}"
            target = self._link(here) if todo or follow else ""
            if not target:
                done = here
                if todo and self._entry(here).kind != "dir":
                    return self._absent(here + "".join("/" + p for p in reversed(todo)))
                continue
            links += 1
            if links > MOST_LINKS:
                return self._absent(here)
            done = "" if target.startswith("/") else done
            todo.extend(p for p in reversed(target.split("/")) if p)
        return self._entry(done or "/")

    def _link(self, path: str) -> str:
        mount = self.decides(path)
        if isinstance(mount, Symlink):
            return mount.target
        if isinstance(mount, (Bind, Overlay)) and (path != mount.dest or mount.dest == "/"):
            host = below(mount, path)
            found = self._host.lstat(host)
            return self._host.readlink(host) if found is not None and found.kind == "link" else ""
        return ""

    def _absent(self, path: str) -> Seen:
        return Seen(BoxPath(path), "", "", HostPath(""), self.decides(path))

    def _entry(self, path: str) -> Seen:
        place, mount = BoxPath(path), self.decides(path)
        exact = mount is not None and mount.dest == path
        own = HostPath("")
        if isinstance(mount, (Bind, Overlay)):
            host = below(mount, path)
            mode = mount.mode if isinstance(mount, Bind) else "rw"
            if exact and isinstance(mount, Bind):
                return Seen(place, mount.kind, mode, host, mount)
            found = self._host.lstat(host)
            if found is not None:
                kind = {"socket": "other", "link": "link"}.get(found.kind, found.kind)
                return Seen(place, kind, mode, host, mount)
            if path in self._made:
                return Seen(place, "dir", mode, host, mount)  # scaffolding
            return self._absent(path)
        if exact and isinstance(mount, (Data, Mask)):
            kind = "file" if isinstance(mount, Data) else mount.kind
            return Seen(place, kind, mount.mode if isinstance(mount, Data) else "ro", own, mount)
        if isinstance(mount, Proc):
            return Seen(place, "dir" if exact else "other", "ro", own, mount)
        if exact and isinstance(mount, Symlink):
            return Seen(place, "link", "ro", own, mount)
        if exact or path in self._made or path == "/":
            under = mount if isinstance(mount, Tmpfs) else self.decides(path.rpartition("/")[0] or "/")
            return Seen(place, "dir", under.mode if isinstance(under, Tmpfs) else "ro", own, mount)
        return self._absent(path)


def scaffolding(ordered: Sequence[Mount], host: Host) -> tuple[HostPath, ...]:
    """Mount points that bubblewrap would create on the host, through a writable bind, outermost first.

    Raises ConfigError for a mount point that it could not create, or that it would reach through a symlink: until 0.12 such a
    link was followed out of the box (CVE-2026-87766).
    """
    at: dict[str, Mount] = {}
    made: dict[HostPath, None] = {}
    for mount in ordered:
        above = None if mount.dest == "/" else next((at[place] for place in ancestors(mount.dest) if place in at), None)
        at[mount.dest] = mount
        if isinstance(above, (Bind, Overlay)):
            for path in _missing(above, mount, host):
                made.setdefault(path)
        elif isinstance(above, (Proc, Dev, Mask)) and not isinstance(mount, (Mask, Bind)):
            raise ConfigError(f"`{mount.dest}` cannot be mounted: `{above.dest}` is read-only in every box", where=str(mount.origin))
        elif isinstance(above, (Data, Symlink)):
            raise ConfigError(f"`{mount.dest}` cannot be mounted: `{above.dest}` is not a folder", where=str(mount.origin))
    return tuple(made)


def _missing(above: Bind | Overlay, mount: Mount, host: Host) -> list[HostPath]:
    """What has to be made between `above` and `mount`, on the host."""
    source, missing = below(above, mount.dest), []
    folder = bool(_is_folder(mount))
    for path in [*reversed([p for p in ancestors(source) if len(p) > len(above.src)]), source]:
        found = host.lstat(path)
        if found is None:
            missing.append(HostPath(path))
        elif found.kind == "link":
            raise ConfigError(
                f"`{mount.dest}` cannot be mounted: `{path}` is a symbolic link, and a mount would follow it",
                where=str(mount.origin),
                hint="name the place it leads to instead",
            )
        elif (found.kind == "dir") != (folder or path != source):
            shape = "a folder" if found.kind == "dir" else "not a folder"
            raise ConfigError(f"`{mount.dest}` cannot be mounted: `{path}` is {shape}", where=str(mount.origin))
    if missing and getattr(above, "mode", "rw") == "ro":
        raise ConfigError(
            f"`{mount.dest}` cannot be mounted: it does not exist, and `{above.dest}` is read-only",
            where=str(mount.origin),
            hint=f"make it first: `mkdir -p {source}`, or choose another place for it",
        )
    return missing


def _is_folder(mount: Mount) -> bool:
    if isinstance(mount, (Bind, Mask)):
        return mount.kind == "dir"
    return not isinstance(mount, (Data, Symlink))
