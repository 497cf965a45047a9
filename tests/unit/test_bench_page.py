"""The bench's own judgement: what counts as worse, what is kept, and a plot that is XML."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import page
import pairs


@pytest.fixture
def history(tmp_path, monkeypatch):
    place = tmp_path / "history.json"
    monkeypatch.setattr(page, "HISTORY", place)
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "PLOT", tmp_path / "plot.svg")
    (tmp_path / "page.md").write_text(f"above\n{page.BEGIN}\nold\n{page.END}\nbelow\n")
    return place


def row(name, ratio):
    return {"name": name, "ms": 10 * ratio, "ratio": ratio, "base": "raw"}


def test_a_ratio_that_is_a_quarter_worse_than_the_last_is_told(history):
    history.write_text(json.dumps([{"ratios": {"a": 9.0, "b": 2.0}}, {"ratios": {"a": 3.0}}]))
    assert page.check([row("a", 3.7), row("b", 2.4), row("new", 100.0), {"name": "memory", "text": "8 MB", "pss": 8}]) == []
    assert [text.partition(":")[0] for text in page.check([row("a", 3.8), row("b", 2.6)])] == ["a", "b"]


def test_without_a_history_nothing_is_worse(history):
    assert page.check([row("a", 1000.0)]) == []


def test_what_is_written_is_compared_next_time(history):
    page.write([row("raw", 1.0), row("`inner <run>`", 3.0), {"name": "memory", "text": "8 MB", "pss": 8}])
    assert page.check([row("`inner <run>`", 4.0)])
    text = page.PAGE.read_text()
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "old" not in text
    assert "| `inner <run>` | 30.0 | 3.00 | |" in text
    assert "| memory | 8 MB |" in text
    assert ET.parse(page.PLOT).getroot().tag.endswith("svg")
    for _ in range(2 * page.KEPT):
        page.write([row("raw", 1.0), row("a", 2.0)])
    assert len(page.history()) == page.KEPT


def test_a_command_that_fails_is_not_measured():
    runner = pairs.Runner({"PATH": "/usr/bin:/bin"}, None)
    with pytest.raises(RuntimeError, match="status"):
        runner.once(pairs.Case("no", ["false"]))
    cases = [pairs.Case("raw", ["true"]), pairs.Case("slow", ["sleep", "0.05"])]
    runner.run(cases, 3)
    assert cases[0].ratio == 1
    assert cases[1].ratio > 1
