"""Changes to a profile: what is tried out is what the TOML says."""

from __future__ import annotations

import tomllib

import pytest

from inner.profile.amend import amended, quoted, toml
from inner.profile.layer import Edit, Set
from inner.profile.model import Entrypoint, Env, Limits, MountSpec, Profile, Sandbox
from inner.profile.schema import InlineProfile

BASE = Profile(
    "base",
    sandbox=Sandbox(allow=("npmrc", "netrc"), network_mode="full", limits=Limits(pids=5)),
    mounts=(MountSpec("~/data"), MountSpec("~/other", "/other", "rw")),
    env=Env(passthrough=("TOKEN", "TERM"), set={"A": "1"}),
    entrypoint=Entrypoint(cmd="sh"),
)

CASES = {
    "scalar": ({"sandbox.seccomp": Set("off")}, lambda p: p.sandbox.seccomp, "off"),
    "switch": ({"env.inherit_all": Set(False)}, lambda p: p.env.inherit_all, False),
    "removal": ({"sandbox.allow": Edit(remove=("npmrc",))}, lambda p: p.sandbox.allow, ("netrc",)),
    "addition": ({"env.passthrough": Edit(append=("PLAIN",))}, lambda p: p.env.passthrough, ("TOKEN", "TERM", "PLAIN")),
    "both": ({"sandbox.allow": Edit(remove=("netrc",), append=("pgpass",))}, lambda p: p.sandbox.allow, ("npmrc", "pgpass")),
    "nested": ({"sandbox.limits.pids": Set(7)}, lambda p: p.sandbox.limits, Limits(pids=7)),
    "entry of a table": ({"env.set.B": Set("x\ny")}, lambda p: p.env.set, {"A": "1", "B": "x\ny"}),
    "mount": ({"mounts.~/new": Set(MountSpec("~/new"))}, lambda p: p.mounts[-1], MountSpec("~/new")),
    "mount again": (
        {"mounts.~/other": Set(MountSpec("~/other", "/other", "ro"))},
        lambda p: [m.mode for m in p.mounts if m.src == "~/other"],
        ["ro"],
    ),
    "two tables": (
        {"sandbox.home": Set("isolated"), "env.inherit_all": Set(True), "sandbox.root": Set("minimal")},
        lambda p: (p.sandbox.home, p.env.inherit_all),
        ("isolated", True),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_profile_has_the_change_and_nothing_else(case):
    patches, look, expected = CASES[case]
    changed = amended(BASE, patches)
    assert look(changed) == expected
    assert changed.name == BASE.name and changed.entrypoint == BASE.entrypoint
    assert BASE.sandbox.allow == ("npmrc", "netrc") and BASE.env.set == {"A": "1"}


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_can_be_read_as_a_profile(case):
    text = toml(CASES[case][0])
    InlineProfile.model_validate(tomllib.loads(text))
    assert len({line for line in text.splitlines() if line.startswith("[")}) == sum(
        line.startswith("[") for line in text.splitlines()
    )


@pytest.mark.parametrize("text", ["", 'a"b', "a\\b", "tab\there", "line\nbreak", "\x1b[31m", "\u202e", "\U0001f600", "ü", "\x7f"])
def test_any_text_is_a_string_of_toml_on_one_line(text):
    line = f"k = {quoted(text)}"
    assert tomllib.loads(line) == {"k": text}
    assert line.isprintable() or text == "\U0001f600"


def test_a_mount_that_is_none_and_an_edit_of_an_entry_are_faults_of_ours():
    for patches in ({"mounts.x": Set("ro")}, {"mounts.x": Edit()}, {"env.set.A": Edit()}):
        with pytest.raises(TypeError):
            amended(BASE, patches)
