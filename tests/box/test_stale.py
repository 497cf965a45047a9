"""What no box can have changed is asked again while bubblewrap is busy. Where the host is not as it was, the box that has been made
runs nothing, and another one is made: the command sees the host as it is, runs once, and nothing is left of the first."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from program import INNER, inner


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project, and a home of its own with a folder of programs."""
    home, project = tmp_path / "home", tmp_path / "project"
    (home / "bin").mkdir(parents=True)
    program(home / "bin/tool", "one")
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}/bin:/usr/bin:/bin")
    return project


def program(path, says):
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


def gitconfig(home):
    (home / ".gitconfig").write_text("[user]\nname = Somebody\n")


def programs_go(home):
    (home / "bin/tool").unlink()
    (home / "bin").rmdir()


def programs_become_a_link(home):
    (home / "bin").rename(home / "other")
    program(home / "other/tool", "two")
    (home / "bin").symlink_to("other")


CHANGES = {  # what happens, and what the command prints then
    "git is set up": (gitconfig, "one\nSomebody\n"),
    "what is mounted is not there any more": (programs_go, ""),
    "what is mounted is a link": (programs_become_a_link, "two\n"),
}
SCRIPT = "echo ran >> ran; tool 2>/dev/null; git config user.name; cat"


def started(project, tmp_path, **how):
    """What a run prints, and how often it began a box: one that is given up at once may not have come to bubblewrap's exec."""
    calls = tmp_path / "calls"
    traced = ["strace", "-f", "-e", "trace=prctl", "-o", str(calls)]
    words = [sys.executable, "-I", "-S", "-c", INNER[-1], "run", "--", "sh", "-c", SCRIPT]
    done = subprocess.run([*traced, *words], cwd=project, capture_output=True, text=True, check=True, timeout=120, **how)
    return done.stdout, calls.read_text().count("prctl(PR_SET_CHILD_SUBREAPER, 1")


def warm(project):
    time.sleep(2.1)  # what was written a moment ago is not kept
    for _ in range(3):
        done = inner("run", "--", "sh", "-c", SCRIPT, cwd=project)
        assert done.returncode == 0, done.stderr
    (project / "ran").write_text("")  # not removed: which names there are in the project is part of a plan
    return done.stdout


@pytest.mark.parametrize("change", CHANGES)
def test_the_command_sees_the_host_as_it_is_and_runs_once(project, tmp_path, change):
    act, then = CHANGES[change]
    home, state = tmp_path / "home", tmp_path / "home/.local/state/inner"
    assert warm(project) == "one\n"
    assert started(project, tmp_path, stdin=subprocess.DEVNULL) == ("one\n", 1)
    (project / "ran").write_text("")
    runs = len(list((state / "runs").iterdir()))
    act(home)
    said = tmp_path / "said"
    said.write_text("what comes in\n")
    with said.open() as file:
        assert started(project, tmp_path, stdin=file)[0] == f"{then}what comes in\n"
    assert (project / "ran").read_text() == "ran\n"
    assert [path.name for path in project.iterdir()] == ["ran"]
    assert list((state / "live").iterdir()) == []
    assert len(list((state / "runs").iterdir())) == runs + 1


def test_a_box_of_a_plan_that_does_not_hold_runs_nothing(project, tmp_path):
    warm(project)
    gitconfig(tmp_path / "home")
    assert started(project, tmp_path, input="in")[1] in {1, 2}  # the first may have been ended before it was bubblewrap
    assert (project / "ran").read_text() == "ran\n"


def test_a_git_folder_that_is_not_there_any_more_is_none(project, tmp_path):
    home = tmp_path / "home"
    for words in (("init", "-q", f"{home}/repo"), ("-C", f"{home}/repo", "commit", "-qm", "m", "--allow-empty")):
        subprocess.run(["git", "-c", "user.name=N", "-c", "user.email=e@inner.test", *words], check=True)
    project.rmdir()
    subprocess.run(["git", "-C", f"{home}/repo", "worktree", "add", "-q", str(project)], check=True)
    warm(project)
    assert started(project, tmp_path, input="in")[1] == 1
    (home / "repo").rename(home / "other")
    fresh = inner("run", "-e", "A=b", "--", "sh", "-c", "git status; true", cwd=project)  # a plan that is never kept
    for _ in range(2):
        found = inner("run", "--", "sh", "-c", "git status; true", cwd=project)
        assert (found.returncode, found.stdout, found.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)


def test_what_a_box_can_change_is_asked_before_one_is_made(project, tmp_path):
    warm(project)
    (project / ".envrc").write_text("export A=b\n")
    assert started(project, tmp_path, input="in")[1] == 1
    assert (project / ".envrc").read_text() == "export A=b\n"
    (project / ".vscode").symlink_to(tmp_path / "elsewhere")
    inner("run", "--", "true", cwd=project)
    assert not os.path.lexists(tmp_path / "elsewhere")
    assert os.readlink(project / ".vscode") == str(tmp_path / "elsewhere")


def test_a_plan_that_is_shown_is_one_that_holds(project, tmp_path):
    time.sleep(2.1)
    for _ in range(3):
        shown = inner("run", "--dry-run", "--", "sh", "-c", "true", cwd=project).stdout
    assert "Somebody" not in shown
    gitconfig(tmp_path / "home")
    assert "Somebody" in inner("run", "--dry-run", "--", "sh", "-c", "true", cwd=project).stdout
