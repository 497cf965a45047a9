"""The command line as the topmost layer: what each flag does to a profile, and what no flag can say."""

import pytest

from inner.errors import UsageError
from inner.origin import Origin
from inner.profile.flags import FLAG, layer
from inner.profile.layer import AtLeast, Edit, Layer, Set
from inner.profile.merge import fold
from inner.profile.model import MountSpec
from inner.request import Request


def patch(**flags):
    return layer(Request(**flags)).patch


def test_nothing_asked_for_is_nothing_changed():
    assert patch() == {}
    assert (
        patch(
            profile="x", workdir="/y", arg=("a",), words=("b",), args_file="c", dry_run=True, json=True, no_project=True, yes=True
        )
        == {}
    )


@pytest.mark.parametrize(
    ("flags", "made"),
    [
        ({"network": True}, {"sandbox.network_mode": Set("full")}),
        ({"network": False}, {"sandbox.network_mode": Set("off")}),
        ({"allow_host": ("a.test", "b.test:22", "a.test")}, {"sandbox.network_mode": AtLeast("allowlist"), "sandbox.network_allow": Edit(append=("a.test", "b.test:22"))}),
        ({"network": True, "allow_host": ("a.test",)}, {"sandbox.network_mode": Set("full"), "sandbox.network_allow": Edit(append=("a.test",))}),
        ({"env": ("A=1", "B=x=y", "A=2")}, {"env.set.A": Set("2"), "env.set.B": Set("x=y")}),
        ({"entrypoint": "cmd"}, {"entrypoint.cmd": Set("cmd"), "entrypoint.args": Set(())}),
        ({"interactive": False}, {"entrypoint.interactive": Set(False)}),
        ({"timeout": 0.0}, {"output.timeout_seconds": Set(0.0)}),
        ({"limit_memory": "4G", "limit_cpu": "150%", "limit_pids": 9}, {"sandbox.limits.memory": Set(4 << 30), "sandbox.limits.cpu": Set(1.5), "sandbox.limits.pids": Set(9)}),
        ({"allow": ("npmrc", "npmrc")}, {"sandbox.allow": Edit(append=("npmrc",))}),
        ({"block": ("rm", "g++")}, {"noop.block": Edit(append=("rm", "g++"))}),
        ({"mount": ("/a:/b",)}, {"mounts./a:/b": Set(MountSpec("/a", "/b", "ro"))}),
        ({"mount": ("/a:/a:rw",)}, {"mounts./a": Set(MountSpec("/a", "", "rw"))}),
        ({"mount": (":/t:tmpfs",)}, {"mounts./t": Set(MountSpec("/t", "", "tmpfs"))}),
        ({"mount": ("/a:/ro",)}, {"mounts./a:/ro": Set(MountSpec("/a", "/ro", "ro"))}),
        ({"mount": ("/a:/b", "/a:/b:rw")}, {"mounts./a:/b": Set(MountSpec("/a", "/b", "rw"))}),
        ({"mount": ("/a:ro",)}, {"mounts./a:ro": Set(MountSpec("/a", "ro", "ro"))}),
    ],
)  # fmt: skip
def test_what_a_flag_does(flags, made):
    found = layer(Request(**flags))
    assert found.patch == made
    assert (found.origin, found.trusted) == (FLAG, True)


@pytest.mark.parametrize(
    "flags",
    [
        {"network": False, "allow_host": ("a.test",)}, {"allow_host": ("",)}, {"allow_host": ("a b",)}, {"allow_host": ("ä.test",)}, {"allow_host": ("a\n.test",)},
        {"env": ("A",)}, {"env": ("=1",)}, {"env": ("A B=1",)}, {"env": ("ä=1",)}, {"env": ("BASH_FUNC_x%%=1",)}, {"timeout": -1.0}, {"timeout": float("nan")},
        {"timeout": float("inf")}, {"timeout": 1e12}, {"limit_memory": "x"}, {"limit_cpu": "0%%"}, {"limit_pids": -1}, {"allow": ("nothing",)}, {"allow": ("",)},
        {"block": ("",)}, {"block": ("a/b",)}, {"block": ("a b",)}, {"block": ("..\x1b",)}, {"mount": ("",)}, {"mount": ("a",)}, {"mount": (":",)}, {"mount": ("a:",)},
        {"mount": (":b",)}, {"mount": ("a:b:c",)}, {"mount": ("a:b:rw:ro",)}, {"mount": ("a:b:tmpfs",)}, {"mount": ("::tmpfs",)}, {"mount": ("a\0:b",)},
    ],
)  # fmt: skip
def test_what_no_flag_can_say(flags):
    with pytest.raises(UsageError) as caught:
        layer(Request(**flags))
    assert caught.value.message.isprintable() and caught.value.hint


def test_flags_win_and_a_block_stays():
    base = Layer(
        Origin("built-in", "p.toml"),
        {"sandbox.network_mode": Set("off"), "noop.block": Edit(append=("rm",)), "env.set.A": Set("profile"), "entrypoint.cmd": Set("old"), "entrypoint.args": Set(("x",))},
    )  # fmt: skip
    found = fold((base, layer(Request(network=True, block=("ls",), env=("A=flag",), entrypoint="new"))))
    assert found.values["noop.block"] == ("rm", "ls")
    assert [found.values[key] for key in ("sandbox.network_mode", "env.set.A", "entrypoint.cmd", "entrypoint.args")] == [
        "full",
        "flag",
        "new",
        (),
    ]
    assert (str(found.origins["env.set.A"]), str(found.origins["noop.block[rm]"]), str(found.origins["noop.block[ls]"])) == (
        "the command line", "p.toml", "the command line",
    )  # fmt: skip


@pytest.mark.parametrize(("mode", "after"), [("off", "allowlist"), ("allowlist", "allowlist"), ("full", "full")])
def test_a_host_that_is_allowed_never_narrows(mode, after):
    base = Layer(Origin("user", "p.toml"), {"sandbox.network_mode": Set(mode)})
    assert fold((base, layer(Request(allow_host=("a.test",))))).values["sandbox.network_mode"] == after
