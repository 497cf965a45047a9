"""What `/run/inner/box.json` says of a box is tried from inside: each path that it calls writable, temporary or read-only, and the
network."""

from __future__ import annotations

import json
import os
import socket
import subprocess

import pytest
from program import inner

pytestmark = pytest.mark.box

PROBE = r"""
import json, os, socket
said = json.load(open(os.path.dirname(os.environ["INNER_BOX_INFO"]) + "/box.json"))
wrong = []
def can_write(path):
    try:
        if os.path.isdir(path):
            open(path + "/.probe", "w").close(); os.unlink(path + "/.probe")
        else:
            open(path, "a").close()
        return True
    except OSError:
        return False
for name, expected in (("writable", True), ("brought_back", True), ("temporary", True), ("read_only", False)):
    wrong += [(name, path) for path in said[name] if can_write(path) is not expected]
for name in ("box.md", "box.json"):
    if can_write("/run/inner/" + name):
        wrong.append(("contract", name))
def reaches(port):
    try:
        socket.create_connection(("127.0.0.1", port), 3).close()
        return True
    except OSError:
        return False
print(json.dumps({"wrong": wrong, "said": said, "reached": [port for port in json.loads(os.environ["PORTS"]) if reaches(port)]}))
"""


@pytest.fixture
def ports():
    """Two services of this machine: a listening socket lets connect, whether anybody accepts or not."""
    servers = [socket.create_server(("127.0.0.1", 0), backlog=64) for _ in range(2)]
    yield [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()


@pytest.mark.parametrize("mode", ["off", "allowlist", "full"])
def test_what_a_box_says_about_itself_is_so(tmp_path, ports, mode):
    home, data, both = tmp_path / "home", tmp_path / "data", tmp_path / "both"
    project = home / "project"
    for folder in (project, data, both):
        folder.mkdir(parents=True)
    flags = {"off": (), "allowlist": ("--allow-host", f"127.0.0.1:{ports[0]}"), "full": ("--network",)}[mode]
    flags = (
        *flags,
        "-m",
        f"{data}:/data",
        "-m",
        f"{both}:/both:rw",
        "-m",
        f"{both}:/copy:safe-rw",
        "-m",
        ":/scratch:tmpfs",
        "--block",
        "make",
    )
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/bash"}
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    done = inner("run", *flags, "-e", f"PORTS={json.dumps(ports)}", "--", "/usr/bin/python3", "-c", PROBE, cwd=project, env=env)
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    said = found["said"]
    assert {str(project), "/both"} <= set(said["writable"])
    assert said["brought_back"] == [f"{project}/.git"]
    assert {"/copy", "/scratch", str(home)} <= set(said["temporary"])
    assert "/data" in said["read_only"]
    assert "make" in said["blocked_commands"]
    assert said["network"]["mode"] == mode
    assert found["reached"] == {"off": [], "allowlist": ports[:1], "full": ports}[mode]
    assert os.listdir(both) == []
