"""`inner why`: what it says is what the box does, and what it offers does what it says: by profile and by flag."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from asked import HEAD, World
from program import INNER

from inner.commands.why import ask, sort_of
from inner.settings import load

pytestmark = pytest.mark.box

BASE = """
[sandbox]
network_mode = "allowlist"
network_allow = ["docs.example.test", "git.example.test:22", "*.cdn.example.test"]
network_deny = ["evil.cdn.example.test"]
[env]
passthrough = ["PASSED", "ABSENT"]
set = { CHOSEN = "x" }
"""


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.env |= {"PASSED": "1", "PLAIN": "1", "LD_PRELOAD": "/nowhere.so", "TMPDIR": "/tmp"}
    for place, text in (
        ("home/notes", "mine"), ("home/.ssh/id_rsa", "s3cret"), ("home/.netrc", "s3cret"), ("home/.bash_history", "s3cret"),
        ("home/with space/a", "x"), ("home/$odd", "x"), ("data/set", "x"), ("project/src/a", "x"),
    ):  # fmt: skip
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    return world


def why(world, subject, profile="", kind=""):
    host = world.host
    path = world.profile(profile or BASE, "base")
    return ask(subject, kind or sort_of(subject, host), path, "", load(host), host)


def run(world, *words):
    done = subprocess.run(
        [*INNER, "run", *words], cwd=world.project, capture_output=True, timeout=60,
        env={**os.environ, **world.env},
    )  # fmt: skip
    return done.returncode


READ, WRITE = 'test -r "$1"', 'test -w "$1"'

PATHS = {
    "home/notes": "absent",
    "home/.ssh/id_rsa": "absent",
    "home/.ssh": "absent",
    "home/.netrc": "absent",
    "home/with space/a": "absent",
    "home/$odd": "absent",
    "home": "writable",
    "home/nothing": "nowhere",
    "home/.bash_history": "absent",
    "data/set": "absent",
    "data": "absent",
    "project": "writable",
    "project/src/a": "writable",
}


@pytest.mark.parametrize("place", PATHS)
def test_what_is_said_of_a_path_is_what_the_box_does(world, place):
    path = str(world.place / place)
    answer = why(world, path)
    assert answer.state == PATHS[place]
    assert (run(world, "-p", str(world.place / "base.toml"), "--", "sh", "-c", READ, "sh", path) == 0) == (
        answer.state in ("readable", "writable")
    )
    assert (run(world, "-p", str(world.place / "base.toml"), "--", "sh", "-c", WRITE, "sh", path) == 0) == (
        answer.state == "writable"
    )


@pytest.mark.parametrize(
    "place", ["home/notes", "home/.ssh/id_rsa", "home/.netrc", "home/with space/a", "home/$odd", "data/set", "data"]
)
def test_what_is_offered_for_a_path_shows_it(world, place):
    path = str(world.place / place)
    answer = why(world, path)
    assert [change.to for change in answer.changes] == ["readable"]
    _holds(world, answer, READ, path)


def _holds(world, answer, test, *words):
    """By the profile and by the flags, really run."""
    for change in answer.changes:
        child = world.place / "child.toml"
        child.write_text(f'{HEAD}extends = "base.toml"\n{change.toml}\n')
        assert run(world, "-p", str(world.place / "base.toml"), "--", "sh", "-c", test, "sh", *words) == 1
        assert run(world, "-p", str(child), "--", "sh", "-c", test, "sh", *words) == 0
        if change.flags:
            assert run(world, "-p", str(world.place / "base.toml"), *change.flags, "--", "sh", "-c", test, "sh", *words) == 0


def test_what_is_shown_read_only_can_be_made_writable(world):
    data = str(world.place / "data")
    answer = why(world, data, f'[mounts]\n"{data}" = "ro"')
    assert (answer.state, answer.origin.line) == ("readable", 3)
    assert [change.to for change in answer.changes] == ["writable"]
    _holds(world, answer, WRITE, data)


@pytest.mark.parametrize(
    "path", ["/usr", "/usr/bin/env", "/etc/passwd", "/etc", "/proc/keys", "/proc/1", "/dev/null", "/etc/shadow", "/"]
)
def test_nothing_is_offered_that_makes_the_system_writable_or_tells_of_the_machine(world, path):
    assert why(world, path).changes == ()


def test_a_home_that_is_shown_still_hides_what_is_guarded_and_names_the_key(world):
    base = '[sandbox]\nhome = "host-ro"'
    hidden = why(world, f"{world.home}/.ssh/id_rsa", base)
    assert hidden.state == "hidden" and "`ssh-keys` shows it" in " ".join(hidden.reasons)
    assert [change.to for change in hidden.changes] == ["readable"]
    _holds(world, hidden, READ, f"{world.home}/.ssh/id_rsa")
    always = why(world, f"{world.home}/.bash_history", base)
    assert (always.state, always.changes) == ("hidden", ())
    assert why(world, f"{world.home}/notes", base).state == "readable"


def test_a_folder_that_may_not_be_writable_is_offered_with_the_reason_instead(world):
    (world.home / ".config").mkdir()
    answer = why(world, str(world.home / ".config"), '[sandbox]\nhome_allow = ["~/.config"]')
    assert answer.state == "readable"
    assert answer.changes == ()
    assert any("cannot be writable in a box" in reason for reason in answer.reasons)


# --- hosts ----------------------------------------------------------------------------------------------------------------

HOSTS = {
    "docs.example.test": ("allowed", "docs.example.test", 5),
    "https://docs.example.test/x?y": ("allowed", "docs.example.test", 5),
    "DOCS.example.test.": ("allowed", "docs.example.test", 5),
    "docs.example.test:8443": ("denied", "port 8443 is not on the list", 5),
    "git.example.test:22": ("allowed", "git.example.test:22", 5),
    "ssh://git@git.example.test/x": ("allowed", "git.example.test:22", 5),
    "a.cdn.example.test": ("allowed", "*.cdn.example.test", 5),
    "evil.cdn.example.test": ("denied", "denied by `evil.cdn.example.test`", 6),
    "other.example.test": ("denied", "not on the list", 4),
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_allowed_or_denied_by_the_line_that_is_named(world, host):
    answer = why(world, host)
    state, text, line = HOSTS[host]
    assert answer.state == state
    assert text in answer.reasons[0]
    assert answer.origin.line == line
    assert bool(answer.changes) == (state == "denied" and not host.startswith("evil"))


@pytest.mark.parametrize(
    "host", ["other.example.test", "docs.example.test:8443", "localhost:5432", "192.168.1.5:80", "http://x.example.test:81/"]
)
@pytest.mark.parametrize("base", [BASE, "", '[sandbox]\nnetwork_mode = "off"'])
def test_what_is_offered_for_a_host_allows_it(world, host, base):
    answer = why(world, host, base)
    assert [change.to for change in answer.changes] == ["allowed"]
    (world.place / "child.toml").write_text(f'{HEAD}extends = "base.toml"\n{answer.changes[0].toml}\n')
    asked = world.host
    again = ask(host, "host", str(world.place / "child.toml"), "", load(asked), asked)
    assert again.state == "allowed"
    shown = subprocess.run(
        [*INNER, "run", "-p", str(world.place / "base.toml"), *answer.changes[0].flags, "--dry-run", "--json"],
        cwd=world.project, capture_output=True, timeout=60, env={**os.environ, **world.env},
    )  # fmt: skip
    network = json.loads(shown.stdout)["data"]["network"]
    assert network["mode"] == "allowlist" and answer.changes[0].flags[1] in network["allow"]


@pytest.mark.parametrize("host", ["localhost", "0x7f000001", "169.254.169.254:80", "a b", "*"])
def test_nothing_is_offered_for_what_no_box_reaches(world, host):
    answer = why(world, host, kind="host")
    assert (answer.state, answer.changes) == ("denied", ())


def test_the_host_that_an_agent_brings_is_said_to_be_the_agents(world):
    answer = why(world, "api.anthropic.com", 'agents = ["claude"]\n[sandbox]\nnetwork_mode = "allowlist"')
    assert answer.state == "allowed" and answer.reasons[0].endswith(": the agent claude needs it")


def test_the_whole_network_is_said(world):
    answer = why(world, "other.example.test", '[sandbox]\nnetwork_mode = "full"')
    assert answer.state == "allowed" and "shared" in answer.reasons[0]


# --- variables ------------------------------------------------------------------------------------------------------------

VARIABLES = {
    "PASSED": "passed",
    "CHOSEN": "set",
    "PLAIN": "not passed",
    "LD_PRELOAD": "not passed",
    "ABSENT": "unset",
    "NEVER": "unset",
    "HOME": "set",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_what_is_said_of_a_variable_is_what_the_box_has(world, name):
    answer = why(world, name, kind="variable")
    assert answer.state == VARIABLES[name]
    got = run(world, "-p", str(world.place / "base.toml"), "--", "sh", "-c", 'env | grep -q "^$1="', "sh", name)
    assert (got == 0) == (answer.state in ("passed", "set"))


@pytest.mark.parametrize("name", ["PLAIN", "NEVER"])
def test_what_is_offered_for_a_variable_passes_it(world, name):
    answer = why(world, name, kind="variable")
    assert [change.to for change in answer.changes] == (["passed", "set"] if name == "PLAIN" else ["set"])
    _holds(world, answer, 'env | grep -q "^$1="', name)


def test_a_variable_that_the_profile_passes_is_to_be_set_outside_and_nowhere_else(world):
    answer = why(world, "ABSENT", kind="variable")
    assert answer.changes == ()
    assert "`export ABSENT=...`" in answer.reasons[0]
    world.env["ABSENT"] = "a value"
    assert why(world, "ABSENT", kind="variable").state == "passed"


def test_no_value_is_ever_told(world):
    world.env["PLAIN"] = world.env["PASSED"] = "a-value-of-mine"
    for name in ("PLAIN", "PASSED"):
        assert "a-value-of-mine" not in repr(why(world, name))


# --- what the words mean --------------------------------------------------------------------------------------------------


def test_a_word_is_what_it_looks_like(world):
    (world.project / "Makefile").write_text("")
    host = world.host
    found = {
        text: sort_of(text, host)
        for text in (
            "~/x",
            "./x",
            "/x",
            "src/a",
            "Makefile",
            "PATH",
            "PASSED",
            "FOO",
            "example.org",
            "localhost",
            "a.b:22",
            "https://x/y",
            "10.0.0.1",
            "..",
        )
    }
    assert found == {
        "~/x": "path", "./x": "path", "/x": "path", "src/a": "path", "Makefile": "path", "PATH": "variable", "PASSED": "variable",
        "FOO": "variable", "example.org": "host", "localhost": "host", "a.b:22": "host", "https://x/y": "host", "10.0.0.1": "host", "..": "path",
    }  # fmt: skip


def test_the_command_tells_it_as_text_and_as_json_and_hostile_names_are_escaped(world):
    def call(*words):
        return subprocess.run(
            [*INNER, "why", *words], cwd=world.project, capture_output=True, text=True, timeout=60,
            env={**os.environ, **world.env},
        )  # fmt: skip

    text = call("~/.ssh")
    assert text.returncode == 0 and 'allow = ["ssh-keys"]' in text.stdout and "inner run --allow ssh-keys" in text.stdout
    data = json.loads(call("~/.ssh", "--json").stdout)
    assert (data["schema"], data["kind"], data["data"]["state"]) == (1, "why", "absent")
    (world.place / "data" / "\x1b[31m").write_text("")
    assert "\x1b" not in call(f"{world.place}/data/\x1b[31m").stdout
    assert call("x", "--as", "colour").returncode == 2
    assert call("a-b", "--as", "variable").returncode == 2
    assert call("", "-p", "shell").returncode == 2
    assert call("x", "-p", "no-such-profile").returncode == 3
