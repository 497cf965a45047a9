"""Laws of review: applied, a review is what the same commands would have done directly; discarded, it is nothing; and an apply that is
killed at any step is finished by the next one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import lived
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import ROOT
from reviewed import BACKENDS, World, tree

pytestmark = pytest.mark.box

LONG = bool(os.environ.get("INNER_TESTS_LONG"))  # `nox -s slow`: more examples, and every step instead of every seventh
STRIDE = 1 if LONG else 7

NAMES = st.sampled_from(["a", "b", "c", "a/a", "a/b", "a/c", "b/a", "b/b", "a/a/a", "a/b/c", "new\nline", "\udcff", "-n"])
TEXTS = st.sampled_from(["", "x", "one\ntwo\n", "y" * 5000])
MODES = st.sampled_from([0o755, 0o700, 0o644, 0o600, 0o555, 0o444, 0o000])
ENTRIES = st.lists(st.tuples(st.sampled_from(["write", "mkdir", "link"]), NAMES, TEXTS), max_size=8)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["write", "append", "link", "replace"]), NAMES, TEXTS),
        st.tuples(st.sampled_from(["mkdir", "unlink", "rmtree"]), NAMES, st.just("")),
        st.tuples(st.just("move"), NAMES, NAMES),
        st.tuples(st.just("chmod"), NAMES, MODES),
    ),
    min_size=1,
    max_size=14,
)

# Does a list of edits in the working directory, as a program would that ignores failures.
PROGRAM = r"""
import json, os, shutil, sys
os.umask(0o022)
for act, path, what in json.loads(sys.stdin.read()):
    try:
        if act in ("write", "append"):
            with open(path, "w" if act == "write" else "a") as file: file.write(what)
        elif act == "replace":
            with open(".tmp", "w") as file: file.write(what)
            os.replace(".tmp", path)
        elif act == "link": os.symlink(what or "a", path)
        elif act == "mkdir": os.mkdir(path)
        elif act == "unlink": os.unlink(path)
        elif act == "rmtree": shutil.rmtree(path)
        elif act == "move": shutil.move(path, what) if not os.path.islink(path) and os.path.isdir(path) else os.rename(path, what)
        elif act == "chmod": os.chmod(path, what, follow_symlinks=False) if not os.path.islink(path) else None
    except (OSError, shutil.Error):
        pass
"""
EDITOR = ("/usr/bin/python3", "-c", PROGRAM)


def edit(folder, edits):
    subprocess.run([*EDITOR], cwd=folder, input=json.dumps(edits), text=True, check=True)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=30 if LONG else 4, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(before=ENTRIES, edits=EDITS)
def test_apply_is_what_the_same_commands_would_have_done(kept, backend, before, edits):
    with lived.moved_in(kept) as place:
        world = World(place, backend)
        direct = place / "direct"
        direct.mkdir()
        for folder in (world.project, direct):
            edit(folder, before)
        start = tree(world.project)
        edit(direct, edits)
        done = world.run(*EDITOR, input=json.dumps(edits), stdin=None)
        assert done.returncode == 0, done.stderr
        assert tree(world.project) == start
        if world.reviews():
            done = world.inner("apply", "--yes")
            assert done.returncode == 0, done.stderr
        assert tree(world.project) == tree(direct)
        assert world.reviews() == []


@settings(max_examples=15 if LONG else 3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(before=ENTRIES, edits=EDITS)
def test_discard_is_as_if_nothing_had_run(kept, before, edits):
    with lived.moved_in(kept) as place:
        world = World(place)
        edit(world.project, before)
        start = tree(world.project)
        world.run(*EDITOR, input=json.dumps(edits), stdin=None)
        world.inner("discard", "--all", "--yes")
        assert tree(world.project) == start
        assert world.reviews() == []


# --- killed at every step -----------------------------------------------------------------------------------------------------------

BEFORE = [("mkdir", "d", ""), ("write", "d/keep", "k"), ("write", "d/gone", "g"), ("write", "a", "old"), ("write", "dir-to-be", "f"),
          ("mkdir", "file-to-be", ""), ("write", "file-to-be/x", "x"), ("link", "l", "a"), ("mkdir", "shut", ""), ("write", "shut/s", "s"),
          ("chmod", "shut", 0o555), ("write", "m", "mode")]  # fmt: skip
EDIT = [("write", "a", "new"), ("unlink", "d/gone", ""), ("mkdir", "n", ""), ("write", "n/f", "f"), ("unlink", "dir-to-be", ""),
        ("mkdir", "dir-to-be", ""), ("write", "dir-to-be/y", "y"), ("rmtree", "file-to-be", ""), ("write", "file-to-be", "now a file"),
        ("unlink", "l", ""), ("link", "l", "d"), ("chmod", "shut", 0o755), ("write", "shut/t", "t"), ("unlink", "shut/s", ""),
        ("chmod", "shut", 0o555), ("chmod", "m", 0o600), ("chmod", "n", 0o500)]  # fmt: skip

KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from inner.review import record
from inner.review.apply import Apply
from inner.review.changes import Comparison
review, left = record.pending(sys.argv[2])[0], [int(sys.argv[3])]
def step(words):
    left[0] -= 1
    if left[0] < 0:
        print(words, flush=True)
        os.kill(os.getpid(), 9)
with Comparison(review, review.layers[0]) as comparison:
    Apply(comparison, step).run(comparison.changes())
"""


def killed(world, steps):
    """Applies, and is killed before that many steps more than `steps`; whether it was."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", KILLED, str(ROOT), str(world.state), str(steps)], capture_output=True, text=True
    )
    assert done.returncode in (0, -9), done.stderr
    return done.returncode == -9


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_apply_that_is_killed_at_any_step_is_finished_by_the_next(kept, tmp_path, backend):
    reference = tmp_path / "reference"
    reference.mkdir()
    edit(reference, BEFORE)
    edit(reference, EDIT)
    expected, steps, again = tree(reference), 0, True
    while again:
        with lived.moved_in(kept) as place:
            world = World(place, backend)
            edit(world.project, BEFORE)
            assert world.run(*EDITOR, input=json.dumps(EDIT), stdin=None).returncode == 0
            again = killed(world, steps)
            if again:
                done = world.inner("apply", "--yes")
                assert (done.returncode, world.reviews()) == (0, []), (steps, done.stderr)
                steps += STRIDE
            assert tree(world.project) == expected, steps
    assert steps > 25


def test_what_was_written_outside_after_a_kill_is_not_lost(kept):
    """Killed between the swap and the look at what was swapped out, somebody's newest version is found again."""
    steps, again = 0, True
    while again:
        with lived.moved_in(kept) as place:
            world = World(place)
            file = world.write("a", "start\n")
            world.sh("echo box >a")
            again = killed(world, steps)
            if again:
                file.write_text("mine\n")
                world.inner("apply", "--yes")
                contents = {path.read_text() for path in world.project.iterdir()}
                assert "mine\n" in contents, steps
                steps += 1
    assert steps >= 3
