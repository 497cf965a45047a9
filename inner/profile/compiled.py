"""A profile as plain dicts, tuples, strings and numbers and back: what `marshal` can store.

A record becomes a tuple, its class' name first. Nothing is validated but the shape: what is stored was validated before.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, fields
from inner.origin import Origin
from inner.profile import model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RECORDS: dict[str, type] = {
    record.__name__: record
    for record in (
        Origin, model.Limits, model.Sandbox, model.MountSpec, model.Env, model.Git, model.Entrypoint, model.Output, model.Noop,
        model.Credential, model.CustomCheck, model.LoginSpec, model.AgentSpec, model.Profile,
    )
}  # fmt: skip
_LEAVES = frozenset((str, int, float, bool, bytes, type(None)))
_RECORD = "\0"  # no string of a profile holds a NUL byte, so a tuple of strings is never taken for a record


def to_plain(value: object) -> Any:
    """`value`, a Profile or anything in one, as plain data."""
    if isinstance(value, tuple):
        return tuple(to_plain(item) for item in value)
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float, bytes)):
        return value
    return (_RECORD, type(value).__name__, *(to_plain(getattr(value, name)) for name in fields(value)))


def from_plain(data: Any, records: Mapping[str, type] = RECORDS) -> Any:
    """What `to_plain` was given. ValueError when the data is of another shape, for instance of another version."""
    if isinstance(data, tuple):
        if not data or data[0] != _RECORD:
            return tuple([from_plain(item, records) for item in data])
        try:
            record = records[data[1]]
        except (IndexError, KeyError, TypeError):
            raise ValueError("not a record of this version") from None
        if len(data) - 2 != len(record.__match_args__):  # type: ignore[attr-defined]
            raise ValueError("not a record of this version")
        return record(*[item if item.__class__ in _LEAVES else from_plain(item, records) for item in data[2:]])
    if isinstance(data, dict):
        return {key: from_plain(item, records) for key, item in data.items()}
    if data is None or isinstance(data, (str, int, float, bytes)):
        return data
    raise ValueError("not plain data")
