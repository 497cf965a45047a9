"""The merged profile as plain data: what `plan.build` reads, and what the compiled configuration stores.

No validation here (`profile.schema` does that at the text boundary) and no import that costs anything.
Defaults are those of the reference page `docs/reference/profile.md`.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.origin import INNER, SOURCES, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "INNER",
    "SOURCES",
    "AgentSpec",
    "Credential",
    "CustomCheck",
    "Entrypoint",
    "Env",
    "Git",
    "Limits",
    "LoginSpec",
    "MountSpec",
    "Noop",
    "Origin",
    "Output",
    "Profile",
    "Sandbox",
]


@frozen
class Limits:
    """Resource limits; None means: found from the host (half of RAM within 512M..8G, half of the cores, 512 processes)."""

    memory: int | None = None  # bytes
    cpu: float | None = None  # cores: 1.5 is one and a half
    pids: int | None = None


@frozen
class Sandbox:
    """`[sandbox]`."""

    root: str = "minimal"  # or "host-ro"
    home: str = "isolated"  # or "host-ro"
    home_allow: tuple[str, ...] = ()
    toolchains: str = "auto"  # or "off"
    network_mode: str = "off"  # or "allowlist", "full"; the legacy key `network` is folded in by profile.schema
    network_allow: tuple[str, ...] = ()
    network_deny: tuple[str, ...] = ()
    network_ask: bool = False
    clipboard: bool = False
    pid_namespace: bool = True
    git_dir: str = "protected"  # or "ro", "rw"
    protect: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    cgroup_manager: str = ""
    seccomp: str = "default"  # or "off"
    require: tuple[str, ...] = ()
    login: str = "copy"  # or "off", "sync": what becomes of the login of an agent
    limits: Limits = Limits()


@frozen
class MountSpec:
    """One entry of `[mounts]`, not yet expanded: `dest` is empty for "the same place"."""

    src: str
    dest: str = ""
    mode: str = "ro"  # ro rw safe-rw tmpfs overlay


@frozen
class Env:
    """`[env]`."""

    passthrough: tuple[str, ...] = ()
    inherit_all: bool = False
    set: Mapping[str, str] = {}
    path_prepend: tuple[str, ...] = ()


@frozen
class Git:
    """`[git]`."""

    strip_sections: tuple[str, ...] = ()
    overrides: Mapping[str, str] = {}


@frozen
class Entrypoint:
    """`[entrypoint]`: an empty `cmd` is the user's shell; `interactive` None means: when a terminal is there."""

    cmd: str = ""
    args: tuple[str, ...] = ()
    interactive: bool | None = None
    tui: bool = False
    cursor_fix: str = ""
    workdir: str = ""
    history: tuple[str, ...] = ()


@frozen
class Output:
    """`[output]`: `timeout_seconds` 0 means no time limit."""

    summary: bool = False
    log: str = ""  # a path, or "auto": in `log_dir`, or with the record of the run
    timeout_seconds: float = 0


@frozen
class Noop:
    """`[noop]`: commands that are refused, and commands that become another command line."""

    block: tuple[str, ...] = ()
    rewrite: Mapping[str, str] = {}


@frozen
class Credential:
    """`[credentials.NAME]`."""

    source: str
    hosts: tuple[str, ...] = ()
    header: str = "authorization"
    format: str = "Bearer {secret}"


@frozen
class LoginSpec:
    """One of `logins` of `[agent.NAME]`: a file below home, and the JSON keys of it that go along (all of it when empty)."""

    path: str
    keep: tuple[str, ...] = ()
    expires: str = ""
    rotates: bool = False


@frozen
class AgentSpec:
    """`[agent.NAME]`: an agent that the profile defines. `base_urls` maps a variable to `(host, path, header, key variable)`."""

    commands: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    keys: tuple[str, ...] = ()
    seeds: Mapping[str, str] = {}
    logins: tuple[LoginSpec, ...] = ()
    hosts: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    base_urls: Mapping[str, tuple[str, str, str, str]] = {}


@frozen
class CustomCheck:
    """One of `[verify.custom] checks`."""

    name: str
    cmd: str
    severity: str = "MEDIUM"


@frozen
class Profile:
    """A profile with all its layers merged. `origins` maps a dotted key to where it was set: `sandbox.root`,
    `mounts.~/data`, `env.set.FOO`, and for an element of a list `sandbox.allow[npmrc]`."""

    name: str
    description: str = ""
    experimental: bool = False
    agents: tuple[str, ...] = ()
    workspaces_path: str = ""
    sandbox: Sandbox = Sandbox()
    mounts: tuple[MountSpec, ...] = ()
    env: Env = Env()
    git: Git = Git()
    entrypoint: Entrypoint = Entrypoint()
    output: Output = Output()
    noop: Noop = Noop()
    credentials: Mapping[str, Credential] = {}
    definitions: Mapping[str, AgentSpec] = {}  # `[agent.NAME]`
    checks: tuple[CustomCheck, ...] = ()
    origins: Mapping[str, Origin] = {}
    layers: tuple[Origin, ...] = ()  # every file that took part, lowest first
    log_dir: str = ""  # settings that a run needs
    keep_runs: int = 100
    notices: tuple[str, ...] = ()  # what an untrusted layer asked for and did not get, and the like

    def origin(self, key: str) -> Origin:
        """Where `key` was set; INNER for a default."""
        return self.origins.get(key, INNER)
