"""`inner diff`: each change as what it is, and nothing that the box wrote unescaped."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from program import INNER
from reviewed import EDIT, World, fill

pytestmark = pytest.mark.box


def test_diff_shows_each_change(world):
    fill(world)
    world.sh(EDIT)
    done = world.inner("diff")
    assert done.returncode == 0
    assert "--- a.txt\n+++ a.txt\n@@ -1,3 +1,4 @@\n one\n two\n three\n+four\n" in done.stdout
    assert "R src/b -> src/d" in done.stdout
    assert "D src/c" in done.stdout
    assert "T old" in done.stdout
    stat = world.inner("diff", "--stat").stdout.splitlines()
    assert "M a.txt  +1 -0" in stat
    assert "D src/c  +0 -1" in stat
    data = json.loads(world.inner("diff", "--json").stdout)
    kinds = {change["path"]: change["kind"] for change in data["data"]["changes"]}
    assert kinds["a.txt"] == "modified"
    assert kinds["old/deep/er"] == "deleted"
    only = world.inner("diff", "--stat", "n", "a.txt").stdout.splitlines()
    assert [line[:5] for line in only] == ["M a.t", "A n/", "A n/m", "A n/m"]


def test_names_and_texts_of_the_box_cannot_speak_to_the_terminal(world):
    world.write("x", "x\n")
    world.sh(r"""printf '\033]0;owned\007\r' >x; touch "$(printf 'e\033[31mvil\nname')" "$(printf 'bad\377utf8')" """)
    done = world.inner("diff")
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert "e\\x1b[31mvil\\nname" in done.stdout
    assert "bad\\xffutf8" in done.stdout
    assert world.inner("apply", "--yes").returncode == 0
    assert b"bad\xffutf8" in os.listdir(os.fsencode(world.project))


def test_binary_files_are_said_to_be_binary(world):
    world.write("b", b"\0\1\2")
    world.sh(r"printf '\000\003' >b")
    assert "binary, 3 -> 2 bytes" in world.inner("diff").stdout


def test_files_that_could_run_code_outside_are_marked(world):
    world.write("package.json", "{}")
    world.sh(
        "echo x >.envrc; mkdir .vscode; echo '{}' >.vscode/tasks.json; echo x >package.json; echo x >plain; echo x >run; chmod +x run"
    )
    marked = [line.split()[1] for line in world.inner("diff", "--stat").stdout.splitlines() if "may run code" in line]
    assert marked == [".envrc", ".vscode/", ".vscode/tasks.json", "package.json", "run"]


def test_diff_of_a_running_box_leaves_alone_what_it_cannot_read(place):
    world = World(place)
    script = "mkdir shut; echo x >shut/x; chmod 0 shut; echo ready; read x; stat -c %a shut"
    with subprocess.Popen([*INNER, "run", "--review", "--no-network", "--", "sh", "-c", script],
                          cwd=world.project, env=world.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as box:  # fmt: skip
        assert box.stdout.readline() == "ready\n"
        done = world.inner("diff", "--stat")
        assert done.returncode == 0, done.stderr
        assert "A shut/\n" in done.stdout
        assert ("shut/x" in done.stdout) == (os.geteuid() == 0)  # whom no permission stops
        box.stdin.write("\n")
        box.stdin.close()
        assert box.stdout.read() == "0\n"
    assert "shut/x" in world.inner("diff", "--stat").stdout
