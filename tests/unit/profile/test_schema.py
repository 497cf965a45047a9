"""The text boundary: every fixture under `valid` and `go` loads; every one under `invalid` is refused for the rule it is named after."""

from __future__ import annotations

from pathlib import Path

import pytest

from inner.config.document import parse
from inner.errors import ConfigError
from inner.plan.hide import KEYS as HIDDEN
from inner.plan.hide import OTHER_KEYS
from inner.profile.keys import ALLOW, KEYS, name_of
from inner.profile.layer import Edit, Set
from inner.profile.merge import default
from inner.profile.model import Credential, CustomCheck, MountSpec
from inner.profile.schema import InlineProfile
from inner.profile.source import ALIASES, IGNORED, Source, source

FIXTURES = Path(__file__).parents[2] / "fixtures" / "profiles"

TOP = (
    "keys here: agent, agents, capabilities, credentials, description, entrypoint, env, experimental, extends, git, mounts, name, noop, "
    "output, sandbox, schema_version, verify, workspaces_path"
)

# fixture: (line, message, hint)
INVALID = {
    "agent-login-outside-home": (
        3,
        "`agent.x.logins[0].path` must be the path of a file below the home folder",
        "without `/` or `~/` in front, `.` and `..`",
    ),
    "agent-seed-absolute": (
        3,
        "`agent.x.seeds./etc/x` must be the path of a file below the home folder",
        "without `/` or `~/` in front, `.` and `..`",
    ),
    "agent-unknown-key": (3, "unknown key `agent.x.host`", "did you mean `hosts`?"),
    "unknown-login": (3, "`sandbox.login` cannot be `share`", "one of: off, copy, sync"),
    "args-edited": (3, "`entrypoint.args` is one command line", "`[...]` replaces it"),
    "check-without-command": (2, "`verify.custom.checks[0].cmd` is missing", ""),
    "command-with-path": (
        3,
        "`noop.block`: `/usr/bin/apt` is not the name of a command",
        "a name without a path, such as `apt-get`",
    ),
    "control-bytes-in-key": (2, "unknown key `a\\x1b]0;x\\x07b`", TOP),
    "cpu-text": (3, "`sandbox.limits.cpu` is not an amount of processor time", "for instance `1.5` (cores) or `150%`"),
    "credential-source": (
        3,
        "`credentials.a.source`: `A` is not a source",
        "`env:VAR`, `file:PATH`, `command:...` or `keyring:...`",
    ),
    "credential-without-hosts": (2, "`credentials.a.hosts` is missing", ""),
    "deny-list-remove": (
        3,
        "`noop.block` only grows: what a profile below forbids stays forbidden",
        "extend another profile, or none",
    ),
    "deny-list-set": (
        3,
        "`sandbox.mask` only grows: what a profile below forbids stays forbidden",
        "extend another profile, or none",
    ),
    "empty-mount-source": (3, "`mounts.` must not be empty", ""),
    "git-key-without-section": (3, "`git.overrides.default`: `default` is not a key of git", "for instance `push.default`"),
    "host-not-ascii": (
        3,
        "`sandbox.network_allow`: `exämple.org` is not a host",
        "for instance `example.org`, `example.org:22` or `*.example.org`",
    ),
    "host-with-space": (
        3,
        "`sandbox.network_allow`: `example.org example.com` is not a host",
        "for instance `example.org`, `example.org:22` or `*.example.org`",
    ),
    "key-twice": (3, "this is not TOML: cannot overwrite a value", "strings need quotes, lists `[...]`"),
    "list-edit-set-and-add": (
        3,
        "`env.passthrough` is a list, and lists are changed by `{ set = [...] }`, or by `{ add = [...], remove = [...] }`",
        "",
    ),
    "list-edit-unknown": (
        3,
        "`env.passthrough` is a list, and lists are changed by `{ set = [...] }`, or by `{ add = [...], remove = [...] }`",
        "",
    ),
    "list-not-list": (3, '`env.passthrough` must be a list of strings, such as `["one", "two"]`', ""),
    "list-of-numbers": (3, '`entrypoint.args` must be a list of strings, such as `["one", "two"]`', ""),
    "memory-too-small": (3, "`sandbox.limits.memory` is less than a megabyte", "for instance `4G` or `512M`"),
    "memory-unit": (3, "`sandbox.limits.memory` is not an amount of memory", "for instance `4G` or `512M`"),
    "no-schema-version": (0, "`schema_version` is missing", 'write `schema_version = "1"` first'),
    "not-toml": (2, "this is not TOML: expected ']' at the end of a table declaration", "strings need quotes, lists `[...]`"),
    "not-utf8": (2, "the file is not UTF-8 text", "save it as UTF-8"),
    "nul-in-argument": (3, "`entrypoint.args` holds a NUL byte, which no path or argument can have", ""),
    "nul-in-path": (3, "`mounts./a\\x00b` holds a NUL byte, which no path or argument can have", ""),
    "number-too-long": (0, "a number in this file is too long", ""),
    "other-schema-version": (1, "`schema_version` cannot be `2`", "one of: 1"),
    "pids-negative": (3, "`sandbox.limits.pids` is not a number of processes", "for instance `512`"),
    "schema-version-not-text": (1, "`schema_version` must be a string, in quotes", "one of: 1"),
    "switch-not-bool": (3, "`sandbox.clipboard` must be `true` or `false`", ""),
    "timeout-negative": (3, "`output.timeout_seconds` must not be negative", ""),
    "timeout-not-finite": (3, "`output.timeout_seconds` must be a finite number", ""),
    "too-deep": (2, "tables, lists or dotted keys are nested more than 16 deep", "no key of inner needs that"),
    "two-faults": (2, "unknown key `foo` (and 1 more fault in this file: line 4)", TOP),
    "unknown-allow-key": (5, "`sandbox.allow`: `ssh-key` is nothing that can be allowed", "did you mean `ssh-keys`?"),
    "unknown-check-key": (5, "unknown key `verify.custom.checks[1].sevrity`", "did you mean `severity`?"),
    "unknown-home": (3, "`sandbox.home` cannot be `tmpfs`", "one of: isolated, host-ro"),
    "unknown-limit": (3, "unknown key `sandbox.limits.memroy`", "did you mean `memory`?"),
    "unknown-mount-key": (3, "unknown key `mounts.~/x.made`", "did you mean `mode`?"),
    "unknown-mount-mode": (3, "`mounts.~/x.mode` cannot be `rx`", "one of: ro, rw, safe-rw, tmpfs, overlay"),
    "unknown-network-mode": (3, "`sandbox.network_mode` cannot be `allow-list`", "did you mean `allowlist`?"),
    "unknown-root": (3, "`sandbox.root` cannot be `host`", "did you mean `host-ro`?"),
    "unknown-sandbox-key": (4, "unknown key `sandbox.network_alow`", "did you mean `network_allow`?"),
    "unknown-severity": (5, "`verify.custom.checks[0].severity` cannot be `URGENT`", "one of: CRITICAL, HIGH, MEDIUM, LOW, INFO"),
    "unknown-table": (2, "unknown key `sandbocks`", "did you mean `sandbox`?"),
    "unknown-top-key": (2, "unknown key `describtion`", "did you mean `description`?"),
    "variable-name": (3, "`env.set.A B`: `A B` is not the name of a variable", "names are given one by one, without patterns"),
    "variable-not-text": (3, "`env.set.A` must be a string, in quotes", ""),
    "variable-pattern": (
        3,
        "`env.passthrough`: `LC_*` is not the name of a variable",
        "names are given one by one, without patterns",
    ),
}


def load(path: Path) -> Source:
    return source(parse(path.read_bytes(), file=str(path), source="user"))


def read(text: str, at: tuple[str, ...] = ()) -> Source:
    head = "" if at else 'schema_version = "1"\n'
    return source(parse((head + text).encode(), file="p.toml", source="user"), at)


@pytest.mark.parametrize("path", sorted((FIXTURES / "invalid").glob("*.toml")), ids=lambda p: p.stem)
def test_each_invalid_fixture_breaks_its_rule(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path)
    line, message, hint = INVALID[path.stem]
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.where == (f"{path}:{line}" if line else str(path))


def test_every_rule_has_its_fixture() -> None:
    assert {path.stem for path in (FIXTURES / "invalid").glob("*.toml")} == set(INVALID)


@pytest.mark.parametrize(
    "path", sorted([*(FIXTURES / "valid").glob("*.toml"), *(FIXTURES / "go").glob("*.toml")]), ids=lambda p: p.stem
)
def test_each_valid_fixture_loads(path: Path) -> None:
    load(path)


def schema_leaves(model: type = InlineProfile, prefix: str = "") -> set[str]:
    """Every key of the format, dotted, with the tables of free keys as one."""
    found: set[str] = set()
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        key = prefix + name
        inner = field.annotation
        if hasattr(inner, "model_fields"):
            found |= schema_leaves(inner, key + ".")
        else:
            found.add(key)
    return found


def test_the_key_table_and_the_schema_know_the_same_keys() -> None:
    spelled_otherwise = {*ALIASES, *IGNORED, "sandbox.network"}
    assert schema_leaves() - spelled_otherwise == set(KEYS)


def test_the_everything_fixture_says_every_key_and_none_at_its_default() -> None:
    found = load(FIXTURES / "valid" / "everything.toml")
    assert {name_of(leaf) for leaf in found.layer.patch} == set(KEYS)
    for leaf, patch in found.layer.patch.items():
        assert patch not in (Set(default(leaf)), Edit()), leaf
        assert found.layer.lines[leaf] > 1, leaf


def test_what_can_be_allowed_is_what_the_plan_hides() -> None:
    assert set(ALLOW) == {*HIDDEN, *OTHER_KEYS}


def test_values_arrive_as_records_and_numbers() -> None:
    patch = load(FIXTURES / "valid" / "everything.toml").layer.patch
    assert patch["sandbox.limits.memory"] == Set(1536 << 20)
    assert patch["sandbox.limits.cpu"] == Set(1.5)
    assert patch["sandbox.limits.pids"] == Set(64)
    assert patch["mounts.~/data"] == Set(MountSpec("~/data", "/data", "rw"))
    assert patch["mounts.~/ref"] == Set(MountSpec("~/ref", "", "ro"))
    assert patch["mounts.~/.m2/a.b=c"] == Set(MountSpec("~/.m2/a.b=c", "", "ro"))
    assert patch["git.overrides.push.default"] == Set("nothing")
    assert patch["entrypoint.args"] == Set(("-c", "-c"))
    assert patch["credentials.anthropic"] == Set(
        Credential("env:ANTHROPIC_API_KEY", ("api.anthropic.com",), "x-api-key", "{secret}")
    )
    checks = (CustomCheck("one", "true", "CRITICAL"), CustomCheck("two", "test -d /", "MEDIUM"))
    assert patch["verify.custom.checks"] == Edit(append=checks)
    assert patch["env.path_prepend"] == Edit(prepend=("/opt/a/bin", "~/b/bin"))


def test_lists_can_be_edited() -> None:
    patch = load(FIXTURES / "valid" / "list-edits.toml").layer.patch
    assert patch["sandbox.allow"] == Edit(remove=("npmrc",), append=("pypirc",))
    assert patch["sandbox.home_allow"] == Set(("~/.nanorc",))
    assert patch["sandbox.protect"] == Edit(append=("*.mk",))
    assert patch["env.path_prepend"] == Edit(prepend=("/opt/c/bin",), remove=("~/b/bin",))
    assert patch["env.passthrough"] == Edit(remove=("LANG",))
    assert patch["entrypoint.args"] == Set(())


def test_the_go_tools_spellings_end_at_this_boundary() -> None:
    patch = load(FIXTURES / "go" / "agent.toml").layer.patch
    assert patch["agents"] == Edit(append=("claude",))
    assert patch["sandbox.network_mode"] == Set("full")
    assert patch["env.passthrough"] == Edit(append=("HOME", "TERM"))
    assert patch["mounts./run/user/$UID"] == Set(MountSpec("/run/user/$UID", "", "tmpfs"))
    assert patch["mounts.${workdir}"] == Set(MountSpec("${workdir}", "${workspaces_path}/here", "safe-rw"))
    assert patch["noop.rewrite.docker-compose"] == Set("podman-compose")
    assert not {key for key in patch if "clearenv" in key or "capabilities" in key or key.rpartition(".")[2] == "inherit"}


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("network = true", "full"),
        ("network = false", "off"),
        ('network = true\nnetwork_mode = "allowlist"', "allowlist"),
        ('network_mode = "off"\nnetwork = true', "off"),
    ],
)
def test_the_legacy_network_switch_yields_to_the_mode(text: str, mode: str) -> None:
    assert read(f"[sandbox]\n{text}\n").layer.patch == {"sandbox.network_mode": Set(mode)}


def test_both_spellings_of_a_list_unite() -> None:
    found = read('capabilities = ["claude"]\nagents = ["codex"]\n[env]\ninherit = ["A"]\npassthrough = ["B"]\n')
    assert found.layer.patch["agents"] == Edit(append=("codex", "claude"))
    assert found.layer.patch["env.passthrough"] == Edit(append=("B", "A"))


def test_a_limit_of_nothing_is_not_said() -> None:
    assert read('[sandbox.limits]\nmemory = ""\ncpu = ""\npids = 0\n').layer.patch == {}


def test_every_element_of_a_list_has_its_own_line() -> None:
    found = read(
        '[sandbox]\nallow = [\n  "npmrc",\n\n  # two\n  "netrc", "pgpass",\n]\nhome_allow = { remove = ["~/b"],\nadd = [\n"~/a"] }\n'.replace(
            ",\nadd", ", add"
        )
    )
    lines = found.layer.lines
    assert [lines[f"sandbox.allow[{key}]"] for key in ("npmrc", "netrc", "pgpass")] == [4, 7, 7]
    assert lines["sandbox.allow"] == 3
    assert lines["sandbox.home_allow[~/a]"] == 10
    assert str(found.layer.at("sandbox.allow[netrc]")) == "p.toml:7"


def test_an_inline_profile_needs_no_version_and_knows_its_lines() -> None:
    found = read('[profiles.dev]\nextends = "shell"\n[profiles.dev.sandbox]\nmask = [".env"]\n', ("profiles", "dev"))
    assert found.extends == "shell"
    assert str(found.base) == "p.toml:2"
    assert str(found.layer.at("sandbox.mask[.env]")) == "p.toml:4"
    with pytest.raises(ConfigError, match=r"unknown key `profiles\.dev\.sandbox\.maks`") as caught:
        read("[profiles.dev]\n[profiles.dev.sandbox]\nmaks = []\n", ("profiles", "dev"))
    assert (caught.value.where, caught.value.hint) == ("p.toml:3", "did you mean `mask`?")


def test_no_fault_puts_a_control_byte_into_its_message() -> None:
    for text in ('"\\u001b[2J" = 1\n', '[sandbox]\nallow = ["\\u001b[2J"]\n', '[sandbox]\nroot = "\\u001b[2J"\n', '[mounts]\n"/\\u001b[2J" = "x"\n',
                 '[env.set]\n"\\u001b[2J" = "x"\n', '[sandbox]\nnetwork_allow = ["\\u202egro.elpmaxe"]\n'):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            read(text)
        shown = caught.value.message + caught.value.hint
        assert shown.isprintable(), shown
