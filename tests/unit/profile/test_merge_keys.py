"""How each key of a child meets its base's, as it is written in files; and what a project that is not trusted gets of it."""

from __future__ import annotations

import pytest
from configured import Machine

from inner.profile.keys import KEYS
from inner.profile.model import AgentSpec, Credential, CustomCheck, MountSpec

# key: (base, child, what they come to; and, for the same child without trust, what comes of it)
S, L, E, N, P, G, M = "[sandbox]\n", "[sandbox.limits]\n", "[env]\n", "[entrypoint]\n", "[output]\n", "[git]\n", "[mounts]\n"
A_B, A, B = ("a", "b"), ("a",), ("b",)
CASES: dict[str, tuple[str, str, object, object]] = {
    "description": ('description = "a"', 'description = "b"', "b", "b"),
    "experimental": ("experimental = true", "experimental = false", False, True),
    "agents": ('agents = ["claude"]', 'agents = ["codex"]', ("claude", "codex"), ("claude",)),
    "workspaces_path": ('workspaces_path = "/a"', 'workspaces_path = "/b"', "/b", "/a"),
    "sandbox.root": (S + 'root = "minimal"', S + 'root = "host-ro"', "host-ro", "minimal"),
    "sandbox.home": (S + 'home = "isolated"', S + 'home = "host-ro"', "host-ro", "isolated"),
    "sandbox.home_allow": (S + 'home_allow = ["a"]', S + 'home_allow = ["b"]', A_B, A),
    "sandbox.toolchains": (S + 'toolchains = "off"', S + 'toolchains = "auto"', "auto", "off"),
    "sandbox.network_mode": (S + 'network_mode = "off"', S + 'network_mode = "full"', "full", "off"),
    "sandbox.network_allow": (S + 'network_allow = ["a"]', S + 'network_allow = ["b"]', A_B, A),
    "sandbox.network_deny": (S + 'network_deny = ["a"]', S + 'network_deny = ["b"]', A_B, A_B),
    "sandbox.network_ask": (S + "network_ask = false", S + "network_ask = true", True, False),
    "sandbox.clipboard": (S + "clipboard = false", S + "clipboard = true", True, False),
    "sandbox.pid_namespace": (S + "pid_namespace = true", S + "pid_namespace = false", False, True),
    "sandbox.git_dir": (S + 'git_dir = "ro"', S + 'git_dir = "protected"', "protected", "ro"),
    "sandbox.protect": (S + 'protect = ["a"]', S + 'protect = ["b"]', A_B, A_B),
    "sandbox.mask": (S + 'mask = ["a"]', S + 'mask = ["b"]', A_B, A_B),
    "sandbox.allow": (S + 'allow = ["npmrc"]', S + 'allow = ["netrc"]', ("npmrc", "netrc"), ("npmrc",)),
    "sandbox.cgroup_manager": (S + 'cgroup_manager = "cgroupfs"', S + 'cgroup_manager = "systemd"', "systemd", "cgroupfs"),
    "sandbox.seccomp": (S + 'seccomp = "default"', S + 'seccomp = "off"', "off", "default"),
    "sandbox.require": (S + 'require = ["a"]', S + 'require = ["b"]', A_B, A_B),
    "sandbox.login": (S + 'login = "copy"', S + 'login = "sync"', "sync", "copy"),
    "sandbox.limits.memory": (L + 'memory = "1G"', L + 'memory = "2G"', 2 << 30, 1 << 30),
    "sandbox.limits.cpu": (L + "cpu = 1", L + "cpu = 2", 2.0, 1.0),
    "sandbox.limits.pids": (L + "pids = 100", L + "pids = 200", 200, 100),
    "mounts": (M + '"/a" = "ro"\n"/b" = "ro"', M + '"/b" = "rw"\n"/c" = "ro"',
               (MountSpec("/a"), MountSpec("/b", "", "rw"), MountSpec("/c")), (MountSpec("/a"), MountSpec("/b"))),
    "env.passthrough": (E + 'passthrough = ["A"]', E + 'passthrough = ["B"]', ("A", "B"), ("A",)),
    "env.inherit_all": (E + "inherit_all = false", E + "inherit_all = true", True, False),
    "env.set": (E + 'set = { A = "1", B = "1" }', E + 'set = { B = "2", C = "2" }', {"A": "1", "B": "2", "C": "2"}, {"A": "1", "B": "1"}),
    "env.path_prepend": (E + 'path_prepend = ["a"]', E + 'path_prepend = ["b"]', ("b", "a"), A),
    "git.strip_sections": (G + 'strip_sections = ["a"]', G + 'strip_sections = ["b"]', A_B, A_B),
    "git.overrides": (G + 'overrides = { "a.x" = "1", "a.y" = "1" }', G + 'overrides = { "a.y" = "2" }', {"a.x": "1", "a.y": "2"}, {"a.x": "1", "a.y": "1"}),
    "entrypoint.cmd": (N + 'cmd = "a"', N + 'cmd = "b"', "b", None),
    "entrypoint.args": (N + 'args = ["a"]', N + 'args = ["b"]', B, None),
    "entrypoint.interactive": (N + "interactive = false", N + "interactive = true", True, True),
    "entrypoint.tui": (N + "tui = false", N + "tui = true", True, True),
    "entrypoint.cursor_fix": (N + 'cursor_fix = "shell"', N + 'cursor_fix = "newlines"', "newlines", "newlines"),
    "entrypoint.workdir": (N + 'workdir = "/a"', N + 'workdir = "/b"', "/b", "/a"),
    "entrypoint.history": (N + 'history = ["a"]', N + 'history = ["b"]', A_B, A),
    "output.summary": (P + "summary = false", P + "summary = true", True, True),
    "output.log": (P + 'log = "/a"', P + 'log = "/b"', "/b", "/a"),
    "output.timeout_seconds": (P + "timeout_seconds = 60", P + "timeout_seconds = 0", 0, 60),
    "noop.block": ('[noop]\nblock = ["a"]', '[noop]\nblock = ["b"]', A_B, A_B),
    "noop.rewrite": ('[noop]\nrewrite = { a = "x" }', '[noop]\nrewrite = { a = "y", b = "y" }', {"a": "y", "b": "y"}, {"a": "x"}),
    "credentials": ('[credentials.a]\nsource = "env:A"\nhosts = ["a.test"]', '[credentials.a]\nsource = "env:B"\nhosts = ["b.test"]',
                    {"a": Credential("env:B", ("b.test",))}, {"a": Credential("env:A", ("a.test",))}),
    "agent": ('[agent.house]\ncommands = ["a"]', '[agent.house]\ncommands = ["b"]', {"house": AgentSpec(B)}, {"house": AgentSpec(A)}),
    "verify.custom.checks": ('[verify.custom]\nchecks = [{ name = "a", cmd = "x" }]', '[verify.custom]\nchecks = [{ name = "b", cmd = "y" }]',
                             (CustomCheck("a", "x"), CustomCheck("b", "y")), (CustomCheck("a", "x"), CustomCheck("b", "y"))),
}  # fmt: skip
PLACES = {"agent": "definitions", "verify.custom.checks": "checks"}


def at(found: object, key: str) -> object:
    for part in PLACES.get(key, key).split("."):
        found = getattr(found, part)
    return found


def test_every_key_has_a_case() -> None:
    assert list(CASES) == list(KEYS)


@pytest.mark.parametrize("key", CASES)
def test_a_child_meets_its_base(machine: Machine, key: str) -> None:
    base, child, merged, _ = CASES[key]
    machine.write("user", "base", base)
    machine.write("user", "child", f'extends = "base"\n{child}\n')
    machine.write("user", "alone", child)
    assert at(machine.resolve("child"), key) == merged
    assert at(machine.resolve("base"), key) != merged or key == "noop.block"
    machine.write("user", "nothing", 'extends = "base"\n')
    assert at(machine.resolve("nothing"), key) == at(machine.resolve("base"), key), "what a child does not say is its base's"


@pytest.mark.parametrize("key", CASES)
def test_a_project_that_is_not_trusted_gets_no_more_than_its_base(machine: Machine, key: str) -> None:
    base, child, merged, narrowed = CASES[key]
    machine.write("user", "work", base)
    path = machine.write("project", "work", child)
    if narrowed is None:
        with pytest.raises(Exception, match="would start another command"):
            machine.resolve("work")
    else:
        found = machine.resolve("work")
        assert at(found, key) == narrowed
        assert bool(found.notices) is (narrowed != merged)
        assert all(f"{path}:" in notice for notice in found.notices)
    machine.trust(path)
    own = machine.resolve("work")
    assert own.notices == ()


@pytest.mark.parametrize(
    "key", [key for key, what in KEYS.items() if what.merge in ("list", "first") and key != "verify.custom.checks"]
)
def test_a_list_can_lose_and_gain_elements_and_be_set_anew(machine: Machine, key: str) -> None:
    base, child, _, _ = CASES[key]
    table, _, _ = base.rpartition("\n")
    name = key.rpartition(".")[2]
    one, two = (
        text.partition("[")[2].rpartition("[")[2] if "\n" not in text else text.rpartition("[")[2] for text in (base, child)
    )
    first, second = one.rstrip("]"), two.rstrip("]")
    machine.write("user", "base", base)
    machine.write("user", "edit", f'extends = "base"\n{table}\n{name} = {{ add = [{second}], remove = [{first}] }}\n')
    machine.write("user", "set", f'extends = "base"\n{table}\n{name} = {{ set = [{second}] }}\n')
    machine.write("user", "empty", f'extends = "base"\n{table}\n{name} = {{ set = [] }}\n')
    assert at(machine.resolve("edit"), key) == at(machine.resolve("set"), key) == (second.strip('"'),)
    assert at(machine.resolve("empty"), key) == ()


@pytest.mark.parametrize("key", [key for key, what in KEYS.items() if what.merge == "deny"])
def test_a_denial_can_be_neither_removed_nor_replaced(machine: Machine, key: str) -> None:
    base, _, _, _ = CASES[key]
    table, _, _ = base.rpartition("\n")
    name = key.rpartition(".")[2]
    machine.write("user", "base", base)
    for edit in ('{ remove = ["a"] }', '{ set = ["b"] }', "{ set = [] }"):
        machine.write("user", "child", f'extends = "base"\n{table}\n{name} = {edit}\n')
        with pytest.raises(Exception, match="only grows"):
            machine.resolve("child")
    machine.write("user", "child", f'extends = "base"\n{table}\n{name} = []\n')
    assert at(machine.resolve("child"), key) == A


def test_a_lower_mode_and_fewer_rights_are_taken_without_trust(machine: Machine) -> None:
    machine.write(
        "user",
        "work",
        M + '"~/a" = "rw"\n"~/b" = "rw"\n' + S + 'network_mode = "full"\n' + L + 'memory = "2G"\n' + P + "timeout_seconds = 0\n",
    )
    machine.write(
        "project",
        "work",
        M
        + '"~/a" = "ro"\n"~/b" = { dest = "/elsewhere" }\n'
        + S
        + 'network_mode = "allowlist"\nnetwork_allow = ["a.test"]\n'
        + L
        + 'memory = "1G"\n'
        + P
        + "timeout_seconds = 9\n",
    )
    found = machine.resolve("work")
    assert found.mounts == (MountSpec("~/a", "", "ro"), MountSpec("~/b", "", "rw"))
    assert (found.sandbox.network_mode, found.sandbox.network_allow) == ("allowlist", ("a.test",))
    assert (found.sandbox.limits.memory, found.output.timeout_seconds) == (1 << 30, 9)
    assert [notice.partition(" ")[0] for notice in found.notices] == ["`mounts.~/b`"]
