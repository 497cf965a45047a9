"""Review of a box that root starts: in a project of root's own, and in one that is somebody else's."""

from __future__ import annotations

import os

import pytest
from reviewed import BACKENDS, World, tree

pytestmark = [pytest.mark.box, pytest.mark.root]


@pytest.mark.parametrize("backend", BACKENDS)
def test_root_can_review_what_it_runs(tmp_path, backend):
    world = World(tmp_path, backend)
    world.write("f", "start\n")
    world.sh("echo box >f; mkdir d; echo x >d/x; id -u")
    assert (world.project / "f").read_text() == "start\n"
    assert world.inner("apply", "--yes").returncode == 0
    assert tree(world.project) == {"f": ("file", 0o644, b"box\n"), "d": ("dir", 0o755), "d/x": ("file", 0o644, b"x\n")}


def test_files_of_others_stay_theirs(tmp_path):
    world = World(tmp_path)
    file = world.write("f", "start\n", 0o666)
    for path in (world.project, file):
        os.chown(path, 4242, 4242)
    world.project.chmod(0o777)
    world.sh("echo box >f; echo new >new")
    assert world.inner("apply", "--yes").returncode == 0
    assert file.read_text() == "box\n"
    assert (file.stat().st_uid, file.stat().st_gid) == (4242, 4242)
