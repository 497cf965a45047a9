"""The built-in profiles: all there, all load, none wider than its description says."""

from __future__ import annotations

import pytest
from configured import Machine

from inner.profile.keys import NETWORK
from inner.profile.model import Profile

AGENTS = {
    "claude-interactive": "claude", "claude-one-shot": "claude", "claude-containers": "claude", "aider-interactive": "aider",
    "aider-one-shot": "aider", "gemini-interactive": "gemini", "gemini-one-shot": "gemini", "codex-interactive": "codex",
    "codex-one-shot": "codex", "opencode-interactive": "opencode", "opencode-one-shot": "opencode", "cursor-interactive": "cursor",
}  # fmt: skip
TOOLCHAINS = {
    "python": "@pip",
    "node-22": "@npm",
    "rust": "@cargo",
    "go": "@go",
    "java-21": "",
    "java-maven": "@maven",
    "java-gradle": "@maven",
}
WIDE = {"shell-containers", "claude-containers"}
ALL = {"shell", "shell-oneshot", "shell-containers", *AGENTS, *TOOLCHAINS}


def test_the_promised_profiles_are_built_in(machine: Machine) -> None:
    entries = machine.entries()
    assert {entry.name for entry in entries if entry.scope == "built-in"} == ALL
    assert not [entry for entry in entries if entry.problem or entry.experimental or not entry.description or not entry.trusted]
    assert [entry.name for entry in entries if entry.default] == ["shell"]


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_loads_and_keeps_the_promises(machine: Machine, name: str) -> None:
    found: Profile = machine.resolve(name)
    assert found.name == name
    assert found.notices == ()
    box = found.sandbox
    assert (box.root, box.home, box.seccomp, box.git_dir, box.pid_namespace, box.clipboard) == (
        "minimal",
        "isolated",
        "default",
        "protected",
        True,
        False,
    )
    assert not found.mounts
    assert not box.home_allow
    assert not found.env.inherit_all
    assert "apt-get" in found.noop.block
    assert NETWORK.index(box.network_mode) <= (2 if name in WIDE else 1 if name in {*AGENTS, *TOOLCHAINS} else 0)
    assert box.allow == (("podman-socket", "nested-user-ns") if name in WIDE else ())
    assert found.agents == ((AGENTS[name],) if name in AGENTS else ())
    one_shot = name.endswith(("one-shot", "oneshot"))
    assert found.output.summary == one_shot
    assert bool(found.output.timeout_seconds) == one_shot
    assert found.entrypoint.interactive is (False if one_shot else True if name in AGENTS else None)
    assert all(origin.source == "built-in" for origin in found.layers)


@pytest.mark.parametrize("name", sorted(TOOLCHAINS))
def test_a_toolchain_profile_reaches_its_own_index_alone(machine: Machine, name: str) -> None:
    found = machine.resolve(name)
    assert found.sandbox.network_allow == ((TOOLCHAINS[name],) if TOOLCHAINS[name] else ())


def test_the_default_starts_the_users_own_shell(machine: Machine) -> None:
    found = machine.resolve()
    assert (found.name, found.entrypoint.cmd, found.entrypoint.args) == ("shell", "", ())


def test_an_agents_hosts_are_not_written_in_its_profile(machine: Machine) -> None:
    for name in AGENTS:
        assert machine.resolve(name).sandbox.network_allow == ()
