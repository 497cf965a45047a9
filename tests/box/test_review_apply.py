"""`inner apply`: what was changed outside is left, nothing is written through a link, and only what was chosen comes over."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager

import pytest
from program import INNER
from reviewed import EDIT, World, fill, tree

pytestmark = pytest.mark.box


def test_a_time_that_changed_alone_is_no_conflict(tmp_path):
    world = World(tmp_path)
    file = world.write("a", "start\n")
    world.sh("echo box >a")
    time.sleep(0.02)
    os.link(file, tmp_path / "backup")
    assert world.inner("apply", "--yes").returncode == 0
    assert file.read_text() == "box\n"


def test_a_content_that_changed_with_its_times_put_back_is_a_conflict(world):
    file = world.write("a", "start\n")
    world.sh("echo box >a")
    info = file.stat()
    file.write_text("HOST!\n")
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert world.inner("apply", "--yes").returncode == 1
    assert file.read_text() == "HOST!\n"


def test_what_changed_outside_is_left_and_named(world):
    fill(world)
    world.sh("echo box >a.txt; echo box >src/b; rm src/c; echo box >new; echo ok >fine")
    world.write("a.txt", "host\n")
    world.write("src/c", "host\n")
    world.write("new", "host\n")
    done = world.inner("apply", "--yes")
    assert done.returncode == 1
    for name in ("a.txt", "src/c", "new"):
        assert f"left as it is: `{name}`: " in done.stderr
        assert (world.project / name).read_text() == "host\n"
    assert (world.project / "src/b").read_text() == "box\n"
    assert (world.project / "fine").read_text() == "ok\n"
    (review,) = world.reviews()
    assert world.inner("apply", review.name, "a.txt", "--theirs", "--yes").returncode == 0
    assert (world.project / "a.txt").read_text() == "box\n"
    assert world.inner("apply", "new", "--beside", "--yes").returncode == 0
    assert ((world.project / "new").read_text(), (world.project / "new.boxed").read_text()) == ("host\n", "box\n")
    assert world.inner("apply", "--ours", "--yes").returncode == 0
    assert (world.project / "src/c").read_text() == "host\n"
    assert world.reviews() == []


@contextmanager
def paused(world, script):
    """A review whose box is there, and goes on with `script` when the block is left."""
    words = [*INNER, "run", "--review", "--no-network", "--", "sh", "-c", f"echo ready; read x; {script}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=world.project, env=world.env, **pipes) as box:
        assert box.stdout.readline() == "ready\n"
        yield box
        box.stdin.write("\n")
        box.stdin.close()
        box.wait(20)


def test_a_change_outside_while_the_box_runs_is_a_conflict(place):
    world = World(place)
    world.write("a", "start\n")
    world.write("b", "start\n")
    with paused(world, "echo box >a; echo box >b") as box:
        world.write("a", "host\n")
    assert box.returncode == 0
    done = world.inner("apply", "--yes")
    assert done.returncode == 1
    assert ((world.project / "a").read_text(), (world.project / "b").read_text()) == ("host\n", "box\n")


def test_a_folder_moved_into_place_while_the_box_runs_is_a_conflict(place):
    world = World(place)
    world.write("d/a", "start\n")
    world.write("other/a", "other\n")
    with paused(world, "echo box >>d/a"):
        (world.project / "d").rename(world.project / "away")
        (world.project / "other").rename(world.project / "d")
    world.inner("apply", "--yes")
    assert (world.project / "d/a").read_text() == "other\n"


def test_links_on_the_way_are_not_followed(world):
    world.write("sub/f", "start\n")
    world.sh("echo box >sub/f; echo box >sub/new; rm -f sub/gone")
    outside = world.home / "outside"
    outside.mkdir()
    (outside / "f").write_text("start\n")
    (world.project / "sub/f").unlink()
    (world.project / "sub").rmdir()
    (world.project / "sub").symlink_to(outside)
    done = world.inner("apply", "--yes", "--theirs")
    assert sorted(p.name for p in outside.iterdir()) == ["f"], done.stderr
    assert (outside / "f").read_text() == "start\n"


def test_links_that_lead_out_are_marked_and_stay_links(world):
    secret = world.home / "secret"
    secret.write_text("SECRET")
    world.write("plain", "x")
    world.sh(f"ln -s {secret} out; ln -s ../../x up; ln -s plain in; rm plain; ln -s {secret} plain")
    lines = world.inner("diff", "--stat").stdout.splitlines()
    assert sorted(line.split()[1] for line in lines if "leads out" in line) == ["out", "plain", "up"]
    assert world.inner("apply", "--yes").returncode == 0
    assert (world.project / "plain").is_symlink()
    assert secret.read_text() == "SECRET"


def test_set_id_bits_pipes_and_sockets_do_not_come_over(world):
    profile = world.home / "p.toml"
    profile.write_text('schema_version = "1"\nname = "p"\n[sandbox]\nseccomp = "off"\n[entrypoint]\ncmd = "sh"\n')
    script = "echo x >s; chmod 6755 s; ls -l s; mkfifo pipe; echo ok >f"
    done = world.inner("run", "--review", "-p", str(profile), "--", "-c", script)
    assert "rwsr-s" in done.stdout or os.geteuid() == 0  # a box of root may not make any
    assert ("set-id bits are left out" in world.inner("diff", "--stat").stdout) == ("rwsr-s" in done.stdout)
    assert world.inner("apply", "--yes").returncode == 0
    assert tree(world.project) == {"s": ("file", 0o755, b"x\n"), "f": ("file", 0o644, b"ok\n")}
    assert world.reviews() == []


def test_folders_without_permission_come_over_as_they_are(world):
    world.write("keep/a", "a")
    (world.project / "keep").chmod(0o555)
    world.sh("mkdir shut; echo x >shut/x; chmod 0 shut/x shut; chmod 755 keep; echo b >keep/b; chmod 555 keep")
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert tree(world.project) == {
        "keep": ("dir", 0o555), "keep/a": ("file", 0o644, b"a"), "keep/b": ("file", 0o644, b"b\n"),
        "shut": ("dir", 0), "shut/x": ("file", 0, b"x\n"),
    }  # fmt: skip


DEEP = "import os\nfor n in range(4000): os.mkdir('d'); os.chdir('d')\nopen('bottom', 'w').write('here')\n"


@pytest.mark.slow
def test_four_thousand_folders_deep(place):
    world = World(place)
    world.write("x", "x")
    done = world.run("python3", "-c", DEEP)
    assert done.returncode == 0, done.stderr
    assert "d/d/d" in world.inner("diff", "--stat").stdout
    done = world.inner("apply", "--yes")
    assert (done.returncode, world.reviews()) == (0, []), done.stderr
    here = os.open(world.project, os.O_RDONLY)
    for _ in range(4000):
        step = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = step
    assert os.listdir(here) == ["bottom"]
    os.close(here)
    world.run(
        "python3", "-c", DEEP.replace("os.mkdir('d'); ", "").replace("open('bottom', 'w').write('here')", "os.mkdir('more')")
    )
    done = world.inner("discard", "--all", "--yes")
    assert (done.returncode, world.reviews()) == (0, []), done.stderr
    subprocess.run(["rm", "-rf", str(world.project)], check=True)


def test_a_part_can_be_applied_and_the_rest_waits(world):
    fill(world)
    world.sh(EDIT)
    assert world.inner("apply", "n", "--yes").returncode == 0
    assert (world.project / "n/m/f").read_text() == "new\n"
    assert (world.project / "a.txt").read_text() == "one\ntwo\nthree\n"
    world.write("n/m/f", "mine again\n")
    assert "n/m" not in world.inner("diff", "--stat").stdout
    assert world.inner("apply", "--yes").returncode == 0
    assert (world.project / "n/m/f").read_text() == "mine again\n"
    assert world.reviews() == []


def test_dry_run_changes_nothing(world):
    fill(world)
    world.sh(EDIT)
    before = tree(world.project)
    done = world.inner("apply", "--dry-run")
    assert done.returncode == 0
    assert "M a.txt" in done.stdout
    assert tree(world.project) == before
    assert len(world.reviews()) == 1


def test_nobody_is_asked_where_nobody_is(world):
    world.sh("echo x >x")
    done = world.inner("apply")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert not (world.project / "x").exists()


def test_another_folder_by_the_same_name_is_not_the_project(place):
    world = World(place)
    world.sh("echo box >f")
    world.project.rename(world.home / "away")
    world.project.mkdir()
    done = world.inner("apply", "--yes")
    assert done.returncode == 1
    assert "is not the folder that this review is about" in done.stderr
    assert list(world.project.iterdir()) == []


def test_the_answer_of_a_person_decides(place):
    world = World(place)
    world.sh("echo box >f")
    for answer, there in (("n", False), ("", False), ("y", True)):
        main, terminal = os.openpty()
        os.write(main, f"{answer}\n".encode())
        done = world.inner("apply", stdin=terminal)
        assert "apply 1 change? [y/N]" in done.stderr
        assert (done.returncode, (world.project / "f").exists()) == (0 if there else 1, there)
        os.close(main)
        os.close(terminal)
