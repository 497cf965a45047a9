"""inner's own configuration: defaults < system < user < project < INNER_* < flags, each value with its origin.

The only importer of pydantic_settings. A project that is not trusted sets nothing here but lower limits: everything else
widens what the user decided (another profile, another place to write to, other commands behind a name).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from inner.config import quantity
from inner.config.document import Document, parse, read
from inner.config.faults import fault
from inner.config.project import Project, discover, refuse_shared
from inner.config.trust import Trust
from inner.config.words import FILE, SYSTEM, WORDS
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.origin import INNER, Origin
from inner.paths import HostPath, config_dir, normal
from inner.ui import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inner.host import Host

NAME = FILE
MOST_NOTICES = 10

# the reference page is held to this
MEANING = {
    "default_profile": "the profile of `inner run` without `-p`: a name, or a path relative to this file",
    "log_dir": 'where `log = "auto"` of a profile keeps the output of runs; with the record of each run when left out',
    "workspaces_path": "what `${workspaces_path}` stands for in profiles and aliases",
    "keep_runs": "how many runs are remembered; the oldest go",
    "default_limits.memory": 'memory of a run, such as `"4G"`, where its profile says nothing',
    "default_limits.cpu": 'cores, such as `1.5` or `"150%"`, where its profile says nothing',
    "default_limits.pids": "processes, where its profile says nothing",
    "aliases": '`NAME = "run ..."`: a word for a command line of inner; not over a built-in command, one level, split as a shell does',
    "profiles": "in a project's file: profiles in tables `[profiles.NAME]`, as in a file of their own",
    "schema_version": 'in a project\'s file: `"1"`',
}
ALIASES = {name: " ".join(words) for name, words in WORDS.items()}

# every variable that is read, and the setting it stands for
VARIABLES = {
    "INNER_DEFAULT_PROFILE": "default_profile",
    "INNER_LOG_DIR": "log_dir",
    "INNER_WORKSPACES_PATH": "workspaces_path",
    "INNER_KEEP_RUNS": "keep_runs",
    "INNER_LIMIT_MEMORY": "default_limits.memory",
    "INNER_LIMIT_CPU": "default_limits.cpu",
    "INNER_LIMIT_PIDS": "default_limits.pids",
}


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a NUL byte, which no path or argument can have")
    return value


def _filled(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return _text(value)


def _alias(value: str) -> str:
    if not value.isascii() or not value[:1].isalnum() or not all(char.isalnum() or char in "._-" for char in value):
        raise ValueError("is not a name for an alias\nletters, digits, `.`, `_` and `-`")
    return value


Text = Annotated[str, AfterValidator(_text)]
Filled = Annotated[str, AfterValidator(_filled)]


class Limits(BaseModel):
    """`[default_limits]`: bytes, cores and processes; None is what the host gives."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    memory: Annotated[int | None, PlainValidator(quantity.memory)] = None
    cpu: Annotated[float | None, PlainValidator(quantity.cpu)] = None
    pids: Annotated[int | None, PlainValidator(quantity.pids)] = None


class SettingsFile(BaseModel):
    """`config.toml`. Values that are left out are None."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    default_profile: Filled | None = None
    log_dir: Text | None = None
    workspaces_path: Text | None = None
    keep_runs: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    default_limits: Limits = Limits()
    aliases: dict[Annotated[str, AfterValidator(_alias)], Filled] = {}


class ProjectFile(SettingsFile):
    """`.inner.toml`: settings and inline profiles, which `inner.profile` checks when they are used."""

    schema_version: Annotated[str, Field(pattern="^1$")] = "1"
    profiles: dict[str, Any] = {}


class LayerSource(PydanticBaseSettingsSource):
    """One layer, checked: what it says, and where it says it."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, Any], origins: Mapping[str, Origin]) -> None:
        super().__init__(settings_cls)
        self.values, self.origins = values, origins

    def get_field_value(self, _field: object, field_name: str) -> tuple[Any, str, bool]:
        return self.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self.values)


class Settings(BaseSettings):
    """The settings of a run. `project` is the project that was found; `system` and `user` the folders of the other files."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    default_profile: str = "shell"
    log_dir: str = ""  # "" is a folder of inner's own, under the user's state
    workspaces_path: str = ""
    keep_runs: int = 100
    default_limits: Limits = Limits()
    aliases: dict[str, str] = {}

    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)
    _project: Project = PrivateAttr(default=Project(HostPath(""), HostPath("")))
    _documents: tuple[Document, ...] = PrivateAttr(default=())
    _notices: tuple[str, ...] = PrivateAttr(default=())
    _folders: tuple[str, str] = PrivateAttr(default=(SYSTEM, ""))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - os.environ is never read: the environment is a parameter
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The stack that `load` hands over as `stack`, lowest first; pydantic wants the highest first."""
        if not isinstance(init_settings, InitSettingsSource):
            return (init_settings,)
        stack = init_settings.init_kwargs.pop("stack", ())
        return (init_settings, *(LayerSource(settings_cls, values, origins) for values, origins in reversed(stack)))

    def origin(self, key: str) -> Origin:
        """Where `default_profile`, `default_limits.memory`, `aliases.NAME` was set; INNER for a default."""
        return self._origins.get(key, INNER)

    @property
    def project(self) -> Project:
        return self._project

    @property
    def documents(self) -> tuple[Document, ...]:
        """The project's files that were read, the one that wins first."""
        return self._documents

    @property
    def notices(self) -> tuple[str, ...]:
        """What a project that is not trusted asked for and did not get."""
        return self._notices

    @property
    def system(self) -> str:
        return self._folders[0]

    @property
    def user(self) -> str:
        return self._folders[1]


def load(
    host: Host,
    *,
    workdir: str = "",
    no_project: bool = False,
    project: Project | None = None,
    flags: Mapping[str, Any] | None = None,
    system: str = SYSTEM,
) -> Settings:
    """Read every layer. ConfigError, with file and line, for a file that cannot be read or says something unknown.

    `flags` maps settings to values given on the command line; `workdir` is where the search for a project begins, unless
    `project` was found already.
    """
    user = config_dir(host.env, host.home)
    project = discover(host, workdir) if project is None else project
    if no_project:
        project = Project(HostPath(""), project.area)
    stack: list[tuple[dict[str, Any], dict[str, Origin]]] = [
        ({"aliases": dict(ALIASES)}, {f"aliases.{name}": Origin("built-in") for name in ALIASES})
    ]
    notices = list(project.notices)
    for source, folder in (("system", system), ("user", user)):
        path = f"{folder}/{NAME}"
        refuse_shared(host, folder, shared=source == "system")
        if host.lstat(path) is not None:
            content = read(path, uid=host.uid, shared=source == "system")
            stack.append(_checked(parse(content, file=path, source=source), SettingsFile, folder))
    trust = Trust.of(host)
    documents = []
    for path in project.files:
        content = read(path, root=project.root, uid=host.uid)
        documents.append(parse(content, file=path, source="project", trusted=trust.is_trusted(path, content)))
    for document in reversed(documents):
        layer = _checked(document, ProjectFile, project.root)
        if not document.trusted:
            layer, refused = _lower_limits(layer, stack)
            notices += refused
        stack.append(layer)
    stack.append(_from_environment(host.env))
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    stack.append((given, dict.fromkeys(given, Origin("flag"))))

    settings = Settings(stack=stack)  # type: ignore[call-arg]
    for _, origins in stack:
        settings._origins.update(origins)  # noqa: SLF001 - our own class, frozen once this function returns it
    settings._project, settings._documents = project, tuple(documents)  # noqa: SLF001
    settings._notices, settings._folders = tuple(notices), (system, user)  # noqa: SLF001
    return settings


def _checked(document: Document, model: type[SettingsFile], folder: str) -> tuple[dict[str, Any], dict[str, Origin]]:
    """What the document says, and where; values that are left out are not in it. Relative paths are below `folder`."""
    try:
        found = model.model_validate(document.data)
    except ValidationError as problem:
        raise fault(problem, model, document) from None
    values = {name: value for name, value in found.model_dump(exclude_unset=True).items() if name in Settings.model_fields}
    limits = values.get("default_limits")
    if limits is not None:
        values["default_limits"] = {name: value for name, value in limits.items() if value is not None}
    default = values.get("default_profile", "")
    if ("/" in default or default.endswith(".toml")) and not default.startswith(("/", "~")):
        values["default_profile"] = normal(f"{folder}/{default}")
    return values, {".".join(path): document.origin(path) for path in _leaves(values)}


def _leaves(values: Mapping[str, Any]) -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = []
    for name, value in values.items():
        paths += [(name, key) for key in value] if isinstance(value, dict) else [(name,)]
    return paths


def _lower_limits(
    layer: tuple[dict[str, Any], dict[str, Origin]], stack: list[tuple[dict[str, Any], dict[str, Origin]]]
) -> tuple[tuple[dict[str, Any], dict[str, Origin]], list[str]]:
    """What an untrusted project may set: limits below those that hold without it. The rest becomes notices."""
    values, origins = layer
    limits: dict[str, Any] = {}
    for below, _ in stack:
        limits |= below.get("default_limits", {})
    asked = values.get("default_limits", {})
    taken = {name: value for name, value in asked.items() if quantity.narrower(name, value, limits.get(name))}
    refused = [key for key in origins if not (key.startswith("default_limits.") and key.partition(".")[2] in taken)]
    kept = {f"default_limits.{name}": origins[f"default_limits.{name}"] for name in taken}
    return ({"default_limits": taken} if taken else {}, kept), list(untaken((key, origins[key]) for key in refused))


def check(document: Document, *, project: bool) -> None:
    """ConfigError for the first thing that is wrong with a settings file."""
    _checked(document, ProjectFile if project else SettingsFile, "/")


def wider(document: Document, base: Settings, folder: str) -> tuple[tuple[str, str, Origin], ...]:
    """(setting, value, where) of everything that a project's document would change once it is trusted; lower limits are free."""
    values, origins = _checked(document, ProjectFile, folder)
    found = []
    for key, origin in origins.items():
        table, _, name = key.partition(".")
        value, have = values[table], getattr(base, table)
        if table == "default_limits":
            value, have = value[name], getattr(have, name)
            if quantity.narrower(name, value, have):
                continue
        elif table == "aliases":
            value, have = value[name], have.get(name)
        if value != have:
            found.append((key, str(value), origin))
    return tuple(found)


def untaken(refused: Iterable[tuple[str, Origin]]) -> tuple[str, ...]:
    """The notices about keys of a file that is not trusted: it may have any number."""
    told = []
    for key, origin in (keys := tuple(refused))[:MOST_NOTICES]:
        remedy = "`--trust-remote` takes it" if origin.source == "remote" else "read it, then `inner trust`"
        told.append(f"`{safe(key)}` is not taken: {safe(str(origin))} is not trusted ({remedy})")
    more = len(keys) - len(told)
    return (*told, f"and {more} more keys are not taken") if more > 0 else tuple(told)


def _from_environment(env: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Origin]]:
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for variable, key in VARIABLES.items():
        text = env.get(variable, "")
        if not text:
            continue
        try:
            value = _read_variable(key, text)
        except ValueError as problem:
            message, _, hint = str(problem).partition("\n")
            raise ConfigError(f"the value of `{variable}` {message}", where="environment", hint=hint) from None
        if value is None:
            continue
        table, _, name = key.rpartition(".")
        if table:
            values.setdefault(table, {})[name] = value
        else:
            values[key] = value
        origins[key] = Origin("environment", variable)
    return values, origins


def _read_variable(key: str, text: str) -> object:
    if key.startswith("default_limits."):
        return getattr(quantity, key.partition(".")[2])(text)
    if key == "keep_runs":
        if not (text.isascii() and text.isdigit() and int(text[:9]) <= 1_000_000 and len(text) < 9):
            raise ValueError("is not a number of runs\nfor instance `100`")
        return int(text)
    return text
