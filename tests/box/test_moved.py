"""A project that is moved while its box is there, by the user or by a box that may write above it: what is looked through afterwards is
the folder that the box had, and never another that was put in its place."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from program import INNER, inner, killed, wait_for

pytestmark = pytest.mark.box

# Makes a repository that runs something at the next `git status`, once the folder above says so.
HIDES = "touch up; while [ ! -e go ]; do sleep 0.02; done; git init -q x; git -C x config core.fsmonitor 'touch /nowhere; false'; touch made"


@pytest.fixture
def above(tmp_path, monkeypatch):
    """A folder with a project in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "above/project").mkdir(parents=True)
    return tmp_path / "above"


def started(project):
    process = subprocess.Popen([*INNER, "run", "--", "sh", "-c", HIDES], cwd=project, stderr=subprocess.PIPE, text=True)
    wait_for(project / "up", process)
    return process


def in_effect(place):
    return sorted(str(found.relative_to(place)) for found in place.rglob("x/.git/HEAD"))


def test_it_is_looked_through_where_it_is(above):
    process = started(above / "project")
    (above / "project").rename(above / "moved")
    (above / "project").mkdir()
    (above / "moved/go").touch()
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert f"warning: the project is `{above}/moved` by now" in said
    assert "`x/.git/HEAD.held-by-inner` are out of effect" in said
    assert in_effect(above) == []
    assert list((above / "project").iterdir()) == []
    assert sorted(path.name for path in (above / "moved").iterdir()) == ["go", "made", "up", "x"]


def test_what_is_in_its_place_is_not_taken_for_it(above):
    """A repository that the user has made there is the user's own."""
    process = started(above / "project")
    (above / "project").rename(above / "moved")
    subprocess.run(["git", "init", "-q", "project/x"], cwd=above, check=True)
    (above / "moved/go").touch()
    process.communicate(timeout=60)
    assert in_effect(above) == ["project/x/.git/HEAD"]


def test_one_that_is_gone_was_not_looked_through(above):
    process = started(above / "project")
    for path in (above / "project").iterdir():
        path.rmdir() if path.is_dir() else path.unlink()
    (above / "project").rmdir()
    subprocess.run(["git", "init", "-q", "project/x"], cwd=above, check=True)
    process.terminate()
    said = process.communicate(timeout=60)[1]
    assert f"could not be looked into: `{above}/project`" in said
    assert in_effect(above) == ["project/x/.git/HEAD"]


def test_of_a_killed_run_as_well(above, tmp_path):
    process = started(above / "project")
    killed(process)
    (above / "project").rename(above / "moved")
    subprocess.run(["git", "init", "-q", "project/x"], cwd=above, check=True)
    (tmp_path / "elsewhere").mkdir()
    said = inner("run", "--", "true", cwd=tmp_path / "elsewhere").stderr
    assert f"could not be looked into: `{above}/project`" in said
    assert in_effect(above) == ["project/x/.git/HEAD"]
    assert (above / "moved/.vscode").exists()  # nobody knows where that is
    assert inner("run", "--", "true", cwd=above / "moved").returncode == 0
    assert [path.name for path in (above / "moved").iterdir()] == ["up"]


def test_the_box_has_the_folder_that_is_looked_through(above):
    """Exchanged as soon as the first name has been protected in it, which is before bubblewrap mounts it."""
    exchange = (
        "import os, sys\n"
        "while not os.path.lexists('project/.vscode'): pass\n"
        "os.rename('project', 'moved'); os.rename('other', 'project'); print('done')\n"
    )
    for at in range(8):
        place = above / str(at)
        (place / "other").mkdir(parents=True)
        (place / "project").mkdir()
        other = subprocess.Popen([sys.executable, "-c", exchange], cwd=place, stdout=subprocess.PIPE, text=True)
        try:
            done = inner("run", "--", "sh", "-c", HIDES.partition("done; ")[2], cwd=place / "project", env=os.environ)
        finally:
            other.kill()
            assert other.communicate(timeout=60)[0] == "done\n"
        assert (place / "moved/made").exists() or done.returncode == 125, done.stderr
        assert in_effect(place) == []


def test_what_a_mount_point_was_in_is_not_followed_to_the_users_own(above, tmp_path):
    """What bubblewrap made in the project is removed where it was made: the box has put a link to folders of the same names there."""
    own, project = tmp_path / "own", above / "project"
    for folder in (own / "folder", tmp_path / "data"):
        folder.mkdir(parents=True)
    (own / "file").touch()
    (tmp_path / "note").touch()
    mounts = ("-m", f"{tmp_path}/data:{project}/below/folder", "-m", f"{tmp_path}/note:{project}/below/file")
    done = inner("run", *mounts, "--", "true", cwd=project)
    assert done.returncode == 0, done.stderr
    assert list(project.iterdir()) == []
    done = inner("run", *mounts, "--", "sh", "-c", 'mv below aside && ln -s "$0" below', str(own), cwd=project)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in own.iterdir()) == ["file", "folder"]
