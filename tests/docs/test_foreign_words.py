"""Nothing that is tracked speaks of the machine it was written on, of where packages are fetched, or of how it came about."""

from __future__ import annotations

import re
import subprocess

import pytest
from program import ROOT

FOREIGN = {
    "a folder of one machine": r"(?<!\w)/work/(?:wt|main|shared|lead|\.lib)|(?<!\w)/roo" + r"t/(?!\.bash_history|\.cache|\.local|\.config)|/opt/" + r"venv|(?<![\w/.-])shared/" + r"(?:design|reference|corpus|proto)",
    "where packages come from": "files" + r"\.pythonhosted\.org|deb" + r"\.debian\.org|proxy\." + r"golang\.org|(?:pypi|pip)[-.]" + "(?:mirror|more)",
    "how it came about": r"(?i)\b(?:as an A" + r"I\b|AI[- ]" + r"generated|generated (?:by|with) (?:an? )?(?:AI|LLM|Claude|GPT)|co-" + r"authored-by)",
}  # fmt: skip
SAYS = {
    "a folder of one machine": "see /work/" + "main/x",
    "where packages come from": "https://files" + ".pythonhosted.org/x",
    "how it came about": "this was AI-" + "generated",
}


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode == 0 and done.stdout:
        return [ROOT / name for name in done.stdout.decode().split("\0") if name]
    skipped = {".git", ".nox", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)]


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_speaks_of_it(what):
    found = []
    for path in tracked():
        if path.is_file() and path.suffix not in {".pyc", ".pem"}:
            text = path.read_bytes().decode(errors="replace")
            found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in re.finditer(FOREIGN[what], text)]
    assert found == []


@pytest.mark.parametrize("what", FOREIGN)
def test_it_would_be_found(what):
    assert re.search(FOREIGN[what], SAYS[what])
