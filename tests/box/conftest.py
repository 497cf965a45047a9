"""The fixture `home`: a project to stand in, and inner's folders beside it; `project`: one with a home of its own. `place`: an empty one for a home where inner has been. `screen`:
a pane of a terminal, with a home and a project."""

from __future__ import annotations

import subprocess

import lived
import pytest
from projects import Machine
from reviewed import BACKENDS, World
from screens import Screen


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project, and a home of its own."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return project


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    return lived.kept(tmp_path_factory.mktemp("lived") / "here")


@pytest.fixture
def place(kept):
    with lived.moved_in(kept) as here:
        yield here


@pytest.fixture
def machine(place):
    return Machine(place / "home")


@pytest.fixture(params=BACKENDS)
def world(request, place):
    """For tests of a review: by everybody who keeps changes apart. Where the word means another world, that file has its own."""
    return World(place, request.param)


@pytest.fixture
def screen(tmp_path):
    for name in ("home", "project"):
        (tmp_path / name).mkdir()
    made = Screen(tmp_path, tmp_path / "home")
    made.project = tmp_path / "project"
    yield made
    subprocess.run(["tmux", "-S", made.socket, "kill-server"], capture_output=True, timeout=30, check=False)
