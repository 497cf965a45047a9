"""From a plan to bubblewrap's command line; the only file that knows bubblewrap's flags and versions (0.5 to 0.12).

Pure: what needs a descriptor is a placeholder (`Content`, `Opened`, `Given`) that the launcher fills in. All words but the
command itself travel through `--args FD`, so no ps(1) shows them and no length limit applies.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, assert_never, frozen
from inner.paths import HostPath, ancestors, normal
from inner.plan.model import Bind, Data, Dev, Dir, Mask, Overlay, Proc, Symlink, Tmpfs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from inner.plan.model import Mount, Plan

OLDEST = (0, 5, 0)  # --perms; before it a file bind over a socket or a device fails
SHM_SIZE = 512 * 1024 * 1024
MASK_SIZE = 4096


@frozen
class Features:
    """One bubblewrap: where it is, its version, the flags that its `--help` names, and whether it is set-uid root."""

    path: HostPath
    version: tuple[int, ...]
    flags: frozenset[str]
    setuid: bool = False

    def has(self, flag: str) -> bool:
        """Whether this bubblewrap knows `--flag`."""
        return flag in self.flags


@frozen
class Content:
    """The number of a descriptor from which `data` can be read."""

    data: bytes


@frozen
class Opened:
    """The number of an O_PATH descriptor for `path`, opened without following symlinks."""

    path: HostPath


@frozen
class Given:
    """The number of a descriptor that the launcher has under this name."""

    name: str


if TYPE_CHECKING:
    Word: TypeAlias = str | Content | Opened | Given


def words(plan: Plan, features: Features, *, env: Mapping[str, str], filter: bytes | None) -> tuple[Word, ...]:  # noqa: A002
    """Every word between `bwrap` and the command. `env` is the host's environment, for the variables that the plan only
    names; `filter` the seccomp program. Raises ConfigError for a word with a NUL byte.
    """
    line = tuple(_words(plan, features, env, filter))
    for word in line:
        if isinstance(word, str) and "\0" in word:
            raise ConfigError("a path or a variable of the box holds a NUL byte")
    return line


def limitations(plan: Plan, features: Features) -> tuple[str, ...]:
    """What this bubblewrap cannot do of what the plan means, for people: the run goes on, weaker in these points."""
    old = f"bubblewrap {'.'.join(map(str, features.version))}"
    found = []
    if not features.has("size"):
        found.append(f"{old} cannot bound the box's file systems in memory: 0.7.0 or later can")
    if not features.has("disable-userns") and not plan.namespaces.nested_user and plan.seccomp == "off":
        found.append(f"{old} cannot forbid user namespaces in the box, and the system call filter is off: 0.8.0 or later can")
    return tuple(found)


def _words(plan: Plan, features: Features, env: Mapping[str, str], filter_: bytes | None) -> Iterator[Word]:
    yield from ("--unshare-user", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "inner", "--die-with-parent")
    if plan.namespaces.pid:
        yield "--unshare-pid"
    if plan.namespaces.net:
        yield "--unshare-net"
    if features.has("disable-userns") and not plan.namespaces.nested_user:
        yield "--disable-userns"
    yield from ("--uid", str(plan.uid), "--gid", str(plan.gid), "--cap-drop", "ALL")
    for at, mount in enumerate(plan.mounts):
        yield from _mount(mount, plan.mounts[:at], features)
    # Last: until here mount points are made in them.
    for mount in sorted((m for m in plan.mounts if isinstance(m, Tmpfs) and m.mode == "ro"), key=lambda m: -len(m.dest)):
        yield from ("--remount-ro", mount.dest)
    if features.has("clearenv"):
        yield "--clearenv"
    for variable in plan.env:
        value = env.get(variable.name) if variable.value is None else variable.value
        if value is not None:
            yield from ("--setenv", variable.name, value)
    yield from ("--chdir", plan.cwd)
    if filter_ is not None:
        yield "--seccomp"
        yield Content(filter_)


def _mount(mount: Mount, before: Sequence[Mount], features: Features) -> Iterator[Word]:
    dest = mount.dest
    if dest != normal(dest) or dest.startswith("/var/run/"):
        raise ConfigError(f"`{dest}` is not a canonical path: bubblewrap would follow it")
    match mount:
        case Bind():
            flag = "--dev-bind" if mount.dev else "--bind" if mount.mode == "rw" else "--ro-bind"
            if features.has("bind-fd") and not mount.dev and mount.src != "/":
                yield flag + "-fd"
                yield Opened(mount.src)
            else:
                yield from (flag, mount.src)
            yield dest
        case Tmpfs():
            yield from _sized(features, mount.size)
            yield from ("--perms", f"{mount.perms:04o}", "--tmpfs", dest)
        case Overlay():
            raise ConfigError("mounts of mode `overlay` are not built yet")
        case Mask(kind="dir"):
            yield from _sized(features, MASK_SIZE)
            yield from ("--perms", "0555", "--tmpfs", dest, "--remount-ro", dest)
        case Mask():
            yield from ("--perms", "0444", "--ro-bind-data")
            yield Content(b"")
            yield dest
        case Data():
            # In memory of the box's own a file is a copy: a mount for each would make the start slower.
            own = isinstance(_under(dest, before), Tmpfs) and not any(m.dest == dest for m in before)
            plain = own and (mount.mode == "rw" or _becomes_read_only(dest, before))
            yield from ("--perms", f"{mount.perms:04o}", "--file" if plain else "--ro-bind-data" if mount.mode == "ro" else "--bind-data")
            yield Content(mount.content)
            yield dest
        case Symlink():
            yield from ("--symlink", mount.target, dest)
        case Dir():
            yield from ("--perms", f"{mount.perms:04o}", "--dir", dest)
        case Proc():
            yield from ("--proc", dest)
        case Dev():
            yield from ("--dev", dest)
            yield from _sized(features, SHM_SIZE)
            yield from ("--perms", "1777", "--tmpfs", f"{dest}/shm", "--remount-ro", dest)
        case _:
            assert_never(mount)


def _sized(features: Features, size: int) -> tuple[str, ...]:
    return ("--size", str(size)) if features.has("size") else ()


def _under(path: str, before: Sequence[Mount]) -> Mount | None:
    """The mount in whose file system `path` lies: the nearest ancestor's, the last one made there."""
    for folder in ancestors(path):
        for mount in reversed(before):
            if mount.dest == folder and not isinstance(mount, (Dir, Symlink, Data)):
                return mount
    return None


def _becomes_read_only(path: str, before: Sequence[Mount]) -> bool:
    under = _under(path, before)
    return isinstance(under, Tmpfs) and under.mode == "ro"


def paste(plan: Plan, features: Features) -> str:
    """The same command for bash: contents come from process substitutions, variables of the host from `"$NAME"`, and the
    system call filter is left out (it is machine code).
    """
    from shlex import quote

    lines: list[str] = []
    redirects: list[str] = []
    number = 10
    line: list[str] = []
    for word in words(plan, features, env=_References(), filter=None):
        if isinstance(word, str) and word.startswith("--") and line:
            lines.append(" ".join(line))
            line = []
        if isinstance(word, Content):
            text = "".join(f"\\x{byte:02x}" if byte < 0x20 or byte > 0x7E or chr(byte) in "\\'%" else chr(byte) for byte in word.data)
            redirects.append(f"{number}< <(printf '{text}')")
            line.append(str(number))
            number += 1
        elif isinstance(word, Opened):
            redirects.append(f"{number}<{_quoted(word.path)}")
            line.append(str(number))
            number += 1
        elif isinstance(word, Given):
            raise ConfigError("a descriptor of the launcher cannot be pasted")
        elif word.startswith(_References.MARK):
            line.append(f'"${word[len(_References.MARK):]}"')
        else:
            line.append(quote(word) if word.isprintable() else _quoted(word))
    lines.append(" ".join(line))
    command = " ".join(_quoted(word) for word in plan.command)
    body = " \\\n  ".join([f"env -i {features.path}", *lines, f"-- {command}", *redirects])
    return body


def _quoted(word: str) -> str:
    """`word` for bash, on one line whatever is in it."""
    from shlex import quote

    if word.isprintable():
        return quote(word)
    data = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(b) if 0x20 <= b < 0x7F and chr(b) not in "\\'" else f"\\x{b:02x}" for b in data) + "'"


class _References(dict[str, str]):
    """An environment in which every variable has a mark of its name as its value."""

    MARK = "\1value of "

    def get(self, key: str, default: object = None) -> str:  # type: ignore[override]  # noqa: ARG002
        return self.MARK + key
