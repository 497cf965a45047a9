"""Review before apply, from end to end: the host stays as it is until `inner apply`, and then it is what the box made of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest
from program import INNER
from reviewed import BACKENDS, World, tree

pytestmark = pytest.mark.box


@pytest.fixture(params=BACKENDS)
def world(request, place):
    return World(place, request.param)


def fill(world):
    world.write("a.txt", "one\ntwo\nthree\n")
    world.write("src/b", "b\n")
    world.write("src/c", "c\n")
    world.write("old/deep/er", "x\n")
    (world.project / "link").symlink_to("a.txt")


EDIT = "echo four >>a.txt; rm src/c; mv src/b src/d; mkdir -p n/m; echo new >n/m/f; ln -sf src link; rm -r old; echo file >old; chmod 600 a.txt"


def test_the_host_stays_as_it_is_until_apply_and_then_is_what_the_box_made(world):
    fill(world)
    before = tree(world.project)
    done = world.sh(EDIT + "; cat a.txt link/d")
    assert done.stdout == "one\ntwo\nthree\nfour\nb\n"
    assert "inner: for review: 11 changes\ninner: `inner diff`, then `inner apply` or `inner discard`\n" in done.stderr
    assert tree(world.project) == before
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert tree(world.project) == {
        "a.txt": ("file", 0o600, b"one\ntwo\nthree\nfour\n"),
        "src": ("dir", 0o755),
        "src/d": ("file", 0o644, b"b\n"),
        "n": ("dir", 0o755),
        "n/m": ("dir", 0o755),
        "n/m/f": ("file", 0o644, b"new\n"),
        "link": ("link", "src"),
        "old": ("file", 0o644, b"file\n"),
    }
    assert world.reviews() == []


def test_without_review_the_same_command_changes_the_host_at_once(place):
    world = World(place)
    fill(world)
    before = tree(world.project)
    assert world.inner("run", "--no-network", "--", "sh", "-c", EDIT).returncode == 0
    assert tree(world.project) != before


def test_discard_leaves_nothing(world):
    fill(world)
    before = tree(world.project)
    world.sh(EDIT + "; mkdir shut; echo x >shut/x; chmod 0 shut")
    (review,) = world.reviews()
    done = world.inner("discard", review.name)
    assert done.returncode == 0, done.stderr
    assert tree(world.project) == before
    assert world.reviews() == []


def test_a_run_that_changed_nothing_leaves_no_review(place):
    world = World(place)
    fill(world)
    done = world.sh("cat a.txt >/dev/null; touch a.txt; chmod 600 a.txt; chmod 644 a.txt")
    assert "nothing was changed" in done.stderr
    assert world.reviews() == []


def test_reviews_are_hidden_from_every_box(world):
    fill(world)
    world.sh("echo CANARY >secret")
    shown = f"[mounts]\n'{world.home}/.local' = 'ro'\n"
    profile = world.home / "p.toml"
    profile.write_text(f'schema_version = "1"\nname = "p"\n{shown}[entrypoint]\ncmd = "sh"\n')
    done = world.inner("run", "-p", str(profile), "--", "-c", f"ls -R {world.home}/.local")
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stdout
    assert "secret" in subprocess.run(["ls", "-R", f"{world.home}/.local"], capture_output=True, text=True).stdout


# --- what diff says --------------------------------------------------------------------------------------------------------------


def test_diff_shows_each_change(world):
    fill(world)
    world.sh(EDIT)
    done = world.inner("diff")
    assert done.returncode == 0
    assert "--- a.txt\n+++ a.txt\n@@ -1,3 +1,4 @@\n one\n two\n three\n+four\n" in done.stdout
    assert "R src/b -> src/d" in done.stdout
    assert "D src/c" in done.stdout
    assert "T old" in done.stdout
    stat = world.inner("diff", "--stat").stdout.splitlines()
    assert "M a.txt  +1 -0" in stat
    assert "D src/c  +0 -1" in stat
    data = json.loads(world.inner("diff", "--json").stdout)
    kinds = {change["path"]: change["kind"] for change in data["data"]["changes"]}
    assert kinds["a.txt"] == "modified"
    assert kinds["old/deep/er"] == "deleted"
    only = world.inner("diff", "--stat", "n", "a.txt").stdout.splitlines()
    assert [line[:5] for line in only] == ["M a.t", "A n/", "A n/m", "A n/m"]


def test_names_and_texts_of_the_box_cannot_speak_to_the_terminal(world):
    world.write("x", "x\n")
    world.sh(r"""printf '\033]0;owned\007\r' >x; touch "$(printf 'e\033[31mvil\nname')" "$(printf 'bad\377utf8')" """)
    done = world.inner("diff")
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert "e\\x1b[31mvil\\nname" in done.stdout
    assert "bad\\xffutf8" in done.stdout
    assert world.inner("apply", "--yes").returncode == 0
    assert b"bad\xffutf8" in os.listdir(os.fsencode(world.project))


def test_binary_files_are_said_to_be_binary(world):
    world.write("b", b"\0\1\2")
    world.sh(r"printf '\000\003' >b")
    assert "binary, 3 -> 2 bytes" in world.inner("diff").stdout


def test_files_that_could_run_code_outside_are_marked(world):
    world.write("package.json", "{}")
    world.sh(
        "echo x >.envrc; mkdir .vscode; echo '{}' >.vscode/tasks.json; echo x >package.json; echo x >plain; echo x >run; chmod +x run"
    )
    marked = [line.split()[1] for line in world.inner("diff", "--stat").stdout.splitlines() if "may run code" in line]
    assert marked == [".envrc", ".vscode/", ".vscode/tasks.json", "package.json", "run"]


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


# --- what apply never does ---------------------------------------------------------------------------------------------------------


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


def test_a_change_outside_while_the_box_runs_is_a_conflict(place):
    world = World(place)
    world.write("a", "start\n")
    world.write("b", "start\n")
    with subprocess.Popen([*INNER, "run", "--review", "--no-network", "--", "sh", "-c", "echo ready; read x; echo box >a; echo box >b"],
                          cwd=world.project, env=world.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as box:  # fmt: skip
        assert box.stdout.readline() == "ready\n"
        world.write("a", "host\n")
        box.stdin.write("\n")
        box.stdin.close()
        assert box.wait(20) == 0
    done = world.inner("apply", "--yes")
    assert done.returncode == 1
    assert ((world.project / "a").read_text(), (world.project / "b").read_text()) == ("host\n", "box\n")


def test_a_folder_moved_into_place_while_the_box_runs_is_a_conflict(place):
    world = World(place)
    world.write("d/a", "start\n")
    world.write("other/a", "other\n")
    with subprocess.Popen([*INNER, "run", "--review", "--no-network", "--", "sh", "-c", "echo ready; read x; echo box >>d/a"],
                          cwd=world.project, env=world.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as box:  # fmt: skip
        assert box.stdout.readline() == "ready\n"
        (world.project / "d").rename(world.project / "away")
        (world.project / "other").rename(world.project / "d")
        box.stdin.write("\n")
        box.stdin.close()
        box.wait(20)
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


# --- choosing ---------------------------------------------------------------------------------------------------------------------


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


def test_reviews_are_chosen_by_folder_and_by_name(place):
    world = World(place)
    other = world.home / "other"
    other.mkdir()
    world.sh("echo 1 >one")
    world.sh("echo 2 >two")
    done = world.inner("diff", "--stat", cwd=other)
    assert (done.returncode, done.stdout) == (2, "")
    first, second = sorted(world.reviews(), key=lambda path: path.stat().st_ctime_ns)
    assert world.inner("diff", "--stat", first.name, cwd=other).stdout.startswith("A one")
    assert world.inner("diff", "--stat").stdout.startswith("A two")
    listed = world.inner("diff", "--list").stdout
    assert first.name in listed
    assert second.name in listed
    assert world.inner("discard", "--all", "--yes").returncode == 0
    assert world.reviews() == []


def test_another_folder_can_be_an_overlay(place):
    world = World(place)
    data = world.home / "data"
    data.mkdir()
    (data / "f").write_text("start\n")
    profile = world.home / "p.toml"
    profile.write_text(f'schema_version = "1"\nname = "p"\n[mounts]\n"{data}" = "overlay"\n[entrypoint]\ncmd = "sh"\n')
    time.sleep(0.02)
    done = world.inner("run", "-p", str(profile), "--", "-c", f"echo box >{data}/f; echo here >here")
    assert done.returncode == 0, done.stderr
    assert (data / "f").read_text() == "start\n"
    assert (world.project / "here").read_text() == "here\n"  # that one is a plain writable mount
    assert f"M {data}/f" in world.inner("diff", "--stat", cwd=data).stdout
    assert world.inner("apply", "--yes", cwd=data).returncode == 0
    assert (data / "f").read_text() == "box\n"


def test_a_plan_that_was_kept_serves_the_next_review(world):
    world.write("f", "start\n")
    time.sleep(2.2)  # a plan made from what changed just now is not kept
    for number in range(3):
        world.sh(f"echo {number} >f; true")
    contents = [p.read_text() for p in (world.state / "reviews").glob("*/0/*/f")]
    assert sorted(contents) == ["0\n", "1\n", "2\n"]
    assert (world.project / "f").read_text() == "start\n"


def test_diff_of_a_running_box_leaves_alone_what_it_cannot_read(place):
    world = World(place)
    script = "mkdir shut; echo x >shut/x; chmod 0 shut; echo ready; read x; stat -c %a shut"
    with subprocess.Popen([*INNER, "run", "--review", "--no-network", "--", "sh", "-c", script],
                          cwd=world.project, env=world.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as box:  # fmt: skip
        assert box.stdout.readline() == "ready\n"
        done = world.inner("diff", "--stat")
        assert done.returncode == 0, done.stderr
        assert "A shut/\n" in done.stdout
        assert ("shut/x" in done.stdout) == (os.geteuid() == 0)  # whom no permission stops
        box.stdin.write("\n")
        box.stdin.close()
        assert box.stdout.read() == "0\n"
    assert "shut/x" in world.inner("diff", "--stat").stdout


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


def test_nothing_looks_through_the_project_at_the_start_and_at_the_end(tmp_path):
    seen = {}
    for backend in ("overlay", "copy"):
        world = World(tmp_path / backend, backend)
        world.write("sub/deep/er/f", "x")
        trace = tmp_path / f"{backend}.trace"
        line = [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=open,openat,openat2,newfstatat,lstat,statx,getdents64",
            "-y",
            "-o",
            str(trace),
            *INNER,
        ]
        done = subprocess.run(
            [*line, "run", "--review", "--no-network", "--", "true"], cwd=world.project, env=world.env, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        seen[backend] = any(word in trace.read_text() for word in ("deep/er", '"er"'))
    assert seen == {"overlay": False, "copy": True}


def test_what_an_overlay_cannot_do(place):
    """As docs/how-to/review.md says."""
    world = World(place)
    world.write("d/f", "x")
    done = world.sh('python3 -c \'import os; os.rename("d", "e")\' 2>&1 | tail -1; mv d e; ls e')
    assert "Invalid cross-device link" in done.stdout
    assert done.stdout.endswith("\nf\n")


# --- when things go wrong -----------------------------------------------------------------------------------------------------------


def test_a_killed_run_can_still_be_looked_at_and_applied(world):
    world.write("a", "start\n")
    time.sleep(0.02)
    with subprocess.Popen([*INNER, "run", "--review", "--no-network", "--", "sh", "-c", "echo box >a; echo ready; sleep 60"],
                          cwd=world.project, env=world.env, stdout=subprocess.PIPE, text=True) as box:  # fmt: skip
        assert box.stdout.readline() == "ready\n"
        (review,) = world.reviews()
        assert "still running" in world.inner("diff", "--stat").stderr
        assert world.inner("apply", "--yes").returncode == 2
        assert world.inner("discard", review.name).returncode == 2
        box.send_signal(signal.SIGKILL)
    for _ in range(100):  # bubblewrap dies with its parent
        if "still running" not in world.inner("diff", "--stat").stderr:
            break
    assert world.inner("diff", "--stat").stdout.startswith("M a")
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert (world.project / "a").read_text() == "box\n"


def test_the_next_run_clears_up_what_a_killed_one_has_not_used(world):
    world.write("f", "x")
    with subprocess.Popen([*INNER, "run", "--review", "--no-network", "--", "sh", "-c", "echo ready; sleep 60"],
                          cwd=world.project, env=world.env, stdout=subprocess.PIPE, text=True) as box:  # fmt: skip
        assert box.stdout.readline() == "ready\n"
        box.send_signal(signal.SIGKILL)
    assert len(world.reviews()) == 1
    time.sleep(0.3)
    world.sh("true")
    assert world.reviews() == []


def test_a_start_that_fails_leaves_no_review(place):
    world = World(place)
    assert world.run("/nosuch/command").returncode == 127
    assert world.run("sh", "-c", "exit 3").returncode == 3
    assert world.reviews() == []


FULL = """
set -e
mount -t tmpfs -o size=4m none "$PWD"; cd "$PWD"; echo start >a; head -c 3000000 /dev/zero >filler; sleep 0.05
"$@" run --review --no-network -- sh -c 'head -c 3000000 /dev/zero >big; echo box >a; echo z >z'
"$@" apply --yes && exit 9; echo "status $?"; ls -A
rm filler
"$@" apply --yes; echo "status $?"; ls -A; cat a; wc -c <big
"""


def test_a_full_disk_is_told_and_loses_nothing(place):
    world = World(place)
    line = ["unshare", "-Urm", "sh", "-c", FULL, "sh", *INNER]
    done = subprocess.run(
        line, cwd=world.project, env=world.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    assert "no room for `big`" in done.stderr, done.stderr
    said = [line for line in done.stdout.splitlines() if line[:2] not in ("A ", "M ")]
    assert said == ["status 4", "a", "filler", "status 0", "a", "big", "z", "box", "3000000"], done.stderr
    assert world.reviews() == []


def test_bad_values_of_the_variable_are_refused(place):
    world = World(place)
    world.env["INNER_REVIEW"] = "magic"
    done = world.run("true")
    assert done.returncode == 125
    assert "`INNER_REVIEW` is `magic`" in done.stderr
