"""The pages as a whole: they build without a warning, lead to each other, speak of files that exist, and their examples are valid."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import tomllib

import pytest
from configured import Machine
from program import ROOT

from inner.config.document import parse
from inner.settings import check

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [*sorted(ROOT.glob("*.md")), *PAGES]
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
SETTINGS = {"aliases", "default_profile", "default_limits", "keep_runs", "log_dir", "profiles"}


def named(path):
    return str(path.relative_to(ROOT))


def test_the_site_is_built_without_a_warning(tmp_path):
    """But for links to files of this tree that are no pages, such as the tests of a claim: they lead somewhere in the tree."""
    line = [sys.executable, "-m", "mkdocs", "build", "-f", str(ROOT / "packaging/mkdocs.yml"), "-d", str(tmp_path / "site")]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert [one for one in done.stderr.splitlines() if "WARNING" in one and not leads_into_the_tree(one)] == []
    assert (tmp_path / "site/index.html").is_file()


def leads_into_the_tree(warning):
    found = re.search(r"Doc file '([^']+)' contains a link '([^'#]+)", warning)
    if found is None:
        return False
    target = (DOCS / found[1]).parent.joinpath(found[2]).resolve()
    return target.exists() and ROOT in target.parents and DOCS not in target.parents


def test_a_dead_link_is_a_warning(tmp_path):
    """What holds the test above: the same settings, a page with a link to nowhere."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# A page\n\n[nowhere](nowhere.md)\n")
    (tmp_path / "packaging").mkdir()
    (tmp_path / "packaging/mkdocs.yml").write_text((ROOT / "packaging/mkdocs.yml").read_text())
    line = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-f",
        str(tmp_path / "packaging/mkdocs.yml"),
        "-d",
        str(tmp_path / "site"),
    ]
    assert subprocess.run(line, capture_output=True, cwd=tmp_path, timeout=120).returncode == 1


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_links_lead_to_files_that_exist(page):
    for target, _ in LINK.findall(page.read_text()):
        if target and "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_page_can_be_reached_from_the_first():
    seen, to_do = set(), [DOCS / "index.md"]
    while to_do:
        page = to_do.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            to_do += [
                (page.parent / target).resolve() for target, _ in LINK.findall(page.read_text()) if "://" not in target and target
            ]
    assert [named(page) for page in PAGES if page not in seen] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_pages_are_in_their_place(page):
    assert page.parent == DOCS or page.parent.name in {"tutorial", "how-to", "reference", "explanation"}
    lines = page.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert [line for line in lines if line.startswith("# ")] == lines[:1] or "```" in page.read_text()


# --- examples -----------------------------------------------------------------------------------------------------------------


def examples():
    """Every TOML in the pages: fenced blocks that say `toml`, indented ones that are it."""
    for page in TEXTS:
        text = page.read_text()
        found = re.findall(r"(?ms)^( *)```toml\n(.*?)^\1```$", text)
        blocks = [block for _, block in found]
        outside = re.sub(r"(?ms)^```.*?^```$", "", text)
        for block in re.findall(r"(?:(?<=\n\n)|\A)((?: {4,}\S.*\n|\n(?= {4}))+)", outside):
            plain = textwrap.dedent(block)
            if re.match(r"(?:#.*\n)*(?:\[[\w.\"-]+\]|[\w.]+ = )", plain):
                blocks.append(plain)
        for number, block in enumerate(blocks):
            yield pytest.param(block, id=f"{named(page)}-{number}")


@pytest.mark.parametrize("block", list(examples()))
def test_an_example_is_what_it_says(block, tmp_path):
    """As settings when it has their keys, else as a profile with all that it extends."""
    tmp_path.chmod(0o755)
    machine = Machine(tmp_path.resolve())
    given = tomllib.loads(block)
    if SETTINGS & given.keys() or not given.keys() - {"schema_version"}:
        check(parse(block.encode(), file="config.toml", source="user"), project=True)
        for name in given.get("profiles", ()):
            machine.inner_toml(block)
            machine.trust(machine.project / ".inner.toml")
            machine.resolve(name)
        return
    text = block if "schema_version" in given else f'schema_version = "1"\n{block}'
    machine.put(machine.home / ".config/inner/profiles/example.toml", text)
    machine.resolve("example")


def test_there_are_examples():
    assert len(list(examples())) >= 20
