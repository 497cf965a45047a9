"""What pydantic finds wrong, as one ConfigError: the key, what is wrong with it, file and line, and what was probably meant."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.ui import safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel, ValidationError

    from inner.config.document import Document
    from inner.config.locate import Path

MOST_LINES = 10
MESSAGES = {
    "string_type": "must be a string, in quotes",
    "bool_type": "must be `true` or `false`",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must not be negative",
    "list_type": "must be a list, in `[...]`",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def did_you_mean(word: str, among: Iterable[str]) -> str:
    """A hint that names the closest of `among`, or "" when nothing is close."""
    from difflib import get_close_matches

    close = get_close_matches(word[:100], list(among), 1, 0.6)
    return f"did you mean `{safe(close[0])}`?" if close else ""


class ElementError(ValueError):
    """A ValueError about one element of a list: `element` is where it stands in the value."""

    def __init__(self, message: str, element: Path) -> None:
        super().__init__(message)
        self.element = element


def shown(text: str) -> str:
    """A text of a file, short and escaped, for a message."""
    return safe(text if len(text) <= 60 else text[:57] + "...")


def dotted(path: Iterable[str | int]) -> str:
    """A key path for people: `sandbox.allow[2]`, escaped."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{shown(part)}"
    return text


def fault(problem: ValidationError, model: type[BaseModel], document: Document, at: Path = ()) -> ConfigError:
    """The first error in the text, and how many more there are. `at` is where in the document the model was applied."""
    found = sorted(problem.errors(include_url=False), key=lambda error: document.line((*at, *error["loc"])))
    first, more = found[0], len(found) - 1
    kind, context = first["type"], first.get("ctx", {})
    loc = tuple(part for part in first["loc"] if part != "[key]")
    key = dotted((*at, *loc))
    loc += getattr(context.get("error"), "element", ())
    hint = ""
    if kind == "extra_forbidden":
        known = names(model, loc[:-1])
        message = f"unknown key `{key}`"
        hint = did_you_mean(str(loc[-1]), known) or f"keys here: {', '.join(sorted(known))}"
    elif kind == "missing":
        message, hint = f"`{key}` is missing", 'write `schema_version = "1"` first' if loc[-1] == "schema_version" else ""
    elif kind == "literal_error":
        choices = [part for part in str(context.get("expected", "")).split("'")[1::2] if part]
        given = first["input"]
        message = f"`{key}` cannot be `{shown(given)}`" if isinstance(given, str) else f"`{key}` {MESSAGES['string_type']}"
        hint = (did_you_mean(given, choices) if isinstance(given, str) else "") or f"one of: {', '.join(choices)}"
    elif kind == "value_error":
        text, _, hint = str(context.get("error", "")).partition("\n")
        message = f"`{key}`{':' if text.startswith('`') else ''} {text}"
    else:
        message = f"`{key}` {MESSAGES.get(kind, first['msg'][:1].lower() + first['msg'][1:])}"
    if kind in ("extra_forbidden", "string_type") and not at and len(loc) > 1 and loc[-1] in model.model_fields:
        hint = f"`{loc[-1]}` is a key of the whole file: write it above the first `[table]`"
    if more:
        lines = [str(line) for line in dict.fromkeys(document.line((*at, *error["loc"])) for error in found[1:])]
        where = f"line{'s' if len(lines) > 1 else ''} {', '.join(lines[:MOST_LINES])}{', ...' if len(lines) > MOST_LINES else ''}"
        message += f" (and {more} more {'fault' if more == 1 else 'faults'} in this file: {where})"
    return ConfigError(message, where=str(document.origin((*at, *loc))), hint=hint)


def names(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that the table at `path` may have."""
    from pydantic import BaseModel

    here: type[BaseModel] | None = model
    for part in path:
        field = here.model_fields.get(str(part)) if here is not None else None
        kinds = _models(field.annotation) if field is not None else ()
        if kinds or here is None:
            here = kinds[0] if kinds else None
    return tuple(here.model_fields) if here is not None and issubclass(here, BaseModel) else ()


def _models(annotation: object) -> tuple[type[BaseModel], ...]:
    """The models named anywhere in an annotation such as `dict[str, Mount]`."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    inside = getattr(annotation, "__args__", ())
    return tuple(model for part in inside for model in _models(part))
