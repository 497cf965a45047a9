"""Two boxes of one project: what one has left is put out of effect, whatever the other one does while it is looked for."""

from __future__ import annotations

import subprocess

import pytest
from program import INNER, wait_for

pytestmark = pytest.mark.box

LEAVES = "mkdir -p 1/x 2; git init -q 1/x; git -C 1/x config core.fsmonitor 'touch /nowhere; false'; touch made; while [ ! -e go ]; do sleep 0.02; done"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def box(project, script):
    return subprocess.Popen([*INNER, "run", "--", "sh", "-c", script], cwd=project, stderr=subprocess.PIPE, text=True)


def test_the_last_one_looks_for_all(project):
    """What the first box's look did not see, the host shows here by hiding it: nobody could tell the difference."""
    first = box(project, LEAVES)
    wait_for(project / "made", first)
    (project / "1").rename(project.parent / "aside")  # the host: it is nowhere while the first one looks
    second = box(project, "touch up; while [ ! -e ended ]; do sleep 0.02; done")
    wait_for(project / "up", second)
    (project / "go").touch()
    said = first.communicate(timeout=60)[1]
    assert "out of effect" not in said
    (project.parent / "aside").rename(project / "1")
    (project / "ended").touch()
    said = second.communicate(timeout=60)[1]
    assert "`1/x/.git/HEAD.held-by-inner` are out of effect" in said
    assert not (project / "1/x/.git/HEAD").exists()


def test_repositories_that_were_there_before_stay(project):
    for place in (".", "old", "deep/down/old"):
        subprocess.run(["git", "init", "-q", place], cwd=project, check=True)
        subprocess.run(["git", "config", "core.fsmonitor", "false"], cwd=project / place, check=True)
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@t.test", "commit", "-q", "--allow-empty", "-m", "x"],
            cwd=project / place,
            check=True,
        )
    first = box(
        project,
        "touch made; git -c user.name=t -c user.email=t@t.test commit -q --allow-empty -m y; while [ ! -e go ]; do sleep 0.02; done",
    )
    wait_for(project / "made", first)
    second = box(project, "touch up; while [ ! -e ended ]; do sleep 0.02; done")
    wait_for(project / "up", second)
    (project / "go").touch()
    first.communicate(timeout=60)
    (project / "ended").touch()
    said = second.communicate(timeout=60)[1]
    assert "out of effect" not in said
    assert all((project / place / ".git/HEAD").exists() for place in (".", "old", "deep/down/old"))
    found = list(project.parent.glob("home/.local/state/inner/projects/*/owed-*"))
    assert found == []
