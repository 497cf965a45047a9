"""A profile document as a layer: the checked text becomes a patch, each key with its line.

The spellings of the Go tool (`capabilities`, `inherit`, `network`) end here.
"""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from inner.config.faults import fault
from inner.frozen import TYPE_CHECKING, frozen
from inner.origin import INNER, Origin
from inner.profile.layer import Edit, Layer, Set
from inner.profile.merge import compose, element
from inner.profile.model import AgentSpec, Credential, CustomCheck, LoginSpec, MountSpec
from inner.profile.schema import AgentPart, CredentialPart, InlineProfile, MountPart, ProfileFile, VerifyPart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from inner.config.document import Document
    from inner.config.locate import Path
    from inner.profile.layer import Patch

ALIASES = {"capabilities": "agents", "env.inherit": "env.passthrough"}
IGNORED = ("schema_version", "name", "extends", "env.clearenv")


@frozen
class Source:
    """One profile as it is written: its layer, and what it says about itself. `base` is the origin of `extends`."""

    layer: Layer
    name: str = ""
    extends: str = ""
    base: Origin = INNER


def source(document: Document, at: Path = ()) -> Source:
    """The profile in `document` (in the inline table at `at`), checked; ConfigError for the first fault."""
    model = InlineProfile if at else ProfileFile
    data: Any = document.data
    for part in at:
        data = data[part]
    try:
        profile = model.model_validate(data)
    except ValidationError as problem:
        raise fault(problem, model, document, at) from None
    reader = _Reader(document, at)
    reader.table("", profile)
    layer = Layer(document.origin(at), reader.patch, reader.lines, document.trusted)
    return Source(layer, profile.name, profile.extends, document.origin((*at, "extends")))


class _Reader:
    """Walks a checked model and its text side by side."""

    def __init__(self, document: Document, at: Path) -> None:
        self.document, self.at = document, at
        self.patch: dict[str, Patch] = {}
        self.lines: dict[str, int] = {}

    def table(self, prefix: str, part: BaseModel) -> None:
        given = [name for name in type(part).model_fields if name in part.model_fields_set]
        for field in given:
            value, written = getattr(part, field), f"{prefix}{field}"
            key = ALIASES.get(written, written)
            if written in IGNORED or (written == "sandbox.network" and "network_mode" in given):
                continue
            path = (*self.at, *written.split("."))
            if isinstance(value, VerifyPart):
                self.checks(value)
            elif isinstance(value, BaseModel):
                self.table(f"{key}.", value)
            elif isinstance(value, dict):
                for name, item in value.items():
                    self.put(f"{key}.{name}", Set(_record(name, item)), (*path, name))
            elif written == "sandbox.network":  # the Go tool's switch: all or nothing
                self.put("sandbox.network_mode", Set("full" if value else "off"), path)
            elif isinstance(value, (Set, Edit)):
                self.put(key, value, path)
                self.elements(key, path)
            elif not (prefix == "sandbox.limits." and value is None):
                self.put(key, Set(value), path)

    def put(self, key: str, change: Patch, path: Path) -> None:
        self.patch[key] = compose(key, self.patch[key], change) if key in self.patch else change
        self.lines[key] = self.document.line(path)

    def elements(self, key: str, path: Path) -> None:
        """Lines of the elements of a list, in whichever of its forms."""
        for stem in (path, (*path, "set"), (*path, "add")):
            listed = _lookup(self.document.data, stem)
            for index, item in enumerate(listed if isinstance(listed, list) else ()):
                self.lines.setdefault(element(key, item), self.document.line((*stem, index)))

    def checks(self, verify: VerifyPart) -> None:
        key, path = "verify.custom.checks", (*self.at, "verify", "custom", "checks")
        found = tuple(CustomCheck(check.name, check.cmd, check.severity) for check in verify.custom.checks)
        if found:
            self.put(key, Edit(append=found), path)
        for index, check in enumerate(found):
            self.lines.setdefault(element(key, check), self.document.line((*path, index)))


def _record(name: str, item: object) -> object:
    if isinstance(item, MountPart):
        return MountSpec(name, "" if item.dest == name else item.dest, item.mode)
    if isinstance(item, CredentialPart):
        return Credential(item.source, tuple(item.hosts), item.header, item.format)
    if isinstance(item, AgentPart):
        return AgentSpec(
            tuple(item.commands) or (name,),
            dict(item.env),
            tuple(item.keys),
            dict(item.seeds),
            tuple(LoginSpec(one.path, tuple(one.keep), one.expires, one.rotates) for one in item.logins),
            tuple(item.hosts),
            tuple(item.optional),
            tuple(item.protected),
            {variable: (one.host, one.path, one.header.lower(), one.key) for variable, one in item.base_urls.items()},
        )
    return item


def _lookup(data: Mapping[str, Any], path: Path) -> object:
    value: Any = data
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value
