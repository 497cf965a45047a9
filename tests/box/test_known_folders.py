"""What is remembered of a project's folders: a later look reads fewer of them, and finds the same."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from program import INNER, inner
from projects import GIT_ENV, Machine

from inner import draft, kept, progress
from inner.launch import aftermath, folders
from inner.launch.guarding import Guarding
from inner.paths import HostPath
from inner.plan.model import Guard

pytestmark = pytest.mark.box
READ = []
sys.addaudithook(lambda event, args: READ.append(args[0]) if event == "os.scandir" else None)
TICK = 0.08  # seconds, longer than inner waits here until a folder is taken to be still
LARGE = "for i in $(seq 50); do mkdir -p sub/$i; for j in $(seq 50); do echo > sub/$i/$j; done; done"


@pytest.fixture
def still(monkeypatch):
    """Two seconds are long for a test."""
    monkeypatch.setattr(kept, "SETTLED", 60_000_000)


def look(project, cache, began=None, **more):
    """What is found, and how many folders were read."""
    READ.clear()
    found = aftermath.look(Guard(HostPath(str(project))), began or time.time_ns(), thorough=False, cache=str(cache), **more)
    return found, len([place for place in READ if isinstance(place, int)])


def tree(place, folders=60, files=50):
    for number in range(folders):
        folder = place / "src" / str(number % 7) / str(number)
        folder.mkdir(parents=True)
        for name in range(files):
            (folder / f"f{name}").write_text("x")
        (folder / "package.json").write_text("{}")
    time.sleep(TICK)
    return place


def test_a_name_that_steers_programs_is_found_without_reading_its_folder(tmp_path, still):
    project, cache = tree(tmp_path / "project"), tmp_path / "cache"
    (project / ".exrc").write_text("x")  # as far as times tell it was there before: somebody may have set the clock
    time.sleep(TICK)
    assert look(project, cache)[1] == 69
    READ.clear()
    guard = Guard(HostPath(str(project)), late=(".exrc",))
    found = aftermath.look(guard, time.time_ns(), thorough=False, cache=str(cache))
    assert [why for _, why in found.held] == [aftermath.LATE]
    assert READ == []


def test_only_what_changed_is_read_again(tmp_path, still):
    project, cache = tree(tmp_path / "project"), tmp_path / "cache"
    assert look(project, cache)[1] == 69
    assert look(project, cache)[1] == 0
    began = time.time_ns()
    (project / "src/3/3/new").write_text("x")
    (project / "src/4/4/package.json").write_text("[]")
    found, read = look(project, cache, began)
    assert (found.steers, read) == ((("src/4/4/package.json", "packages"),), 1)


def test_what_changed_a_moment_ago_is_not_taken_to_be_known(tmp_path):
    project, cache = tree(tmp_path / "project"), tmp_path / "cache"
    look(project, cache)
    (project / "src/5/5/new").write_text("x")
    assert [look(project, cache)[1] > 0 for _ in range(3)] == [True] * 3


def test_what_changed_during_the_run_is_read_whoever_has_seen_it(tmp_path, still):
    """Two runs at once: what the shorter one remembers was changed while the longer one ran, too."""
    project, cache = tree(tmp_path / "project"), tmp_path / "cache"
    long = time.time_ns()
    time.sleep(TICK)
    (project / "src/1/1/leads").symlink_to("/etc/passwd")
    time.sleep(TICK)
    assert look(project, cache)[0].links == ()
    assert look(project, cache)[1] == 0
    assert look(project, cache, long)[0].links == (("src/1/1/leads", "/etc/passwd"),)


def test_an_older_folder_in_the_place_of_another_is_read(tmp_path, still):
    project, cache = tree(tmp_path / "project"), tmp_path / "cache"
    hidden = project / "src/1/1"
    os.rename(hidden, project / "aside")
    repository = project / "src/2/2/.git"
    for name in ("objects", "refs", "hooks"):
        (repository / name).mkdir(parents=True)
    (repository / "hooks/post-checkout").write_text("x")
    time.sleep(TICK)
    look(project, cache)
    began = time.time_ns()
    os.rename(project / "src/2/2", hidden)
    (hidden / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (hidden / ".git/config").write_text("[core]\n\tfsmonitor = x\n")
    assert {place for place, _ in look(project, cache, began)[0].held} == {
        "src/1/1/.git/config.held-by-inner", "src/1/1/.git/HEAD.held-by-inner",
    }  # fmt: skip


@pytest.mark.parametrize("spoil", ["garbage", "cut", "mode", "link", "other", "shape"])
def test_what_only_we_could_not_have_kept_counts_for_nothing(tmp_path, still, spoil):
    project, cache = tree(tmp_path / "project"), tmp_path / "cache"
    look(project, cache)
    (place,) = (cache / "folders").iterdir()
    data = place.read_bytes()
    if spoil == "garbage":
        place.write_bytes(b"\xff" * 100)
    elif spoil == "cut":
        place.write_bytes(data[:-100])
    elif spoil == "mode":
        place.chmod(0o622)
    elif spoil == "link":
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    elif spoil == "other":
        other = tree(tmp_path / "other")
        place.rename(cache / "folders" / kept.name(str(other)))
        project = other
    else:
        draft.save(str(place), (1, 2, 3))
    found, read = look(project, cache)
    assert (found.whole, read) == (True, 69)


def test_what_was_not_looked_at_to_its_end_is_not_remembered(tmp_path, still):
    project, cache = tree(tmp_path / "project"), tmp_path / "cache"
    assert not look(project, cache, over=lambda seen: seen > 50)[0].whole
    assert look(project, cache)[1] == 69


@pytest.mark.parametrize("kind", ["fuse.sshfs", "nfs4", "9p", "vfat"])
def test_times_that_another_machine_or_program_tells_are_not_relied_upon(kind):
    assert kind not in folders.LOCAL


def change(tree, chance):
    """One of the things that a box can do."""
    below = sorted(place for place in tree.rglob("*") if place.is_dir() and not place.is_symlink() and ".git" not in place.parts)
    folder = chance.choice(below)
    name = chance.choice(
        ("a", "b", "Makefile", "package.json", ".vscode", ".git", "HEAD", "objects", "refs", "node_modules", "hooks")
    )
    place, kind = folder / name, chance.randrange(9)
    there = os.path.lexists(place)
    if kind == 0 and not there:
        place.mkdir()
    elif kind == 1 and not there:
        place.symlink_to(chance.choice(("/etc", ".", "../a", "/nowhere")))
    elif kind == 2 and not there:
        os.mkfifo(place)
    elif kind == 3 and place.is_file():
        place.unlink()
    elif kind == 4 and place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    elif kind == 5 and folder != tree:
        target = chance.choice(below) / f"moved{chance.randrange(1000)}"
        if folder not in target.parents:
            folder.rename(target)
    elif kind == 6:
        for part in ("objects", "refs", "hooks"):
            (folder / ".git" / part).mkdir(parents=True, exist_ok=True)
        (folder / ".git/HEAD").write_text("ref: refs/heads/main\n")
        (folder / ".git/config").write_text("[core]\n\tfsmonitor = x\n")
    elif not there or (place.is_file() and not place.is_symlink()):
        place.write_text("x")
        os.utime(place, (0, 0))


@pytest.mark.parametrize("seed", range(8))
def test_as_much_is_found_as_without(tmp_path, still, monkeypatch, seed):
    monkeypatch.setattr(folders, "WORTH", 0)
    monkeypatch.setattr(folders, "OPENED", 10_000)
    cache, places = tmp_path / "cache", [tmp_path / "with/p", tmp_path / "without/p"]
    for place in places:
        tree(place, 12, 2)
    fewer = 0
    for turn in range(12):
        found = []
        for place in places:
            chance, began = random.Random(f"{seed} {turn}"), time.time_ns()
            for _ in range(chance.randrange(6)):
                change(place, chance)
            one, read = look(place, cache if place == places[0] else "", began)
            found.append(
                {name: sorted(getattr(one, name)) for name in ("held", "links", "special", "steers", "unread", "set_id")}
            )
            fewer += read if place == places[1] else -read
        assert found[0] == found[1], (seed, turn)
        time.sleep(TICK)
    assert fewer > 50


def test_what_a_box_hides_in_a_known_folder_is_found(tmp_path):
    """Every time that can be set is set back, and the folder is as large as it was."""
    machine = Machine(tmp_path / "home")
    project = machine.project("large", LARGE)
    time.sleep(2.3)
    for _ in range(2):
        assert inner("run", "--", "true", cwd=project, env=machine.env).returncode == 0
    assert any((machine.home / ".cache/inner/folders").iterdir())
    before = os.stat(project / "sub/7")
    hide = (
        "cd sub/7; touch -r . /tmp/was; git init -q .; printf '[core]\\n\\tfsmonitor = touch $M/ran\\n' >> .git/config;"
        "rm 1 2; find . -exec touch -r /tmp/was {} +"
    )
    done = inner("run", "--", "sh", "-c", hide, cwd=project, env=machine.env)
    assert done.returncode == 0, done.stderr
    after = os.stat(project / "sub/7")
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)
    assert "`sub/7/.git/HEAD.held-by-inner` are out of effect" in done.stderr
    machine.sh("git -C sub/7 status", project)
    assert not (machine.marks / "ran").exists()


# --- Ctrl-C at the end of a run -------------------------------------------------------------------------------------------


def test_ctrl_c_after_the_command_loses_no_commits(tmp_path):
    machine = Machine(tmp_path / "home")
    project = machine.project("large", LARGE)
    for number in range(5):
        line = f"echo {number} > a; git commit -qam {number}; echo now"
        process = subprocess.Popen(
            [*INNER, "run", "--", "sh", "-c", line],
            cwd=project,
            env={**machine.env, **GIT_ENV},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout.readline() == b"now\n"
        while process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does, which means git, too
            time.sleep(0.001)
        assert machine.sh("git log -1 --format=%s", project) == f"{number}\n"


@pytest.mark.parametrize("after", [0.0, 0.004, 0.008, 0.012, 0.018, 0.025, 0.035, 0.05])
def test_whatever_is_killed_after_the_command_loses_no_commits(tmp_path, after):
    """The next run takes over what had not been, at whatever point that was."""
    machine = Machine(tmp_path / "home")
    project = machine.project()
    line = "echo more > a; git commit -qam more; echo now"
    process = subprocess.Popen(
        [*INNER, "run", "--", "sh", "-c", line], cwd=project, env={**machine.env, **GIT_ENV}, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"now\n"
    time.sleep(after)
    process.kill()
    process.wait()
    done = inner("run", "--", "true", cwd=project, env=machine.env)
    assert done.returncode == 0, done.stderr
    if os.listdir(machine.home / ".local/state/inner/live"):  # the killed one still ended when the next run looked
        assert inner("run", "--", "true", cwd=project, env=machine.env).returncode == 0
    assert machine.sh("git log -1 --format=%s; git status --short; git fsck", project) == "more\n"


def guarding(project, tmp_path, say):
    run = tmp_path / "state/inner/runs/1"
    run.mkdir(parents=True)
    one = Guarding(Guard(HostPath(str(project))), str(run), lambda _: None, progress=say)
    one.began = time.time_ns()
    return one


def test_ctrl_c_ends_the_look_once_that_is_offered(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 0.0)
    said = []
    one = guarding(tree(tmp_path / "project"), tmp_path, lambda text: (said.append(text), os.kill(os.getpid(), signal.SIGINT)))
    one.end()
    assert not one.inspection.findings.whole
    assert "Ctrl-C ends that" in said[0]
    assert "`find . -newerct @" in one.inspection.findings.lines()[-1]


def test_ctrl_c_that_was_for_the_command_does_not(tmp_path):
    for number in range(10_000):
        (tmp_path / f"project/{number // 100}/{number}").mkdir(parents=True)
    one = guarding(tmp_path / "project", tmp_path, None)
    old = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.002)
    try:
        one.end()
    except KeyboardInterrupt:
        pass  # one that came before or after
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert one.inspection is not None
    assert one.inspection.findings.whole
