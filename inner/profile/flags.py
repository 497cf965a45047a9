"""The command line of `inner run` as the topmost layer, always trusted: the user is there.

Arguments for the command (`arg`, `args_file`, `words`) are not part of it: the plan appends them. On the path of every run.
"""

from __future__ import annotations

from inner.config import quantity
from inner.errors import UsageError
from inner.frozen import TYPE_CHECKING
from inner.origin import Origin
from inner.profile.keys import ALLOW
from inner.profile.layer import AtLeast, Edit, Layer, Set
from inner.profile.model import MountSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.profile.layer import Patch
    from inner.request import Request

FLAG = Origin("flag")
MOUNT_MODES = ("ro", "rw", "safe-rw", "tmpfs", "overlay")


def layer(request: Request) -> Layer:
    """The layer; its patch is empty when nothing was asked for. UsageError for a value that cannot be read."""
    patch: dict[str, Patch] = {}
    if request.network is not None:
        patch["sandbox.network_mode"] = Set("full" if request.network else "off")
    if request.allow_host:
        if request.network is False:
            raise UsageError("no network and a host that can be reached contradict each other", hint="leave one of them out")
        for host in request.allow_host:
            if not host or not all("!" <= char <= "~" for char in host):
                raise UsageError(f"`{ascii(host)[1:-1]}` is not a host", hint="for instance `example.org` or `example.org:22`")
        patch["sandbox.network_allow"] = _added(request.allow_host)
        patch.setdefault("sandbox.network_mode", AtLeast("allowlist"))
    if request.ask:
        if request.network is not None:
            raise UsageError("to be asked about hosts takes a network with a list of them", hint="leave one of them out")
        patch["sandbox.network_ask"] = Set(True)
        patch.setdefault("sandbox.network_mode", AtLeast("allowlist"))
    for text in request.mount:
        key, spec = _mount(text)
        patch[key] = Set(spec)
    for text in request.env:
        name, equals, value = text.partition("=")
        if not equals or not (name.isascii() and name.isidentifier()):
            raise UsageError(f"`{ascii(text)[1:-1]}` does not set a variable", hint="for instance `LOG_LEVEL=debug`")
        patch[f"env.set.{name}"] = Set(value)
    if request.entrypoint:
        patch["entrypoint.cmd"] = Set(request.entrypoint)
        patch["entrypoint.args"] = Set(())
    if request.interactive is not None:
        patch["entrypoint.interactive"] = Set(request.interactive)
    if request.timeout is not None:
        if not 0 <= request.timeout < 1 << 31:  # false for nan too
            raise UsageError(f"`{request.timeout:g}` is not a time", hint="seconds, 0 for no limit")
        patch["output.timeout_seconds"] = Set(request.timeout)
    _limits(request, patch)
    for key in request.allow:
        if key not in ALLOW:
            from inner.config.faults import did_you_mean

            hint = did_you_mean(key, ALLOW) or f"one of: {', '.join(ALLOW)}"
            raise UsageError(f"`{ascii(key)[1:-1]}` is nothing that can be allowed", hint=hint)
    if request.allow:
        patch["sandbox.allow"] = _added(request.allow)
    for name in request.block:
        if not name or not name.isascii() or not all(char.isalnum() or char in "._+@-" for char in name):
            hint = "a name without a path, such as `apt-get`"
            raise UsageError(f"`{ascii(name)[1:-1]}` is not the name of a command", hint=hint)
    if request.block:
        patch["noop.block"] = _added(request.block)
    return Layer(FLAG, patch)


def _added(items: tuple[str, ...]) -> Edit:
    return Edit(append=tuple(dict.fromkeys(items)))


def _limits(request: Request, patch: dict[str, Patch]) -> None:
    asked: tuple[tuple[str, object, Callable[[object], object]], ...] = (
        ("memory", request.limit_memory, quantity.memory),
        ("cpu", request.limit_cpu, quantity.cpu),
        ("pids", request.limit_pids, quantity.pids),
    )
    for name, text, read in asked:
        if text in (None, ""):
            continue
        try:
            value = read(text)
        except ValueError as problem:
            message, _, hint = str(problem).partition("\n")
            raise UsageError(f"the limit `{ascii(text).strip(chr(39))}` {message}", hint=hint) from None
        patch[f"sandbox.limits.{name}"] = Set(value)  # None (from 0): what the host gives, whatever the profile says


def _mount(text: str) -> tuple[str, MountSpec]:
    """`SRC:DEST[:MODE]`. A tmpfs has no source: `:DEST:tmpfs`."""
    parts = text.split(":")
    mode = parts.pop() if len(parts) > 2 and parts[-1] in MOUNT_MODES else "ro"
    shown = ascii(text)[1:-1]
    if len(parts) != 2 or "\0" in text:
        what = "has an unknown mode or too many colons" if len(parts) > 2 else "does not say where to"
        raise UsageError(f"the mount `{shown}` {what}", hint=f"`SRC:DEST[:MODE]`, where MODE is one of {', '.join(MOUNT_MODES)}")
    src, dest = parts
    if mode == "tmpfs":
        if src:
            message = f"the mount `{shown}` names a source, and a tmpfs has none: it is empty"
            raise UsageError(message, hint=f"`:{dest}:tmpfs`")
        if dest:
            return f"mounts.{dest}", MountSpec(dest, "", mode)
    if not src or not dest:
        raise UsageError(
            f"the mount `{shown}` lacks its {'destination' if src else 'source'}", hint="for instance `~/data:/data:ro`"
        )
    if src == dest:
        return f"mounts.{src}", MountSpec(src, "", mode)
    return f"mounts.{src}:{dest}", MountSpec(src, dest, mode)  # beside what the profile mounts from there
