"""Where a group may be made, on hosts written down as folders: by version, delegation and who rules there."""

from __future__ import annotations

import os

import pytest

from inner.launch import cgroup
from inner.profile.model import Limits

LIMITS = Limits(memory=64 << 20, cpu=1.5, pids=20)


@pytest.fixture
def host(tmp_path):
    """host(own lines, {folder: (controllers, enabled)}): a control group file system below tmp_path."""

    def make(lines, folders, unified=""):
        root = tmp_path / "cgroup"
        folders = folders if unified else {"": ("", ""), **folders}
        for folder, (controllers, enabled) in folders.items():
            path = root / (unified + folder).strip("/")
            path.mkdir(parents=True, exist_ok=True)
            (path / "cgroup.controllers").write_text(controllers + "\n")
            (path / "cgroup.subtree_control").write_text(enabled + "\n")
            (path / "cgroup.procs").write_text("")
        (tmp_path / "self").write_text(lines)
        return {"root": str(root), "proc": str(tmp_path / "self"), "systemd": str(tmp_path / "systemd")}

    return make


def read(folder, name):
    with open(f"{folder}/{name}") as file:
        return file.read()


def test_the_nearest_group_that_gives_controllers_on(host, tmp_path):
    place = host("0::/a/b\n", {"/a": ("cpu memory pids", "cpu memory pids"), "/a/b": ("cpu memory pids", "")})
    # a group with processes refuses to enable controllers for its children: this one cannot be written at all
    os.remove(tmp_path / "cgroup/a/b/cgroup.subtree_control")
    os.mkdir(tmp_path / "cgroup/a/b/cgroup.subtree_control")
    group = cgroup.make("inner-x", **place)
    assert group.folders == [f"{place['root']}/a/inner-x"]
    assert set(group.places) == {"memory", "cpu", "pids"}


def test_each_limit_on_its_own(host):
    place = host("0::/a\n", {"/a": ("memory pids", "memory pids")})
    group = cgroup.make("inner-x", **place)
    assert set(group.places) == {"memory", "pids"}


def test_what_systemd_has_not_given_away_is_left_alone(host, tmp_path):
    place = host("0::/a\n", {"/a": ("cpu memory pids", "cpu memory pids")})
    (tmp_path / "systemd").mkdir()
    assert cgroup.make("inner-x", **place).places == {}
    assert cgroup.possible(**place) == ()
    os.setxattr(f"{place['root']}/a", "user.delegate", b"1")
    assert set(cgroup.make("inner-x", **place).places) == {"memory", "cpu", "pids"}


def test_the_groups_of_a_user_manager_are_its_own(host, tmp_path):
    place = host(
        "0::/user@1000.service/app.slice\n",
        {"/user@1000.service": ("memory", "memory"), "/user@1000.service/app.slice": ("memory", "memory")},
    )
    (tmp_path / "systemd").mkdir()
    os.setxattr(f"{place['root']}/user@1000.service", "user.delegate", b"1")
    assert cgroup.make("inner-x", **place).places == {}


def test_a_hybrid_host_takes_each_controller_where_it_is(host, tmp_path):
    place = host("4:memory:/m\n1:cpu,cpuacct:/\n0::/\n", {"/": ("pids", "pids")}, unified="unified")
    for name in ("memory/m", "cpu"):
        (tmp_path / "cgroup" / name).mkdir(parents=True)
    places = cgroup.make("inner-x", **place).places
    assert {field: (folder.removeprefix(place["root"]), version) for field, (folder, version) in places.items()} == {
        "pids": ("/unified/inner-x", 2),
        "memory": ("/memory/m/inner-x", 1),
        "cpu": ("/cpu/inner-x", 1),
    }


def test_what_is_written(tmp_path):
    two, one = tmp_path / "two", tmp_path / "one"
    names = {
        two: ("memory.max", "memory.swap.max", "cpu.max", "pids.max"),
        one: ("memory.limit_in_bytes", "cpu.cfs_period_us", "cpu.cfs_quota_us", "pids.max"),
    }
    for folder, files in names.items():
        folder.mkdir()
        for name in files:
            (folder / name).write_text("")
        version = 2 if folder is two else 1
        assert set(cgroup.Group(dict.fromkeys(cgroup.FIELDS, (str(folder), version))).limit(LIMITS)) == set(cgroup.FIELDS)
    assert [read(two, name) for name in names[two]] == ["67108864", "0", "150000 100000", "21"]
    assert [read(one, name) for name in names[one]] == ["67108864", "100000", "150000", "21"]


def test_a_limit_that_cannot_be_written_is_not_in_force(tmp_path):
    (tmp_path / "pids.max").write_text("")
    assert set(cgroup.Group(dict.fromkeys(cgroup.FIELDS, (str(tmp_path), 2))).limit(LIMITS)) == {"pids"}


def test_what_was_used(tmp_path):
    for name, text in (
        ("memory.peak", "123456\n"),
        ("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
        ("pids.peak", "7\n"),
    ):
        (tmp_path / name).write_text(text)
    group = cgroup.Group(dict.fromkeys(cgroup.FIELDS, (str(tmp_path), 2)))
    assert group.usage() == cgroup.Usage(123456, 7, 2)
    assert cgroup.Group({}).usage() == cgroup.Usage()
    old = tmp_path / "old"
    old.mkdir()
    (old / "memory.max_usage_in_bytes").write_text("99\n")
    (old / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n")
    assert cgroup.Group({"memory": (str(old), 1)}).usage() == cgroup.Usage(99, 0, 4)
