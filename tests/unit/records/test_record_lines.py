"""The lines of a record: JSON whatever comes in, and a digest that names a plan."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inner.frozen import replace
from inner.paths import BoxPath, HostPath
from inner.plan.model import Bind, Data, Plan, Variable
from inner.records import write

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_json_by_hand_is_json_of_printable_ascii(value):
    text = write.json(value)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == value


def test_bytes_that_are_not_text_survive():
    word = b"a\xffb".decode("utf-8", "surrogateescape")
    assert json.loads(write.json([word])) == [word]


PLAN = Plan(
    profile="p",
    command=("true",),
    cwd=BoxPath("/p"),
    home=BoxPath("/h"),
    project=HostPath("/p"),
    mounts=(
        Bind(HostPath("/a"), BoxPath("/a"), why="x"),
        Data(BoxPath("/f"), b"one"),
        Bind(HostPath("/s/runs/ID1/copy-0"), BoxPath("/c")),
    ),
    env=(Variable("A", None), Variable("B", "1")),
)


def test_the_digest_is_the_same_in_every_run():
    other = replace(PLAN, mounts=(*PLAN.mounts[:2], Bind(HostPath("/s/runs/ID2/copy-0"), BoxPath("/c"))), notices=("n",))
    assert write.digest(PLAN, "/s/runs/ID1") == write.digest(other, "/s/runs/ID2")
    assert len(write.digest(PLAN)) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"command": ("false",)},
        {"mounts": PLAN.mounts[:2]},
        {"mounts": (PLAN.mounts[0], Data(BoxPath("/f"), b"two"), PLAN.mounts[2])},
        {"mounts": (Bind(HostPath("/a"), BoxPath("/a"), "rw"), *PLAN.mounts[1:])},
        {"env": PLAN.env[:1]},
        {"timeout": 5.0},
        {"seccomp": "off"},
    ],
)
def test_the_digest_differs_with_the_plan(change):
    assert write.digest(replace(PLAN, **change), "/s/runs/ID1") != write.digest(PLAN, "/s/runs/ID1")


def test_nothing_dear_is_imported():
    import subprocess

    code = "import sys; import inner.records.write; print(*sorted(set(sys.modules) & {'json', 're', 'typing', 'dataclasses', 'pathlib', 'subprocess'}))"
    import pathlib

    root = str(pathlib.Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {root!r}); " + code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("\n", "")
