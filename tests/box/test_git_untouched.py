"""The copy of a git folder is looked at after a run only when the box changed something of it, and whatever the box does to it counts."""

from __future__ import annotations

import mmap
import os
import time

import pytest

from inner.errors import RunError
from inner.launch.shadows import Shadows
from inner.paths import HostPath
from inner.plan.model import Shadow

pytestmark = pytest.mark.box


def spent(machine):
    folder = machine.home / ".local/state/inner/spent"
    return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.fixture
def copy(machine):
    """A copy as it is when the box begins, and what watches it: `end` says whether it is to be read."""
    project = machine.project()
    folder = machine.home / "state/runs/20260101-000000-abcdef"
    folder.mkdir(parents=True)
    one = Shadow(HostPath(f"{project}"), HostPath(f"{project}/.git"), HostPath(f"{project}/.git"), HostPath(f"{folder}/git-0"))
    shadows = Shadows((one,))
    shadows.begin()
    assert os.listdir(folder / "git-0/shadow") == ["hooks"]  # bubblewrap mounts on it: no time changes when it does
    shadows.fill()
    time.sleep(0.02)  # on a kernel before 6.13 times differ by a tick
    shadows.settle()

    def end():
        shadows.part(str(folder))
        return (folder / "git-0").exists()

    return folder / "git-0/shadow", end


def rewritten(shadow):
    """The same length, and the time of writing set back."""
    path = shadow / "packed-refs"
    info = path.stat()
    with path.open("r+b") as file:
        file.write(b"0" * 40)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def replaced(shadow):
    path = shadow / "HEAD"
    info = path.stat()
    (shadow / "new").write_bytes(path.read_bytes().replace(b"main", b"evil"))
    os.rename(shadow / "new", path)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    os.utime(shadow, ns=(info.st_atime_ns, info.st_mtime_ns))


def away_and_back(shadow):
    os.rename(shadow / "refs", shadow / "r")
    (shadow / "r/heads/new").write_text("0" * 40)
    os.rename(shadow / "r", shadow / "refs")


def mapped(shadow):
    with (shadow / "index").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[4:8] = b"\0\0\0\3"


CHANGES = {
    "rewritten": rewritten,
    "replaced": replaced,
    "away and back": away_and_back,
    "mapped": mapped,
    "a ref": lambda shadow: (shadow / "refs/heads/new").write_text("0" * 40),
    "an object": lambda shadow: (shadow / "objects/ab").mkdir(),
    "a pack": lambda shadow: (shadow / "objects/pack/pack-1.pack").write_text(""),
    "a work tree": lambda shadow: (shadow / "worktrees").mkdir(),
    "a hook": lambda shadow: (shadow / "hooks/pre-commit").write_text(""),
    "a log": lambda shadow: (shadow / "logs/HEAD").open("a").write("x"),
    "nothing there": lambda shadow: (shadow / "index").unlink(),
    "modes": lambda shadow: (shadow / "config").chmod(0o600),
    "a second name": lambda shadow: os.link(shadow / "HEAD", shadow.parent.parent / "HEAD"),
    "a link for a folder": lambda shadow: (
        os.rename(shadow / "refs", shadow.parent / "refs"),
        os.symlink("../refs", shadow / "refs"),
    ),
    "shut": lambda shadow: (shadow / "refs/heads").chmod(0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_that_was_changed_in_any_way_is_read(copy, change):
    shadow, end = copy
    CHANGES[change](shadow)
    assert end()


def test_a_copy_that_was_only_read_is_not(copy):
    shadow, end = copy
    for folder, _, names in os.walk(shadow):
        for name in names:
            with open(f"{folder}/{name}", "rb") as file:
                file.read()
    assert not end()


def test_what_changes_in_the_same_tick_as_it_was_made_is_read(machine):
    project = machine.project()
    folder = machine.home / "state/runs/20260101-000000-abcdef"
    folder.mkdir(parents=True)
    for number in range(20):
        into = HostPath(f"{folder}/git-{number}")
        one = Shadow(HostPath(f"{project}"), HostPath(f"{project}/.git"), HostPath(f"{project}/.git"), into)
        shadows = Shadows((one,))
        shadows.begin()
        shadows.fill()
        shadows.settle()
        with open(f"{into}/shadow/config.worktree.lock", "wb"):
            pass
        shadows.part(str(folder))
        assert os.path.exists(into), number


def left(machine, project):
    """What runs that only look at git leave. Before Linux 6.13 it takes a tick of the clock between copy and box, and luck."""
    for _ in range(30):
        before = spent(machine)
        machine.box("git log --oneline -1", project)
        assert len(spent(machine)) <= 1
        if spent(machine) not in ([], before):
            break
    return spent(machine)


def test_a_run_that_leaves_git_alone_leaves_its_copy_to_the_next_one(machine):
    project = machine.project()
    first, second = left(machine, project), left(machine, project)
    assert len(first) == len(second) == 1
    assert first != second
    machine.box("git commit -q --allow-empty -m more", project)
    assert spent(machine) == []
    assert machine.git("log", "-1", "--format=%s", cwd=project) == "more"


def test_runs_at_once_do_not_remove_what_another_removes(machine):
    """Each takes some for itself first: two in one folder kept each other busy for a quarter of a second."""
    one = Shadow(HostPath("/p"), HostPath("/p/.git"), HostPath("/p/.git"), HostPath("/r/git-0"))
    state = machine.home / "state"
    runs = [state / "runs/20260101-000000-abcdef", state / "runs/20260101-000000-fedcba"]
    for folder in (*runs, *(state / f"spent/{number}/shadow/refs" for number in range(9))):
        folder.mkdir(parents=True)
    Shadows((one,)).sweep(str(runs[0]))
    assert len(os.listdir(state / "spent")) == 6
    Shadows((one,) * 4).sweep(str(runs[1]))  # of a project with several repositories
    assert os.listdir(state / "spent") == []
    assert os.listdir(runs[0]) == []


def test_a_copy_that_cannot_be_made_is_told_and_nothing_runs(machine):
    project = machine.project()
    with (project / ".git/ORIG_HEAD").open("wb") as file:
        file.truncate((1 << 28) + 1)
    done = machine.box("touch ran", project, status=125)
    assert "cannot copy git's state" in done.stderr
    assert not (project / "ran").exists()
    assert spent(machine) == []


def test_what_is_missing_half_way_is_an_error(copy, monkeypatch):
    shadow, _ = copy
    shadows = Shadows(
        (
            Shadow(
                HostPath("/nonexistent"),
                HostPath("/nonexistent/.git"),
                HostPath("/nonexistent/.git"),
                HostPath(f"{shadow.parent}-1"),
            ),
        )
    )
    shadows.begin()
    with pytest.raises(RunError, match="cannot copy git's state"):
        shadows.fill()
