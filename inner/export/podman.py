"""A command line for podman, for a shell: what cannot be said is said in comments above it."""

from __future__ import annotations

import os
import shlex

from inner.frozen import TYPE_CHECKING
from inner.ui import safe

if TYPE_CHECKING:
    from inner.export.container import Container, Volume


def render(box: Container) -> str:
    """The whole text."""
    notices = list(box.notices)
    network = "none"
    if box.network == "full":
        network = "slirp4netns:allow_host_loopback=false"
    elif box.network == "allowlist":
        notices.append("podman holds no allowlist: there is no network; `inner run` holds it")
    keep = [f"--userns=keep-id:uid={box.uid},gid={box.gid}"] if os.getuid() else []
    if not keep:
        notices.append("podman of root keeps no user: the container has no user namespace; use it as an ordinary user")
    words = [
        "--rm",
        "--read-only",
        "--read-only-tmpfs=false",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        *keep,
        f"--user={box.uid}:{box.gid}",
        f"--network={network}",
        "--ipc=private",
        "--pid=private",
        "--uts=private",
        "--cgroupns=private",
        "--hostname=box",
        f"--memory={box.memory}b",
        f"--memory-swap={box.memory}b",
        f"--cpus={box.cpu:g}",
        f"--pids-limit={box.pids}",
        f"--workdir={box.cwd}",
        *(["--interactive", "--tty"] if box.terminal else []),
        *([f"--timeout={box.timeout}"] if box.timeout else []),
        *(f"--env={name}={value}" for name, value in box.env),
        *(f"--env={name}" for name in (*box.names, *box.plain)),  # by name: podman takes the value from its own environment
    ]
    for one in box.volumes:
        words.extend(_volume(one))
    words.append("--entrypoint=")
    lines = [f"# {safe(notice)}" for notice in notices]
    command = " \\\n  ".join(
        [f"podman run {shlex.quote(words[0])}", *map(shlex.quote, words[1:]), shlex.join((box.image, *box.command))]
    )
    return "\n".join((*lines, command))


def _volume(one: Volume) -> list[str]:
    to = f"destination={one.dest}"
    if one.kind == "tmpfs":
        return [_mount("type=tmpfs", to, f"tmpfs-size={one.size}", "tmpfs-mode=1777")]
    if one.kind == "mask":
        empty = ("type=tmpfs", to, "tmpfs-size=0") if one.shape == "dir" else ("type=bind", "source=/dev/null", to)
        return [_mount(*empty, "ro=true")]
    return [_mount("type=bind", f"source={one.src}", to, f"ro={'true' if one.mode == 'ro' else 'false'}")]


def _mount(*fields: str) -> str:
    """A line of CSV, which podman reads since 4.4: a comma in the name of a folder begins no field. Before, it refuses the quotes."""
    odd = frozenset('",\r\n')
    quote = '"'
    return "--mount=" + ",".join(
        one if odd.isdisjoint(one) else f"{quote}{one.replace(quote, quote * 2)}{quote}" for one in fields
    )
