"""Placeholders: there while a box of the project runs, gone when the last one has ended, never in the user's way."""

import os
import subprocess
import sys
import time

import pytest
from program import INNER, killed, wait_for

from inner import kept
from inner.launch import placeholders
from inner.plan.model import Placeholder

pytestmark = pytest.mark.box

WAIT = "touch {0}; while [ ! -e {1} ]; do sleep 0.05; done"


def start(machine, project, script):
    return subprocess.Popen(
        [*INNER, "run", "--no-interactive", "--entrypoint", "/bin/bash", "--", "-c", script],
        cwd=project,
        env=machine.env,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_they_stay_until_the_last_of_several_boxes_has_ended(machine):
    project = machine.project("proj", "rm -r .vscode", git=False)
    before = sorted(os.listdir(project))
    first = start(machine, project, WAIT.format("r1", "g1"))
    wait_for(project / "r1", first)
    second = start(
        machine,
        project,
        WAIT.format("r2", "g2")
        + "; mkdir -p .vscode; echo EVIL > .vscode/tasks.json; mv .vscode v; rm -rf .zed; echo EVIL > .zed; true",
    )
    wait_for(project / "r2", second)
    (project / "g1").touch()
    assert first.wait(60) == 0
    assert (project / ".vscode").is_dir()
    (project / "g2").touch()
    assert second.wait(60) == 0
    for name in ("r1", "r2", "g1", "g2"):
        (project / name).unlink()
    assert sorted(os.listdir(project)) == before


def test_what_the_user_puts_there_meanwhile_is_the_users(machine):
    project = machine.project("proj", "rm -r .vscode", git=False)
    box = start(machine, project, WAIT.format("r", "g"))
    wait_for(project / "r", box)
    (project / ".vscode/settings.json").write_text("mine")
    os.unlink(project / ".mcp.json")
    (project / ".mcp.json").write_text('{"mine": 1}')
    (project / "g").touch()
    stderr = box.communicate(timeout=60)[1]
    assert (project / ".vscode/settings.json").read_text() == "mine"
    assert not (project / ".mcp.json").exists()
    assert (project / ".mcp.json.held-by-inner").read_text() == '{"mine": 1}'
    assert "its placeholder was removed outside" in stderr


def test_a_box_that_makes_what_was_removed_outside_gains_nothing(machine):
    project = machine.project("proj", "rm -r .vscode", git=False)
    box = start(machine, project, WAIT.format("r", "g") + "; mkdir .zed && echo EVIL > .zed/tasks.json")
    wait_for(project / "r", box)
    os.rmdir(project / ".zed")
    (project / "g").touch()
    assert box.wait(60) == 0
    assert not (project / ".zed").exists()
    assert (project / ".zed.held-by-inner/tasks.json").exists()


def test_the_next_run_anywhere_removes_what_a_killed_one_left(machine):
    project = machine.project("proj", "rm -r .vscode", git=False)
    before = sorted(os.listdir(project))
    box = start(machine, project, WAIT.format("r", "g"))
    wait_for(project / "r", box)
    killed(box)
    box.stderr.close()
    assert (project / ".zed").is_dir()
    other = machine.home / "other"
    other.mkdir()
    assert "mcp.json" not in machine.box("true", other).stderr  # what was left is inner's own, and no change of the box's
    (project / "r").unlink()
    assert sorted(os.listdir(project)) == before


def test_nothing_stays_when_the_box_cannot_start(machine):
    project = machine.project("proj", "rm -r .vscode", git=False)
    before = sorted(os.listdir(project))
    done = subprocess.run(
        [*INNER, "run", "--", "./missing"],
        cwd=project,
        env=machine.env,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 127
    (project / "broken").write_text("#!/nonexistent\n")
    (project / "broken").chmod(0o755)
    done = subprocess.run(
        [*INNER, "run", "--", "./broken"], cwd=project, env=machine.env, capture_output=True, stdin=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode in (126, 127)
    (project / "broken").unlink()
    assert sorted(os.listdir(project)) == before


def hold(state, project, *names):
    return placeholders.Hold(
        placeholders.folder(str(state), str(project)),
        str(project),
        [Placeholder(f"{project}/{name}", "dir" if "." not in name[1:] else "file", b"") for name in names],
    )


def test_only_what_is_still_the_same_goes(tmp_path):
    project, state = tmp_path / "p", tmp_path / "s"
    project.mkdir()
    held = hold(state, project, ".a", ".b", ".c", ".d.x", ".e.x")
    os.rmdir(project / ".b")
    (project / ".b").mkdir()
    (project / ".c/mine").write_text("x")
    os.chmod(project / ".d.x", 0o644)
    (project / ".d.x").write_text("x")
    held.release()
    assert sorted(os.listdir(project)) == [".b", ".c", ".d.x"]


def test_a_process_that_dies_between_note_and_mkdir_leaves_no_trap(tmp_path):
    project, state = tmp_path / "p", tmp_path / "s"
    project.mkdir()
    script = f"""
import os, sys
sys.path.insert(0, {sys.path[0]!r})
sys.path.insert(0, {str(placeholders.__file__).rpartition("/inner/")[0]!r})
from inner import kept
from inner.launch import placeholders
from inner.plan.model import Placeholder
os.mkdir = lambda *a, **k: os._exit(9)
placeholders.Hold(placeholders.folder({str(state)!r}, {str(project)!r}), {str(project)!r}, [Placeholder({str(project)!r} + "/.a"), Placeholder({str(project)!r} + "/.m.json", "file", b"{{}}\\n")])
"""
    os.makedirs(f"{state}/projects/{os.stat(project).st_dev:x}-{os.stat(project).st_ino:x}")
    os.makedirs(state, exist_ok=True)
    script = script.replace("os.mkdir = ", "real = os.mkdir; os.mkdir = ").replace(
        "lambda *a, **k: os._exit(9)", "lambda p, *a, **k: os._exit(9) if '/.a' in str(p) else real(p, *a, **k)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 9
    assert os.listdir(project) == []
    (project / ".m.json").write_text("{}\n")
    hold(state, project, ".z").release()
    assert os.listdir(project) == [".m.json"]


def test_what_is_asked_for_by_name_is_nothing_to_those_who_ask_outside(machine):
    """git, direnv (which opens the file, internal/cmd/rc.go) and inner itself: while a box runs, and where one was killed."""
    (machine.home / "proj").mkdir()
    project = machine.project("proj/sub", git=False)
    (machine.home / "proj/.inner.toml").write_text("[aliases]\nhello = 'run -- true'\n")
    machine.sh("git init -q; git add -A; git commit -qm one", project)
    before = sorted(os.listdir(project))
    box = start(
        machine,
        project,
        WAIT.format("r", "g") + "; echo x > .envrc; rm -f .inner.toml; ln -s a .inner.toml; mkdir .inner/profiles",
    )
    wait_for(project / "r", box)
    assert machine.git("status", "--short", cwd=project).split("\n") == ["?? .mcp.json", "?? r"]
    for name in (".envrc", ".inner.toml"):
        with pytest.raises(OSError, match="No such device or address"):
            os.open(project / name, os.O_RDONLY)
    found = subprocess.run([*INNER, "config", "path"], cwd=project, env=machine.env, capture_output=True, text=True, timeout=60)
    assert "proj/sub/.inner.toml" not in found.stdout
    (project / "g").touch()
    stderr = box.communicate(timeout=60)[1]
    assert stderr.count("Read-only file system") + stderr.count("Device or resource busy") + stderr.count("File exists") >= 3
    assert "out of effect" not in stderr
    assert "sockets or pipes" not in stderr
    for name in ("r", "g"):
        (project / name).unlink()
    assert sorted(os.listdir(project)) == before


def test_a_branch_that_tracks_protected_files_can_be_checked_out_and_the_files_taken_afterwards(machine):
    project = machine.project("proj", "git checkout -q other; echo e > .envrc; mkdir .claude; echo 1 > .claude/settings.json; echo 2 > .vscode/tasks.json; echo n > n; "
                              "git add -A; git commit -qm settings; git checkout -q main")  # fmt: skip
    done = machine.box("git checkout -q other && cat n", project)
    assert done.stdout == "n\n"
    assert machine.git("symbolic-ref", "--short", "HEAD", cwd=project) == "other"
    assert (
        "not what the box's branch has, because they are protected: `.claude/settings.json`, `.envrc`, `.vscode/tasks.json`"
        in done.stderr
    )
    assert (project / ".vscode/tasks.json").read_text() == "{}\n"
    assert not (project / ".envrc").exists()
    take = next(word for word in done.stderr.split("`") if " restore -- " in word)
    machine.sh(take, project)
    assert machine.git("status", "--short", cwd=project) == ""
    assert (project / ".envrc").read_text() == "e\n"


@pytest.fixture(params=["new", "old"])
def age(request, monkeypatch):
    """Of the ones that are kept: of those that have been empty for some time that is seen without reading them."""
    if request.param == "old":
        monkeypatch.setattr(kept, "SETTLED", 0)
    return lambda: time.sleep(0.02)  # more than a tick of a file's times


def test_they_are_moved_away_and_back_and_nobody_can_put_anything_into_one_that_is_away(tmp_path, age):
    project, state = tmp_path / "p", tmp_path / "s"
    project.mkdir()
    names = (".a", ".b", ".m.x")
    numbers = []
    for _ in range(3):
        held = hold(state, project, *names)
        age()
        numbers.append({name: (project / name).lstat().st_ino for name in names})
        assert {oct((project / name).lstat().st_mode & 0o777) for name in names} == {"0o755", "0o444"}
        inside = os.open(project / ".a", os.O_RDONLY)
        held.release()
        with pytest.raises(OSError, match=r"Permission denied|No such file"):
            os.open("late", os.O_WRONLY | os.O_CREAT, dir_fd=inside)
        os.close(inside)
        assert os.listdir(project) == []
    if os.geteuid():
        assert sorted(numbers[0].values()) == sorted(numbers[1].values()) == sorted(numbers[2].values())
        assert len(os.listdir(state / "spare")) == 3


def test_what_has_become_the_users_is_not_moved_away(tmp_path, age):
    project, state = tmp_path / "p", tmp_path / "s"
    project.mkdir()
    hold(state, project, ".a", ".b", ".m.x").release()
    age()
    held = hold(state, project, ".a", ".b", ".m.x")
    (project / ".a/mine").write_text("x")
    os.chmod(project / ".m.x", 0o644)
    (project / ".m.x").write_text("mine")
    held.release()
    assert sorted(os.listdir(project)) == [".a", ".m.x"]
    assert (project / ".a").stat().st_mode & 0o777 == 0o755
    hold(state, project, ".a", ".b", ".m.x").release()
    assert ((project / ".a/mine").read_text(), (project / ".m.x").read_text()) == ("x", "mine")


def test_what_is_put_into_one_while_it_is_moved_stays_the_users(tmp_path, monkeypatch):
    if os.geteuid() == 0:
        return  # has none to move
    project, state = tmp_path / "p", tmp_path / "s"
    project.mkdir()
    hold(state, project, ".a").release()
    time.sleep(0.02)
    monkeypatch.setattr(kept, "SETTLED", 0)
    held = hold(state, project, ".a")
    inside = os.open(project / ".a", os.O_RDONLY)
    chmod = os.chmod

    def late(path, mode, **more):
        os.close(os.open("late", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=inside))
        monkeypatch.setattr(os, "chmod", chmod)
        chmod(path, mode, **more)

    monkeypatch.setattr(os, "chmod", late)
    held.release()
    assert os.listdir(project / ".a") == ["late"]
    assert (project / ".a").stat().st_mode & 0o777 == 0o755
    assert os.listdir(state / "spare") == []


def test_a_name_that_is_taken_meanwhile_stays_as_it_is(tmp_path, monkeypatch):
    """Whoever makes an empty folder between our look and our move has it afterwards, too: rename(2) would have replaced it."""
    project, state = tmp_path / "p", tmp_path / "s"
    project.mkdir()
    hold(state, project, ".a").release()
    looked = os.path.lexists

    def look(path):
        found = looked(path)
        looks.append(path)
        if len(looks) == 2:  # the last before it is made
            os.mkdir(path)
        return found

    looks = []
    monkeypatch.setattr(os.path, "lexists", look)
    held = hold(state, project, ".a")
    theirs = (project / ".a").stat().st_ino
    held.release()
    assert (project / ".a").stat().st_ino == theirs
