"""What belongs to the person: inner's folders, profiles, agents and their logins (that there is one, never what it says), groups."""

from __future__ import annotations

import os

from inner.doctor.finding import GOOD, NOTE, PROBLEM, Asked, Finding
from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING
from inner.host import kind
from inner.paths import cache_dir, config_dir, quoted, state_dir
from inner.programs import which
from inner.ui import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

# Groups whose members are root by another name, or read what others type.
GROUPS = {
    "docker": "can start containers that are root on this machine",
    "lxd": "can start containers that are root on this machine",
    "incus-admin": "can start containers that are root on this machine",
    "disk": "can read and write every disk",
    "input": "can read what is typed",
    "kvm": "can use the machine's virtualisation",
    "adm": "can read the system's logs",
}


def folders(asked: Asked) -> Iterator[Finding]:
    """Inner's own folders: nobody else may look into state and cache, nobody else may write configuration."""
    host = asked.host
    wrong = 0
    for folder, forbidden, mend in (
        (state_dir(host.env, host.home), 0o077, "go-rwx"),
        (cache_dir(host.env, host.home), 0o077, "go-rwx"),
        (config_dir(host.env, host.home), 0o022, "go-w"),
    ):
        found = host.lstat(folder)
        if found is None:
            continue
        if found.kind != "dir":
            wrong += 1
            yield Finding("folders", PROBLEM, f"{safe(folder)} is not a folder", f"`rm {quoted(folder)}`")
        elif found.uid != host.uid:
            wrong += 1
            yield Finding(
                "folders", PROBLEM, f"{safe(folder)} belongs to somebody else", f"`sudo chown -R {host.uid} {quoted(folder)}`"
            )
        elif found.mode & forbidden:
            wrong += 1
            yield Finding("folders", PROBLEM, f"{safe(folder)} is open to others", f"`chmod {mend} {quoted(folder)}`")
    state = state_dir(host.env, host.home)
    there = str(state)
    while there and host.lstat(there) is None:
        there = there.rpartition("/")[0]
    if not wrong and there != state and not os.access(there or "/", os.W_OK | os.X_OK):
        wrong += 1
        text = f"{safe(state)} cannot be made: you may not write in {safe(there or '/')}"
        yield Finding("folders", PROBLEM, text, "`export XDG_STATE_HOME=...`, a folder that you may write in")
    if not wrong:
        yield Finding("folders", GOOD, "state, cache and configuration are yours alone")


def profiles(asked: Asked) -> Iterator[Finding]:
    """Every profile that could be named, resolved."""
    from inner.profile.resolve import available, resolve
    from inner.request import Request
    from inner.settings import load

    settings, good = load(asked.host), 0
    for entry in available(settings, asked.host):
        if entry.shadowed or entry.experimental:
            continue
        try:
            resolve(Request(profile=entry.name), settings, asked.host)
            good += 1
        except InnerError as problem:
            where = problem.where or entry.path
            remedy = f"`inner profile validate {entry.name}`"
            yield Finding("profiles", PROBLEM, f"{entry.name}: {safe(problem.message)} ({safe(where)})", remedy)
    yield Finding("profiles", GOOD, f"{good} can be used; the default is {safe(settings.default_profile)}")


def agents(asked: Asked) -> Iterator[Finding]:
    """Which are installed, and whether each has a login or a key. The files are not read."""
    from inner.agents import NAMES, agent

    host, installed = asked.host, 0
    for name in NAMES:
        one = agent(name)
        program = next((place for command in one.COMMANDS if (place := which(host, command))), None)
        if program is None:
            continue
        installed += 1
        key = next((variable for variable in one.KEYS if host.env.get(variable)), "")
        login = next((login.path for login in one.LOGINS if not login.beside and kind(host, f"{host.home}/{login.path}")), "")
        if key or login:
            yield Finding("agents", GOOD, f"{name} ({safe(program)}): {f'a key in {key}' if key else f'logged in (~/{login})'}")
        else:
            keys = f", or set {' or '.join(one.KEYS[:2])}" if one.KEYS else ""
            yield Finding("agents", NOTE, f"{name} ({safe(program)}) has no login", f"`{one.COMMANDS[0]}` logs in{keys}")
    if not installed:
        yield Finding("agents", NOTE, "no agent that inner knows is on PATH; any other command works as well")


def groups(asked: Asked) -> Iterator[Finding]:
    """Groups that make an escape from a box, or from anything else you run, dearer than it has to be."""
    import grp

    for number in sorted({*os.getgroups(), asked.host.gid}):
        try:
            name = grp.getgrgid(number).gr_name
        except KeyError:
            continue
        if name in GROUPS and asked.host.uid != 0:
            text = f"you are in the group {name}: what runs as you outside of a box {GROUPS[name]}"
            yield Finding("groups", NOTE, text, f"`sudo gpasswd -d {safe(asked.host.user)} {name}`, if you can do without")
    if asked.host.uid == 0:
        yield Finding("groups", NOTE, "you are root: a box of an ordinary user has less to lose", "run inner as an ordinary user")


def clipboard(asked: Asked) -> Iterator[Finding]:
    """What `clipboard = true` of a profile would show."""
    from inner.origin import INNER
    from inner.paths import BoxPath
    from inner.plan.clipboard import display

    found = display(asked.host, BoxPath("/run/user/0"), INNER)
    if any("X11" in mount.why for mount in found.mounts):
        text = "the clipboard would come by X11: a box with `clipboard = true` sees every key and window"
        yield Finding("clipboard", NOTE, text)
    elif found.mounts:
        yield Finding("clipboard", GOOD, "by Wayland, for profiles with `clipboard = true`")


def portals(asked: Asked) -> Iterator[Finding]:
    """On a desktop, what its programs expect of the session bus: portals open links and choose files for them."""
    host = asked.host
    bus = host.env.get("DBUS_SESSION_BUS_ADDRESS", "").removeprefix("unix:path=").partition(",")[0]
    bus = bus or f"{host.env.get('XDG_RUNTIME_DIR', '/nonexistent')}/bus"
    if (host.env.get("WAYLAND_DISPLAY") or host.env.get("DISPLAY")) and kind(host, bus) == "socket":
        text = "the session bus and the desktop's portals are not in a box: what wants to open a page shows its address instead"
        yield Finding("portals", GOOD, text)


def tracer(asked: Asked) -> Iterator[Finding]:
    """strace, without which `inner run --trace` cannot tell what a command looked for in vain."""
    from inner.launch.installed import install

    if which(asked.host, "strace") is None:
        remedy = f"`{install(asked.host).replace('bubblewrap', 'strace')}`"
        yield Finding("strace", NOTE, "strace is not installed: `inner run --trace` needs it", remedy)


def path(asked: Asked) -> Iterator[Finding]:
    """Whether `inner` is found."""
    found = which(asked.host, "inner")
    if found is not None:
        yield Finding("path", GOOD, f"inner is {safe(found)}")
        return
    at = f"{asked.host.home}/.local/bin"
    remedy = f'`export PATH={quoted(at)}:"$PATH"`, in your shell\'s start file' if os.path.isfile(f"{at}/inner") else ""
    yield Finding("path", NOTE, "inner is not on PATH", remedy)


PROBES = (
    ("folders", folders), ("profiles", profiles), ("agents", agents), ("groups", groups), ("clipboard", clipboard),
    ("portals", portals), ("strace", tracer), ("path", path),
)  # fmt: skip
