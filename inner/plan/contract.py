"""What a program in the box can read about the box: `/run/inner/box.md` for agents and people, `/run/inner/box.json` for programs.

Pure, from the mounts and the profile. It names what the box shows anyway, and how the user grants more: nothing about what else
the host has. The variable INNER_BOX_INFO says where the text is.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.paths import BoxPath, covers
from inner.plan.gitdir import BROUGHT_BACK
from inner.plan.model import Bind, Data, Dir, Mask, Overlay, Tmpfs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inner.plan.model import Mount
    from inner.profile.model import Profile

FOLDER = BoxPath("/run/inner")
TEXT = BoxPath("/run/inner/box.md")
RECORD = BoxPath("/run/inner/box.json")
SCHEMA = 1
MOST = 40  # lines of one list in the text: it is read into somebody's context

ASK = (
    ("a host", "--allow-host HOST[:PORT]", 'network_allow = ["HOST"] under [sandbox]'),
    ("all of the network", "--network", 'network_mode = "full" under [sandbox]'),
    ("a folder or file of the host", "-m PATH:PATH (or PATH:PATH:rw)", '"PATH" = "ro" under [mounts]'),
    ("a variable", "-e NAME=VALUE", 'passthrough = ["NAME"] under [env]'),
    ("keys, agents, sockets (`ssh-agent`, `podman-socket`, ...)", "--allow KEY", 'allow = ["KEY"] under [sandbox]'),
    ("more time", "--timeout SECONDS", "timeout_seconds = SECONDS under [output]"),
)


def contract(
    mounts: Iterable[Mount],
    profile: Profile,
    *,
    hosts: Sequence[str],
    project: str,
    home: str,
    run_dir: str = "",
    review: bool = False,
) -> tuple[Mount, ...]:
    """The two files, for the mounts of a plan in their order. `hosts`: what a network allowlist lets through."""
    facts = _facts(mounts, profile, hosts=hosts, project=project, home=home, run_dir=run_dir, review=review)
    return (
        Dir(FOLDER),
        Data(TEXT, _text(facts).encode("utf-8", "surrogateescape"), why="about this box, for who is in it"),
        Data(RECORD, (json(facts) + "\n").encode("utf-8", "surrogateescape"), why="about this box, for programs"),
    )


def _facts(
    mounts: Iterable[Mount], profile: Profile, *, hosts: Sequence[str], project: str, home: str, run_dir: str, review: bool
) -> dict[str, object]:
    kept: list[str] = []
    returned: list[str] = []
    lost: list[str] = []
    shown: list[str] = []
    hidden: list[str] = []
    for mount in mounts:
        inside = covers(project, mount.dest)
        if isinstance(mount, (Bind, Overlay)) and mount.dest.startswith(("/proc/", "/dev/")):
            continue
        if isinstance(mount, Bind) and mount.why == BROUGHT_BACK:
            returned.append(mount.dest)
        elif isinstance(mount, Overlay) or (isinstance(mount, Bind) and mount.mode == "rw" and _of_the_run(mount.src, run_dir)):
            lost.append(mount.dest)
        elif isinstance(mount, Bind):
            (kept if mount.mode == "rw" else shown).append(mount.dest)
        elif isinstance(mount, Tmpfs) and mount.mode == "rw":
            lost.append(mount.dest)
        elif isinstance(mount, Mask) and inside:
            hidden.append(mount.dest)
    sandbox = profile.sandbox
    return {
        "schema": SCHEMA,
        "profile": profile.name,
        "project": project,
        "home": home,
        "writable": kept,
        "brought_back": returned,
        "temporary": lost,
        "read_only": shown,
        "hidden_in_project": hidden,
        "review": review,
        "network": {
            "mode": sandbox.network_mode,
            "hosts": list(hosts),
            "denied": list(sandbox.network_deny),
            "asks": sandbox.network_ask and sandbox.network_mode == "allowlist",
            "credentials": list(dict.fromkeys(host for one in profile.credentials.values() for host in one.hosts)),
        },
        "allowed": list(sandbox.allow),
        "blocked_commands": list(profile.noop.block),
        "rewritten_commands": dict(profile.noop.rewrite),
        "time_limit_seconds": profile.output.timeout_seconds,
        "ask": [{"need": need, "flag": flag, "profile": toml} for need, flag, toml in ASK],
    }


def _of_the_run(source: str, run_dir: str) -> bool:
    return bool(run_dir) and covers(run_dir, source)


# --- for people and agents ----------------------------------------------------------------------------------------------


def _text(facts: dict[str, object]) -> str:
    network: dict[str, object] = facts["network"]  # type: ignore[assignment]
    parts = [
        "# About this box\n\nThis process runs in a sandbox made by `inner` from the profile "
        f"{code(facts['profile'])}. Its limits are set outside and cannot be changed from in here. What the host has besides "
        "is not in the box: files look as if they did not exist, hosts as if they had no address. Do not search for a way around; "
        "say what is missing, and the user can grant it (last section).\n",
        "## Files\n",
        _list("Can be written, and stays:", facts["writable"], "nothing"),
        "Changes are kept apart until the user has looked at them (`inner diff`, `inner apply`).\n" if facts["review"] else "",
        _list(
            "Git's folder, a copy: commits, branches, tags and what is staged are brought back to the user, settings and hooks are not:",
            facts["brought_back"],
        ),
        _list(
            "Can be written, and is gone when the box ends (the home folder too: install tools in the project):",
            facts["temporary"],
        ),
        _list("Can be read:", facts["read_only"]),
        _list("Hidden in the project, and empty to look at:", facts["hidden_in_project"]),
        "## Network\n",
        _network(network),
        "## Commands\n",
        "There is no root here, and `sudo` cannot work. System packages cannot be installed: `/usr` is read-only.\n",
        _list("Blocked:", facts["blocked_commands"]),
        _list(
            "Replaced by something else:",
            [f"{name} -> {line}" for name, line in facts["rewritten_commands"].items()],  # type: ignore[attr-defined]
        ),
        f"The box ends after {facts['time_limit_seconds']:g} seconds.\n" if facts["time_limit_seconds"] else "",
        "## What the user can grant\n",
        "Ask for the narrowest thing that will do. The user starts a new box with it, or writes it into a profile:\n",
        *(f"- {need}: `inner run {flag}`; `{toml}`" for need, flag, toml in ASK),
        "\nThe same as data: `/run/inner/box.json`.\n",
    ]
    return "\n".join(part for part in parts if part)


def _network(network: dict[str, object]) -> str:
    mode = network["mode"]
    if mode == "off":
        return "There is none: no host can be reached, and no name has an address. Only services in the box itself answer.\n"
    if mode == "full":
        return "The host's own network, without restriction.\n"
    hosts = _list(
        "Only these hosts, by TLS or HTTP on their usual ports unless a port is named:", network["hosts"], "no host at all"
    )
    more = _list("Never these:", network["denied"]) + (
        "The user is asked about any other on ports 443, 80 and 22, and the connection waits for up to a minute. No proxy is needed.\n"
        if network["asks"]
        else "Any other name has no address (NXDOMAIN). No proxy is needed.\n"
    )
    if network["credentials"]:
        more += _list(
            "At these, by `http://` and not by `https://`, a key is put on each request outside:", network["credentials"]
        )
    return hosts + more + "While this box runs, the user can allow another host: `inner approvals allow HOST[:PORT]`.\n"


def _list(head: str, items: object, nothing: str = "") -> str:
    found: list[object] = list(items)  # type: ignore[call-overload]
    if not found:
        return f"{head} {nothing}.\n" if nothing else ""
    lines = [f"- {code(item)}" for item in found[:MOST]]
    if len(found) > MOST:
        lines.append(f"- and {len(found) - MOST} more: see `/run/inner/box.json`")
    return "\n".join((head, "", *lines, ""))


def code(value: object) -> str:
    """A text in the way Markdown shows code; what could end it, or begin a line, is replaced: names come from the project, too."""
    text = "".join(char if char.isprintable() and char != "`" else "?" for char in str(value))
    return f"`{text}`"


# --- for programs -------------------------------------------------------------------------------------------------------


def json(value: object) -> str:
    """JSON, for what is in `_facts`: `json` of the standard library takes longer to import than the whole plan takes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:.17g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json(str(key))}: {json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(json(item) for item in value) + "]"
    return '"' + "".join(_escaped(char) for char in str(value)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if " " <= char < "\x7f" else "".join(f"\\u{unit:04x}" for unit in _units(char))


def _units(char: str) -> tuple[int, ...]:
    """UTF-16: above the basic plane, two."""
    point = ord(char)
    if point < 0x10000:
        return (point,)
    return (0xD800 + ((point - 0x10000) >> 10), 0xDC00 + ((point - 0x10000) & 0x3FF))
