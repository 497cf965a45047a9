"""Review before apply, from end to end: the host stays as it is until `inner apply`, and then it is what the box made of it."""

from __future__ import annotations

import subprocess
import time

import pytest
from program import INNER
from reviewed import EDIT, World, fill, tree

pytestmark = pytest.mark.box


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
    done = world.inner("discard")
    assert (done.returncode, done.stderr.partition("hint: ")[2]) == (2, f"`inner discard {review.name}`\n")
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
