"""A home that is reached through a symbolic link (/home -> /var/home): what a box did comes back as it does anywhere."""

from __future__ import annotations

import os
import subprocess

import pytest
from program import inner

pytestmark = pytest.mark.box


@pytest.fixture
def world(tmp_path):
    home = tmp_path / "real/home"
    (home / "project").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    env = {"HOME": str(tmp_path / "link/home"), "PATH": "/usr/bin:/bin"}
    project = tmp_path / "link/home/project"
    for words in (
        ("init", "-q"),
        ("config", "user.name", "A"),
        ("config", "user.email", "a@example.org"),
        ("commit", "-q", "--allow-empty", "-m", "one"),
    ):
        subprocess.run(["git", "-C", str(project), *words], check=True, env=env)
    return project, env


def log(project):
    return subprocess.run(
        ["git", "-C", str(project), "log", "--format=%s"], capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_commit_of_the_box_is_brought_back(world):
    project, env = world
    done = inner("run", "--", "git", "commit", "-q", "--allow-empty", "-m", "two", cwd=project, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert log(project) == ["two", "one"]
    assert not os.path.exists(f"{env['HOME']}/.local/state/inner/kept")


def test_a_commit_of_a_review_is_applied(world):
    project, env = world
    done = inner("run", "--review", "--", "sh", "-c", "echo x > file; git add file; git commit -qm two", cwd=project, env=env)
    assert done.returncode == 0, done.stderr
    assert log(project) == ["one"]
    done = inner("apply", "--yes", cwd=project, env=env)
    assert done.returncode == 0, done.stderr
    assert log(project) == ["two", "one"]
    assert (project / "file").read_text() == "x\n"
