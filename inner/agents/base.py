"""What inner knows about one coding agent, as data. A module of this folder is an agent when it has the names below;
`inner.agents.NAMES` is the list of them. Nothing here reads a file: the plan turns these records into mounts and variables.

NAME        how profiles and people call it
COMMANDS    base names of its program, by which `inner run -- claude` recognises it
ENV         variables that every box of this agent gets: (name, value)
KEYS        variables with an API key that the agent reads, in the order it prefers them; passed only when a profile names them
SEEDS       files the agent would otherwise ask questions for; written into the box's home, never to the host
LOGINS      files of the host's home that hold the login; a private copy, reduced to what logging in needs
HOSTS       what it must reach to work; with a network allowlist these are added
OPTIONAL    what it also asks for and works without (telemetry, updates): listed for people, never added
PROTECTED   files of a project that steer the agent, or run code when it starts next: read-only in the box (a folder ends in `/`)
SCRATCH     folders of a project among PROTECTED that the agent must be able to write to: a copy of its own, gone with the box
BASE_URLS   variables that move its API to another address, for credentials that are put on its requests outside
"""

from __future__ import annotations

from inner.frozen import frozen

ABOUT = (
    "You run in a sandbox, and its limits are meant. When a file, a host or a command is missing or refused, read `/run/inner/box.md`: it says "
    "what this box has, and what the user can type to grant more. Do not work around it; say what is missing.\n"
)
"""What an agent is told in the file of standing instructions that it reads at its start."""


@frozen
class Seed:
    """A file to begin with: `path` below the box's home, `text` its content (`${workdir}` is the project's path, `${home}` the
    box's home; in JSON and TOML alike both stand inside of quotes)."""

    path: str
    text: str


@frozen
class Login:
    """A file with a login: `path` below home; `keep` names the top-level JSON keys that go along, all of the file when empty;
    `expires` is the dotted JSON path of the expiry (milliseconds or seconds since 1970, or ISO 8601), "" when there is none;
    `rotates`: the agent writes new tokens to it. `beside`: it goes along although an API key is passed.

    `approves` is for a file that lists the keys that the agent may use without asking: where in it, as a dotted path, the last
    20 characters of the key are to be found, and the variable with the key.
    """

    path: str
    keep: tuple[str, ...] = ()
    expires: str = ""
    rotates: bool = False
    beside: bool = False
    approves: tuple[str, str] | None = None


@frozen
class BaseUrl:
    """`variable` moves requests for `host` to another address; `path` is what follows the host. `keys` maps the header of a
    credential to the variable that gets a placeholder, so that the agent sends that header at all. For an agent that reads no such
    variable, `config` is a seed's path and a line to put in front of it, with `{url}` for the address."""

    variable: str
    host: str
    path: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    config: tuple[str, str] | None = None


@frozen
class Definition:
    """An agent that a profile defines, with the names of a module of this folder (docs/how-to/define-an-agent)."""

    NAME: str
    COMMANDS: tuple[str, ...] = ()
    ENV: tuple[tuple[str, str], ...] = ()
    KEYS: tuple[str, ...] = ()
    SEEDS: tuple[Seed, ...] = ()
    LOGINS: tuple[Login, ...] = ()
    HOSTS: tuple[str, ...] = ()
    OPTIONAL: tuple[str, ...] = ()
    PROTECTED: tuple[str, ...] = ()
    SCRATCH: tuple[str, ...] = ()
    BASE_URLS: tuple[BaseUrl, ...] = ()
