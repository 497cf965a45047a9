"""Request + settings + host -> the profile of a run, every value with its origin; and the list of profiles there are.

The slow half of a run's start, and the only one that reads profile files: what it returns can be stored (`compiled`).
"""

from __future__ import annotations

from inner.errors import ConfigError, InnerError
from inner.frozen import TYPE_CHECKING, frozen, replace
from inner.origin import INNER
from inner.paths import quoted
from inner.profile import flags
from inner.profile.find import Shelf
from inner.profile.inherit import chain
from inner.profile.layer import Layer, Set
from inner.profile.merge import fold
from inner.profile.model import Credential, Entrypoint, Env, Git, Limits, Noop, Output, Profile, Sandbox
from inner.request import Request
from inner.ui import safe

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from inner.config.document import Document
    from inner.host import Host
    from inner.origin import Origin
    from inner.profile.layer import Patch
    from inner.profile.merge import Folded, Refused
    from inner.settings import Settings

_COMMAND = ("entrypoint.cmd", "entrypoint.args")


@frozen
class Entry:
    """One profile of a listing. `shadowed`: a higher scope has one of the same name. `problem`: why it cannot be used."""

    name: str
    scope: str
    path: str
    description: str = ""
    shadowed: bool = False
    experimental: bool = False
    default: bool = False
    trusted: bool = True
    problem: str = ""


def resolve(request: Request, settings: Settings, host: Host, downloads: Iterable[Document] = ()) -> Profile:
    """The merged profile. ConfigError or UsageError, with file and line, for what cannot be. `downloads` are profiles from the
    network that the user has seen: no other is used.
    """
    shelf = Shelf(host, settings, downloads)
    top = shelf.find(request.profile or settings.default_profile, where="" if request.profile else _place(settings))
    found = chain(shelf, top)
    layers = (*_defaults(settings), *found.layers, flags.layer(request))
    folded = fold(layers)
    if not request.entrypoint:
        _refuse_other_command(folded.refused, found.name)
    _refuse_host_commands(folded)
    taking_part = tuple(layer.origin for layer in layers if layer.patch or layer in found.layers)
    merged = profile(found.name, folded, layers=_unique(taking_part), notices=(*settings.notices, *_notices(folded.refused)))
    return replace(merged, log_dir=settings.log_dir, keep_runs=settings.keep_runs)


def available(settings: Settings, host: Host) -> tuple[Entry, ...]:
    """Every profile, by name, the one that wins first. A file that is broken is listed with its problem."""
    shelf = Shelf(host, settings)
    entries: list[Entry] = []
    seen: set[str] = set()
    for place in shelf.places():
        shadowed = place.name in seen
        seen.add(place.name)
        default = place.name == settings.default_profile and not shadowed
        try:
            document = shelf.read(place)
            data: Any = document.data["profiles"][place.table] if place.table else document.data
            data = data if isinstance(data, dict) else {}
            text = data.get("description", "")
            entries.append(
                Entry(
                    place.name,
                    place.scope,
                    place.path,
                    text if isinstance(text, str) else "",
                    shadowed,
                    data.get("experimental") is True,
                    default,
                    document.trusted,
                )
            )
        except InnerError as problem:
            entries.append(
                Entry(place.name, place.scope, place.path, shadowed=shadowed, default=default, problem=problem.message)
            )
    return tuple(sorted(entries, key=lambda entry: (entry.name, entry.shadowed)))


def examined(entries: tuple[Entry, ...], settings: Settings, host: Host) -> tuple[Entry, ...]:
    """The same, with the problem of those that can be read and still not be used: an unknown key, a base that is not there. Inner's
    own have none as long as there are no others, which they could build on."""
    if all(entry.scope == "built-in" for entry in entries):
        return entries
    return tuple(
        entry if entry.problem or entry.shadowed else replace(entry, problem=_problem(entry.name, settings, host))
        for entry in entries
    )


def _problem(name: str, settings: Settings, host: Host) -> str:
    try:
        resolve(Request(profile=name), settings, host)
    except InnerError as problem:
        return problem.message
    return ""


def _place(settings: Settings) -> str:
    origin = settings.origin("default_profile")
    return "" if origin == INNER else str(origin)


def _defaults(settings: Settings) -> tuple[Layer, ...]:
    """The settings that are defaults of every profile, one layer for each place that says something."""
    limits = settings.default_limits
    given: dict[str, tuple[Origin, object]] = {
        f"sandbox.limits.{name}": (settings.origin(f"default_limits.{name}"), value)
        for name, value in (("memory", limits.memory), ("cpu", limits.cpu), ("pids", limits.pids))
        if value is not None
    }
    if settings.workspaces_path:
        given["workspaces_path"] = (settings.origin("workspaces_path"), settings.workspaces_path)
    layers: dict[str, Layer] = {}
    for key, (origin, value) in given.items():
        old = layers.get(origin.file or origin.source)
        patch: dict[str, Patch] = {**(old.patch if old else {}), key: Set(value)}
        lines = {**(old.lines if old else {}), key: origin.line}
        layers[origin.file or origin.source] = Layer(type(origin)(origin.source, origin.file), patch, lines)
    return tuple(layers.values())


def _refuse_other_command(refused: tuple[Refused, ...], name: str) -> None:
    """Starting something else than what was named would be worse than not starting."""
    for item in refused:
        if item.key in _COMMAND:
            raise ConfigError(
                f"profile `{safe(name)}`, which is not trusted, would start another command",
                where=str(item.origin),
                hint=remedy(item.origin),
            )


def _refuse_host_commands(folded: Folded) -> None:
    """No project and no download, trusted or not, has a command run outside of the box: a line of it would be as good as a hook."""
    for key, value in folded.values.items():
        origin = folded.origins[key]
        if isinstance(value, Credential) and value.source.startswith("command:") and origin.source in ("project", "remote"):
            raise ConfigError(
                f"`{safe(key)}` would run a command of this machine, and only a profile of your own can have that",
                where=str(origin),
                hint="move the credential to a profile in `~/.config/inner/profiles`, which that one extends",
            )


def remedy(origin: Origin) -> str:
    """How a layer that is not trusted comes to be."""
    if origin.source == "remote":
        return "read it, then add `--trust-remote`, or name the command: `--entrypoint CMD`"
    return f"read the file, then `inner trust {quoted(origin.file)}`"


def _notices(refused: tuple[Refused, ...]) -> tuple[str, ...]:
    from inner.settings import untaken

    return untaken((item.key, item.origin) for item in refused)


def _unique(origins: tuple[Origin, ...]) -> tuple[Origin, ...]:
    return tuple(dict.fromkeys(origins))


def profile(name: str, folded: Folded, *, layers: tuple[Origin, ...] = (), notices: tuple[str, ...] = ()) -> Profile:
    """The values of a fold as records; what no layer names has the default of its record."""
    values: dict[str, Any] = dict(folded.values)

    def table(prefix: str) -> dict[str, Any]:
        return {key[len(prefix) :]: value for key, value in values.items() if key.startswith(prefix)}

    def section(prefix: str, record: Any, **tables: object) -> Any:
        return record(**{key: value for key, value in table(prefix).items() if "." not in key}, **tables)

    top = {key: values[key] for key in ("description", "experimental", "agents", "workspaces_path") if key in values}
    limits = section("sandbox.limits.", Limits)
    return Profile(
        name=name,
        **top,
        sandbox=section("sandbox.", Sandbox, limits=limits),
        mounts=tuple(table("mounts.").values()),
        env=section("env.", Env, set=table("env.set.")),
        git=section("git.", Git, overrides=table("git.overrides.")),
        entrypoint=section("entrypoint.", Entrypoint),
        output=section("output.", Output),
        noop=section("noop.", Noop, rewrite=table("noop.rewrite.")),
        credentials=table("credentials."),
        definitions=table("agent."),
        checks=values.get("verify.custom.checks", ()),
        origins=dict(folded.origins),
        layers=layers,
        notices=notices,
    )
