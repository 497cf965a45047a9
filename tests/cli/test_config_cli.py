"""`inner config` and aliases: every word of them."""

from __future__ import annotations

import json
import re

import pytest
from configured import Done, Machine
from edited import editor

from inner.cli import command_names

CONFIG = """\
# My settings.
default_profile = "node-22"   # for work
workspaces_path = "~/work"

[default_limits]
memory = "2G"

[aliases]
t = "run -p shell --"
"""
BUILT_IN = "".join(
    f"aliases.{name:<14}  run -p {name}-interactive --{' ' * (10 - len(name))}  built-in\n"
    for name in ("aider", "claude", "codex", "cursor", "gemini", "opencode")
)


def put(machine: Machine, text: str = CONFIG):
    return machine.put(machine.home / ".config/inner/config.toml", text)


def test_show_says_what_set_each_value(machine: Machine) -> None:
    put(machine)
    machine.inner_toml('keep_runs = 7\n[default_limits]\nmemory = "1G"\npids = 64\n')
    machine.inner("trust", "--yes")
    done = machine.inner("config", "show", INNER_LIMIT_CPU="150%", INNER_KEEP_RUNS="9")
    rows = [tuple(re.split(r" {2,}", line)) for line in done.out.splitlines()]
    mine = "~/.config/inner/config.toml"
    assert rows[:8] == [
        ("setting", "value", "set by"),
        ("default_profile", "node-22", f"{mine}:2"),
        ("log_dir", "a folder of inner's own", "default"),
        ("workspaces_path", "~/work", f"{mine}:3"),
        ("keep_runs", "9", "INNER_KEEP_RUNS"),
        ("default_limits.memory", str(1 << 30), "PROJECT/.inner.toml:3"),
        ("default_limits.cpu", "1.5", "INNER_LIMIT_CPU"),
        ("default_limits.pids", "64", "PROJECT/.inner.toml:4"),
    ]
    assert ("aliases.t", "run -p shell --", f"{mine}:9") in rows
    assert ("aliases.claude", "run -p claude-interactive --", "built-in") in rows
    assert (done.status, done.err) == (0, "")
    found = json.loads(machine.inner("config", "show", "--json").out)["data"]
    assert found["default_profile"] == {"value": "node-22", "set_by": "HOME/.config/inner/config.toml:2"}


def test_show_says_what_a_project_asked_for_and_did_not_get(machine: Machine) -> None:
    machine.inner_toml('default_profile = "x"\n[default_limits]\nmemory = "1G"\npids = 64\n[aliases]\nclaude = "run -p x"\n')
    done = machine.inner("config", "show")
    assert done.err == "".join(
        f"inner: `{key}` is not taken: PROJECT/.inner.toml:{line} is not trusted (read it, then `inner trust`)\n"
        for key, line in (("default_profile", 1), ("default_limits.memory", 3), ("aliases.claude", 6))
    )
    assert re.search(r"(?m)^default_limits.pids +64 +PROJECT/.inner.toml:4$", done.out)
    assert re.search(r"(?m)^aliases.claude +run -p claude-interactive -- +built-in$", done.out)


def test_path_lists_the_files_in_the_order_in_which_they_are_read(machine: Machine) -> None:
    put(machine)
    machine.inner_toml("")
    machine.put(machine.project / ".config/inner.toml", "")
    done = machine.inner("config", "path")
    rows = [re.split(r" {2,}", line) for line in done.out.splitlines()]
    assert rows == [
        ["system", "/etc/inner/config.toml", "absent"],
        ["user", "HOME/.config/inner/config.toml", "exists"],
        ["project", "PROJECT/.config/inner.toml", "exists"],
        ["project", "PROJECT/.inner.toml", "exists"],
        ["profiles", "HOME/.config/inner/profiles", "absent"],
        ["state", "HOME/.local/state/inner", "absent"],
        ["cache", "HOME/.cache/inner", "absent"],
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("default_profile", "node-22"),
        ("default_limits.memory", str(2 << 30)),
        ("default_limits.cpu", ""),
        ("aliases.t", "run -p shell --"),
        ("log_dir", ""),
        ("keep_runs", "100"),
    ],
)
def test_get_prints_one_value(machine: Machine, key: str, value: str) -> None:
    put(machine)
    assert machine.inner("config", "get", key) == Done(0, value + "\n", "")


def test_get_of_what_is_none_says_what_was_meant(machine: Machine) -> None:
    assert machine.inner("config", "get", "default_profil") == Done(
        3, "", "error: there is no setting `default_profil`\nhint: did you mean `default_profile`?\n"
    )
    assert machine.inner("config", "get", "__class__") == Done(
        3, "", "error: there is no setting `__class__`\nhint: `inner config show` shows all of them\n"
    )


def test_edit_keeps_comments_and_everything_else(machine: Machine) -> None:
    path = put(machine)
    done = machine.inner("config", "edit", **editor(machine, 'sed -i s/2G/4G/ "$1"'))
    assert done == Done(0, "", "inner: saved: `~/.config/inner/config.toml`\n")
    assert path.read_text() == CONFIG.replace("2G", "4G")


def test_edit_begins_with_a_page_of_examples_that_are_valid(machine: Machine) -> None:
    path = machine.home / ".config/inner/config.toml"
    done = machine.inner("config", "edit", **editor(machine, "sed -i 's/^# \\([a-z_]* = \\)/\\1/' \"$1\""))
    assert done == Done(0, "", "inner: saved: `~/.config/inner/config.toml`\n")
    text = path.read_text()
    assert 'default_profile = "shell"\n' in text
    assert machine.inner("config", "get", "default_limits.memory").out == f"{4 << 30}\n"
    assert machine.inner("config", "get", "aliases.fix").out == "run -p claude-one-shot --arg\n"


def test_edit_refuses_what_is_not_valid_and_keeps_it(machine: Machine) -> None:
    path = put(machine)
    done = machine.inner("config", "edit", **editor(machine, 'sed -i s/default_profile/profile/ "$1"'))
    assert done.status == 1
    assert done.err.startswith("error: unknown key `profile`\n  --> HOME/.config/inner/config.toml:2\n")
    assert path.read_text() == CONFIG


@pytest.mark.parametrize("table", ["aliases", "default_limits"])
def test_a_key_that_ended_up_in_a_table_is_told_where_it_belongs(machine: Machine, table: str) -> None:
    """As it does when it is appended to the file."""
    put(machine, f"[{table}]\nkeep_runs = 5\n")
    done = machine.inner("config", "show")
    assert (done.status, done.out) == (3, "")
    assert done.err.endswith("hint: `keep_runs` is a key of the whole file: write it above the first `[table]`\n")


def test_edit_of_a_project_makes_its_file_and_says_that_it_is_a_question(machine: Machine) -> None:
    done = machine.inner(
        "config", "edit", "--project", **editor(machine, "sed -i 's/^# \\([][a-z_.]*\\( = .*\\)\\?\\)$/\\1/' \"$1\"")
    )
    assert done == Done(
        0, "", "inner: saved: `PROJECT/.inner.toml`\ninner: a changed file is not trusted: `inner trust PROJECT/.inner.toml`\n"
    )
    assert machine.settings().default_profile == "shell"
    assert machine.resolve("dev").sandbox.mask == (".env",)


def test_edit_of_a_project_never_follows_a_link(machine: Machine) -> None:
    target = machine.put(machine.home / "precious.toml", "keep_runs = 1\n")
    (machine.project / ".inner.toml").symlink_to(target)
    done = machine.inner("config", "edit", "--project", **editor(machine, 'echo "keep_runs = 2" > "$1"'))
    assert done.err.startswith("error: a project's configuration may not be, or lie behind, a symbolic link\n")
    assert (done.status, target.read_text()) == (3, "keep_runs = 1\n")


def test_a_fault_in_the_settings_is_told_with_its_line_whatever_the_command(machine: Machine) -> None:
    put(machine, "keep_runs = -1\n")
    told = "error: `keep_runs` must not be negative\n  --> HOME/.config/inner/config.toml:1\n"
    assert machine.inner("config", "show") == Done(3, "", told)
    assert machine.inner("profile", "list") == Done(3, "", told)
    assert machine.inner("run", "--", "true") == Done(125, "", told)


# --- aliases --------------------------------------------------------------------------------------------------------------


def test_an_alias_becomes_its_words_and_takes_arguments(machine: Machine) -> None:
    put(machine, '[aliases]\nget = "config get"\nwords = \'config get "default_limits.cpu"\'\n')
    assert machine.inner("get", "keep_runs") == Done(0, "100\n", "")
    assert machine.inner("words") == Done(0, "\n", "")


@pytest.mark.parametrize("name", sorted(command_names()))
def test_an_alias_never_stands_for_a_built_in_command(machine: Machine, name: str) -> None:
    put(machine, f'[aliases]\n{name} = "config get keep_runs"\n')
    done = machine.inner(name, "--help")
    assert done.status == 0
    assert done.out.startswith(f"Usage: inner {name}")
    if name == "run":
        said = "inner: `aliases.run` is never used: `inner run` is a command of its own\n"
        assert machine.inner("config", "show").err == said


def test_aliases_are_one_level_deep(machine: Machine) -> None:
    put(machine, '[aliases]\na = "b"\nb = "config path"\n')
    assert machine.inner("a") == Done(
        3,
        "",
        'error: alias `a` does not begin with a command of inner\n  --> HOME/.config/inner/config.toml:2\nhint: for instance `"run -p shell --"`\n',
    )


def test_an_alias_with_an_open_quote_says_so(machine: Machine) -> None:
    put(machine, '[aliases]\na = "run -- \'x"\n')
    told = "error: alias `a` has a quote that is not closed\n  --> HOME/.config/inner/config.toml:2\n"
    assert machine.inner("a") == Done(3, "", told)


def test_an_alias_knows_the_workspaces(machine: Machine) -> None:
    put(machine, 'workspaces_path = "/w s"\n[aliases]\na = "run --dry-run -e X=${workspaces_path}/x -- true"\n')
    assert "--setenv X '/w s/x'" in machine.inner("a").out
    put(machine, '[aliases]\na = "run -w ${workspaces_path}"\n')
    told = 'error: alias `a` speaks of `${workspaces_path}`, which is not set\n  --> HOME/.config/inner/config.toml:2\nhint: set `workspaces_path = "~/work"`\n'
    assert machine.inner("a") == Done(3, "", told)


def test_a_project_that_is_not_trusted_has_no_aliases(machine: Machine) -> None:
    machine.inner_toml('[aliases]\nbuild = "config get keep_runs"\nclaude = "config get keep_runs"\n')
    said = "`aliases.build` is not taken: PROJECT/.inner.toml:2 is not trusted (read it, then `inner trust`)"
    assert machine.inner("build") == Done(2, "", f"error: {said}\n")
    assert machine.inner("biuld").err.startswith("error: `biuld` is no command of `inner`")
    assert machine.inner("claude").out != "100\n"
    machine.inner("trust", "--yes")
    assert machine.inner("build") == Done(0, "100\n", "")


@pytest.mark.parametrize("agent", ["claude", "aider", "gemini", "codex", "opencode"])
def test_each_agent_starts_by_its_name_in_the_project_here(machine: Machine, agent: str) -> None:
    program = machine.put(machine.home / "bin" / agent, "#!/bin/sh\n")
    program.chmod(0o755)
    done = machine.inner(agent, "--continue", "a b", PATH=f"{program.parent}:/usr/bin:/bin")
    plain = machine.inner(
        "run", "--dry-run", "-p", f"{agent}-interactive", "--", "--continue", "a b", PATH=f"{program.parent}:/usr/bin:/bin"
    )
    words = re.search(r"(?m)^command +(.*)$", plain.out)
    assert words, plain.err
    assert words[1].startswith(f"{agent} ")
    assert words[1].endswith(" --continue 'a b'")
    assert machine.inner("config", "get", f"aliases.{agent}").out == f"run -p {agent}-interactive --\n"
    assert "is no command" not in done.err


def test_the_users_alias_takes_the_place_of_the_built_in_one(machine: Machine) -> None:
    put(machine, '[aliases]\nclaude = "config get keep_runs"\n')
    assert machine.inner("claude") == Done(0, "100\n", "")
    assert machine.inner("config", "get", "aliases.codex").out == "run -p codex-interactive --\n"
