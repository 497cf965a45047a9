"""When a run under review goes wrong: killed, not started, without room. Nothing is lost and nothing is left behind."""

from __future__ import annotations

import subprocess
import time

import pytest
from program import INNER, killed
from reviewed import World

pytestmark = pytest.mark.box


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
        killed(box)
    assert "still running" not in world.inner("diff", "--stat").stderr
    assert world.inner("diff", "--stat").stdout.startswith("M a")
    done = world.inner("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert (world.project / "a").read_text() == "box\n"


def test_the_next_run_clears_up_what_a_killed_one_has_not_used(world):
    world.write("f", "x")
    with subprocess.Popen([*INNER, "run", "--review", "--no-network", "--", "sh", "-c", "echo ready; sleep 60"],
                          cwd=world.project, env=world.env, stdout=subprocess.PIPE, text=True) as box:  # fmt: skip
        assert box.stdout.readline() == "ready\n"
        killed(box)
    assert len(world.reviews()) == 1
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
