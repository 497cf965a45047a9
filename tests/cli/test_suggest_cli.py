"""`inner profile suggest`: what a run was denied becomes lines of a profile; with them the same run gets what it asked for."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib

import pytest
from program import INNER

pytestmark = pytest.mark.box

MINE = """\
# my own, with care
schema_version = "1"
extends = "shell"   # the base

[sandbox]
# what I had before
home_allow = [
  "~/.inputrc",  # keys
]

[env]
set = { A = "1" }  # stays
"""


class Place:
    def __init__(self, folder):
        self.folder, self.home, self.project = folder, folder / "home", folder / "project"
        self.profiles = self.home / ".config/inner/profiles"
        for path in (self.home / ".ssh", self.project, folder / "data", self.profiles):
            path.mkdir(parents=True)
        self.profiles.parent.chmod(0o700)
        for path in (self.home / ".toolrc", self.home / ".inputrc", self.home / ".ssh/id_rsa", folder / "data/set"):
            path.write_text("content\n")
        self.env = {**os.environ, "HOME": str(self.home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}

    def inner(self, *words):
        return subprocess.run(
            [*INNER, *words], cwd=self.project, env=self.env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )

    def mine(self, text=MINE):
        path = self.profiles / "mine.toml"
        path.write_text(text)
        return path


@pytest.fixture
def place(tmp_path):
    os.umask(0o022)
    return Place(tmp_path)


def test_a_built_in_profile_gets_one_of_ones_own_on_top_and_the_run_succeeds_with_it(place):
    command = ("--", "cat", f"{place.home}/.toolrc", f"{place.folder}/data/set")
    assert place.inner("run", "--trace", *command).returncode == 1
    shown = place.inner("profile", "suggest")
    assert shown.returncode == 0
    assert [line for line in shown.stdout.splitlines() if line.startswith("+")] == [
        "+++ ~/.config/inner/profiles/my-shell.toml",
        '+schema_version = "1"',
        '+name = "my-shell"',
        '+extends = "shell"',
        "+",
        "+[mounts]",
        f'+"{place.folder}/data/set" = "ro"',
        "+",
        "+[sandbox]",
        '+home_allow = ["~/.toolrc"]',
    ]
    assert not list(place.profiles.iterdir())  # only shown
    done = place.inner("profile", "suggest", "--apply")
    assert (done.returncode, "made: `~/.config/inner/profiles/my-shell.toml`" in done.stderr) == (0, True)
    again = place.inner("run", "--trace", "-p", "my-shell", *command)
    assert (again.returncode, again.stdout) == (0, "content\ncontent\n")
    assert place.inner("profile", "suggest", "--apply").returncode == 0  # nothing left to suggest
    assert sorted(path.name for path in place.profiles.iterdir()) == ["my-shell.toml"]


def test_a_profile_of_ones_own_is_edited_with_its_comments_and_what_was_there_is_kept(place):
    path = place.mine()
    command = ("run", "--trace", "-p", "mine", "--", "cat", f"{place.home}/.toolrc", f"{place.folder}/data/set")
    assert place.inner(*command).returncode == 1
    done = place.inner("profile", "suggest", "--apply")
    assert done.returncode == 0, done.stderr
    assert path.read_text() == MINE.replace("# keys\n]", '# keys\n  "~/.toolrc",\n]') + (
        f'\n[mounts]\n"{place.folder}/data/set" = "ro"\n'
    )
    assert (place.profiles / "mine.toml.before").read_text() == MINE
    assert "what was there is in `~/.config/inner/profiles/mine.toml.before`" in done.stderr
    assert place.inner(*command).returncode == 0


def test_denied_hosts_are_in_it_also_of_a_run_that_was_not_traced(place):
    script = "import socket; socket.create_connection(('denied.test', 8080), 5)"
    place.inner("run", "--allow-host", "ok.test", "--", "/usr/bin/python3", "-c", script)
    data = json.loads(place.inner("profile", "suggest", "--json").stdout)
    assert (data["schema"], data["kind"]) == (1, "suggestion")
    assert data["data"]["values"]["sandbox"]["network_mode"] == "allowlist"
    assert data["data"]["values"]["sandbox"]["network_allow"][0].startswith("denied.test")


def test_what_is_guarded_is_never_in_it_and_named_with_the_line_that_grants_it(place):
    place.inner("run", "--trace", "--", "sh", "-c", "cat ~/.ssh/id_rsa ~/.toolrc")
    done = place.inner("profile", "suggest", "--apply")
    assert f"not in it: {place.home}/.ssh/id_rsa: it is guarded" in done.stderr
    assert '`allow = ["ssh-keys"]` under `[sandbox]` grants it' in done.stderr
    written = tomllib.loads((place.profiles / "my-shell.toml").read_text())
    assert written["sandbox"] == {"home_allow": ["~/.toolrc"]}


def test_a_socket_is_not_in_it(place):
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{place.folder}/s")
        server.listen()
        script = f"import socket; socket.socket(socket.AF_UNIX).connect('{place.folder}/s')"
        place.inner("run", "--trace", "--", "/usr/bin/python3", "-c", script)
        done = place.inner("profile", "suggest")
    assert done.stdout == ""
    assert "a socket or a device, behind which is somebody else" in done.stderr


def test_what_cannot_be_edited_is_refused_with_the_line_and_the_file_stays(place):
    text = 'schema_version = "1"\nextends = "shell"\nsandbox.home_allow = ["~/.inputrc"]\n'
    path = place.mine(text.replace('["~/.inputrc"]', '{ add = ["~/.inputrc"] }'))
    before = path.read_bytes()
    place.inner("run", "--trace", "-p", "mine", "--", "cat", f"{place.home}/.toolrc")
    done = place.inner("profile", "suggest", "--apply")
    assert done.returncode == 3
    assert 'hint: write it there: `home_allow = ["~/.toolrc"]`' in done.stderr
    assert path.read_bytes() == before


def test_a_profile_of_that_name_is_not_replaced(place):
    (place.profiles / "my-shell.toml").write_text('schema_version = "1"\nextends = "shell"\n')
    place.inner("run", "--trace", "--", "cat", f"{place.home}/.toolrc")
    done = place.inner("profile", "suggest", "--apply")
    assert done.returncode == 1 and "you have a profile `my-shell`" in done.stderr
    assert place.inner("profile", "suggest", "--apply", "--name", "other").returncode == 0
    assert (place.profiles / "other.toml").exists()
    assert place.inner("profile", "suggest", "--name", "../x").returncode == 2


def test_a_run_without_denials_and_one_that_is_not_known(place):
    place.inner("run", "--", "true")
    done = place.inner("profile", "suggest")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing that run" in done.stderr
    assert "known with `inner run --trace`" in done.stderr
    assert place.inner("profile", "suggest", "nosuch").returncode == 2


def test_a_projects_profile_is_shown_and_not_written(place):
    (place.project / ".inner.toml").write_text('[profiles.dev]\nextends = "shell"\n')
    assert place.inner("trust", "--yes").returncode == 0
    place.inner("run", "--trace", "-p", "dev", "--", "cat", f"{place.home}/.toolrc")
    before = (place.project / ".inner.toml").read_bytes()
    shown = place.inner("profile", "suggest")
    assert '+home_allow = ["~/.toolrc"]' in shown.stdout
    done = place.inner("profile", "suggest", "--apply")
    assert done.returncode == 1 and "the project's" in done.stderr
    assert (place.project / ".inner.toml").read_bytes() == before


def test_names_out_of_the_box_are_escaped(place):
    name = f"{place.folder}/data/\x1b[31mred"
    open(name, "w").close()
    done = place.inner("run", "--trace", "--", "cat", name)
    assert "\x1b" not in done.stderr.partition("missed")[2]
    for words in (("profile", "suggest"), ("log", "show"), ("log", "show", "--json")):
        done = place.inner(*words)
        assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr
