"""docs/reference/agents.md says what the modules say; its second half is made from them (`pytest --update-golden`)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from inner import agents
from inner.config.document import parse
from inner.profile.find import BUILT_IN
from inner.profile.source import source

DOCS = Path(__file__).parents[2] / "docs"
MARK = "<!-- made from inner/agents; tests hold them equal -->\n"
PROFILES = next(Path(folder) for folder in BUILT_IN if Path(folder).is_dir())


def page() -> str:
    return "".join(section(name) for name in agents.NAMES if name != "generic")


def section(name: str) -> str:
    one = agents.agent(name)
    rows = [
        ("recognised by", code(one.COMMANDS)),
        (
            "profiles",
            code(path.stem for path in sorted(PROFILES.glob("*.toml")) if re.search(rf'agents = \["{name}"\]', path.read_text())),
        ),
        ("keys it reads", code(one.KEYS)),
        ("variables it gets", code(f"{key}={value}" for key, value in one.ENV)),
        ("files it begins with", code(f"~/{seed.path}" for seed in one.SEEDS)),
        ("its login", ", ".join(login(each) for each in one.LOGINS if each.keep or not each.approves)),
        ("hosts it needs", code(one.HOSTS)),
        ("asked for, not needed", code(one.OPTIONAL)),
        ("read-only in the project", code(one.PROTECTED)),
        ("its own in the project, gone with the box", code(one.SCRATCH)),
        ("credentials", ", ".join(f"{base.host}: " + code(header for header, _ in base.keys) for base in one.BASE_URLS)),
    ]
    doc = (getattr(one, "__doc__", "") or "").strip()
    lines = [f"| {what} | {said} |" for what, said in rows if said]
    return f"\n## {name}\n\n{doc}\n\n| | |\n|---|---|\n" + "\n".join(lines) + "\n"


def code(words) -> str:
    return ", ".join(f"`{word}`" for word in words)


def login(one) -> str:
    return f"`~/{one.path}`" + (f" ({', '.join(one.keep)})" if one.keep else "")


def test_the_page_is_made_of_the_modules(request):
    path = DOCS / "reference/agents.md"
    head, mark, _ = path.read_text().partition(MARK)
    assert mark
    if request.config.getoption("--update-golden"):
        path.write_text(head + mark + page())
    assert path.read_text() == head + mark + page(), "`pytest --update-golden` writes it anew"


@pytest.mark.parametrize("name", ["reference/agents.md", "how-to/agents.md", "how-to/define-an-agent.md"])
def test_its_profiles_are_valid_and_its_links_lead_somewhere(name):
    text = (DOCS / name).read_text()
    for block in re.findall(r"(?:^(?:    |       ).*\n|^\n)+", text, re.MULTILINE):
        if "schema_version" in block or "extends" in block:
            toml = re.sub(r"(?m)^ {4}(?: {3})?", "", block).strip() + "\n"
            tomllib.loads(toml)
            if "schema_version" not in toml:
                toml = 'schema_version = "1"\n' + toml
            source(parse(toml.encode(), file=name, source="user"))
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (DOCS / name).parent.joinpath(target).is_file(), target


def test_every_module_has_the_names_and_a_command_of_its_own():
    for name in agents.NAMES:
        one = agents.agent(name)
        assert name == one.NAME
        for word in ("COMMANDS", "ENV", "KEYS", "SEEDS", "LOGINS", "HOSTS", "OPTIONAL", "PROTECTED", "SCRATCH", "BASE_URLS"):
            assert isinstance(getattr(one, word), tuple), (name, word)
        assert {agents.recognised(command) for command in one.COMMANDS} == ({name} if one.COMMANDS else set())
        assert set(one.SCRATCH) <= {path.rstrip("/") for path in one.PROTECTED}
