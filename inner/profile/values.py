"""The values that profile documents are made of: texts, names, amounts, and lists that are patches. Pydantic's side of them.

A validator says what is wrong in two lines, message and hint; `config.faults` adds the key, the file and the line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import core_schema

from inner.config.faults import ElementError, did_you_mean, shown
from inner.profile.keys import ALLOW
from inner.profile.layer import Edit, Set

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.profile.layer import Patch

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Part(BaseModel):
    """A table: no key but those named, no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def text(value: str) -> str:
    """Anything without a NUL byte."""
    if "\0" in value:
        raise ValueError("holds a NUL byte, which no path or argument can have")
    return value


def filled(value: str) -> str:
    """A text that is not empty."""
    if not value:
        raise ValueError("must not be empty")
    return text(value)


def like(pattern: str, what: str) -> Callable[[str], str]:
    """A text that matches `pattern` as a whole; `what` completes "is not"."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"`{shown(value)}` is not {what}")
        return value

    return check


def allowed(value: str) -> str:
    """A key of `[sandbox] allow`."""
    if value not in ALLOW:
        hint = did_you_mean(value, ALLOW) or "one of: " + ", ".join(ALLOW)
        raise ValueError(f"`{shown(value)}` is nothing that can be allowed\n{hint}")
    return value


name = like(NAME.pattern, "a name\nlower-case letters, digits, `.`, `_` and `-`")
variable = like("[A-Za-z_][A-Za-z0-9_]*", "the name of a variable\nnames are given one by one, without patterns")
command = like("[A-Za-z0-9._+@-]+", "the name of a command\na name without a path, such as `apt-get`")


def _relative(value: str, what: str) -> str:
    parts = value.split("/")
    if "\0" in value or value.startswith("~") or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"must be the path of a file below {what}\nwithout `/` or `~/` in front, `.` and `..`")
    return value


def below_home(value: str) -> str:
    """A path that is read or made below a home folder: nothing of it leads out."""
    return _relative(value, "the home folder")


def below_project(value: str) -> str:
    """A path below the project; a folder may end in `/`."""
    _relative(value.removesuffix("/"), "the project")
    return value


agent = like("[a-z0-9][a-z0-9-]*", "the name of an agent")
# the egress rules read a host closely; here it is visible ASCII without spaces
host = like("[!-~]+", "a host\nfor instance `example.org`, `example.org:22` or `*.example.org`")
header = like("[A-Za-z0-9-]+", "the name of a header")
secret = like("(?s:(?:env|file|command|keyring):[^\\0]+)", "a source\n`env:VAR`, `file:PATH`, `command:...` or `keyring:...`")
git_key = like(r"[^\s.]+\.[^\0\n]+", "a key of git\nfor instance `push.default`")

Text = Annotated[str, AfterValidator(text)]
Filled = Annotated[str, AfterValidator(filled)]


class Listing:
    """A list that is a patch: `[...]`, `{ add = [...], remove = [...] }` or `{ set = [...] }`. `merge` is as in `keys`."""

    FORMS = {"list": ("set", "add", "remove"), "first": ("set", "add", "remove"), "deny": ("add",), "words": ("set",)}

    def __init__(self, check: Callable[[str], str] = filled, merge: str = "list") -> None:
        self.check, self.merge = check, merge

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.patch)

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: Any) -> dict[str, Any]:
        strings = {"type": "array", "items": {"type": "string"}}
        table = {"type": "object", "properties": dict.fromkeys(self.FORMS[self.merge], strings), "additionalProperties": False}
        return {"anyOf": [strings, table]}

    def patch(self, value: object) -> Patch:
        """What the value does to the list below it."""
        if not isinstance(value, dict):
            given = self.items(value)
            if self.merge == "words":
                return Set(given)
            return self.edit(given, ())
        if not value or set(value) - {"set", "add", "remove"} or ("set" in value and len(value) > 1):
            raise ValueError("is a list, and lists are changed by `{ set = [...] }`, or by `{ add = [...], remove = [...] }`")
        if self.merge == "deny" and set(value) != {"add"}:
            raise ValueError("only grows: what a profile below forbids stays forbidden\nextend another profile, or none")
        if self.merge == "words" and "set" not in value:
            raise ValueError("is one command line\n`[...]` replaces it")
        if "set" in value:
            given = self.items(value["set"], "set")
            return Set(given if self.merge == "words" else tuple(dict.fromkeys(given)))
        return self.edit(self.items(value.get("add", []), "add"), self.items(value.get("remove", []), "remove"))

    def edit(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Edit:
        """The edit that adds at the end where elements of this list go."""
        add, remove = tuple(dict.fromkeys(add)), tuple(dict.fromkeys(remove))
        return Edit(add, remove) if self.merge == "first" else Edit((), remove, add)

    def items(self, value: object, name: str = "") -> tuple[str, ...]:
        """The checked elements of a list of strings."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError((f"`{name}` " if name else "") + 'must be a list of strings, such as `["one", "two"]`')
        checked = []
        for index, item in enumerate(value):
            try:
                checked.append(self.check(item))
            except ValueError as problem:
                raise ElementError(str(problem), (name, index) if name else (index,)) from None
        return tuple(checked)


class Amount:
    """A limit: text or number, read by one of `config.quantity`; None for what counts as not said."""

    def __init__(self, read: Callable[[object], object]) -> None:
        self.read = read

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {"type": ["string", "number"]}
