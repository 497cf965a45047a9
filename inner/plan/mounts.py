"""The model of the box's file system: which mount decides what a process sees at a path, and what bubblewrap would have to
make on the host before it can mount.

Pure: the host is asked, never changed. A later mount hides what is below it and `order` puts parents first, so the deepest mount
that covers a path decides (mount_namespaces(7)). Tests compare every answer with the kernel's.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, assert_never, frozen
from inner.paths import BoxPath, HostPath, ancestors, quoted
from inner.plan.model import Bind, Data, Dev, Dir, Mask, Overlay, Proc, Symlink, Tmpfs, ground

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inner.host import Host
    from inner.plan.model import Ground, Mount


MOST_LINKS = 40  # ELOOP, path_resolution(7)

# What bubblewrap's --dev makes (setup_newroot, SETUP_MOUNT_DEV); /dev/console only with a terminal, hence not counted on.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEV_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "core": "/proc/kcore",
    "ptmx": "pts/ptmx",
}


def order(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """Parents before children; among mounts at one place the last one stays, and it keeps its place among its equals."""
    last: dict[BoxPath, Mount] = {}
    for mount in mounts:
        last.pop(mount.dest, None)
        last[mount.dest] = mount
    return tuple(sorted(last.values(), key=lambda mount: 0 if mount.dest == "/" else mount.dest.count("/")))


def simplify(ordered: Sequence[Mount]) -> tuple[Mount, ...]:
    """Without the binds that a parent's bind of the same mode shows anyway: bubblewrap's start is quadratic in mounts.

    A writable one that has mounts below it stays: a mount point cannot be renamed, and that is what it may be there for.
    """
    over = {folder for mount in ordered for folder in ancestors(mount.dest)}
    kept: dict[str, Mount] = {}
    for mount in ordered:
        above = next((kept[place] for place in ancestors(mount.dest) if place in kept), None)
        if isinstance(mount, Mask) and isinstance(above, Mask) and above.kind == "dir":
            continue
        if (
            isinstance(mount, Bind)
            and isinstance(above, Bind)
            and (above.mode, above.dev) == (mount.mode, mount.dev)
            and below(above, mount.dest) == mount.src
            and (mount.mode == "ro" or mount.dest not in over)
        ):
            continue
        kept[mount.dest] = mount
    return tuple(kept.values())


def below(bind: Bind | Overlay, path: str) -> HostPath:
    """The host's path behind `path`, which `bind` covers."""
    rest = path[len(bind.dest.rstrip("/")) :]
    return HostPath((bind.src.rstrip("/") + rest) or "/")


@frozen
class Seen:
    """What is at a path of the box: `path` is canonical there; `kind` "dir", "file", "link", "other", or "" when nothing is;
    `mode` that of the mount, "ro" or "rw" (permissions may forbid more); `host` the host's path behind it, "" when it is the
    box's own; `mount` what decided.
    """

    path: BoxPath
    kind: str
    mode: str
    host: HostPath
    mount: Mount | None

    @property
    def absent(self) -> bool:
        """Nothing is there."""
        return not self.kind

    @property
    def hidden(self) -> bool:
        """A mask lies over it, or over a folder above it."""
        return isinstance(self.mount, Mask)


class MountTable:
    """Answers for one list of mounts, which `order` made, on one host."""

    def __init__(self, mounts: Sequence[Mount], host: Host) -> None:
        self._host = host
        self._at: dict[str, Mount] = {mount.dest: mount for mount in mounts}
        self._made = {folder for mount in mounts for folder in ancestors(mount.dest)}
        self._on_host: dict[str, Mount | None] | None = None

    def decides(self, path: str) -> Mount | None:
        """The mount at `path`, canonical, or else the one in whose file system it lies."""
        return self._at.get(path) or ground(self._at, path)

    def at(self, path: str, *, follow: bool = True) -> Seen:
        """What a process sees at an absolute path; symlinks are followed as the kernel does, the last one when `follow`."""
        done, todo, links = "", _parts(path), 0
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
                    rest = here + "".join("/" + p for p in reversed(todo))
                    return self._entry(rest) if self._anyones(here) else self._absent(rest)
                continue
            links += 1
            if links > MOST_LINKS:
                return self._absent(here)
            done = "" if target.startswith("/") else done
            todo.extend(_parts(target))
        return self._entry(done or "/")

    def _link(self, path: str) -> str:
        exact = self._at.get(path)
        if isinstance(exact, Symlink):
            return exact.target
        if exact is not None:
            return ""
        under = ground(self._at, path)
        if isinstance(under, (Bind, Overlay)):
            return self._read_link(below(under, path))
        if isinstance(under, Dev):
            return DEV_LINKS.get(path[len(under.dest) + 1 :], "")
        if isinstance(under, Proc) and not self._anyones(path):
            return self._read_link("/proc" + path[len(under.dest) :])
        return ""

    def _anyones(self, path: str) -> bool:
        """Whether `path` belongs to a process of the box: which there will be, and what they have open, nobody knows."""
        under = ground(self._at, path)
        return isinstance(under, Proc) and _of_a_process(path[len(under.dest) + 1 :])

    def _read_link(self, host: str) -> str:
        found = self._host.lstat(host)
        if found is None:
            point = self._points().get(host)
            return point.target if isinstance(point, Symlink) else ""
        return self._host.readlink(host) if found.kind == "link" else ""

    def _points(self) -> dict[str, Mount | None]:
        """Mount points on the host behind writable binds, and folders on the way to them (None): what is not there yet will be
        when the box starts, and every bind of the same source shows it.
        """
        if self._on_host is None:
            self._on_host = {}
            for mount in self._at.values():
                under = ground(self._at, mount.dest)
                if isinstance(under, Bind) and under.mode == "rw":
                    *way, last = _between(under.src, below(under, mount.dest))
                    for path in way:
                        self._on_host.setdefault(path, None)
                    self._on_host[last] = mount
        return self._on_host

    def _absent(self, path: str) -> Seen:
        return Seen(BoxPath(path), "", "", HostPath(""), self.decides(path))

    def _entry(self, path: str) -> Seen:  # noqa: RET503 - the match is exhaustive
        """What is at a canonical path."""
        place, mount = BoxPath(path), self._at.get(path)
        none = HostPath("")
        if mount is None or isinstance(mount, Dir):
            return self._within(place, mount, ground(self._at, path))
        match mount:
            case Bind():
                return Seen(place, mount.kind, mount.mode, mount.src, mount)
            case Overlay():
                return Seen(place, "dir", "rw", mount.src, mount)
            case Mask():
                return Seen(place, mount.kind, "ro", none, mount)
            case Data():
                return Seen(place, "file", mount.mode, none, mount)
            case Symlink():
                return Seen(place, "link", "ro", none, mount)
            case Tmpfs():
                return Seen(place, "dir", mount.mode, none, mount)
            case Proc():
                return Seen(place, "dir", mount.mode, none, mount)
            case Dev():
                return Seen(place, "dir", "ro", none, mount)
            case _:
                assert_never(mount)

    def _within(self, path: BoxPath, made: Dir | None, under: Ground | None) -> Seen:
        """What is at a path that is no mount point of a file system: an entry of `under`, or a folder made for mounts."""
        own, mount = HostPath(""), made or under
        folder = made is not None or path in self._made or path == "/"
        if isinstance(under, (Bind, Overlay)):
            host = below(under, path)
            mode = under.mode if isinstance(under, Bind) else "rw"
            found = self._host.lstat(host)
            if found is not None:
                return Seen(path, _shape(found.kind), mode, host, mount)
            if host in self._points():
                point = self._points()[host]
                return Seen(path, _wanted(point) if point is not None else "dir", mode, host, mount)
            return Seen(path, "dir", mode, host, mount) if folder else self._absent(path)
        if isinstance(under, Tmpfs) or under is None:
            mode = under.mode if under is not None else "rw"
            return Seen(path, "dir", mode, own, mount) if folder else self._absent(path)
        if isinstance(under, Dev):
            name = path[len(under.dest) + 1 :]
            if name in DEVICES or name == "pts/ptmx":
                return Seen(path, "other", "rw", own, mount)
            if name in DEV_LINKS:
                return Seen(path, "link", "ro", own, mount)
            if name in ("pts", "shm") or folder:
                return Seen(path, "dir", "rw" if name.startswith("shm") else "ro", own, mount)
        if isinstance(under, Proc):
            name = path[len(under.dest) + 1 :]
            if _of_a_process(name):
                return Seen(path, "other", under.mode, own, mount)
            found = self._host.lstat("/proc/" + name)
            return Seen(path, _shape(found.kind), under.mode, own, mount) if found is not None else self._absent(path)
        return self._absent(path)


def scaffolding(ordered: Sequence[Mount], host: Host) -> tuple[HostPath, ...]:
    """Mount points that bubblewrap would create on the host, through a writable bind, outermost first.

    Raises ConfigError for a mount point that it could not create, or that it would reach through a symlink: until 0.12 such a
    link was followed out of the box (CVE-2026-87766).
    """
    at: dict[str, Mount] = {}
    made: dict[str, str] = {}  # path on the host -> kind
    for mount in ordered:
        under = ground(at, mount.dest)
        at[mount.dest] = mount
        if under is None or isinstance(under, Tmpfs):
            continue
        if isinstance(under, Symlink):
            raise _refused(mount, f"`{under.dest}` is a symbolic link, and a mount would follow it", _ELSEWHERE)
        if isinstance(under, Data) or (isinstance(under, (Bind, Mask)) and under.kind != "dir"):
            raise _refused(mount, f"`{under.dest}` is not a folder")
        if isinstance(under, (Bind, Overlay)):
            made.update(_missing(under, mount, host, made))
        elif isinstance(under, Mask):
            raise _refused(mount, f"`{under.dest}` is hidden from the box")
        elif isinstance(under, Proc):
            _existing(mount, "/proc" + mount.dest[len(under.dest) :], host)
        elif isinstance(under, Dev):
            _device(mount, mount.dest[len(under.dest) + 1 :])
        else:
            assert_never(under)
    return tuple(HostPath(path) for path in made)


_ELSEWHERE = "name the place it leads to instead"


def _missing(above: Bind | Overlay, mount: Mount, host: Host, made: Mapping[str, str]) -> dict[str, str]:
    """What has to be made between `above` and `mount` on the host, with kinds. An overlay keeps it from the host."""
    source, missing = below(above, mount.dest), {}
    for path in _between(above.src, source):
        wanted = _wanted(mount) if path == source else "dir"
        found = made.get(path) or getattr(host.lstat(path), "kind", "")
        if not found:
            missing[path] = wanted
        else:
            _fits(mount, path, found, wanted)
    if missing and isinstance(above, Bind) and above.mode == "ro":
        hint = f"make it first: `mkdir -p {quoted(source)}`, or choose another place for it"
        raise _refused(mount, f"it does not exist, and `{above.dest}` is read-only", hint)
    return missing if isinstance(above, Bind) else {}


def _between(top: str, path: str) -> Iterator[str]:
    """Every path below `top` down to `path`, outermost first."""
    yield from reversed([place for place in ancestors(path) if len(place) > len(top)])
    yield path


def _existing(mount: Mount, path: str, host: Host) -> None:
    """Raises unless `path` of the kernel's /proc is there to be mounted on: nothing can be made in a procfs."""
    found = None if _of_a_process(path[len("/proc/") :]) else host.lstat(path)
    if found is None:
        raise _refused(mount, "`/proc` has no such entry in every box")
    _fits(mount, path, found.kind, _wanted(mount))


def _device(mount: Mount, name: str) -> None:
    """Raises when the fresh /dev has something else at `name`. What is not there can be made: it is a tmpfs until the end."""
    first = name.partition("/")[0]
    if first in DEV_LINKS:
        raise _refused(mount, f"`/dev/{first}` is a symbolic link, and a mount would follow it", _ELSEWHERE)
    if (first in DEVICES and first != name) or (first == "pts" and first != name):
        raise _refused(mount, f"nothing can be made in `/dev/{first}`")
    if name in (*DEVICES, "pts", "shm"):
        _fits(mount, f"/dev/{name}", "other" if name in DEVICES else "dir", _wanted(mount))


def _fits(mount: Mount, path: str, found: str, wanted: str) -> None:
    """Raises when bubblewrap would not mount on what is at `path`."""
    if found == "link":
        raise _refused(mount, f"`{path}` is a symbolic link, and a mount would follow it", _ELSEWHERE)
    if wanted == "link":
        raise _refused(mount, f"`{path}` exists, and a symbolic link is to be made there")
    if (found == "dir") != (wanted == "dir"):
        raise _refused(mount, f"`{path}` is {'a folder' if found == 'dir' else 'not a folder'}")


def _refused(mount: Mount, why: str, hint: str = "") -> ConfigError:
    return ConfigError(f"`{mount.dest}` cannot be mounted: {why}", where=str(mount.origin), hint=hint)


def _wanted(mount: Mount) -> str:
    """The kind of mount point that bubblewrap makes: "dir", "file" or "link"."""
    if isinstance(mount, (Bind, Mask)):
        return "dir" if mount.kind == "dir" else "file"
    return "file" if isinstance(mount, Data) else "link" if isinstance(mount, Symlink) else "dir"


def _parts(path: str) -> list[str]:
    """The components of `path`, the last one first; a slash at the end asks for a folder, as `.` does (path_resolution(7))."""
    parts = [part for part in (f"{path}." if path.endswith("/") else path).split("/") if part]
    parts.reverse()
    return parts


def _shape(kind: str) -> str:
    """A kind of `host.Stat` as one of `Seen`."""
    return "other" if kind == "socket" else kind


def _of_a_process(name: str) -> bool:
    """Whether an entry of a procfs belongs to a process: those of the host say nothing about those of the box."""
    first = name.partition("/")[0]
    return first.isdigit() or first in ("self", "thread-self")
