"""Differences of texts: they turn the one into the other, whatever the texts; and time is bounded."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inner.review import text

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "longer line"]), max_size=40)


def patched(old, rows):
    """What a unified difference makes of `old`, as patch(1) would: context and removals have to be there."""
    result, at = [], 0
    for row in rows:
        if row.startswith("@@ "):
            place = row.split(" ")[1][1:]
            first, _, count = place.partition(",")
            start = int(first) - (0 if count == "0" else 1)
            result += old[at:start]
            at = start
        elif row[0] == "+":
            result.append(row[1:])
        else:
            assert old[at] == row[1:]
            at += 1
            if row[0] == " ":
                result.append(row[1:])
    return result + old[at:]


@settings(database=None)
@given(LINES, LINES)
def test_applied_to_the_old_text_it_gives_the_new_one(old, new):
    assert patched(old, list(text.unified(old, new))) == new


@settings(database=None)
@given(LINES, LINES)
def test_numbers_of_lines_add_up(old, new):
    added, removed = text.counts(old, new)
    assert len(old) + added - removed == len(new)
    assert (added, removed) == (0, 0) or old != new


def test_a_few_changes_in_a_large_text_are_few_hunks():
    old = [f"line {n}" for n in range(20000)]
    new = [*old[:100], "new", *old[100:9000], *old[9001:]]
    rows = list(text.unified(old, new))
    assert [row for row in rows if row[0] in "+-"] == ["+new", "-line 9000"]
    assert len([row for row in rows if row.startswith("@@")]) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["a", "b"] * 20000, ["b", "a", "a"] * 15000),
        ([str(n) for n in range(30000)], [str(n) for n in range(30000, 0, -1)]),
        (["x"] * 50000, ["y"] * 50000),
    ],
)
def test_hostile_texts_do_not_take_long(old, new):
    began = time.process_time()
    rows = list(text.unified(old, new))
    assert time.process_time() - began < 20  # seconds of a busy machine; without the bound it is hours
    assert patched(old, rows) == new


def test_lines_that_are_no_text():
    assert text.binary(b"\x7fELF\0")
    assert not text.binary("ä\n".encode())
    assert text.lines(b"a\nb") == ["a", "b\n\\ No newline at end of file"]
    assert text.lines(b"\xff\n") == ["\udcff"]
    assert text.lines(b"") == []
