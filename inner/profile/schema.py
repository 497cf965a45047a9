"""The text boundary of profiles: pydantic models of one document, table by table.

Every key and value of the format is checked here, with file and line, whether or not the layer is trusted. What keys mean to
each other (inheritance, the project, the host) is not decided here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from inner.config import quantity
from inner.profile import values
from inner.profile.values import Amount, Filled, Listing, Part, Text


class LimitsPart(Part):
    """`[sandbox.limits]`."""

    memory: Annotated[Any, Amount(quantity.memory)] = None
    cpu: Annotated[Any, Amount(quantity.cpu)] = None
    pids: Annotated[Any, Amount(quantity.pids)] = None


class SandboxPart(Part):
    """`[sandbox]`."""

    root: Literal["minimal", "host-ro"] = "minimal"
    home: Literal["isolated", "host-ro"] = "isolated"
    home_allow: Annotated[Any, Listing()] = ()
    toolchains: Literal["auto", "off"] = "auto"
    network: bool = False
    network_mode: Literal["off", "allowlist", "full"] = "off"
    network_allow: Annotated[Any, Listing(values.host)] = ()
    network_deny: Annotated[Any, Listing(values.host, "deny")] = ()
    network_ask: bool = False
    clipboard: bool = False
    pid_namespace: bool = True
    git_dir: Literal["protected", "ro", "rw"] = "protected"
    protect: Annotated[Any, Listing(merge="deny")] = ()
    mask: Annotated[Any, Listing(merge="deny")] = ()
    allow: Annotated[Any, Listing(values.allowed)] = ()
    cgroup_manager: Literal["", "cgroupfs", "systemd"] = ""
    seccomp: Literal["default", "off"] = "default"
    require: Annotated[Any, Listing(merge="deny")] = ()
    login: Literal["off", "copy", "sync"] = "copy"
    limits: LimitsPart = LimitsPart()


class MountPart(Part):
    """One entry of `[mounts]`."""

    dest: Text = ""
    mode: Literal["ro", "rw", "safe-rw", "tmpfs", "overlay"] = "ro"


def _mount(value: object) -> object:
    return {"mode": value} if isinstance(value, str) else value


class EnvPart(Part):
    """`[env]`."""

    passthrough: Annotated[Any, Listing(values.variable)] = ()
    inherit: Annotated[Any, Listing(values.variable)] = ()  # the Go tool's word for `passthrough`
    inherit_all: bool = False
    set: dict[Annotated[str, AfterValidator(values.variable)], Text] = {}
    path_prepend: Annotated[Any, Listing(merge="first")] = ()
    clearenv: bool = True  # accepted, without effect: the environment is always cleared


class GitPart(Part):
    """`[git]`."""

    strip_sections: Annotated[Any, Listing(merge="deny")] = ()
    overrides: dict[Annotated[str, AfterValidator(values.git_key)], Text] = {}


class EntrypointPart(Part):
    """`[entrypoint]`."""

    cmd: Text = ""
    args: Annotated[Any, Listing(values.text, "words")] = ()
    interactive: bool = True
    tui: bool = False
    cursor_fix: Literal["", "newlines", "shell"] = ""
    workdir: Text = ""
    history: Annotated[Any, Listing(values.text)] = ()


def _log(value: object) -> object:
    return {True: "auto", False: ""}[value] if isinstance(value, bool) else value


class OutputPart(Part):
    """`[output]`."""

    summary: bool = False
    log: Annotated[Text, BeforeValidator(_log)] = ""  # a path, or "auto", which `true` means too
    timeout_seconds: Annotated[float, Field(ge=0, lt=1 << 31)] = 0


class NoopPart(Part):
    """`[noop]`."""

    block: Annotated[Any, Listing(values.command, "deny")] = ()
    rewrite: dict[Annotated[str, AfterValidator(values.command)], Filled] = {}


class CredentialPart(Part):
    """`[credentials.NAME]`."""

    source: Annotated[str, AfterValidator(values.secret)]
    hosts: Annotated[list[Annotated[str, AfterValidator(values.host)]], Field(min_length=1)]
    header: Annotated[str, AfterValidator(values.header)] = "authorization"
    format: Text = "Bearer {secret}"


class LoginPart(Part):
    """One of `logins` of `[agent.NAME]`."""

    path: Annotated[str, AfterValidator(values.below_home)]
    keep: list[Filled] = []
    expires: Text = ""
    rotates: bool = False


class BaseUrlPart(Part):
    """One of `base_urls` of `[agent.NAME]`, by the name of its variable."""

    host: Annotated[str, AfterValidator(values.host)]
    path: Text = ""
    header: Annotated[str, AfterValidator(values.header)] = "authorization"
    key: Annotated[str, AfterValidator(values.variable)]


class AgentPart(Part):
    """`[agent.NAME]`: an agent that inner does not know, or knows otherwise."""

    commands: list[Annotated[str, AfterValidator(values.command)]] = []
    env: dict[Annotated[str, AfterValidator(values.variable)], Text] = {}
    keys: list[Annotated[str, AfterValidator(values.variable)]] = []
    seeds: dict[Annotated[str, AfterValidator(values.below_home)], Text] = {}
    logins: list[LoginPart] = []
    hosts: list[Annotated[str, AfterValidator(values.host)]] = []
    optional: list[Annotated[str, AfterValidator(values.host)]] = []
    protected: list[Annotated[str, AfterValidator(values.below_project)]] = []
    base_urls: dict[Annotated[str, AfterValidator(values.variable)], BaseUrlPart] = {}


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class CheckPart(Part):
    """One of `[verify.custom] checks`."""

    name: Filled
    cmd: Filled
    severity: Annotated[Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"], BeforeValidator(_upper)] = "MEDIUM"


class CustomPart(Part):
    """`[verify.custom]`."""

    checks: list[CheckPart] = []


class VerifyPart(Part):
    """`[verify]`."""

    custom: CustomPart = CustomPart()


class InlineProfile(Part):
    """A `[profiles.NAME]` table of a project's `.inner.toml`."""

    schema_version: Literal["1"] = "1"
    name: Text = ""
    description: Text = ""
    extends: Text = ""
    experimental: bool = False
    agents: Annotated[Any, Listing(values.agent)] = ()
    capabilities: Annotated[Any, Listing(values.agent)] = ()  # the Go tool's word for `agents`
    workspaces_path: Text = ""
    sandbox: SandboxPart = SandboxPart()
    mounts: dict[Filled, Annotated[MountPart, BeforeValidator(_mount)]] = {}
    env: EnvPart = EnvPart()
    git: GitPart = GitPart()
    entrypoint: EntrypointPart = EntrypointPart()
    output: OutputPart = OutputPart()
    noop: NoopPart = NoopPart()
    credentials: dict[Annotated[str, AfterValidator(values.name)], CredentialPart] = {}
    agent: dict[Annotated[str, AfterValidator(values.agent)], AgentPart] = {}
    verify: VerifyPart = VerifyPart()


class ProfileFile(InlineProfile):
    """A profile in a file of its own."""

    schema_version: Literal["1"]


def json_schema() -> dict[str, Any]:
    """The JSON schema of a profile file, for editors: what it takes is what the models take, but for the patterns of texts."""
    from inner.profile.reference import MEANING, OTHERS

    found = ProfileFile.model_json_schema()
    parts = found["$defs"]
    modes = parts["MountPart"]["properties"]["mode"]["enum"]
    found["properties"]["mounts"]["additionalProperties"] = {"anyOf": [{"$ref": "#/$defs/MountPart"}, {"enum": modes}]}
    severity = parts["CheckPart"]["properties"]["severity"]
    severity["enum"] = [*severity["enum"], *(word.lower() for word in severity["enum"])]
    for key, meaning in {**OTHERS, **MEANING}.items():
        table: Any = found
        *above, name = key.split(".")
        for part in above:
            table = parts[table["properties"][part]["$ref"].rpartition("/")[2]]
        table["properties"][name]["description"] = meaning
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "Profile of inner"}
