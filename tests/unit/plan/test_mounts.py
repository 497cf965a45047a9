import pytest

from inner.errors import ConfigError
from inner.facts import Facts
from inner.plan.model import Bind, Data, Dev, Dir, Mask, Overlay, Proc, Symlink, Tmpfs
from inner.plan.mounts import MountTable, order, scaffolding, simplify

P = "/home/user/project"
TREE = {
    P + "/src/a.py": "file", P + "/.git/hooks/pre-commit": "file", P + "/.git/config": "file", P + "/out": "link:/etc", P + "/here": "link:src",
    P + "/loop": "link:loop", P + "/sock": "socket", "/usr/bin/sh": "file", "/usr/bin/x": "link:../lib/x", "/usr/lib/x": "file", "/etc/passwd": "file",
    "/home/user/.ssh/id": "file", "/proc/keys": "file", "/proc/sys": "dir", "/proc/mounts": "link:self/mounts", "/data/deep/er": "dir",
}  # fmt: skip
HOST = Facts(TREE, env={})
ROOT = (Tmpfs("/", mode="ro"), Bind("/usr", "/usr"), Symlink("usr/bin", "/bin"), Proc(), Dev())
PROJECT = Bind(P, P, "rw")


def table(*mounts):
    return MountTable(order((*ROOT, *mounts)), HOST)


def dests(mounts):
    return [m.dest for m in mounts]


# --- order and simplify -------------------------------------------------------------------------------------------------


def test_parents_come_first_and_the_order_is_stable_within_a_depth():
    mounts = [Bind("/x", "/b/c"), Tmpfs("/z"), Bind("/x", "/a"), Tmpfs("/"), Tmpfs("/b"), Bind("/y", "/a/d")]
    assert dests(order(mounts)) == ["/", "/z", "/a", "/b", "/b/c", "/a/d"]


def test_the_last_mount_at_a_place_is_the_one():
    assert order([Bind("/x", "/a"), Tmpfs("/b"), Mask("/a")]) == (Tmpfs("/b"), Mask("/a"))


@pytest.mark.parametrize(
    "child",
    [Bind("/data/deep", "/d/deep"), Bind("/data/deep/er", "/d/deep/er"), Bind("/data/file", "/d/file", kind="file")],
)
def test_a_bind_that_its_parent_shows_anyway_is_dropped(child):
    assert simplify((Bind("/data", "/d"), child)) == (Bind("/data", "/d"),)


@pytest.mark.parametrize(
    "child",
    [
        Bind("/data/deep", "/d/deep", "rw"),  # another mode
        Bind("/data/deep", "/d/other"),  # another place
        Bind("/other", "/d/deep"),  # another source
        Bind("/data/deep", "/d/deep", dev=True),  # with devices
        Mask("/d/deep"),
        Tmpfs("/d/deep"),
        Data("/d/deep", b""),
    ],
)
def test_what_a_parent_does_not_show_stays(child):
    assert simplify((Bind("/data", "/d"), child)) == (Bind("/data", "/d"), child)


def test_a_bind_comes_back_below_another_mount():
    mounts = (Bind("/data", "/d"), Tmpfs("/d/deep"), Bind("/data/deep/er", "/d/deep/er"))
    assert simplify(mounts) == mounts


def test_a_writable_pin_stays_while_something_below_it_depends_on_it():
    pin, hooks = Bind(P + "/.git", P + "/.git", "rw"), Bind(P + "/.git/hooks", P + "/.git/hooks")
    assert simplify((PROJECT, pin, hooks)) == (PROJECT, pin, hooks)
    assert simplify((PROJECT, pin)) == (PROJECT,)


def test_one_mask_hides_all_below():
    assert simplify((PROJECT, Mask(P + "/.git"), Mask(P + "/.git/config", "file"))) == (PROJECT, Mask(P + "/.git"))


# --- what a process sees ------------------------------------------------------------------------------------------------


def seen(box, path, **more):
    found = box.at(path, **more)
    return found.path, found.kind, found.mode, found.host


def test_a_bind_shows_the_host_and_nothing_else_does():
    box = table(PROJECT)
    assert seen(box, P + "/src/a.py") == (P + "/src/a.py", "file", "rw", P + "/src/a.py")
    assert seen(box, P + "/sock")[1] == "other"
    assert box.at(P + "/nothing").absent
    assert box.at("/home/user/.ssh/id").absent
    assert seen(box, "/home/user") == ("/home/user", "dir", "ro", "")
    assert seen(box, "/etc") == ("/etc", "", "", "")


def test_links_are_followed_inside_the_box():
    box = table(PROJECT, Data("/etc/passwd", b"made up"))
    assert seen(box, "/bin/x") == ("/usr/lib/x", "file", "ro", "/usr/lib/x")
    assert seen(box, P + "/here/a.py")[3] == P + "/src/a.py"
    assert seen(box, P + "/out/passwd") == ("/etc/passwd", "file", "ro", "")  # the box's /etc, not the host's
    assert seen(box, P + "/out", follow=False)[1] == "link"
    assert box.at(P + "/loop").absent
    assert box.at(P + "/loop", follow=False).kind == "link"
    assert seen(box, "/bin", follow=False) == ("/bin", "link", "ro", "")


@pytest.mark.parametrize(
    "path", [P + "/src/a.py/", P + "/src/a.py/.", P + "/src/a.py/..", P + "/src/a.py/x", P + "/no/..", "/bin/sh/"]
)
def test_a_file_is_no_folder_and_what_is_absent_has_no_parent(path):
    assert table(PROJECT).at(path).absent


@pytest.mark.parametrize("path", [P + "/src/", P + "/src/.", P + "/here/", P + "//src", P + "/.git/../src", "/.." + P + "/src"])
def test_other_ways_to_write_a_folder(path):
    assert seen(table(PROJECT), path)[0::3] == (P + "/src", P + "/src")


def test_the_deepest_mount_decides():
    git = Bind(P + "/.git", P + "/.git")
    box = table(PROJECT, git, Mask(P + "/.git/config", "file"), Mask(P + "/src"))
    assert box.at(P + "/.git/hooks/pre-commit").mode == "ro"
    assert box.decides(P + "/.git/hooks/pre-commit") == git
    assert (box.at(P + "/.git/config").kind, box.at(P + "/.git/config").hidden) == ("file", True)
    assert (box.at(P + "/src").kind, box.at(P + "/src").mode, box.at(P + "/src").hidden) == ("dir", "ro", True)
    assert (box.at(P + "/src/a.py").absent, box.at(P + "/src/a.py").hidden) == (True, True)
    assert not box.at(P + "/here/a.py").kind  # the link leads under the mask


def test_folders_and_files_of_the_boxs_own():
    box = table(Dir("/run"), Tmpfs("/home/user"), Data("/home/user/x/rc", b"", mode="rw"), Overlay("/data", "/d"))
    assert seen(box, "/run") == ("/run", "dir", "ro", "")
    assert seen(box, "/home/user/x") == ("/home/user/x", "dir", "rw", "")
    assert seen(box, "/home/user/x/rc") == ("/home/user/x/rc", "file", "rw", "")
    assert seen(box, "/d/deep") == ("/d/deep", "dir", "rw", "/data/deep")
    assert box.at("/home/user/x/rc/y").absent


def test_a_dir_in_a_bind_is_the_hosts():
    assert seen(table(PROJECT, Dir(P + "/src")), P + "/src/a.py")[3] == P + "/src/a.py"


def test_mount_points_that_a_start_makes_are_seen_through_every_bind_of_their_source():
    again = Bind(P, "/again")
    box = table(PROJECT, again, Symlink("src", P + "/l"), Mask(P + "/new/file", "file"), Tmpfs(P + "/cache"))
    assert seen(box, "/again/l/a.py") == ("/again/src/a.py", "file", "ro", P + "/src/a.py")
    assert [box.at("/again" + path, follow=False).kind for path in ("/l", "/new", "/new/file", "/cache", "/other")] == [
        "link",
        "dir",
        "file",
        "dir",
        "",
    ]
    assert not box.at("/again/new/file").hidden


def test_devices_and_processes():
    box = table()
    assert [box.at(f"/dev/{name}").kind for name in ("null", "tty", "shm", "pts", "ptmx", "sda", "null/x", "stdin", "fd/0")] == [
        "other", "other", "dir", "dir", "other", "", "", "other", "other",
    ]  # fmt: skip
    assert (box.at("/dev").mode, box.at("/dev/shm").mode) == ("ro", "rw")
    assert [box.at(f"/proc/{name}").kind for name in ("self/environ", "1", "keys", "sys", "nothing", "mounts")] == [
        "other", "other", "file", "dir", "", "other",
    ]  # fmt: skip


# --- mount points on the host -------------------------------------------------------------------------------------------


def made(*mounts):
    return scaffolding(order((*ROOT, PROJECT, *mounts)), HOST)


def test_nothing_is_made_for_what_exists_nor_in_the_boxs_own_memory():
    assert (
        made(
            Bind(P + "/.git", P + "/.git"),
            Mask(P + "/src/a.py", "file"),
            Tmpfs("/tmp/a/b"),
            Data("/etc/x/y", b""),
            Dir(P + "/src"),
        )
        == ()
    )


@pytest.mark.parametrize(
    ("mount", "paths"),
    [
        (Mask(P + "/.envrc", "file"), [P + "/.envrc"]),
        (Tmpfs(P + "/a/b/c"), [P + "/a", P + "/a/b", P + "/a/b/c"]),
        (Bind("/data", P + "/src/data"), [P + "/src/data"]),
        (Data(P + "/src/.mcp.json", b"{}"), [P + "/src/.mcp.json"]),
        (Dir(P + "/build"), [P + "/build"]),
        (Symlink("src", P + "/l"), [P + "/l"]),
    ],
)
def test_mount_points_in_a_writable_bind_are_made_on_the_host(mount, paths):
    assert list(made(mount)) == paths


def test_mount_points_in_mounts_below_are_found_behind_their_own_sources():
    assert made(Bind("/data", P + "/d", "rw"), Tmpfs(P + "/d/new/er")) == (P + "/d", "/data/new", "/data/new/er")
    assert made(Dir(P + "/d"), Tmpfs(P + "/d/e")) == (P + "/d", P + "/d/e")
    assert made(Tmpfs(P + "/t"), Tmpfs(P + "/t/u")) == (P + "/t",)


def test_an_overlay_keeps_them_from_the_host():
    assert scaffolding(order((*ROOT, Overlay(P, P), Mask(P + "/.envrc", "file"))), HOST) == ()


@pytest.mark.parametrize(
    ("mount", "why"),
    [
        (Tmpfs(P + "/src/a.py"), "is not a folder"),
        (Tmpfs(P + "/src/a.py/x"), "is not a folder"),
        (Mask(P + "/src", "file"), "is a folder"),
        (Data(P + "/src", b""), "is a folder"),
        (Symlink("x", P + "/src"), "exists"),
        (Tmpfs(P + "/here"), "symbolic link"),
        (Mask(P + "/out/passwd", "file"), "symbolic link"),
        (Tmpfs(P + "/loop/x"), "symbolic link"),
        (Tmpfs("/bin/x"), "symbolic link"),
        (Tmpfs("/usr/nothing"), "read-only"),
        (Tmpfs("/proc/nothing"), "no such entry"),
        (Mask("/proc/1"), "no such entry"),
        (Mask("/proc/self/environ", "file"), "no such entry"),
        (Mask("/proc/mounts", "file"), "symbolic link"),
        (Mask("/proc/sys", "file"), "is a folder"),
        (Bind("/data", "/dev/fd"), "symbolic link"),
        (Bind("/data", "/dev/null"), "not a folder"),
        (Mask("/dev/shm", "file"), "is a folder"),
        (Tmpfs("/dev/null/x"), "nothing can be made"),
        (Tmpfs("/dev/pts/x"), "nothing can be made"),
    ],
)
def test_mount_points_that_cannot_be_had_are_refused(mount, why):
    with pytest.raises(ConfigError, match=why):
        made(mount)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (Mask(P + "/.git"), Bind(P + "/.git/hooks", P + "/.git/hooks"), "hidden"),
        (Data("/etc/x", b""), Data("/etc/x/y", b""), "not a folder"),
        (Mask(P + "/src/a.py", "file"), Tmpfs(P + "/src/a.py/b"), "not a folder"),
        (Bind("/etc/passwd", "/f", kind="file"), Tmpfs("/f/x"), "not a folder"),
        (Symlink("/data", "/s"), Tmpfs("/s/x"), "symbolic link"),
        (Symlink("/data", P + "/s"), Bind("/data", P + "/s/x"), "symbolic link"),
        (Bind("/data", "/d"), Bind(P, "/d/x"), "read-only"),
        (Tmpfs(P + "/n", mode="rw"), Data(P + "/n", b""), ""),
    ],
)
def test_mounts_that_get_into_each_others_way(first, second, why):
    if not why:  # at one place the last one stays
        assert made(first, second) == (P + "/n",)
        return
    with pytest.raises(ConfigError, match=why):
        made(first, second)


def test_a_folder_made_for_one_mount_is_not_a_file_for_the_next():
    with pytest.raises(ConfigError, match="not a folder"):
        scaffolding(order((*ROOT, PROJECT, Bind(P, "/again", "rw"), Mask("/again/n", "file"), Tmpfs(P + "/n/x"))), HOST)


def test_allowed_in_dev_and_proc():
    assert (
        made(
            Bind("/data", "/dev/dri", dev=True),
            Bind("/etc/passwd", "/dev/null", kind="file"),
            Mask("/proc/keys", "file"),
            Bind("/data", "/proc/sys"),
        )
        == ()
    )
