"""The first things that are typed: help, version, a first box."""

from __future__ import annotations

import subprocess
import sys

import pytest


def inner(*words, **more):
    return subprocess.run([sys.executable, "-m", "inner", *words], capture_output=True, text=True, timeout=60, **more)


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("run", "--help"), ("profile", "--help"), ("config", "--help"), ("version", "--help")])
def test_help_is_there_for_every_command_and_fits_a_line(words):
    done = inner(*words)
    assert done.returncode == (0 if words else 2)
    assert "Usage: inner" in done.stdout + done.stderr
    assert max(map(len, (done.stdout + done.stderr).splitlines())) <= 100


def test_a_first_box(tmp_path):
    (tmp_path / "here").write_text("")
    done = inner("run", "--", "sh", "-c", "echo hello from the box; ls -A ~; ls", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello from the box\nhere\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]
