"""`inner profile`: list, show, validate, new, clone, diff, schema; every word of them."""

from __future__ import annotations

import json
import re

from configured import Done, Machine
from edited import COMMENTED, user

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


def test_the_list_says_that_the_default_is_none_of_them(machine: Machine) -> None:
    machine.put(machine.home / ".config/inner/config.toml", 'default_profile = "mine"\n')
    done = machine.inner("profile", "list")
    assert (done.status, done.err) == (0, "inner: the default is `mine` (~/.config/inner/config.toml:1), which is none of them\n")
    machine.write("user", "mine", "")
    assert machine.inner("profile", "list").err == ""


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
