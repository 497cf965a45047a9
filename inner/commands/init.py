"""`inner init`: a first profile of one's own, after at most two questions: which agents, and which network."""

from __future__ import annotations

import os
import sys

import typer

from inner.errors import HostError, UsageError
from inner.frozen import TYPE_CHECKING
from inner.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

    from inner.host import Host

NETWORKS = ("off", "allowlist", "full")
TEXT = """# Yours to change. What is left out is as in the profile that this one extends: `inner profile explain {name}` shows all of it.
schema_version = "1"
name = "{name}"
description = "{description}"
extends = "{base}"
{agents}
[sandbox]
# "off": nothing can be reached. "allowlist": the agents' own hosts and those below. "full": the host's network.
network_mode = "{network}"
# network_allow = ["@pip", "@npm", "docs.example.org"]
# Shown read-only in the empty home:
# home_allow = ["~/.config/tool"]

[mounts]
# "~/data" = "ro"                       # or "rw", "safe-rw" (a copy), "overlay" (changes are forgotten)

[env]
# Variables of yours that pass, by name. A key that passes can be read by everything that runs in the box.
# passthrough = ["EXAMPLE_TOKEN"]

[sandbox.limits]
# memory = "8G"
# cpu = 4
"""


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command(
        short_help="Write a first profile of your own.",
        help="Write a first profile of your own. It asks which agents and which network, unless told.",
    )
    def init(
        name: str = typer.Argument("my", metavar="[NAME]", help="What it will be called."),
        agent: list[str] = typer.Option(None, "--agent", metavar="AGENT", help="An agent; again for more; `none` for a shell."),  # noqa: B008
        network: str = typer.Option("", "--network", metavar="MODE", help="off, allowlist or full."),
    ) -> None:
        raise typer.Exit(guard(lambda: main(name, tuple(agent or ()), network)))


def main(name: str, agents: tuple[str, ...], network: str) -> int:
    """Ask what was not said when somebody is there, else take what is proposed; write; say what to type next."""
    from inner import ui
    from inner.agents import BY_COMMAND
    from inner.commands.dry_run import short
    from inner.commands.profile_write import check, free
    from inner.config.write import replace
    from inner.host import RealHost
    from inner.profile.find import Shelf
    from inner.settings import load

    host = RealHost(dict(os.environ))
    shelf = Shelf(host, load(host, no_project=True))
    path = free(name, shelf)
    there = os.isatty(0) and os.isatty(2)
    found = installed(host)
    if not agents and there:
        question = f"Which agents: {', '.join(dict.fromkeys(BY_COMMAND.values()))} or none?"
        agents = _ask(question, " ".join(found) or "none", lambda said: chosen(said.replace(",", " ").split()))
    else:
        agents = chosen(agents or found)
    proposed = "allowlist" if agents else "off"
    if not network and there:
        network = _ask("Which network: off, allowlist or full?", proposed, _network)
    else:
        network = _network(network or proposed)
    content = text(name, agents, network).encode()
    check(content, path)
    replace(path, content, expected=None)
    ui.note(f"made: `{short(path, host)}`; `inner run -p {name}` uses it, `inner profile edit {name}` opens it")
    for one in agents:
        if one not in found:
            ui.note(f"`{one}` is not installed here yet")
    ui.note("`inner doctor` examines this machine")
    return 0


def installed(host: Host) -> tuple[str, ...]:
    """The agents whose program is on PATH."""
    from inner.agents import BY_COMMAND
    from inner.programs import which

    return tuple(dict.fromkeys(name for command, name in BY_COMMAND.items() if which(host, command)))


def chosen(agents: Sequence[str]) -> tuple[str, ...]:
    """The agents by name, once each; `none` for none."""
    from inner import ui
    from inner.agents import BY_COMMAND

    known = tuple(BY_COMMAND.values())
    if "none" in agents and len(set(agents)) > 1:
        raise UsageError("`none` goes with no agent")
    for one in agents:
        if one not in (*known, "none"):
            raise UsageError(f"there is no agent called `{ui.safe(one)}`", hint=f"one of: {', '.join(known)}, none")
    return tuple(dict.fromkeys(one for one in agents if one != "none"))


def text(name: str, agents: Sequence[str], network: str) -> str:
    """The profile. One agent: what its own profile says; more, or none: a shell in which they run."""
    base = f"{agents[0]}-interactive" if len(agents) == 1 else "shell"
    listed = ", ".join(f'"{one}"' for one in agents)
    more = (
        f"\n# Each brings its state (a private copy), its hosts and its settings.\nagents = [{listed}]\n"
        if len(agents) > 1
        else ""
    )
    about = " and ".join(agents) if agents else "a shell"
    return TEXT.format(name=name, description=f"My own box for {about}", base=base, agents=more, network=network)


def _network(mode: str) -> str:
    from inner import ui

    if mode not in NETWORKS:
        raise UsageError(f"`{ui.safe(mode)}` is no network", hint=f"one of: {', '.join(NETWORKS)}")
    return mode


def _ask(question: str, proposed: str, taken: Callable[[str], T]) -> T:
    """What `taken` makes of a line from the terminal, or of the proposal when it is empty; asked again while that is a UsageError."""
    from inner import ui

    while True:
        ui.prompt(f"{question} [{proposed}] ")
        try:
            line = sys.stdin.readline()
        except OSError:
            raise HostError("the terminal is gone") from None
        try:
            return taken(line.strip() or proposed)
        except UsageError as problem:
            ui.error(problem)
