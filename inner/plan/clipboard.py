"""`clipboard = true`: the socket of the display server, and nothing else of the session.

A terminal's own clipboard (OSC 52) needs no mount: the relay lets it through (`Plan.clipboard`). Wayland is preferred: a client
there sees the clipboard while it has the focus; an X11 client sees every key and every window.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.host import kind, realpath
from inner.paths import BoxPath, HostPath
from inner.plan.model import Bind, Variable

if TYPE_CHECKING:
    from inner.host import Host
    from inner.plan.model import Mount
    from inner.profile.model import Origin

X11 = "/tmp/.X11-unix"  # noqa: S108 - where every X server puts its socket (X(7), DISPLAY NAMES)


@frozen
class Display:
    """The way to a display server: mounts, variables, notices; all empty where there is none."""

    mounts: tuple[Mount, ...] = ()
    variables: tuple[Variable, ...] = ()
    notices: tuple[str, ...] = ()


def display(host: Host, runtime: BoxPath, origin: Origin) -> Display:
    """`runtime` is the box's own XDG_RUNTIME_DIR."""
    found = _wayland(host)
    if found:
        place = BoxPath(f"{runtime}/wayland-0")
        socket = Bind(found, place, kind="other", why="clipboard: Wayland", origin=origin)
        return Display((socket,), (Variable("WAYLAND_DISPLAY", "wayland-0", origin),))
    return _x11(host, runtime, origin)


def _wayland(host: Host) -> HostPath | None:
    """The compositor's socket (wl_display_connect(3)): an absolute path, or a name in XDG_RUNTIME_DIR."""
    name = host.env.get("WAYLAND_DISPLAY", "")
    folder = host.env.get("XDG_RUNTIME_DIR", "")
    if not name or (not name.startswith("/") and ("/" in name or not folder.startswith("/"))):
        return None
    path = realpath(host, name if name.startswith("/") else f"{folder}/{name}")
    return path if kind(host, path) == "socket" else None


def _x11(host: Host, runtime: BoxPath, origin: Origin) -> Display:
    name = host.env.get("DISPLAY", "")
    machine, _, number = name.rpartition(":")
    number = number.partition(".")[0]
    if not name or not number.isascii() or not number.isdigit():
        return Display()
    source = HostPath(f"{X11}/X{number}")
    if machine not in ("", "unix") or kind(host, source) != "socket":
        return Display(
            notices=(f"`DISPLAY={name}` is not a display of this machine: the box has the terminal's clipboard alone",)
        )
    mounts: list[Mount] = [Bind(source, BoxPath(source), kind="other", why="clipboard: X11", origin=origin)]
    variables = [Variable("DISPLAY", f":{number}", origin)]
    cookie = realpath(host, host.env.get("XAUTHORITY", "") or f"{host.home}/.Xauthority")
    if kind(host, cookie) == "file":
        place = BoxPath(f"{runtime}/xauthority")
        mounts.append(Bind(cookie, place, kind="file", why="clipboard: X11", origin=origin))
        variables.append(Variable("XAUTHORITY", place, origin))
    said = "`clipboard` gives the box your X11 display: a program there can read every key and see every window, not the clipboard alone"
    return Display(tuple(mounts), tuple(variables), (said,))
