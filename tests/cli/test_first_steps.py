"""The first things that are typed: help, version, a first box."""

from __future__ import annotations

import pytest
from program import inner


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("-h",), ("run", "--help"), ("profile", "--help"), ("config", "--help"), ("version", "--help")]
)
def test_help_is_there_for_every_command_and_fits_a_line(words):
    done = inner(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: inner")
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_a_first_box(tmp_path):
    (tmp_path / "here").write_text("")
    done = inner("run", "--", "sh", "-c", "echo hello from the box; ls -A ~; ls", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello from the box\nhere\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]
