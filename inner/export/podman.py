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
    if one.kind == "tmpfs":
        return [f"--mount=type=tmpfs,destination={one.dest},tmpfs-size={one.size},tmpfs-mode=1777"]
    if one.kind == "mask":
        return [
            f"--mount=type=tmpfs,destination={one.dest},tmpfs-size=0,ro=true"
            if one.shape == "dir"
            else f"--mount=type=bind,source=/dev/null,destination={one.dest},ro=true"
        ]
    return [f"--mount=type=bind,source={one.src},destination={one.dest},ro={'true' if one.mode == 'ro' else 'false'}"]
