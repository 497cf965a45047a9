"""The network of a run: mode, hosts and who asked for each, ports that are published. Pure.

With an allowlist the egress process listens at RESOLVER; the plan tells the box's C library.
"""

from __future__ import annotations

from inner.errors import ConfigError, UsageError
from inner.frozen import TYPE_CHECKING
from inner.plan.model import Bind, Network, Overlay

if TYPE_CHECKING:
    from inner.plan.build import Box

RESOLVER = "127.18.0.1"  # of 127/8, every address of which is local without any set-up


def resolv_conf() -> bytes:
    """`/etc/resolv.conf` of a box with an allowlist. No search list: a name is asked for as it stands (resolv.conf(5))."""
    return f"nameserver {RESOLVER}\noptions timeout:5 attempts:2\n".encode("ascii")


def network(box: Box) -> Network:
    """The network that the profile and the command line ask for. A host that a credential is for is on the list by that: the
    credential would be of no use otherwise, and the line that names it is the user's. UsageError, ConfigError."""
    mode = box.sandbox.network_mode
    _credentials(box, mode)
    _refuse_shown(box)
    known = {*box.sandbox.network_allow, *(host for host, _ in box.hosts)}
    for name, credential in box.profile.credentials.items():
        for entry in credential.hosts:
            host = entry.removesuffix(":443")  # a plain request at port 80 in the box is one to port 443 outside
            if host not in known:
                known.add(host)
                box.hosts.append((host, f"credential {name}"))
    allow = (*box.sandbox.network_allow, *(host for host, _ in box.hosts))
    ask = _asks(box, mode)
    return Network(
        mode,
        allow,
        box.sandbox.network_deny,
        tuple(box.hosts),
        ask=ask,
        spare=tuple(host for one in box.agents for host in one.OPTIONAL) if ask else (),
        publish=published(box.request.publish, mode),
    )


def _asks(box: Box, mode: str) -> bool:
    """Whether the user is asked about hosts that are on no list. A box that reaches all of them would never ask."""
    if mode == "full" and box.sandbox.network_ask and box.profile.origin("sandbox.network_mode").source != "flag":
        origin = box.profile.origin("sandbox.network_ask")
        raise ConfigError(
            "the box shares the host's network, and nobody is asked about what it reaches",
            where=str(origin) if origin.file else "",
            hint='`network_mode = "allowlist"` under `[sandbox]`',
        )
    return mode == "allowlist" and box.sandbox.network_ask


def _credentials(box: Box, mode: str) -> None:
    """Only with a list of hosts is there somebody who puts a credential on a request."""
    if mode == "allowlist" or not box.profile.credentials:
        return
    names = ", ".join(f"`{name}`" for name in box.profile.credentials)
    origin = box.profile.origin("sandbox.network_mode")
    what = "shares the host's network, where nobody" if mode == "full" else "has no network, and nobody"
    flag = "--network" if mode == "full" else "--no-network"
    raise ConfigError(
        f"the box {what} puts the credential {names} on a request",
        where=str(origin) if origin.file else "",
        hint=f"leave out `{flag}`" if origin.source == "flag" else '`network_mode = "allowlist"` under `[sandbox]`',
    )


def _refuse_shown(box: Box) -> None:
    """A secret that is read from a file must not lie where the box sees it."""
    files = {name: one.source[5:] for name, one in box.profile.credentials.items() if one.source.startswith("file:")}
    if not files:
        return
    from inner.host import realpath
    from inner.paths import covers, normal
    from inner.plan import mounts

    ordered = mounts.order(box.mounts)
    table = mounts.MountTable(ordered, box.host)
    for name, path in files.items():
        real = realpath(box.host, box.host.home + path[1:] if path.startswith("~/") else path)
        for mount in ordered:
            if not isinstance(mount, (Bind, Overlay)) or not covers(mount.src, real):
                continue
            place = normal(f"{mount.dest}/{real[len(mount.src.rstrip('/')) :]}")
            seen = table.at(place)
            if seen.host == real and not seen.hidden:
                raise ConfigError(
                    f"the credential `{name}` is read from `{path}`, which the box sees at `{place}`",
                    where=str(box.profile.origin(f"credentials.{name}")),
                    hint="move the file to where no mount shows it, such as `~/.config/inner`",
                )


def published(texts: tuple[str, ...], mode: str) -> tuple[tuple[int, int], ...]:
    """(port of the host, port in the box) of each `PORT[:BOXPORT]`. UsageError."""
    if texts and mode == "full":
        raise UsageError(
            "nothing is to be published from a box that shares the host's network: its servers are reached as they are",
            hint="leave out `--publish`, or `--network`",
        )
    found: dict[int, int] = {}
    for text in texts:
        outside, _, inside = text.partition(":")
        ports = [_port(part) for part in (outside, inside or outside)]
        if 0 in ports or text.endswith(":"):
            raise UsageError(f"`{ascii(text)[1:-1]}` is no port to publish", hint="`--publish 8080`, or `--publish 8080:3000`")
        if found.get(ports[0], ports[1]) != ports[1]:
            raise UsageError(f"port {ports[0]} is published twice", hint="each needs a port of its own, such as `8081:3000`")
        found[ports[0]] = ports[1]
    return tuple(found.items())


def _port(text: str) -> int:
    """0 for what is no port."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536 else 0
