"""`inner profile`: list, show, validate, new, edit, clone, diff, explain, schema; every word of them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from configured import Done, Machine

from inner.errors import CheckFailed

COMMENTED = """\
# Mine.
schema_version = "1"
name = "mine"  # the name
extends = "shell"

[sandbox]
# why npm
allow = ["npmrc"]
"""


def editor(machine: Machine, script: str) -> dict[str, str]:
    """$EDITOR as a shell script; the draft is "$1"."""
    path = machine.root / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"EDITOR": str(path)}


def user(machine: Machine, name: str) -> Path:
    return machine.home / f".config/inner/profiles/{name}.toml"


# --- list, show, validate -------------------------------------------------------------------------------------------------


def test_the_list_says_where_each_comes_from_and_what_is_wrong_with_it(machine: Machine) -> None:
    machine.write("user", "mine", 'description = "Mine"\n')
    machine.write("user", "broken", "x =\n")
    machine.write("project", "mine", 'description = "Theirs \\u001b[2J"\nexperimental = true\n')
    machine.inner_toml('default_profile = "mine"\n[profiles.inline]\ndescription = "In the settings"\n')
    machine.inner("trust", "--yes", ".inner.toml")
    done = machine.inner("profile", "list")
    rows = [line for line in done.out.splitlines() if re.match(r"[* ] +(broken|mine|inline|shell) ", line)]
    assert [re.sub(r" {2,}", "  ", row) for row in rows] == [
        "  broken  user  [broken: this is not TOML: invalid value]",
        "  inline  project  In the settings",
        "*  mine  project  [experimental] [not trusted] Theirs \\x1b[2J",
        "  mine  user  [shadowed] Mine",
        "  shell  built-in  A shell in the project, without network",
    ]
    mend = "inner: 1 cannot be used: `inner profile validate broken` says where and what mends it\n"
    assert (done.status, done.err) == (0, mend)
    wide = machine.inner("profile", "list", "--wide").out
    assert "PROJECT/.inner/profiles/mine.toml" in wide
    assert "~/.config/inner/profiles/mine.toml" in wide.replace("HOME", "~")
    found = json.loads(machine.inner("profile", "list", "--json").out)
    assert [one["scope"] for one in found["data"] if one["name"] == "mine"] == ["project", "user"]


def test_show_prints_the_file_with_its_control_characters_escaped(machine: Machine) -> None:
    path = machine.write("user", "mine", 'description = "a\u202eb"\t# tab\n')
    done = machine.inner("profile", "show", "mine")
    assert done == Done(0, '# ~/.config/inner/profiles/mine.toml\nschema_version = "1"\ndescription = "a\\u202eb" # tab\n', "")
    assert machine.inner("profile", "show", str(path)) == done


def test_show_prints_a_broken_file_and_no_file_behind_a_projects_link(machine: Machine) -> None:
    machine.write("user", "broken", "x = [\n")
    assert machine.inner("profile", "show", "broken") == Done(
        0, '# ~/.config/inner/profiles/broken.toml\nschema_version = "1"\nx = [\n', ""
    )
    secret = machine.put(machine.home / "secret", "hunter2\n")
    folder = machine.project / ".inner/profiles"
    folder.mkdir(parents=True)
    (folder / "theirs.toml").symlink_to(secret)
    for command in (
        ("profile", "show", "theirs"),
        ("profile", "show", "theirs", "--resolved"),
        ("profile", "list"),
        ("profile", "edit", "theirs"),
        ("trust",),
    ):
        done = machine.inner(*command, EDITOR="cat")
        assert "hunter2" not in done.out + done.err
        assert "may not be, or lie behind, a symbolic link" in done.out + done.err


def test_show_resolved_says_which_line_set_each_value(machine: Machine) -> None:
    machine.write("user", "mine", 'extends = "shell"\n[sandbox]\nallow = ["npmrc", "netrc"]\n[mounts]\n"~/x" = "rw"\n')
    done = machine.inner("profile", "show", "mine", "--resolved")
    rows = [re.sub(r" {2,}", "  ", line) for line in done.out.splitlines()]
    assert rows[:3] == ["# profile mine", rows[1], "# layer: user ~/.config/inner/profiles/mine.toml"]
    assert "sandbox.allow  npmrc  ~/.config/inner/profiles/mine.toml:4" in rows
    assert "mounts.~/x  rw  ~/.config/inner/profiles/mine.toml:6" in rows
    assert "sandbox.root  minimal" in rows


def test_validate_finds_the_line_and_ends_with_status_1(machine: Machine) -> None:
    machine.write("user", "good", "")
    machine.write("user", "bad", '[sandbox]\nmaks = [".env"]\n')
    assert machine.inner("profile", "validate", "good") == Done(0, "ok  good\n", "")
    told = "error: unknown key `sandbox.maks`\n  --> HOME/.config/inner/profiles/bad.toml:3\nhint: did you mean `mask`?\n"
    done = machine.inner("profile", "validate", "bad")
    assert done == Done(1, "", told + "error: the profile cannot be used\nhint: mend the line named above\n")
    done = machine.inner("profile", "validate", "--all")
    assert done.status == 1
    assert done.err.startswith(told)
    assert "ok  shell\n" in done.out
    assert re.search(r"error: 1 of \d+ profiles cannot be used\n", done.err)


def test_a_name_that_does_not_exist_is_answered_with_one_that_does(machine: Machine) -> None:
    done = machine.inner("profile", "show", "shel")
    assert done == Done(
        3, "", "error: profile `shel` does not exist\nhint: did you mean `shell`? `inner profile list` shows all profiles\n"
    )


def test_the_list_marks_what_can_be_read_and_not_be_used(machine: Machine) -> None:
    """An unknown key, a base that is not there, and what builds on one of them, even inner's own."""
    machine.write("user", "typo", "[sandbox]\nmaks = []\n")
    machine.write("user", "alone", 'extends = "nowhere"\n')
    machine.write("user", "upon", 'extends = "typo"\n')
    done = machine.inner("profile", "list")
    marked = dict(re.findall(r"^[* ]  (\S+) .*\[broken: (.*)\]", done.out, re.MULTILINE))
    assert marked == {
        "alone": "profile `alone` extends `nowhere`, which does not exist",
        "typo": "unknown key `sandbox.maks`",
        "upon": "unknown key `sandbox.maks`",
    }
    assert done.err == "inner: 3 cannot be used: `inner profile validate --all` says where and what mends it\n"
    problems = {
        one["name"]: one["problem"]
        for one in json.loads(machine.inner("profile", "list", "--json").out)["data"]
        if one["problem"]
    }
    assert problems == marked


def test_all_are_validated_by_what_they_are_called_and_a_notice_is_told_once(machine: Machine) -> None:
    """A profile in the project's settings has no file of its own."""
    machine.inner_toml('[aliases]\nt = "run -- true"\n[profiles.inline]\nextends = "shell"\n')
    done = machine.inner("profile", "validate", "--all")
    assert done.status == 0
    assert "ok  inline\n" in done.out
    assert done.err.count("`aliases.t` is not taken") == 1


# --- new, clone -----------------------------------------------------------------------------------------------------------


def test_new_makes_a_profile_that_is_valid_and_never_replaces_one(machine: Machine) -> None:
    done = machine.inner("profile", "new", "mine", "--extends", "node-22", "--description", 'My "own" \\ one')
    assert done == Done(0, "", "inner: made: `~/.config/inner/profiles/mine.toml`; `inner profile edit mine` opens it\n")
    assert machine.inner("profile", "validate", "mine").status == 0
    found = machine.resolve("mine")
    assert (found.name, found.description, found.sandbox.network_allow) == ("mine", 'My "own" \\ one', ("@npm",))
    assert user(machine, "mine").stat().st_mode & 0o777 == 0o644
    assert user(machine, "mine").parent.stat().st_mode & 0o777 == 0o700
    before = user(machine, "mine").read_bytes()
    done = machine.inner("profile", "new", "mine")
    assert done == Done(
        1,
        "",
        "error: you have a profile `mine`\n  --> HOME/.config/inner/profiles/mine.toml\nhint: `inner profile edit mine`, or another name\n",
    )
    assert user(machine, "mine").read_bytes() == before
    assert [path.name for path in user(machine, "mine").parent.iterdir()] == ["mine.toml"]


def test_new_refuses_a_base_that_is_not_there_and_a_name_that_is_none(machine: Machine) -> None:
    assert machine.inner("profile", "new", "mine", "--extends", "shel").err.startswith("error: profile `shel` does not exist\n")
    done = machine.inner("profile", "new", "../x")
    assert done == Done(2, "", "error: `../x` is no name for a profile\nhint: lower-case letters, digits, `.`, `_` and `-`\n")
    done = machine.inner("profile", "new", "shell")
    told = "error: it would hide the built-in profile `shell`, also from profiles that extend it\nhint: another name, such as `my-shell`\n"
    assert done == Done(1, "", told)
    assert not (machine.home / ".config/inner").exists()


def test_every_line_of_the_template_that_is_commented_out_is_valid(machine: Machine) -> None:
    machine.inner("profile", "new", "mine")
    text = user(machine, "mine").read_text()
    machine.write(
        "user", "all", re.sub(r"(?m)^# (?=[a-z\"])", "", text.partition("\n")[2]).replace('name = "mine"', 'name = "all"')
    )
    assert machine.inner("profile", "validate", "all") == Done(0, "ok  all\n", "")


def test_clone_keeps_the_comments_and_changes_the_name(machine: Machine) -> None:
    machine.put(user(machine, "mine"), COMMENTED)
    done = machine.inner("profile", "clone", "mine", "yours")
    told = "inner: made: `~/.config/inner/profiles/yours.toml`, a copy of `~/.config/inner/profiles/mine.toml`\n"
    assert done == Done(0, "", told)
    assert user(machine, "yours").read_text() == COMMENTED.replace('name = "mine"  # the name', 'name = "yours"  # the name')


def test_clone_makes_a_relative_base_absolute(machine: Machine) -> None:
    base = machine.put(machine.home / "team/base.toml", 'schema_version = "1"\n[sandbox]\nclipboard = true\n')
    machine.put(machine.home / "team/top.toml", 'schema_version = "1"\nextends = "./base.toml"\n')
    assert machine.inner("profile", "clone", str(base.parent / "top.toml"), "copy").status == 0
    assert user(machine, "copy").read_text() == f'schema_version = "1"\nextends = "{base}"\n'
    assert machine.resolve("copy").sandbox.clipboard is True


def test_a_profile_that_is_not_trusted_is_not_copied_to_be(machine: Machine) -> None:
    machine.write("project", "theirs", "[sandbox]\nclipboard = true\n")
    done = machine.inner("profile", "clone", "theirs", "mine")
    told = "error: profile `theirs` is not trusted, and a copy of yours would be\n  --> PROJECT/.inner/profiles/theirs.toml\nhint: `inner profile trust theirs` first\n"
    assert done == Done(3, "", told)
    assert not user(machine, "mine").exists()
    machine.inner("profile", "trust", "theirs", "--yes")
    assert machine.inner("profile", "clone", "theirs", "mine").status == 0


# --- edit -----------------------------------------------------------------------------------------------------------------


def test_edit_saves_what_is_valid_and_leaves_nothing_behind(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    path.chmod(0o600)
    done = machine.inner("profile", "edit", "mine", **editor(machine, 'sed -i s/npmrc/netrc/ "$1"'))
    assert done == Done(0, "", "inner: saved: `~/.config/inner/profiles/mine.toml`\n")
    assert path.read_text() == COMMENTED.replace("npmrc", "netrc")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list((machine.home / ".local/state/inner/drafts").iterdir()) == []
    assert [one.name for one in path.parent.iterdir()] == ["mine.toml"]


def test_edit_without_a_change_writes_nothing(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    before = path.stat().st_ino, path.stat().st_mtime_ns
    done = machine.inner("profile", "edit", "mine", **editor(machine, "true"))
    assert done == Done(0, "", "inner: nothing was changed: `~/.config/inner/profiles/mine.toml`\n")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before


def test_what_is_not_valid_is_not_saved_and_not_lost(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    done = machine.inner("profile", "edit", "mine", **editor(machine, "echo 'sandbocks = 1' >> \"$1\""))
    assert done.status == 1
    told = re.match(
        r"error: unknown key `sandbox.sandbocks`\n  --> HOME/.config/inner/profiles/mine.toml:9\nhint: keys here: .*\n"
        r"error: the file is as it was before\nhint: what you wrote is kept in `(\S+)`\n$",
        done.err,
    )
    assert told, done.err
    assert Path(told[1].replace("HOME", str(machine.home))).read_text() == COMMENTED + "sandbocks = 1\n"
    assert path.read_text() == COMMENTED


def test_at_a_terminal_one_can_edit_again(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    env = editor(
        machine,
        f'if [ -e {machine.root}/once ]; then sed -i s/nmprc/netrc/ "$1"; else touch {machine.root}/once; sed -i s/npmrc/nmprc/ "$1"; fi',
    )
    done = machine.asked("profile", "edit", "mine", answer="y\n", **env)
    assert "`sandbox.allow`: `nmprc` is nothing that can be allowed" in done.out
    assert done.out.endswith("Edit again? [y/N] y\ninner: saved: `~/.config/inner/profiles/mine.toml`\n")
    assert (done.status, path.read_text()) == (0, COMMENTED.replace("npmrc", "netrc"))


def test_an_editor_that_fails_changes_nothing(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    done = machine.inner("profile", "edit", "mine", **editor(machine, 'echo x > "$1"; exit 3'))
    assert done.status == 1
    assert done.err.startswith(
        "error: the editor ended with status 3: nothing was changed\n  --> ROOT/editor\nhint: the draft is kept in `"
    )
    assert path.read_text() == COMMENTED


def test_a_change_made_meanwhile_is_not_overwritten(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    done = machine.inner("profile", "edit", "mine", **editor(machine, f'echo "# theirs" >> {path}; echo "# mine" >> "$1"'))
    assert done.status == 3
    assert done.err.startswith(
        "error: the file was changed meanwhile, and is left as it is now\n  --> HOME/.config/inner/profiles/mine.toml\nhint: what you wrote is kept in `"
    )
    assert path.read_text() == COMMENTED + "# theirs\n"


def test_visual_comes_before_editor_and_both_are_split_as_words(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    env = editor(machine, "exit 9")
    assert machine.inner("profile", "edit", "mine", VISUAL="sed -i 's/why npm/why, npm/'", **env).status == 0
    assert "# why, npm\n" in path.read_text()


def test_an_editor_is_never_taken_from_the_working_directory(machine: Machine) -> None:
    machine.put(user(machine, "mine"), COMMENTED)
    trap = machine.put(machine.project / "vi", "#!/bin/sh\ntouch trapped\n")
    trap.chmod(0o755)
    for path in (".:/usr/bin:/bin", ":/usr/bin:/bin"):
        machine.inner("profile", "edit", "mine", EDITOR="vi -c q", PATH=path, TERM="dumb")
    done = machine.inner("profile", "edit", "mine", EDITOR="nothing-like-it", PATH=".:/usr/bin:/bin")
    assert done.err == "error: the editor `nothing-like-it` does not exist\n  --> $EDITOR\nhint: `export EDITOR=vi`\n"
    assert (done.status, (machine.project / "trapped").exists()) == (4, False)


def test_a_built_in_profile_is_copied_to_be_edited(machine: Machine) -> None:
    done = machine.inner("profile", "edit", "shell", **editor(machine, "exit 0"))
    told = "error: `shell` belongs to inner itself\n  --> BUILT-IN/shell.toml\nhint: `inner profile clone shell my-shell`, and edit that\n"
    assert done == Done(1, "", told)


def test_a_projects_profile_is_edited_where_it_is_and_is_a_new_question(machine: Machine) -> None:
    path = machine.write("project", "theirs", "")
    machine.inner("trust", "--yes")
    done = machine.inner("profile", "edit", "theirs", **editor(machine, 'echo "[sandbox]" >> "$1"; pwd; ls -A "$(dirname "$1")"'))
    assert done.err == (
        "inner: saved: `PROJECT/.inner/profiles/theirs.toml`\ninner: a changed file is not trusted: `inner trust PROJECT/.inner/profiles/theirs.toml`\n"
    )
    assert path.read_text() == 'schema_version = "1"\n[sandbox]\n'
    assert os.listdir(path.parent) == ["theirs.toml"]


def test_a_linked_profile_of_a_project_is_never_written_through(machine: Machine) -> None:
    target = machine.put(machine.home / "precious.toml", 'schema_version = "1"\n')
    folder = machine.project / ".inner/profiles"
    folder.mkdir(parents=True)
    (folder / "theirs.toml").symlink_to(target)
    done = machine.inner("profile", "edit", "theirs", **editor(machine, 'echo "# x" >> "$1"'))
    assert done.err.startswith("error: a project's configuration may not be, or lie behind, a symbolic link\n")
    assert (done.status, target.read_text()) == (3, 'schema_version = "1"\n')


# --- diff -----------------------------------------------------------------------------------------------------------------


def test_diff_says_what_each_side_has_and_which_line_says_so(machine: Machine) -> None:
    machine.write("user", "one", 'description = "x"\nextends = "shell"\n[sandbox]\nallow = ["npmrc"]\n')
    machine.write(
        "user", "two", 'extends = "shell"\n[sandbox]\nallow = ["npmrc"]\nnetwork_mode = "full"\n[mounts]\n"~/x" = "ro"\n'
    )
    done = machine.inner("profile", "diff", "one", "two")
    assert done == Done(
        0,
        "-  sandbox.network_mode  off   built-in shell.toml:N\n"
        "+  sandbox.network_mode  full  ~/.config/inner/profiles/two.toml:5\n"
        "-  mounts                []    default\n"
        "+  mounts.~/x            ro    ~/.config/inner/profiles/two.toml:7\n",
        "",
    )
    assert machine.inner("profile", "diff", "one", "one") == Done(0, "", "inner: the two describe the same box\n")
    found = json.loads(machine.inner("profile", "diff", "one", "two", "--json").out)["data"]
    assert [(one["side"], one["key"]) for one in found][:2] == [
        ("first", "sandbox.network_mode"),
        ("second", "sandbox.network_mode"),
    ]


# --- explain --------------------------------------------------------------------------------------------------------------

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


# --- schema ---------------------------------------------------------------------------------------------------------------


def test_the_schema_is_json_and_knows_every_table(machine: Machine) -> None:
    found = json.loads(machine.inner("profile", "schema").out)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(found["properties"]) >= {"schema_version", "sandbox", "mounts", "env", "credentials", "verify"}
    assert found["required"] == ["schema_version"]


def test_the_help_of_each_command_fits_and_names_its_arguments(machine: Machine) -> None:
    for name in ("list", "show", "validate", "new", "edit", "clone", "diff", "explain", "install", "trust", "schema"):
        done = machine.inner("profile", name, "--help")
        assert (done.status, done.err) == (0, "")
        assert all(len(line) <= 80 for line in done.out.splitlines()), name
