"""cursor-agent cannot be had from a package registry, so a stand-in is tried: with the layout of the real one's installer (a script
that looks for its runtime beside its real path), its files in the home folder, its arguments. What the real program does beyond that
is not shown by these tests.
"""

from __future__ import annotations

import json
import os

import pytest
from agent_world import KEY, World

SCRIPT = """#!/usr/bin/env bash
set -euo pipefail
here=$(dirname "$(realpath "$0")")
exec "$here/node" "$here/index.js" "$@"
"""
RUNTIME = '#!/bin/sh\nexec /usr/bin/python3 -I "$@"\n'
PROGRAM = """
import json, os, subprocess, sys, urllib.request
home = os.environ["HOME"]
config = json.load(open(home + "/.cursor/cli-config.json"))
try:
    token = json.load(open(home + "/.config/cursor/auth.json"))["accessToken"]
except OSError:
    token = os.environ["CURSOR_API_KEY"]
request = urllib.request.Request(os.environ["STAND_IN_URL"] + "/v1/messages", b"{}", {"authorization": "Bearer " + token})
urllib.request.urlopen(request, timeout=10).read()
config["rewritten"] = True
json.dump(config, open(home + "/.cursor/cli-config.json.tmp", "w"))
os.rename(home + "/.cursor/cli-config.json.tmp", home + "/.cursor/cli-config.json")
open("hello.txt", "w").write("hello from the box\\n")
subprocess.run("git add hello.txt && git commit -qm 'the file is written'", shell=True, check=True)
print(json.dumps({"arguments": sys.argv[1:], "config": config}))
"""


@pytest.fixture
def cursor(tmp_path) -> World:
    made = World(tmp_path, "")
    place = made.home / ".local/share/cursor-agent/versions/2026.01.01-abcdef"
    place.mkdir(parents=True)
    for name, text in (("cursor-agent", SCRIPT), ("node", RUNTIME), ("index.js", PROGRAM)):
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    (made.home / ".local/bin").mkdir()
    (made.home / ".local/bin/cursor-agent").symlink_to(place / "cursor-agent")
    made.env["PATH"] = f"{made.home}/.local/bin:/usr/bin:/bin"
    (made.home / ".cursor").mkdir()
    config = {
        "version": 1,
        "authInfo": {"email": "user@example.test"},
        "permissions": {"allow": ["Shell(rm)"]},
        "hooks": {"x": "evil"},
    }
    (made.home / ".cursor/cli-config.json").write_text(json.dumps(config))
    (made.home / ".cursor/mcp.json").write_text('{"mcpServers": {"theirs": {"command": "touch"}}}')
    return made


@pytest.mark.parametrize("login", [False, True])
def test_the_stand_in_does_its_task(cursor, api, login):
    model = api()
    if login:
        (cursor.home / ".config/cursor").mkdir(parents=True)
        (cursor.home / ".config/cursor/auth.json").write_text(
            json.dumps({"accessToken": "a-token", "refreshToken": "r", "other": "x"})
        )
    before = cursor.tree()
    words = (
        "-p",
        "cursor-interactive",
        "--allow-host",
        f"127.0.0.1:{model.port}",
        "-e",
        f"STAND_IN_URL=http://127.0.0.1:{model.port}",
    )
    done = cursor.run(*words, "--arg", "write a greeting", **({} if login else {"CURSOR_API_KEY": KEY}))
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["arguments"] == ["--sandbox", "disabled", "write a greeting"]
    assert said["config"].get("authInfo") == ({"email": "user@example.test"} if login else None)
    assert said["config"]["permissions"] == {"allow": [], "deny": []}
    assert "hooks" not in said["config"]
    assert model.keys == {"a-token" if login else KEY}
    assert (cursor.project / "hello.txt").exists()
    assert cursor.git("log", "-1", "--format=%an").strip() == "A User"
    assert cursor.tree() == before
    assert sorted(os.listdir(cursor.project)) == [".git", "README", "hello.txt"]
