"""A start beside other boxes of the same project: their placeholders are no news, and whatever else is there is."""

import os
import subprocess
import time

import pytest
from program import INNER, wait_for

from inner.launch.placeholders import Hold, there
from inner.plan.model import Placeholder

pytestmark = pytest.mark.box

WAIT = "touch src/r; while [ ! -e src/g ]; do sleep 0.05; done"


TOLD = """
import os, sys
leave = os._exit
def left(status):
    print("anew" if "inner.plan.build" in sys.modules else "as kept", file=sys.stderr, flush=True)
    leave(status)
os._exit = left
"""


def planned(machine, project, script):
    """How a start came to its plan, and what it said."""
    words = [*INNER[:-1], TOLD + INNER[-1], "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", script]
    done = subprocess.run(
        words, cwd=project, env=machine.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True
    )
    said, _, how = done.stderr.rstrip().rpartition("\n")
    return how, said


@pytest.fixture(params=[False, True], ids=["plain", "git"])
def beside(machine, request):
    """A project in which a box runs, whose plan is kept."""
    project = machine.project("proj", "rm -r .vscode", git=request.param)
    time.sleep(2.1)  # what was written a moment ago is not kept
    for _ in range(3):
        machine.box("true", project)
    words = [*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", WAIT]
    first = subprocess.Popen(words, cwd=project, env=machine.env, stdin=subprocess.DEVNULL)
    wait_for(project / "src/r", first)
    assert (project / ".vscode").is_dir()
    assert planned(machine, project, "true") == ("as kept", "")
    yield project
    (project / "src/g").touch()
    assert first.wait(60) == 0
    assert not (project / ".zed").exists()


def test_it_finds_its_plan_and_protects_what_the_plan_says(machine, beside):
    how, said = planned(
        machine, beside, "mkdir .vscode/x; mv .vscode v; echo EVIL > .zed/a; echo EVIL > .mcp.json; echo EVIL > .envrc; true"
    )
    assert how == "as kept"
    assert said.count("Read-only file system") >= 2
    assert os.listdir(beside / ".vscode") == os.listdir(beside / ".zed") == []
    assert (beside / ".mcp.json").read_bytes() in (b"", b"{}\n")


@pytest.mark.parametrize("what", ["in it", "in its place", "another"])
def test_what_the_user_makes_meanwhile_is_planned_for(machine, beside, what):
    if what == "in it":
        (beside / ".vscode/settings.json").write_text("mine")
    elif what == "in its place":
        os.rmdir(beside / ".vscode")
        (beside / ".vscode").mkdir()
    else:
        (beside / ".husky").mkdir()
    assert planned(machine, beside, "true")[0] == "anew"


def test_only_what_is_as_it_was_made_counts(tmp_path):
    project, state = tmp_path / "project", tmp_path / "state"
    project.mkdir()
    state.mkdir()
    names = [
        Placeholder(f"{project}/{name}", kind)
        for name, kind in (("a", "dir"), ("b", "dir"), ("c", "file"), ("d", "socket"), ("e", "file"))
    ]
    info = project.stat()
    assert there(str(state), str(project)) == frozenset()
    hold = Hold(f"{state}/projects/{info.st_dev:x}-{info.st_ino:x}", str(project), names)
    try:
        assert there(str(state), str(project)) == {f"{project}/{name}" for name in "abcde"}
        (project / "a/x").touch()
        os.rmdir(project / "b")
        (project / "b").mkdir()
        (project / "c").chmod(0o600)
        (project / "c").write_text("mine")
        (project / "d").unlink()
        os.symlink("e", project / "d")
        assert there(str(state), str(project)) == {f"{project}/e"}
    finally:
        hold.release()
    assert there(str(state), str(project)) == frozenset()
