"""`inner profile explain`: the box as a text, a tree, JSON and a picture, each place with the line that put it there."""

from __future__ import annotations

import json
import os
import re
from xml.etree import ElementTree as ET

import pytest
from configured import Machine

from inner.errors import CheckFailed

DRAWN = """\
extends = "shell"
description = "A box to draw"
[sandbox]
network_mode = "allowlist"
network_allow = ["example.test", "@pip"]
network_deny = ["bad.test"]
toolchains = "off"
allow = ["npmrc"]
[mounts]
"~/data" = "rw"
"~/ref" = { dest = "/ref" }
[env]
passthrough = ["MY_TEAM"]
set = { LEVEL = "debug" }
[entrypoint]
cmd = "sh"
args = ["-c", "true"]
[output]
timeout_seconds = 60
"""


@pytest.fixture
def drawn(machine: Machine) -> Machine:
    machine.write("user", "drawn", DRAWN)
    (machine.home / "data").mkdir()
    (machine.home / "ref").mkdir()
    machine.put(machine.home / ".npmrc", "x\n")
    return machine


def test_explain_draws_what_the_box_sees_reaches_and_knows(drawn: Machine) -> None:
    done = drawn.inner("profile", "explain", "drawn", MY_TEAM="x")
    mine = "~/.config/inner/profiles/drawn.toml"
    assert done.status == 0
    head, sees, reaches, never, knows, refuses, *_notes = done.out.split("\n\n", 1)[1].split("\n\n")
    assert done.out.startswith("drawn: A box to draw\n\n")
    assert head == (
        f"made of     built-in shell.toml\n            user {mine}\n"
        f"starts      sh -c true ({mine}:17)\nworks in    PROJECT\ntime limit  60 s"
    )
    rows = sees.split("\n")
    assert rows[0] == "SEES: nothing of this machine but this"
    for row in (
        "  ~                             writable  empty home, in memory, up to 480M\n",
        f"  ~/.npmrc                      read-only\n      allowed: npmrc ({mine}:9)\n",
        f"  ~/data                        writable\n      mounts ({mine}:11)\n",
        f"  /ref                          read-only\n      mounts; your ~/ref ({mine}:12)\n",
    ):
        assert row in sees, row
    assert re.search(r"(?m)^  PROJECT +writable\s+working directory$", sees)
    assert reaches == f"REACHES: these hosts, and nothing else  ({mine}:5)\n  example.test @pip  {mine}:6"
    assert never == f"NEVER REACHES\n  bad.test  {mine}:7"
    assert knows.startswith("HAS IN ITS ENVIRONMENT: these variables, and no other\n")
    assert f"  MY_TEAM  passed, when it is set  {mine}:14\n" in knows
    assert f"  LEVEL  set  {mine}:15\n" in knows + "\n"
    assert refuses.startswith("REFUSES TO START\n  apt-get apt ")
    assert "debug" not in done.out, "values are not shown"


def test_explain_keeps_to_80_columns_and_to_plain_text_without_a_terminal(drawn: Machine) -> None:
    done = drawn.inner("profile", "explain", "drawn")
    assert all(line.isprintable() for line in done.out.splitlines())
    assert done.out.isascii()
    rows = [line for line in done.out.splitlines() if len(line) > 80 and not re.match(r" *\S+$", line)]
    assert rows == []


def test_at_a_terminal_it_is_a_tree_in_colour_and_no_color_is_respected(drawn: Machine) -> None:
    done = drawn.asked("profile", "explain", "drawn", answer="")
    bare = re.sub(r"\x1b\[[0-9]*m", "", done.out)
    assert "\x1b[33mwritable \x1b[0m" in done.out
    assert re.search(r"(?m)^/ +empty +root of the box$", bare)
    assert re.search(r"(?m)^├─ dev +read-only", bare)
    assert re.search(r"(?m)^└─ var +read-only", bare)
    assert re.search(r"(?m)^[│ ]+[├└]─ data +writable", bare)
    assert re.sub(r"\x1b\[[0-9]*m", "", bare) == bare
    assert all(line.isprintable() for line in bare.split("\n"))
    assert "\x1b" not in drawn.asked("profile", "explain", "drawn", answer="", NO_COLOR="1").out
    assert "\x1b" not in drawn.asked("profile", "explain", "drawn", answer="", TERM="dumb").out


def test_explain_as_json_has_every_place_with_its_line(drawn: Machine) -> None:
    found = json.loads(drawn.inner("profile", "explain", "drawn", "--json").out)
    assert (found["schema"], found["kind"]) == (1, "box")
    box = found["data"]
    seen = {one["path"]: one for one in box["sees"]}
    assert (seen["HOME/data"]["state"], seen["HOME/data"]["where"]) == ("writable", "~/.config/inner/profiles/drawn.toml:11")
    assert seen["PROJECT"]["state"] == "writable"
    assert seen["/"]["state"] == "empty"
    assert box["network"] == "allowlist"
    assert [one["name"] for one in box["reaches"]] == ["example.test", "@pip"]
    assert box["command"] == ["sh", "-c", "true"]


def test_the_picture_is_well_formed_and_says_the_same(drawn: Machine) -> None:
    drawn.write("user", "sharp", 'extends = "drawn"\n[mounts]\n"~/<&>\\u001b[2J" = "rw"\n')
    (drawn.home / "<&>\x1b[2J").mkdir()
    done = drawn.inner("profile", "explain", "sharp", "--svg")
    picture = ET.fromstring(done.out)
    words = [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "example.test" in words
    assert "LEVEL" in words
    assert any(word.endswith("<&>\\x1b[2J") for word in words), words
    assert (done.status, done.err) == (0, "")


def test_a_box_can_be_explained_where_its_program_is_not_installed(machine: Machine) -> None:
    machine.write("user", "mine", 'extends = "shell"\n[entrypoint]\ncmd = "no-such-agent"\nargs = ["-x"]\n')
    done = machine.inner("profile", "explain", "mine")
    assert done.status == 0
    assert "starts      no-such-agent -x (~/.config/inner/profiles/mine.toml:4)\n" in done.out
    assert "\nnote: this box would not start here: `no-such-agent` does not exist\n" in done.out


def test_explain_of_every_built_in_profile_works(machine: Machine) -> None:
    from inner.commands.explain import _plan

    for entry in machine.entries():
        profile = machine.resolve(entry.name)
        if os.getuid() == 0 and "nested-user-ns" in profile.sandbox.allow:
            with pytest.raises(CheckFailed, match="a box started by root cannot make user namespaces"):
                _plan(profile, machine.host())
            continue
        plan, _, _ = _plan(profile, machine.host())
        assert plan.profile == entry.name
