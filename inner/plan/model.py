"""The plan of a run: everything that `bwrap.argv` and the supervisor need, and nothing they would have to look up.

A plan holds no secret: a variable that comes from the host's environment is a name (`value` None) until the box starts.
Mounts are applied in order: a later one hides what lies below it. Paths are normal and absolute (`paths.normal`).
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import BoxPath, HostPath, covers
from inner.profile.model import INNER, Limits, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from inner.agents.base import Login

MIB = 1024 * 1024


@frozen
class Bind:
    """A host path seen in the box. `mode` is "ro" or "rw"; `kind` is what the source is: "dir", "file", or "other" (device,
    socket). `dev` allows device nodes. `why` is for people: `working directory`, `toolchain of python3`."""

    src: HostPath
    dest: BoxPath
    mode: str = "ro"
    kind: str = "dir"
    dev: bool = False
    why: str = ""
    origin: Origin = INNER


@frozen
class Tmpfs:
    """An empty folder in memory of at most `size` bytes. `mode` "ro" makes it read-only once everything is mounted."""

    dest: BoxPath
    size: int = 64 * MIB
    perms: int = 0o755
    mode: str = "rw"
    why: str = ""
    origin: Origin = INNER


@frozen
class Overlay:
    """`src` seen through a writable layer: what the box writes goes to `upper`, a host folder, or nowhere when empty."""

    src: HostPath
    dest: BoxPath
    upper: HostPath = HostPath("")
    work: HostPath = HostPath("")
    why: str = ""
    origin: Origin = INNER


@frozen
class Mask:
    """Hides what is at `dest`: an empty, read-only folder or file, of the same type as what it covers."""

    dest: BoxPath
    kind: str = "dir"  # or "file"
    why: str = ""
    origin: Origin = INNER


@frozen
class Data:
    """A file made of bytes; read-only, or writable in memory (`mode` "rw", for a file the agent rewrites). `src`: the host's file
    that it is a copy of, if it is one."""

    dest: BoxPath
    content: bytes
    perms: int = 0o444
    mode: str = "ro"
    why: str = ""
    origin: Origin = INNER
    src: HostPath = HostPath("")


@frozen
class Symlink:
    """A symbolic link at `dest` that says `target`."""

    target: str
    dest: BoxPath
    why: str = ""
    origin: Origin = INNER


@frozen
class Dir:
    """An empty folder in whatever file system is there (a tmpfs of ours)."""

    dest: BoxPath
    perms: int = 0o755
    why: str = ""
    origin: Origin = INNER


@frozen
class Proc:
    """A fresh procfs of the box's pid namespace."""

    dest: BoxPath = BoxPath("/proc")
    mode: str = "rw"  # "ro" where the box runs as root outside: then its files would be the box's to write
    why: str = "processes of the box"
    origin: Origin = INNER


@frozen
class Dev:
    """A minimal /dev: null, zero, full, random, urandom, tty, pts, shm, fd; /dev itself read-only."""

    dest: BoxPath = BoxPath("/dev")
    why: str = "minimal devices"
    origin: Origin = INNER


if TYPE_CHECKING:
    Ground: TypeAlias = Bind | Tmpfs | Overlay | Mask | Data | Symlink | Proc | Dev
    Mount: TypeAlias = Ground | Dir


def ground(at: Mapping[str, Mount], path: str) -> Ground | None:
    """The mount of `at` in which an entry at `path` lies: the nearest above it that is not just a folder in another."""
    while path != "/":  # `ancestors`, unrolled: every start asks this some hundred times
        path = path[: path.rfind("/")] or "/"
        mount = at.get(path)
        if mount is not None and not isinstance(mount, Dir):
            return mount
    return None


@frozen
class Variable:
    """One variable of the box's environment; `value` None: taken by name from the host's environment when the box starts."""

    name: str
    value: str | None
    origin: Origin = INNER


@frozen
class Namespaces:
    """Which namespaces are new. `nested_user`: the box may make user namespaces of its own."""

    pid: bool = True
    net: bool = True
    nested_user: bool = False


@frozen
class Network:
    """`mode` "off", "allowlist" or "full"; the entries as the profile wrote them."""

    mode: str = "off"
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    brought: tuple[
        tuple[str, str], ...
    ] = ()  # entries of `allow` that no list has, and who brought them: `agent claude`, `credential api`
    ask: bool = False  # the user is asked about hosts that are on no list, but not about those of `spare`
    spare: tuple[str, ...] = ()
    publish: tuple[tuple[int, int], ...] = ()  # a port of the host's loopback, and the port in the box that answers there


@frozen
class Copy:
    """A private copy to be made before the start (mode `safe-rw`). `into`, below the run's folder, is bound in its place. `without`:
    what is hidden from every box, and is not even copied."""

    src: HostPath
    into: HostPath
    without: tuple[HostPath, ...] = ()


@frozen
class Private:
    """A file at `dest` that is made when the box starts, because it holds a login: `content` is what it begins with, `logins` are
    files of the host and what of each goes along, `approved` variables whose last 20 characters are put in a list (dotted path).
    `into` is the place of the file on the host, below the run's folder, when it is given back at the end; else the file is one
    of the mounts.
    """

    dest: BoxPath
    content: bytes = b""
    logins: tuple[tuple[HostPath, Login], ...] = ()
    approved: tuple[tuple[str, Variable], ...] = ()
    into: HostPath = HostPath("")
    agent: str = ""


@frozen
class Shadow:
    """A git folder of the box's own in the place of `gitdir`: `into` is made before the start and read back after the end. `top`
    is the work tree, `common` has objects and refs, `alternates` is where the box sees objects that exist already, `config` its settings. `part`: the
    folder below `top` that the box sees, "" for all of it. `hidden`: tracked files, below `top`, that it sees empty or not at
    all. `exclude`: patterns that git in the box ignores. `within`: folders that box and host share, where it may add work trees.
    `fixed`: what it cannot change, below `top`.
    """

    top: HostPath
    gitdir: HostPath
    common: HostPath
    into: HostPath
    alternates: tuple[str, ...] = ()
    config: bytes = b""
    hash: str = "sha1"
    part: str = ""
    hidden: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    within: tuple[HostPath, ...] = ()
    fixed: tuple[str, ...] = ()


@frozen
class Placeholder:
    """Something to mount on where a protected name does not exist yet: an empty folder ("dir"), a "file" with `content`, or a
    "socket" that nobody listens to."""

    path: HostPath
    kind: str = "dir"
    content: bytes = b""


@frozen
class Guard:
    """What keeps files of a writable `project` ("": none) from running code outside later. `protected` exist and are read-only;
    `late`: names, relative to it, that are
    put out of effect when they have appeared during the run. `repositories`: work trees whose `.git` needs no look afterwards.
    `apart`: a review keeps all changes; the copies of git folders go there, too, instead of being taken over at the end.
    """

    project: HostPath = HostPath("")
    shadows: tuple[Shadow, ...] = ()
    placeholders: tuple[Placeholder, ...] = ()
    protected: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    repositories: tuple[HostPath, ...] = ()
    apart: bool = False

    def makes(self, path: str) -> bool:
        """Whether `path` is made with the guard, not by bubblewrap: a placeholder, or a part of a copy."""
        return any(p.path == path for p in self.placeholders) or any(covers(s.into, path) for s in self.shadows)


@frozen
class Plan:
    """A run, decided. `terminal` is "private" (a pty of its own, relayed) or "none" (pipes or files as they were given)."""

    profile: str
    command: tuple[str, ...]
    cwd: BoxPath
    home: BoxPath
    project: HostPath
    mounts: tuple[Mount, ...]
    env: tuple[Variable, ...]
    uid: int = 1000
    gid: int = 1000
    namespaces: Namespaces = Namespaces()
    network: Network = Network()
    seccomp: str = "default"
    limits: Limits = Limits()
    terminal: str = "none"
    tui: bool = False
    clipboard: bool = False  # the box's terminal may set it (OSC 52)
    timeout: float = 0  # seconds, 0 for none
    summary: bool = False
    log: str = ""  # the file that gets all output; with a `/` at the end a folder that gets one for each run
    detached: bool = False  # goes on without its user
    require: tuple[str, ...] = ()  # what the run is refused without
    copies: tuple[Copy, ...] = ()
    private: tuple[Private, ...] = ()
    agents: tuple[str, ...] = ()  # by name
    guard: Guard = Guard()
    scaffolding: tuple[HostPath, ...] = ()  # mount points that bwrap creates on the host; removed afterwards
    layers: tuple[Origin, ...] = ()
    notices: tuple[str, ...] = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """The mounts of a plan that was kept are read when somebody asks for them (`plan.store`): most starts do not."""
            if name != "mounts" or "unread" not in self.__dict__:
                raise AttributeError(name)
            self.__dict__["mounts"] = self.__dict__.pop("unread")()
            return self.mounts
