import pytest

from inner.errors import ConfigError
from inner.facts import Facts
from inner.paths import BoxPath, HostPath
from inner.plan.model import Bind, Data, Symlink, Tmpfs
from inner.plan.shims import FOLDER, SCRIPT, Shims
from inner.profile.model import Noop, Profile

PATH = ("/usr/local/bin", "/usr/bin", "/bin")
ROOT = (Tmpfs(BoxPath("/")), Bind(HostPath("/usr"), BoxPath("/usr")), Symlink("usr/bin", BoxPath("/bin")))
ELF = ("file", b"\x7fELF")
BASE = {"/usr/local/bin": "dir", "/usr/bin/dash": ELF, "/usr/bin/sh": "link:dash", "/bin": "link:usr/bin"}


def made(tree, block=(), rewrite=None, mounts=ROOT, path=PATH):
    return Shims(Profile("strict", noop=Noop(tuple(block), rewrite or {})), Facts({**BASE, **tree}, env={}), mounts, path)


def over(found):
    """What is mounted over programs: place -> script."""
    return {m.dest: m.content.decode() for m in found.mounts if isinstance(m, Data) and not m.dest.startswith("/run/")}


def first(found, name):
    """The script that PATH finds."""
    at = {m.dest: m for m in found.mounts}
    mount = at[f"{FOLDER}/{name}"]
    return (at[mount.target] if isinstance(mount, Symlink) else mount).content.decode()


def test_nothing_is_asked_for():
    found = made({})
    assert (found.mounts, found.path, found.notices) == ([], PATH, [])


def test_a_blocked_command_is_refused_on_path_and_wherever_it_is():
    found = made({"/usr/bin/rm": ELF, "/usr/local/bin/rm": ELF}, ["rm", "brew"])
    assert found.path == (FOLDER, *PATH)
    assert set(over(found)) == {"/usr/bin/rm", "/usr/local/bin/rm"}
    assert "`%s` is blocked in this box (profile %s)" in first(found, "rm") == first(found, "brew")
    assert found.notices == []


def test_one_mount_for_a_place_with_several_names():
    assert (
        len(over(made({"/usr/bin/dnf-3": ELF, "/usr/bin/dnf": "link:dnf-3", "/usr/bin/yum": "link:dnf-3"}, ["dnf", "yum"]))) == 1
    )


def test_a_program_of_several_names_is_left_alone_and_said():
    found = made({"/usr/bin/busybox": ELF, "/usr/bin/vi": "link:busybox", "/usr/bin/ls": "link:busybox"}, ["vi"])
    assert over(found) == {}
    assert "blocked in this box" in first(found, "vi")
    assert "`/usr/bin/vi` still runs" in found.notices[0]


def test_a_program_of_several_names_is_blocked_when_all_of_them_are():
    found = made({"/usr/lib/m": ELF, "/usr/bin/vi": "link:../lib/m", "/usr/bin/ls": "link:../lib/m"}, ["vi", "ls"])
    assert set(over(found)) == {"/usr/lib/m"}


def test_a_link_to_a_file_of_one_command_is_followed():
    found = made(
        {"/usr/lib/node_modules/npm/bin/npm-cli.js": ELF, "/usr/bin/npm": "link:../lib/node_modules/npm/bin/npm-cli.js"}, ["npm"]
    )
    assert set(over(found)) == {"/usr/lib/node_modules/npm/bin/npm-cli.js"}


def test_the_shell_that_runs_the_shims_stays():
    found = made({}, ["sh", "dash"])
    assert over(found) == {}
    assert len(found.notices) == 2


def test_without_a_shell_a_blocked_command_cannot_be_executed():
    found = Shims(Profile("p", noop=Noop(("rm",))), Facts({"/usr/bin/rm": ELF}, env={}), ROOT, PATH)
    assert {m.perms for m in found.mounts if isinstance(m, Data)} == {0o444}


def test_nothing_is_mounted_into_what_the_box_may_write():
    mounts = (*ROOT, Bind(HostPath("/project"), BoxPath("/project"), "rw"))
    assert over(made({"/project/bin/rm": ELF}, ["rm"], mounts=mounts, path=("/project/bin", *PATH))) == {}


def test_a_rewrite_runs_the_real_program_with_every_argument_as_it_was():
    found = made({"/usr/bin/docker": ELF, "/usr/bin/podman": ELF}, rewrite={"docker": "podman --remote 'a b'"})
    assert first(found, "docker").endswith("exec '/usr/bin/podman' '--remote' 'a b' \"$@\"\n")
    assert set(over(found)) == {"/usr/bin/docker"}


def test_rewrites_that_lead_to_each_other_end():
    found = made({"/usr/bin/a": ELF, "/usr/bin/b": ELF, "/usr/bin/b2": "link:a"}, rewrite={"a": "b", "b": "b2"})
    assert over(found) == {}
    assert "exec '/usr/bin/b'" in first(found, "a")


def test_a_command_rewritten_to_itself_is_found_behind_the_shim():
    found = made({"/usr/bin/ls": ELF}, rewrite={"ls": "ls --color"})
    assert over(found) == {}
    assert "exec '/usr/bin/ls' '--color'" in first(found, "ls")


def test_a_block_wins_over_a_rewrite():
    found = made({"/usr/bin/docker": ELF, "/usr/bin/podman": ELF}, ["docker"], {"docker": "podman"})
    assert "is blocked" in first(found, "docker")


def test_a_rewrite_to_nothing_that_is_there_says_so():
    assert "is not in it" in first(made({}, rewrite={"docker": "podman"}), "docker")


@pytest.mark.parametrize("line", ["", " ", "'", "-c x", "./x", "a/b", "x\0"])
def test_a_rewrite_that_is_no_command(line):
    with pytest.raises(ConfigError):
        made({}, rewrite={"docker": line})


def test_a_rewrite_needs_a_shell():
    with pytest.raises(ConfigError):
        Shims(Profile("p", noop=Noop((), {"a": "b"})), Facts({"/usr/bin/b": ELF}, env={}), ROOT, PATH)


def test_a_profile_with_a_wild_name_cannot_write_into_the_script():
    found = Shims(Profile("a'\n; rm -rf ~ #\x1b", noop=Noop(("rm",))), Facts(BASE, env={}), ROOT, PATH)
    script = next(m.content for m in found.mounts if m.dest == SCRIPT).decode()
    assert script.count("\n") == 4
    assert "'a'\\''?; rm -rf ~ #?'" in script
