"""The profiles with containers: Podman's socket, and `docker` that becomes `podman --remote`. The socket is served by the test, and
`podman` is a script that asks it, as the real one does over HTTP: containers are the host's, the box only asks for them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from agent_world import World

PODMAN = '#!/bin/sh\necho "$@"\nexec curl -sm 5 --unix-socket "${DOCKER_HOST#unix://}" http://d/info\n'


@pytest.fixture
def podman(tmp_path):
    """A home with a `podman` in it, and the socket where the real one has it: below /run/user, which root makes at a login."""
    made = World(tmp_path, "")
    (made.home / "bin").mkdir()
    (made.home / "bin/podman").write_text(PODMAN)
    (made.home / "bin/podman").chmod(0o755)
    made.env["PATH"] = f"{made.home}/bin:/usr/bin:/bin"
    return made


@pytest.mark.parametrize("profile", ["shell-containers", "claude-containers"])
def test_without_the_socket_it_is_said_how_to_have_it(podman, profile):
    if Path(f"/run/user/{os.getuid()}/podman/podman.sock").exists():
        pytest.fail("this machine runs Podman's service: end it for the tests")
    done = podman.run("-p", profile, "--entrypoint", "bash", "--", "-c", "docker info; echo $?")
    assert "systemctl --user start podman.socket" in done.stderr
    assert "--remote info" in done.stdout, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] != "0"
