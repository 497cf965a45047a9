"""A plan as a container: the image takes the place of the host's system, everything that keeps the box tight stays.

What cannot be said in that form becomes a notice; where that would open the box (a network allowlist), it stays shut.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import covers
from inner.plan.limits import found
from inner.plan.model import Bind, Data, Mask, Overlay, Tmpfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inner.plan.model import Plan
    from inner.profile.model import Profile

OURS = ("GIT_CONFIG_", "INNER_BOX")  # variables that lead to files of inner's own
PLAIN = ("LANG", "TERM", "COLORTERM", "TZ", "NO_COLOR")
SYSTEM = ("/usr/", "/bin", "/sbin")


@frozen
class Volume:
    """A folder or file of the host in the container. `kind`: "bind", "tmpfs" (`size` bytes), or "mask" (an empty `shape`)."""

    dest: str
    kind: str = "bind"
    src: str = ""
    mode: str = "ro"
    size: int = 0
    shape: str = "dir"


@frozen
class Container:
    """What every engine is told. `names` are variables whose values stay where the container is started,
    `plain` those that say nothing of a secret: language and terminal."""

    name: str
    image: str
    command: tuple[str, ...]
    cwd: str
    uid: int
    gid: int
    env: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    plain: tuple[str, ...]
    volumes: tuple[Volume, ...]
    memory: int
    cpu: float
    pids: int
    network: str
    hosts: tuple[str, ...]
    terminal: bool
    timeout: int
    project: str
    notices: tuple[str, ...]


def container(plan: Plan, profile: Profile, image: str, *, memory: int, cpus: int) -> Container:
    """`memory` and `cpus` are this machine's: limits that the profile leaves open are found from them, as a run would."""
    limits = found(plan.limits, memory=memory, cpus=cpus)
    volumes = tuple(_volumes(plan))
    variables = [one for one in plan.env if not one.name.startswith(OURS)]
    passed = [one.name for one in variables if one.value is None]
    secret = tuple(name for one in profile.credentials.values() if (name := one.source.removeprefix("env:")) != one.source)
    return Container(
        name=f"inner-{profile.name}".replace(".", "-").replace("_", "-"),
        image=image,
        command=plan.command,
        cwd=plan.cwd,
        uid=plan.uid or 1000,
        gid=plan.gid or 1000,
        env=tuple((one.name, _path(one.name, one.value)) for one in variables if one.value is not None),
        names=tuple(dict.fromkeys((*(name for name in passed if not _is_plain(name)), *secret))),
        plain=tuple(name for name in passed if _is_plain(name)),
        volumes=volumes,
        memory=limits.memory or 0,
        cpu=limits.cpu or 0,
        pids=limits.pids or 0,
        network=plan.network.mode,
        hosts=plan.network.allow,
        terminal=plan.terminal == "private",
        timeout=int(plan.timeout),
        project=plan.project,
        notices=tuple(_notices(plan, profile, volumes)),
    )


def _is_plain(name: str) -> bool:
    return name in PLAIN or name.startswith("LC_")


def _path(name: str, value: str) -> str:
    """PATH with the system's folders alone: those of this host's home and inner's shims are not in an image."""
    return ":".join(one for one in value.split(":") if one.startswith(SYSTEM)) if name == "PATH" else value


def _volumes(plan: Plan) -> Iterator[Volume]:
    """The project and what a profile mounts; what is protected or masked below those; scratch space."""
    kept = [
        one
        for one in plan.mounts
        if isinstance(one, Bind) and (str(one.dest) == plan.project or one.origin.file) and one.kind != "other"
    ]
    own = {str(copy.into) for copy in plan.copies}
    kept = [one for one in kept if one.src not in own and not covers("/usr", one.dest)]
    for one in plan.mounts:
        below = any(covers(base.dest, one.dest) and base.dest != one.dest for base in kept)
        if isinstance(one, Tmpfs) and one.dest != "/" and one.mode == "rw":
            yield Volume(one.dest, "tmpfs", size=one.size, mode="rw")
        elif isinstance(one, Bind) and (one in kept or (below and one.mode == "ro" and not plan.guard.makes(one.src))):
            yield Volume(one.dest, src=one.src, mode=one.mode, shape=one.kind)
        elif isinstance(one, Mask) and below:
            yield Volume(one.dest, "mask", shape=one.kind)


def _notices(plan: Plan, profile: Profile, volumes: tuple[Volume, ...]) -> Iterator[str]:
    """What is not the same as in a box of inner's."""
    held = {one.dest for one in volumes}
    yield "the image stands for the system: this host's programs, certificates and toolchains are not in it"
    if plan.network.mode == "allowlist":
        yield f"network_allow is not held by names here ({', '.join(plan.network.allow) or 'no hosts'}): see the network below"
    if plan.network.deny:
        yield f"network_deny is not held: {', '.join(plan.network.deny)}"
    if plan.network.ask:
        yield "nobody is asked about hosts"
    if plan.network.publish:
        yield "ports are not published"
    if plan.seccomp == "default":
        yield "inner's system call filter is not part of this: the engine's default is used"
    if profile.noop.block or profile.noop.rewrite:
        yield f"commands are not replaced: {', '.join((*profile.noop.block, *profile.noop.rewrite))}"
    if plan.guard.shadows:
        yield "git's folder is shown as it is, read-only where inner would show a copy of its own"
    if plan.guard.placeholders or plan.guard.late:
        yield "files that steer programs outside and do not exist yet can be created"
    for one in plan.private:
        yield f"the login in {one.dest} is not brought along: give the agent a key by reference"
    for name, credential in profile.credentials.items():
        yield f"credential `{name}` is not put on requests outside: what reads {credential.source.partition(':')[2]} sees the secret"
    if plan.copies:
        yield f"no private copies (safe-rw): {', '.join(copy.src for copy in plan.copies)}"
    for mount in plan.mounts:
        if isinstance(mount, Overlay):
            yield f"no overlay: {mount.dest}"
        elif isinstance(mount, Bind) and mount.origin.file and mount.dest not in held:
            yield f"not mounted: {mount.src} at {mount.dest}"
    made = [
        mount.dest for mount in plan.mounts if isinstance(mount, Data) and not mount.dest.startswith(("/etc/", "/run/", "/usr/"))
    ]
    if made:
        yield f"files that inner would make are missing: {', '.join(made)}"
    if plan.clipboard:
        yield "no clipboard"
    if plan.require:
        yield f"`require` is not checked: {', '.join(plan.require)}"
