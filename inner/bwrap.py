"""From a plan to bubblewrap's command line; the only file that knows bubblewrap's flags and versions (0.5 to 0.12).

Pure: what needs a descriptor is a placeholder (`Content`, `Opened`, `Given`) that the launcher fills in. All words but the
command itself travel through `--args FD`, so no ps(1) shows them and no length limit applies.
"""

from __future__ import annotations

from inner.errors import ConfigError, HostError
from inner.frozen import TYPE_CHECKING, assert_never, replace
from inner.paths import HostPath, ancestors, covers, normal, quoted
from inner.plan.model import Bind, Data, Dev, Dir, Mask, Overlay, Proc, Symlink, Tmpfs, ground
from inner.words import GIVEN, Content, Features, Given, Opened, Source, checked, environment, named

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from typing import TypeAlias

    from inner.plan.model import Mount, Plan
    from inner.words import Word

    Operation: TypeAlias = tuple[Word, ...]  # a flag, the modifiers before it, and its arguments


SHM_SIZE = 256 * 1024 * 1024
MASK_SIZE = 4096
ETC = "/etc"


def words(
    plan: Plan,
    features: Features,
    *,
    env: Mapping[str, str],
    filter: bytes | None,  # noqa: A002
    given: Iterable[str] = (),
) -> tuple[Word, ...]:
    """Every word between `bwrap` and the command. `env` is the host's environment, for the variables that the plan only
    names; `filter` the seccomp program; `given` the names of the launcher's descriptors to speak of.

    Raises ConfigError for what bubblewrap would misread: a NUL byte, a destination that is not canonical.
    """
    return tuple(word for operation in operations(plan, features, env=env, filter=filter, given=given) for word in operation)


def operations(
    plan: Plan,
    features: Features,
    *,
    env: Mapping[str, str],
    filter: bytes | None,  # noqa: A002
    given: Iterable[str] = (),
) -> tuple[Operation, ...]:
    """The same words, one element for each operation."""
    line = [*fixed(plan, features, filter=filter), *environment(plan.env, env)]
    line += [(GIVEN[name], Given(name)) for name in given]
    return tuple(line)


def fixed(
    plan: Plan,
    features: Features,
    *,
    filter: bytes | None,  # noqa: A002
    etc: HostPath | None = None,
    copied: Container[str] = (),
) -> Iterator[Operation]:
    """Those that are the same whenever the plan is: all but the variables and the launcher's descriptors. `etc`: a folder that
    has all that the box's own /etc would be made of (`launch.etc`), and a copy of what is mounted at the destinations `copied`."""
    for operation in (*_box(plan, features, etc, copied), ("--chdir", plan.cwd)):
        yield checked(operation)
    if filter is not None:
        yield ("--seccomp", Content(filter))


# How many words follow each flag that is written here.
ARITY = {
    **dict.fromkeys(("die-with-parent", "new-session", "disable-userns", "clearenv"), 0),
    **{f"unshare-{name}": 0 for name in ("user", "ipc", "uts", "pid", "net", "cgroup-try")},
    **dict.fromkeys(("hostname", "uid", "gid", "cap-drop", "remount-ro", "chdir", "seccomp", "size", "perms", "tmpfs", "dir", "proc"), 1),
    **dict.fromkeys(("dev", "overlay-src", "tmp-overlay", "json-status-fd", "info-fd", "block-fd", "sync-fd"), 1),
    **dict.fromkeys(("setenv", "bind", "ro-bind", "dev-bind", "bind-fd", "ro-bind-fd", "bind-data", "ro-bind-data", "file", "symlink"), 2),
    "overlay": 3,
}  # fmt: skip


def arguments(line: Iterable[str]) -> dict[str, list[tuple[str, ...]]]:
    """The way back: every flag of `line` with the words after it, in order. ConfigError for a flag that is not written here."""
    found: dict[str, list[tuple[str, ...]]] = {}
    rest = iter(line)
    for flag in rest:
        count = ARITY.get(flag.removeprefix("--"), -1)
        if count < 0:
            raise ConfigError("the box was made by another version of inner")
        found.setdefault(flag, []).append(tuple(next(rest, "") for _ in range(count)))
    return found


def limitations(plan: Plan, features: Features) -> tuple[str, ...]:
    """What this bubblewrap cannot do of what the plan means, for people: the run goes on, weaker in these points."""
    this = f"bubblewrap {'.'.join(map(str, features.version))}" + (", set-uid root," if features.setuid else "")
    found = []
    if not features.has("size"):
        remedy = "without the set-uid bit it can" if features.version >= (0, 7) else "0.7.0 or later can"
        found.append(f"{this} cannot bound the box's file systems in memory: {remedy}")
    if not features.has("disable-userns") and not plan.namespaces.nested_user and plan.seccomp == "off":
        remedy = "without the set-uid bit it can" if features.version >= (0, 8) else "0.8.0 or later can"
        found.append(f"{this} cannot forbid user namespaces in the box, and the system call filter is off: {remedy}")
    at: dict[str, Mount] = {mount.dest: mount for mount in plan.mounts}
    # --bind-data keeps the file in bubblewrap's own tmpfs, which no flag bounds.
    files = (m for m in plan.mounts if isinstance(m, Data) and m.mode == "rw" and not _copied(m, ground(at, m.dest)))
    found += [f"`{file.dest}` can be written, and nothing but the machine's memory bounds its size" for file in files]
    return tuple(found)


def _box(plan: Plan, features: Features, etc: HostPath | None, copied: Container[str]) -> Iterator[Operation]:
    """Everything but the environment."""
    for name in ("user", "ipc", "uts", "cgroup-try"):
        yield (f"--unshare-{name}",)
    if plan.namespaces.pid:
        yield ("--unshare-pid",)
    if plan.namespaces.net:
        yield ("--unshare-net",)
    if features.has("disable-userns") and not plan.namespaces.nested_user:
        yield ("--disable-userns",)
    yield from (("--hostname", "inner"), ("--die-with-parent",))
    yield from (("--uid", str(plan.uid)), ("--gid", str(plan.gid)), ("--cap-drop", "ALL"))
    for mount, under in placed(plan.mounts):
        if etc is not None and (in_etc(mount, under) or mount.dest in copied):
            if mount.dest == ETC:
                yield from _mount(Bind(etc, mount.dest), under, features)
        else:
            yield from _mount(mount, under, features)
    # Last, and the deepest first: until here mount points are made in them.
    closed = [m for m in plan.mounts if isinstance(m, Dev) or (isinstance(m, (Tmpfs, Proc)) and m.mode == "ro")]
    for mount in sorted(closed, key=lambda mount: -len(mount.dest)):
        yield ("--remount-ro", mount.dest)
    yield ("--clearenv",)


def placed(mounts: Iterable[Mount]) -> Iterator[tuple[Mount, Mount | None]]:
    """Every mount with the one in which it lies. ConfigError when a destination is not canonical, or not after its parents in a
    root of the box's own. Whether one leads through a symlink of the host `plan.mounts.scaffolding` has asked; the plan's own
    links are looked at here.
    """
    before: dict[str, Mount] = {}
    above: set[str] = set()
    for mount in mounts:
        dest = mount.dest
        if not dest.startswith("/") or dest.startswith("/var/run/") or dest != normal(dest):
            raise ConfigError(f"`{dest}` is not a canonical path: bubblewrap would follow it", where=str(mount.origin))
        if dest != "/" and "/" not in before:
            raise ConfigError("the box has no root of its own: its first mount has to be at `/`", where=str(mount.origin))
        if dest in above or dest in before:
            raise ConfigError(f"`{dest}` is mounted over what was mounted before", where=str(mount.origin))
        under = ground(before, dest)
        if isinstance(under, (Symlink, Data)):
            raise ConfigError(f"`{dest}` cannot be mounted: `{under.dest}` is not a folder", where=str(mount.origin))
        yield mount, under
        before[dest] = mount
        for place in ancestors(dest):
            if place in above:
                break
            above.add(place)


def in_etc(mount: Mount, under: Mount | None) -> bool:
    """Whether this is nothing but a file, a folder or a link in the /etc of the box's own root."""
    own = isinstance(mount, (Dir, Symlink)) or (isinstance(mount, Data) and _copied(mount, under))
    return own and covers(ETC, mount.dest) and isinstance(under, Tmpfs) and (under.dest, under.mode) == ("/", "ro")


def _mount(mount: Mount, under: Mount | None, features: Features) -> Iterator[Operation]:
    dest = mount.dest
    match mount:
        case Bind(dev=True):
            yield ("--dev-bind", mount.src, dest)
            if mount.mode == "ro":  # there is no read-only kind of --dev-bind
                yield ("--remount-ro", dest)
        case Bind():
            flag = "--bind" if mount.mode == "rw" else "--ro-bind"
            if features.has("bind-fd") and features.has("ro-bind-fd") and mount.src != "/":
                yield (flag + "-fd", Opened(mount.src), dest)
            else:
                yield (flag, mount.src, dest)
        case Tmpfs():
            yield (*_sized(features, mount.size), "--perms", f"{mount.perms:04o}", "--tmpfs", dest)
        case Overlay():
            if not features.has("overlay"):
                raise HostError(
                    f"`{dest}` is an overlay, which this bubblewrap cannot make", where=features.path, hint="0.11.0 or later can"
                )
            yield ("--overlay-src", mount.src)
            yield ("--overlay", mount.upper, mount.work, dest) if mount.upper else ("--tmp-overlay", dest)
        case Mask(kind="dir"):
            yield (*_sized(features, MASK_SIZE), "--perms", "0555", "--tmpfs", dest)
            yield ("--remount-ro", dest)
        case Mask():
            yield ("--perms", "0444", "--ro-bind-data", Content(b""), dest)
        case Data():
            # In memory of the box's own a file is a copy: a mount for each would make the start slower.
            copied = _copied(mount, under)
            flag = "--file" if copied else "--ro-bind-data" if mount.mode == "ro" else "--bind-data"
            content = Source(mount.src, len(mount.content)) if mount.src else Content(mount.content)
            yield ("--perms", f"{mount.perms:04o}", flag, content, dest)
        case Symlink():
            yield ("--symlink", mount.target, dest)
        case Dir():
            yield ("--perms", f"{mount.perms:04o}", "--dir", dest)
        case Proc():
            yield ("--proc", dest)
        case Dev():
            yield ("--dev", dest)
            yield (*_sized(features, SHM_SIZE), "--perms", "1777", "--tmpfs", f"{dest}/shm")
        case _:
            assert_never(mount)


def _copied(mount: Data, under: Mount | None) -> bool:
    """Whether the file is part of `under`, in which it lies, and not a mount."""
    return isinstance(under, Tmpfs) and under.mode == mount.mode


def _sized(features: Features, size: int) -> tuple[str, ...]:
    return ("--size", str(size)) if features.has("size") else ()


# --- the same, for people -----------------------------------------------------------------------------------------------


def paste(plan: Plan, features: Features) -> str:
    """The same command for bash: contents come from process substitutions, the host's variables from `"$NAME"`, and sources are
    named, not opened. The system call filter, which is machine code, is left out.
    """
    pathless = replace(features, flags=features.flags - {"bind-fd", "ro-bind-fd"})
    plain = replace(plan, env=tuple(variable for variable in plan.env if variable.value is not None))
    read: list[str] = []
    lines = ["env -i " + quoted(features.path)]
    for operation in operations(plain, pathless, env={}, filter=None):
        text = []
        for word in operation:
            if isinstance(word, (Content, Source)):
                read.append(quoted(word.path) if isinstance(word, Source) else f"<(printf -- '{printed(word.data)}')")
                word = str(_FIRST + len(read) - 1)  # noqa: PLW2901
            if not isinstance(word, str):
                raise TypeError(f"not for people: {word!r}")
            text.append(quoted(word))
        lines.append(" ".join(text))
    lines += [_reference(named(variable)) for variable in plan.env if variable.value is None]
    lines.append("-- " + " ".join(quoted(word) for word in plan.command))
    lines += [f"{_FIRST + at}< {what}" for at, what in enumerate(read)]
    return " \\\n  ".join(lines)


_FIRST = 10  # bash keeps no descriptors of its own between here and 63


def _reference(name: str) -> str:
    """Words that set `name` as it is set outside, and no words when it is not."""
    if name.isidentifier() and name.isascii():
        return f'${{{name}+--setenv {name} "${name}"}}'
    word = quoted(name)  # a name that bash cannot read: set in any case, empty when it is not set outside
    return f'--setenv {word} "$(printenv -- {word})"'


_PRINTF = {0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\", 0x25: "%%"}


def printed(data: bytes) -> str:
    """A format for printf(1), in single quotes, that prints `data`."""
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in "\\'%" else _PRINTF.get(byte, f"\\x{byte:02x}") for byte in data
    )
