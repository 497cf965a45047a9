"""The box's /etc as a folder that is kept and mounted: the same as the one that bubblewrap would make, nobody's to change, and
anew when anything about it has changed."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest
from program import inner

from inner import kept as kept_files
from inner.host import RealHost
from inner.launch import etc, etcmade
from inner.paths import BoxPath
from inner.plan.build import build
from inner.plan.model import Bind, Data, Dir, Mask, Symlink, Tmpfs
from inner.profile.model import Profile
from inner.request import Request

LOOK = (
    "grep -q ' /etc ' /proc/self/mountinfo && echo kept; cd /etc; find . -type f -printf 'f %m %p\\n' -exec cksum {} + 2>/dev/null;"
    " find . ! -type f -printf '%y %p %l\\n'"
)


def kept():
    """The folders that are kept."""
    return [path for path in Path(os.environ["HOME"], ".local/state/inner/etc").iterdir() if path.is_dir()]


def run(project, script, *words):
    done = inner("run", *words, "--", "sh", "-c", script, cwd=project)
    assert done.returncode == 0, done.stderr
    return done.stdout


def twice(project, *words):
    """What a box sees of /etc when bubblewrap has made it, and when it was kept."""
    time.sleep(2.1)  # what was written a moment ago is not kept
    for _ in range(2):
        run(project, "true", *words)
    return run(project, LOOK, *words, "-e", "A=b"), run(project, LOOK, *words)  # with a variable of its own a plan is not kept


@pytest.mark.parametrize("words", [(), ("--allow-host", "example.test")])
def test_what_is_kept_is_what_bubblewrap_would_make(project, words):
    made, found = twice(project, *words)
    assert found.splitlines()[0] == "kept"
    assert sorted(found.splitlines()[1:]) == sorted(made.splitlines())
    assert any("/passwd" in line for line in found.splitlines())
    assert len(kept()) == 1


def test_a_box_cannot_change_it(project):
    twice(project)
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in (*kept(), *kept()[0].rglob("*"))}
    tries = (
        "echo x >> /etc/passwd", "rm -f /etc/passwd", "touch /etc/new", "chmod 777 /etc /etc/passwd", "mv /etc/hosts /etc/other",
        "ln /etc/passwd /etc/other", "mkdir /etc/folder", "touch -d 2001-01-01 /etc/passwd", "mount -o remount,rw /etc",
        "chmod 666 /etc/nsswitch.conf; echo x > /etc/nsswitch.conf",
    )  # fmt: skip
    found = run(
        project, "; ".join(f"({one}) 2>/dev/null && echo '{one}'" for one in tries) + "; grep -c ' /etc ' /proc/self/mountinfo"
    )
    assert found == "1\n"
    assert {path: (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in before} == before
    outside = kept()[0] / "passwd"
    outside.chmod(0o600)  # the same user, with no box around, can
    outside.write_text("changed")


def test_somebody_who_makes_room_takes_nothing_from_a_box(project):
    twice(project)
    (kept()[0] / "passwd").unlink()
    assert "passwd" in run(project, "ls /etc")
    assert (kept()[0] / "passwd").exists()
    time.sleep(2.1)
    run(project, "true")
    for path in kept():
        os.system(f"rm -rf {path}")
    assert "passwd" in run(project, "ls /etc; grep ' /etc ' /proc/self/mountinfo || true")
    assert " /etc " in run(project, "grep ' /etc ' /proc/self/mountinfo")


def test_after_the_machine_was_started_anew_it_is_looked_through(project, monkeypatch, tmp_path):
    twice(project)
    found = etcmade.keep(plan(project), str(Path(os.environ["HOME"], ".local/state/inner")))
    assert etc.sound(found)
    boot = tmp_path / "boot"
    boot.write_text("another one\n")
    monkeypatch.setattr(etc, "BOOT", str(boot))
    assert not etc.sound(found)
    (Path(found[0]) / "hosts").chmod(0o644)
    (Path(found[0]) / "hosts").write_bytes(b"")  # as a machine that stops may leave it
    (Path(found[0]) / "hosts").chmod(0o444)
    again = etcmade.keep(plan(project), str(Path(os.environ["HOME"], ".local/state/inner")))
    assert etc.sound(again)
    assert (Path(again[0]) / "hosts").read_bytes().startswith(b"127.0.0.1 localhost")


def plan(project, *mounts):
    """One of the test's own, with more in its /etc."""
    host = RealHost(dict(os.environ), cwd=str(project))
    made = build(Profile("test"), Request(words=("true",)), host, terminal=False, run_dir="/state/runs/1")
    return made.__class__(**{**made.__dict__, "mounts": (*made.mounts, *mounts)})


def test_what_is_mounted_in_it_has_its_place(project, tmp_path):
    more = (
        Dir(BoxPath("/etc/own")), Data(BoxPath("/etc/own/file"), b"one", 0o400), Symlink("own/file", BoxPath("/etc/link")),
        Bind("/usr/share", BoxPath("/etc/deep/share")), Bind("/usr/bin/env", BoxPath("/etc/env"), kind="file"),
        Mask(BoxPath("/etc/hidden"), "file"), Tmpfs(BoxPath("/etc/room")), Data(BoxPath("/etc/room/file"), b"no", mode="rw"),
        Data(BoxPath("/etc/changes"), b"not this", mode="rw"),
    )  # fmt: skip
    folder = Path(etcmade.keep(plan(project, *more), str(tmp_path / "state"))[0])
    assert (folder / "own/file").read_bytes() == b"one"
    assert (folder / "own/file").stat().st_mode & 0o777 == 0o400
    assert os.readlink(folder / "link") == "own/file"
    assert [(folder / name).is_dir() for name in ("deep/share", "env", "hidden", "room", "changes")] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert list((folder / "deep/share").iterdir()) == list((folder / "room").iterdir()) == []
    assert (folder / "changes").read_bytes() == (folder / "env").read_bytes() == b""
    other = Path(etcmade.keep(plan(project, *more[:1]), str(tmp_path / "state"))[0])
    assert other != folder


@pytest.fixture
def machines(tmp_path, monkeypatch):
    """A folder of the machine's, and what is kept of it: a copy, or a place to mount it on."""
    monkeypatch.setattr(etcmade, "MACHINES", str(tmp_path / "machine"))
    folder = tmp_path / "machine/fonts"
    (folder / "conf.d").mkdir(parents=True)
    (folder / "fonts.conf").write_text("one")
    (folder / "conf.d/10").symlink_to("../fonts.conf")
    (folder / "run").write_text("x")
    (folder / "run").chmod(0o755)
    monkeypatch.setattr(kept_files, "SETTLED", 0)
    return folder


def test_small_folders_of_the_machine_are_copied_until_they_change(project, tmp_path, machines):
    state, mount = str(tmp_path / "state"), Bind(str(machines), BoxPath("/etc/fonts-copied"))
    changes = [
        lambda: (machines / "fonts.conf").write_text("two"),
        lambda: (machines / "conf.d/10").unlink(),
        lambda: (machines / "conf.d/20").symlink_to("nowhere"),
        lambda: (machines / "run").chmod(0o644),
        lambda: (machines / "more").mkdir(),
        lambda: (machines / "more").rmdir(),
    ]
    seen = set()
    for change in changes:
        time.sleep(0.02)  # more than a tick of a file's times
        found = etcmade.keep(plan(project, mount), state)
        copy = Path(found[0]) / "fonts-copied"
        assert "/etc/fonts-copied" in found[4]
        assert (copy / "fonts.conf").read_bytes() == (machines / "fonts.conf").read_bytes()
        assert [path.relative_to(copy) for path in sorted(copy.rglob("*"))] == [
            path.relative_to(machines) for path in sorted(machines.rglob("*"))
        ]
        assert (copy / "run").stat().st_mode == (machines / "run").stat().st_mode
        assert etc.sound(found)
        assert found[0] not in seen
        seen.add(found[0])
        change()
        assert not etc.sound(found)


def test_a_folder_that_is_large_or_odd_is_mounted(project, tmp_path, machines, monkeypatch):
    state, mount = str(tmp_path / "state"), Bind(str(machines), BoxPath("/etc/fonts-copied"))

    def copied(*more):
        time.sleep(0.02)
        found = etcmade.keep(plan(project, *more), state)
        assert list((Path(found[0]) / "fonts-copied").iterdir()) == [] or "/etc/fonts-copied" in found[4]
        return "/etc/fonts-copied" in found[4]

    assert copied(mount)
    assert not copied(mount, Data(BoxPath("/etc/fonts-copied/conf.d/10"), b"over", mode="ro"))
    assert not copied(Bind(str(machines), BoxPath("/etc/fonts-copied"), mode="rw"))
    monkeypatch.setattr(etcmade, "BYTES", 3)
    assert not copied(mount)
    monkeypatch.setattr(etcmade, "BYTES", 4)
    assert copied(mount)
    monkeypatch.setattr(etcmade, "SMALL", 4)
    assert not copied(mount)
    monkeypatch.setattr(etcmade, "SMALL", 5)
    assert copied(mount)
    monkeypatch.setattr(etcmade, "SMALL", 512)
    (machines / "private").write_text("x")
    (machines / "private").chmod(0o600)
    assert not copied(mount)
    (machines / "private").unlink()
    os.mkfifo(machines / "pipe")
    assert not copied(mount)
    (machines / "pipe").unlink()
    assert copied(mount)
    monkeypatch.setattr(kept_files, "SETTLED", 60_000_000_000)  # it has just been written
    assert not copied(mount)
    monkeypatch.setattr(kept_files, "SETTLED", 0)
    monkeypatch.setattr(etcmade, "MACHINES", str(tmp_path / "elsewhere"))
    assert not copied(mount)


def test_a_box_has_fewer_mounts_then(project):
    count = "grep -c ' /etc/' /proc/self/mountinfo; true"
    twice(project)
    assert int(run(project, count)) < int(run(project, count, "-e", "A=b"))


def test_few_are_kept_and_never_one_less_than_is_used(project, tmp_path):
    state = str(tmp_path / "state")
    first = etcmade.keep(plan(project), state)
    held = etc.hold(first)
    assert held >= 0
    for number in range(etcmade.MOST + 2):
        assert etcmade.keep(plan(project, Data(BoxPath("/etc/number"), b"%d" % number)), state)
    found = [path for path in Path(state, "etc").iterdir() if path.is_dir()]
    assert Path(first[0]) in found
    assert len(found) == etcmade.MOST + 1
    os.close(held)
    assert etcmade.keep(plan(project, Data(BoxPath("/etc/number"), b"last")), state)
    assert not os.path.lexists(first[0])
    assert not etc.sound(first)
    assert etc.hold(first) == -1


def test_one_that_is_being_removed_is_not_begun_with(project, tmp_path):
    first = etcmade.keep(plan(project), str(tmp_path / "state"))
    with open(f"{first[0]}.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert etc.hold(first) == -1


def test_what_others_may_write_is_not_taken(project, tmp_path):
    first = etcmade.keep(plan(project), str(tmp_path / "state"))
    os.chmod(first[0], 0o777)
    assert not etc.sound(first)
    os.chmod(tmp_path / "state/etc", 0o777)
    assert etcmade.keep(plan(project), str(tmp_path / "state")) is None


def test_a_folder_that_cannot_be_made_is_done_without(project, tmp_path):
    (tmp_path / "state").write_text("a file")
    assert etcmade.keep(plan(project), str(tmp_path / "state")) is None


def test_no_private_value_is_left_in_it(project, monkeypatch):
    """A plan that holds one is not kept, and neither is what would be made of it."""
    monkeypatch.setenv("MY_TOKEN", "CANARY-value")
    profiles = Path(os.environ["HOME"], ".config/inner/profiles")
    profiles.mkdir(parents=True)
    (profiles / "mine.toml").write_text(
        'schema_version = "1"\nname = "mine"\nextends = "shell"\n[mounts]\n"/usr/share" = { dest = "/etc/$MY_TOKEN" }\n'
    )
    time.sleep(2.1)
    for _ in range(2):
        assert "CANARY-value" in run(project, "ls /etc", "-p", "mine")
    assert not list(Path(os.environ["HOME"], ".local/state/inner").rglob("*CANARY*"))


@pytest.mark.parametrize("what", ["lock", "more", "mode"])
def test_one_that_is_not_as_it_was_made_is_made_anew(project, tmp_path, what):
    state = str(tmp_path / "state")
    first = etcmade.keep(plan(project), state)
    if what == "lock":
        os.unlink(etc.lock(first[0]))
    elif what == "more":
        Path(first[0], "ld.so.preload").write_text("/nowhere")
    else:
        os.chmod(first[0], 0o700)
    assert not etc.sound(first)
    again = etcmade.keep(plan(project), state)
    assert etc.sound(again)
    assert not os.path.lexists(f"{again[0]}/ld.so.preload")
    assert os.stat(again[0]).st_mode & 0o777 == 0o755
    os.close(etc.hold(again))


def test_one_that_was_removed_while_it_was_taken_is_not_begun_with(project, tmp_path, monkeypatch):
    first = etcmade.keep(plan(project), str(tmp_path / "state"))
    flock = fcntl.flock

    def later(fd, how):
        os.unlink(etc.lock(first[0]))  # by somebody who had it locked until now
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", later)
    before = os.listdir("/proc/self/fd")
    assert etc.hold(first) == -1
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_what_somebody_else_makes_meanwhile_is_left_alone(project, tmp_path):
    """Processes of two containers may have the same number."""
    state = str(tmp_path / "state")
    first = etcmade.keep(plan(project), state)[0]
    os.system(f"rm -rf {first}")
    other = Path(f"{first}.{os.getpid()}")
    (other / "half").mkdir(parents=True)
    assert etc.sound(etcmade.keep(plan(project), state))
    assert (other / "half").is_dir()


def test_a_file_system_that_keeps_no_modes_is_done_without(project, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fchmod", lambda _fd, _mode: None)
    assert etcmade.keep(plan(project), str(tmp_path / "state")) is None


def test_projects_that_take_turns_keep_theirs(project, tmp_path):
    """With `safe.directory = *` git's settings in the box name the project, so that each has an /etc of its own."""
    state = str(tmp_path / "state")
    made = [etcmade.keep(plan(project, Data(BoxPath("/etc/number"), b"%d" % number)), state) for number in range(20)]
    assert all(map(etc.sound, made))


def test_nothing_is_left_in_a_state_folder_of_another_user(project, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    assert etcmade.keep(plan(project), str(state)) is None
    assert os.listdir(state) == []
