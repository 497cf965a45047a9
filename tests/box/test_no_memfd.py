"""A CPython without memfd_create(2), as standalone builds are: boxes and checks all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.box


@pytest.mark.parametrize(
    ("words", "said"), [(("run", "--", "echo", "a box"), "a box"), (("verify", "-p", "shell"), "[ok] sandbox conformant")]
)
def test_an_interpreter_without_unnamed_files_makes_boxes(tmp_path, words, said):
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    code = f"import os, sys; del os.memfd_create; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); sys.argv[:] = ['inner', *{words!r}]; from inner.__main__ import main; main()"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "project", env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [said]), done.stdout + done.stderr


@pytest.mark.parametrize("lacks", ["os.pidfd_open", "os.memfd_create, os.pidfd_open"])
def test_an_interpreter_that_cannot_hold_processes_is_refused_and_says_so(tmp_path, lacks):
    code = f"import os, sys; del {lacks}; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); "
    code += "sys.argv[:] = ['inner', 'run', '--', 'true']; from inner.__main__ import main; main()"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    (tmp_path / "project").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "project", env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.splitlines()[0] == f"error: {sys.executable} was built without pidfd_open"
