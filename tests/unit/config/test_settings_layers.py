"""inner's own configuration: which layer wins, what each value's origin is, and what a project may not set."""

from __future__ import annotations

import pytest
from configured import Machine

from inner.errors import ConfigError
from inner.settings import ALIASES, VARIABLES, SettingsFile

KEYS = {
    "default_profile": ('"s"', '"u"', '"p"', "e"),
    "log_dir": ('"/s"', '"/u"', '"/p"', "/e"),
    "workspaces_path": ('"/s"', '"/u"', '"/p"', "/e"),
    "keep_runs": ("1", "2", "3", "4"),
    "default_limits.memory": ('"1G"', '"2G"', '"3G"', "4G"),
    "default_limits.cpu": ("1", "2", '"300%"', "4"),
    "default_limits.pids": ("1", "2", "3", "4"),
}


def value(found: object, key: str) -> object:
    for part in key.split("."):
        found = getattr(found, part)
    return found


def toml(key: str, text: str) -> str:
    table, _, name = key.rpartition(".")
    return f"[{table}]\n{name} = {text}\n" if table else f"{name} = {text}\n"


def test_every_setting_is_listed_here() -> None:
    fields = {name for name in SettingsFile.model_fields if name not in ("default_limits", "aliases")}
    assert fields | {f"default_limits.{name}" for name in ("memory", "cpu", "pids")} == set(KEYS) == set(VARIABLES.values())


@pytest.mark.parametrize("key", KEYS)
def test_defaults_yield_to_system_user_project_environment_and_flags(machine: Machine, key: str) -> None:
    variable = next(name for name, what in VARIABLES.items() if what == key)
    system, user, project, environment = KEYS[key]
    default = value(machine.settings(), key)
    assert str(machine.settings().origin(key)) == "inner"
    seen = [default]

    def now(origin: str) -> None:
        found = machine.settings()
        assert machine.short(str(found.origin(key))) == origin
        assert value(found, key) not in seen, "each layer says something of its own"
        seen.append(value(found, key))

    line = 2 if "." in key else 1
    machine.put(machine.system / "config.toml", toml(key, system))
    now(f"/etc/config.toml:{line}")
    machine.put(machine.home / ".config/inner/config.toml", toml(key, user))
    now(f"/home/.config/inner/config.toml:{line}")
    machine.trust(machine.inner_toml(toml(key, project)))
    now(f"/src/project/.inner.toml:{line}")
    machine.env[variable] = environment
    now(variable)
    if "." not in key:
        found = machine.settings(flags={key: "flag"} if key != "keep_runs" else {key: 99})
        assert found.origin(key).source == "flag"
        assert value(found, key) in ("flag", 99)


@pytest.mark.parametrize("key", KEYS)
def test_a_project_that_is_not_trusted_sets_nothing_but_lower_limits(machine: Machine, key: str) -> None:
    machine.put(machine.home / ".config/inner/config.toml", toml(key, KEYS[key][1]))
    before = value(machine.settings(), key)
    path = machine.inner_toml(toml(key, KEYS[key][2]))  # higher than the user's
    found = machine.settings()
    assert value(found, key) == before
    where = f"{path}:{2 if '.' in key else 1}"
    assert found.notices == (f"`{key}` is not taken: {where} is not trusted (read it, then `inner trust`)",)
    machine.inner_toml(toml(key, KEYS[key][0]))  # lower than the user's
    found = machine.settings()
    assert (value(found, key) != before) is key.startswith("default_limits.")
    assert bool(found.notices) is not key.startswith("default_limits.")


def test_a_project_that_is_not_trusted_cannot_fill_the_screen(machine: Machine) -> None:
    machine.inner_toml("[aliases]\n" + "".join(f'a{n} = "ps"\n' for n in range(300)))
    notices = machine.settings().notices
    assert (len(notices), notices[-1]) == (11, "and 290 more keys are not taken")


@pytest.mark.parametrize(("name", "least", "more"), [("memory", '"512M"', '"513M"'), ("cpu", "1", "1.1"), ("pids", "512", "513")])
def test_where_the_user_says_nothing_a_limit_is_lower_than_what_any_host_gives(
    machine: Machine, name: str, least: str, more: str
) -> None:
    machine.inner_toml(f"[default_limits]\n{name} = {least}\n")
    assert value(machine.settings(), f"default_limits.{name}") is not None
    machine.inner_toml(f"[default_limits]\n{name} = {more}\n")
    assert value(machine.settings(), f"default_limits.{name}") is None


def test_the_file_named_inner_toml_wins_over_the_go_tools(machine: Machine) -> None:
    machine.trust(machine.inner_toml("keep_runs = 1\n"))
    machine.trust(machine.put(machine.project / ".config/inner.toml", "keep_runs = 2\nlog_dir = '/x'\n"))
    found = machine.settings()
    assert (found.keep_runs, found.log_dir) == (1, "/x")
    assert [document.file.rpartition("project/")[2] for document in found.documents] == [".inner.toml", ".config/inner.toml"]


def test_without_the_project_nothing_of_it_is_read(machine: Machine) -> None:
    machine.put(machine.project / ".inner.toml", "not toml")
    with pytest.raises(ConfigError):
        machine.settings()
    assert machine.settings(no_project=True).documents == ()


def test_aliases_of_all_layers_unite(machine: Machine) -> None:
    machine.put(machine.system / "config.toml", '[aliases]\na = "version"\nb = "version"\n')
    machine.put(machine.home / ".config/inner/config.toml", '[aliases]\nb = "doctor"\nclaude = "run"\n')
    found = machine.settings()
    assert found.aliases == {**ALIASES, "a": "version", "b": "doctor", "claude": "run"}
    assert [found.origin(f"aliases.{name}").source for name in ("a", "b", "claude", "codex")] == [
        "system",
        "user",
        "user",
        "built-in",
    ]


def test_a_profile_by_path_is_relative_to_the_file_that_names_it(machine: Machine) -> None:
    machine.put(machine.home / ".config/inner/config.toml", 'default_profile = "./x.toml"\n')
    assert machine.settings().default_profile == f"{machine.home}/.config/inner/x.toml"
    machine.trust(machine.inner_toml('default_profile = "tools/x.toml"\n'))
    assert machine.settings().default_profile == f"{machine.project}/tools/x.toml"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("keep_run = 1", "unknown key `keep_run`", "did you mean `keep_runs`?"),
        ('keep_runs = "1"', "`keep_runs` must be a whole number", ""),
        ("keep_runs = -1", "`keep_runs` must not be negative", ""),
        ('default_profile = ""', "`default_profile` must not be empty", ""),
        ('log_dir = "a\\u0000b"', "`log_dir` holds a NUL byte, which no path or argument can have", ""),
        ('[default_limits]\nmemory = "4X"', "`default_limits.memory` is not an amount of memory", "for instance `4G` or `512M`"),
        ("[default_limits]\nmemroy = 1", "unknown key `default_limits.memroy`", "did you mean `memory`?"),
        ('[aliases]\n"a b" = "x"', "`aliases.a b` is not a name for an alias", "letters, digits, `.`, `_` and `-`"),
        ('[aliases]\n"-x" = "y"', "`aliases.-x` is not a name for an alias", "letters, digits, `.`, `_` and `-`"),
        ("[aliases]\na = 1", "`aliases.a` must be a string, in quotes", ""),
        ("[profiles.x]\n", "unknown key `profiles`", "did you mean `default_profile`?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(machine: Machine, text: str, message: str, hint: str) -> None:
    path = machine.put(machine.home / ".config/inner/config.toml", f"# first\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        machine.settings()
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.where == f"{path}:{3 if text.startswith('[') and 'profiles' not in text else 2}"


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("INNER_KEEP_RUNS", "many", "the value of `INNER_KEEP_RUNS` is not a number of runs"),
        ("INNER_KEEP_RUNS", "-1", "the value of `INNER_KEEP_RUNS` is not a number of runs"),
        ("INNER_LIMIT_MEMORY", "4X", "the value of `INNER_LIMIT_MEMORY` is not an amount of memory"),
        ("INNER_LIMIT_CPU", "x", "the value of `INNER_LIMIT_CPU` is not an amount of processor time"),
        ("INNER_LIMIT_PIDS", "1.5", "the value of `INNER_LIMIT_PIDS` is not a number of processes"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(machine: Machine, variable: str, text: str, message: str) -> None:
    machine.env[variable] = text
    with pytest.raises(ConfigError) as caught:
        machine.settings()
    assert (caught.value.message, caught.value.where) == (message, "environment")


def test_no_other_variable_is_read(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNER_KEEP_RUNS", "7")
    monkeypatch.setenv("KEEP_RUNS", "8")
    monkeypatch.setenv("default_profile", "x")
    machine.env["DEFAULT_PROFILE"] = "x"
    machine.env["INNER_KEEP_RUNS"] = ""
    assert machine.settings() == machine.settings()
    assert (machine.settings().keep_runs, machine.settings().default_profile) == (100, "shell")


@pytest.mark.parametrize("folder", [".config/inner", ".config/inner/profiles"])
def test_a_folder_of_the_users_that_others_can_write_to_is_refused_with_the_remedy(machine: Machine, folder: str) -> None:
    path = machine.home / folder
    path.mkdir(parents=True)
    path.chmod(0o777)
    with pytest.raises(ConfigError) as caught:
        machine.resolve()
    assert caught.value.message == "other users may write to this folder, and configuration is read from it"
    assert (caught.value.where, caught.value.hint) == (str(path), f"`chmod go-w {path}`, or `chown` when it is not yours")
    path.chmod(0o755)
    machine.resolve()
