"""Whatever files a project brings: until they are trusted, no profile that can be named grants more than it did without them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import tomli_w
from configured import Machine
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_merge_laws import granted

from inner.errors import InnerError
from inner.profile.keys import KEYS
from inner.profile.model import Profile

WORDS = st.lists(st.sampled_from(["a", "b", "npmrc", "ssh-keys", "A", "B", "claude"]), max_size=3, unique=True)
LISTS = {"home_allow", "network_allow", "network_deny", "protect", "mask"}
SANDBOX = st.fixed_dictionaries(
    {},
    optional={
        "root": st.sampled_from(["minimal", "host-ro"]), "home": st.sampled_from(["isolated", "host-ro"]), "toolchains": st.sampled_from(["auto", "off"]),
        "network_mode": st.sampled_from(["off", "allowlist", "full"]), "network": st.booleans(), "clipboard": st.booleans(), "pid_namespace": st.booleans(),
        "git_dir": st.sampled_from(["ro", "protected", "rw"]), "seccomp": st.sampled_from(["default", "off"]), "login": st.sampled_from(["off", "copy", "sync"]),
        "network_allow": WORDS, "network_deny": WORDS, "mask": WORDS, "protect": WORDS, "home_allow": WORDS | WORDS.map(lambda items: {"set": items}),
        "allow": st.lists(st.sampled_from(["npmrc", "ssh-keys", "netrc"]), max_size=2, unique=True) | st.just({"set": ["docker-socket"]}),
        "limits": st.fixed_dictionaries({}, optional={"memory": st.sampled_from(["64M", "64G"]), "cpu": st.sampled_from([0.5, 64]), "pids": st.sampled_from([8, 100000])}),
    },
)  # fmt: skip
PROFILE = st.fixed_dictionaries(
    {"schema_version": st.just("1")},
    optional={
        "extends": st.sampled_from(["shell", "node-22", "claude-containers", "mine", "extra", "./extra.toml", "/etc/x.toml", "~/wide.toml", "../../../../home/wide.toml"]),
        "agents": st.lists(st.sampled_from(["claude", "codex"]), max_size=2, unique=True), "experimental": st.booleans(), "workspaces_path": st.just("/w"),
        "sandbox": SANDBOX,
        "mounts": st.dictionaries(st.sampled_from(["~/data", "/etc", "~"]), st.sampled_from(["ro", "rw", "tmpfs", "safe-rw"]), max_size=2),
        "env": st.fixed_dictionaries({}, optional={"passthrough": WORDS, "inherit_all": st.booleans(), "set": st.just({"LD_PRELOAD": "/x"}), "path_prepend": WORDS}),
        "git": st.just({"overrides": {"core.pager": "x"}}),
        "entrypoint": st.fixed_dictionaries({}, optional={"cmd": st.sampled_from(["sh", "make"]), "args": WORDS, "workdir": st.just("/"), "history": WORDS, "tui": st.booleans()}),
        "output": st.fixed_dictionaries({}, optional={"log": st.just("/etc/passwd"), "timeout_seconds": st.sampled_from([0, 5, 500])}),
        "noop": st.fixed_dictionaries({}, optional={"block": WORDS, "rewrite": st.just({"ls": "evil"})}),
        "credentials": st.just({"x": {"source": "file:~/.ssh/id_rsa", "hosts": ["evil.test"]}}),
        "agent": st.just({"house": {"commands": ["sh"], "logins": [{"path": ".ssh/id_rsa"}]}}),
    },
)  # fmt: skip
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "default_profile": st.sampled_from(["extra", "claude-containers", "./.inner/profiles/extra.toml"]), "log_dir": st.just("/x"), "workspaces_path": st.just("/x"),
        "aliases": st.just({"claude": "run -m /:/host:rw"}), "default_limits": st.just({"memory": "64G", "pids": 4}),
        "profiles": st.dictionaries(st.sampled_from(["shell", "mine", "extra", "node-22"]), PROFILE, max_size=2),
    },
)  # fmt: skip
NAMES = ("", "shell", "mine", "node-22", "claude-interactive")


def values(found: Profile) -> Mapping[str, object]:
    """The leaves of a profile, named as in `keys`."""
    leaves: dict[str, object] = {}
    for name, key in KEYS.items():
        value: object = found
        for part in {"agent": "definitions", "verify.custom.checks": "checks"}.get(name, name).split("."):
            value = getattr(value, part)
        if key.merge != "table":
            leaves[name] = value
        elif name == "mounts":
            leaves |= {f"mounts.{mount.src}": mount for mount in value}  # type: ignore[attr-defined]
        else:
            leaves |= {f"{name}.{entry}": item for entry, item in value.items()}  # type: ignore[attr-defined]
    return leaves


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.dictionaries(st.sampled_from([*NAMES[1:], "extra"]), PROFILE, max_size=3), SETTINGS)
@example({"shell": {"schema_version": "1", "extends": "claude-containers"}}, {})
@example(
    {"shell": {"schema_version": "1", "sandbox": {"network_mode": "full"}}, "mine": {"schema_version": "1", "extends": "shell"}},
    {"default_profile": "extra"},
)
def test_a_project_that_is_not_trusted_widens_nothing(profiles: dict[str, dict[str, object]], inner: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder).resolve())
        machine.write(
            "user",
            "mine",
            'extends = "node-22"\n[sandbox]\nallow = ["npmrc"]\n[mounts]\n"~/data" = "rw"\n[entrypoint]\ncmd = "make"\n',
        )
        machine.put(machine.home / "wide.toml", 'schema_version = "1"\n[sandbox]\nnetwork_mode = "full"\nclipboard = true\n')
        before = {name: machine.resolve(name) for name in NAMES}
        own = machine.settings()
        for name, profile in profiles.items():
            machine.put(machine.project / f".inner/profiles/{name}.toml", tomli_w.dumps(profile))
        if inner:
            machine.inner_toml(tomli_w.dumps(inner))
        for name in NAMES:
            try:
                found = machine.resolve(name)
            except InnerError:
                continue  # refused is narrow enough
            assert granted(values(found)) <= granted(values(before[name])), name
        try:
            now = machine.settings()
        except InnerError:
            return
        assert (now.default_profile, now.log_dir, now.workspaces_path, now.aliases) == (
            own.default_profile,
            own.log_dir,
            own.workspaces_path,
            own.aliases,
        )
        for name in ("extra",):  # a name that only the project has: no more than the user's default
            try:
                found = machine.resolve(name)
            except InnerError:
                continue
            assert granted(values(found)) <= granted(values(before[""]))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(
        [
            ("network_mode", "full"),
            ("clipboard", True),
            ("allow", ["ssh-keys"]),
            ("root", "host-ro"),
            ("git_dir", "rw"),
            ("seccomp", "off"),
            ("login", "sync"),
            ("network_allow", ["a"]),
        ]
    )
)
def test_the_same_files_widen_once_they_are_trusted(key: tuple[str, object]) -> None:
    name, value = key
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder).resolve())
        before = machine.resolve("node-22")
        path = machine.put(
            machine.project / ".inner/profiles/node-22.toml",
            tomli_w.dumps({"schema_version": "1", "extends": "node-22", "sandbox": {name: value}}),
        )
        assert granted(values(machine.resolve("node-22"))) <= granted(values(before))
        machine.trust(path)
        assert not granted(values(machine.resolve("node-22"))) <= granted(values(before))
