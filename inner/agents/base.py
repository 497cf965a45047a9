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
PROTECTED   files of a project that steer the agent, or run code when it starts next: read-only in the box
BASE_URLS   variables that move its API to another address
"""

from __future__ import annotations

from inner.frozen import frozen


@frozen
class Seed:
    """A file to begin with: `path` below the box's home, `text` its content (`${workdir}` is the project's path)."""

    path: str
    text: str


@frozen
class Login:
    """A file with a login: `path` below home; `keep` names the top-level JSON keys that go along, all of the file when empty;
    `expires` is the dotted JSON path of the expiry (milliseconds or seconds since 1970, or ISO 8601), "" when there is none.
    """

    path: str
    keep: tuple[str, ...] = ()
    expires: str = ""
