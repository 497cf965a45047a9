"""Every profile that comes with inner is verified, as `inner verify` does it: nothing fails but what asks for a tool that is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from apart import apart
from asked import World

from inner.agents import BY_COMMAND
from inner.checks import CHECKS
from inner.commands.verify import examine
from inner.errors import ConfigError

pytestmark = pytest.mark.box

PROFILES = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "profiles").glob("*.toml"))
REFUSED = ("shell-containers", "claude-containers") if os.getuid() == 0 else ()  # by root: test_root_box.py


@pytest.fixture
def world(tmp_path):
    """A home with a program for each agent, and a repository to work in."""
    world = World(tmp_path)
    folder = world.home / ".local/bin"
    folder.mkdir(parents=True)
    for name in BY_COMMAND:
        (folder / name).write_text("#!/bin/sh\nexit 0\n")
        (folder / name).chmod(0o755)
    world.env["PATH"] = f"{folder}:/usr/bin:/bin"
    for place in (".git/hooks", ".git/objects", ".git/refs/heads"):
        (world.project / place).mkdir(parents=True)
    (world.project / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (world.project / ".git/config").write_text("[core]\n\trepositoryformatversion = 0\n")
    (world.home / ".ssh").mkdir()
    (world.home / ".ssh/id_ed25519").write_text("s3cret")
    return world


@pytest.mark.parametrize("name", [name for name in PROFILES if name not in REFUSED])
def test_a_profile_of_inners_own_conforms(world, name):
    subject, folder = world.subject(name=name)
    try:
        report = apart(examine, subject, folder, world.features)
    except ConfigError as problem:  # a group of hosts that a tool of this machine would name
        assert "is not set up on this machine" in problem.message
        return
    assert {f.check: f.text for f in report.findings if f.state == "failed" and not f.check.startswith("custom:")} == {}
    assert len(report.findings) >= len(CHECKS)
