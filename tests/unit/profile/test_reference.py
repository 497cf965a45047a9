"""The reference pages and the schema for editors say what the program does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from configured import FIXTURES, REPOSITORY

from inner.errors import ConfigError
from inner.profile.keys import KEYS
from inner.profile.reference import MEANING, MERGES, NARROWS, OTHERS, page
from inner.profile.schema import json_schema
from inner.profile.source import ALIASES, IGNORED
from inner.settings import ALIASES as WORDS
from inner.settings import MEANING as SETTINGS
from inner.settings import VARIABLES, ProjectFile, Settings

DOCS = REPOSITORY / "docs"


def test_every_key_has_a_meaning_and_no_other_has() -> None:
    assert MEANING.keys() == KEYS.keys()
    assert OTHERS.keys() == {*ALIASES, *IGNORED, "sandbox.network"}
    assert {key.merge for key in KEYS.values()} == MERGES.keys()
    assert {key.narrow for key in KEYS.values()} == NARROWS.keys()


def test_the_page_of_the_format_is_made_of_the_tables(request: pytest.FixtureRequest) -> None:
    path = DOCS / "reference/profile.md"
    text = path.read_text()
    head, mark, _ = text.partition("tests hold them equal. -->\n")
    assert mark
    if request.config.getoption("--update-golden"):
        path.write_text(head + mark + page())
    assert path.read_text() == head + mark + page(), "`pytest --update-golden` writes it anew"


def test_the_page_of_the_settings_has_every_key_default_and_variable() -> None:
    rows = re.findall(
        r"(?m)^\| `([a-z_.]+)` \| (\S*) ?\| (?:`(\w+)`)? ?\| (.*) \|$", (DOCS / "reference/settings.md").read_text()
    )
    assert {key: meaning for key, _, _, meaning in rows} == SETTINGS
    assert {variable: key for key, _, variable, _ in rows if variable} == VARIABLES
    keys = {*ProjectFile.model_fields} - {"default_limits"} | {f"default_limits.{name}" for name in ("memory", "cpu", "pids")}
    assert {key for key, _, _, _ in rows} == keys
    for key, default, _, _ in rows:
        have = Settings.model_fields[key].default if key in Settings.model_fields else None
        assert default == (f'`"{have}"`' if isinstance(have, str) and have else f"`{have}`" if isinstance(have, int) else ""), key


def test_the_page_of_the_settings_has_every_alias() -> None:
    found = dict(re.findall(r"(?m)^\| `inner (\w+)` \| `inner (.*)` \|$", (DOCS / "reference/settings.md").read_text()))
    assert found == WORDS


@pytest.mark.parametrize("name", ["reference/profile.md", "reference/settings.md", "how-to/trust.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (DOCS / name).read_text()
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
        path = (DOCS / name).parent / target
        assert path.is_file(), target
        if anchor:
            headings = {
                re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
                for line in re.findall(r"(?m)^#+ (.*)$", path.read_text())
            }
            assert anchor in headings


# --- the schema, judged by a validator of our own: as much of JSON schema as it uses ------------------------------------------


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    known = {
        "$ref",
        "anyOf",
        "type",
        "enum",
        "const",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "minimum",
        "exclusiveMaximum",
    }
    assert set(schema) <= known | {"title", "description", "default", "$defs", "$schema"}, schema
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema and not any(fits(value, one, root) for one in schema["anyOf"]):
        return False
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    wanted = schema.get("type", [])
    if wanted and not any(
        isinstance(value, types[one]) and not (isinstance(value, bool) and one != "boolean")
        for one in ([wanted] if isinstance(wanted, str) else wanted)
    ):  # type: ignore[arg-type]
        return False
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        return False
    if isinstance(value, dict) and wanted == "object":
        more = schema.get("additionalProperties", True)
        properties = schema.get("properties", {})
        if set(schema.get("required", ())) - value.keys() or (more is False and value.keys() - properties.keys()):
            return False
        return all(fits(item, properties.get(name, more if isinstance(more, dict) else {}), root) for name, item in value.items())
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(fits(item, schema.get("items", {}), root) for item in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return schema.get("minimum", value) <= value < schema.get("exclusiveMaximum", float("inf"))
    return True


STRUCTURE = (  # what a schema can see; texts of a certain form are left to the program
    "agent-unknown-key", "args-edited", "check-without-command", "control-bytes-in-key", "credential-without-hosts",
    "deny-list-remove", "deny-list-set", "list-edit-unknown", "list-not-list", "list-of-numbers", "no-schema-version",
    "other-schema-version", "schema-version-not-text", "switch-not-bool", "timeout-negative", "timeout-not-finite",
    "too-deep", "two-faults", "unknown-check-key", "unknown-home", "unknown-limit", "unknown-login", "unknown-mount-key", "unknown-mount-mode", "unknown-network-mode", "unknown-root", "unknown-sandbox-key", "unknown-severity",
    "unknown-table", "unknown-top-key", "variable-not-text",
)  # fmt: skip


@pytest.mark.parametrize(
    "path",
    sorted([*(REPOSITORY / "profiles").glob("*.toml"), *(FIXTURES / "valid").glob("*.toml"), *(FIXTURES / "go").glob("*.toml")]),
    ids=lambda path: path.stem,
)
def test_the_schema_takes_what_is_valid(path: Path) -> None:
    schema = json_schema()
    assert fits(tomllib.loads(path.read_text()), schema, schema)


@pytest.mark.parametrize("name", STRUCTURE)
def test_the_schema_refuses_what_is_not(name: str) -> None:
    schema = json_schema()
    assert not fits(tomllib.loads((FIXTURES / f"invalid/{name}.toml").read_text()), schema, schema)


@pytest.mark.parametrize("severity", ["HIGH", "high", "urgent"])
def test_the_schema_takes_severities_as_the_program_does(severity: str) -> None:
    from inner.config.document import parse
    from inner.profile.source import source

    text = f'schema_version = "1"\n[verify.custom]\nchecks = [{{ name = "a", cmd = "b", severity = "{severity}" }}]\n'
    schema = json_schema()
    try:
        source(parse(text.encode(), file="p", source="user"))
        valid = True
    except ConfigError:
        valid = False
    assert fits(tomllib.loads(text), schema, schema) is valid


def test_every_key_of_the_schema_is_explained() -> None:
    schema = json_schema()

    def walk(part: dict[str, Any], path: str) -> None:
        for name, item in part["properties"].items():
            below = item.get("$ref", "").rpartition("/")[2]
            if below and f"{path}{name}" not in {"mounts", "credentials", "agent"}:
                walk(schema["$defs"][below], f"{path}{name}.")
            else:
                assert item.get("description"), f"{path}{name}"

    walk(schema, "")
