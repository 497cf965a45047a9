"""Which bubblewrap is found and believed, what is kept of it, and what is said when the host allows no box."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inner import draft
from inner.bwrap import Features
from inner.errors import HostError
from inner.facts import Facts
from inner.launch import features, installed, refusal

pytestmark = pytest.mark.box

REAL = "/usr/bin/bwrap"
ROOT = os.getuid() == 0  # whose own folders count as the system's


def program(folder, text, mode=0o755):
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


SPEAKS = 'case $1 in --version) echo "bubblewrap 0.9.1";; --help) printf "usage: bwrap\\n\\n    --size BYTES  x\\n    --clearenv  y --not-this\\n";; esac'


@pytest.fixture
def env(tmp_path):
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}


def cache(env):
    return Path(env["HOME"]) / ".cache/inner/bwrap"


# --- finding it ---------------------------------------------------------------------------------------------------------


def test_the_systems_own(env):
    found = features.probe(env)
    help_text = subprocess.run([REAL, "--help"], capture_output=True, text=True, check=False).stdout
    assert found.path == REAL
    assert "bubblewrap " + ".".join(map(str, found.version)) == subprocess.check_output([REAL, "--version"], text=True).strip()
    assert {"tmpfs", "ro-bind", "args", "perms"} <= found.flags
    assert all(f"--{flag}" in help_text for flag in found.flags)
    assert found.setuid == bool(os.stat(REAL).st_mode & 0o4000)


@pytest.mark.parametrize("path", ["", ".:bin:./x", "::", "/nowhere", "/dev/null"])
def test_without_a_useful_path_the_usual_places_are_searched(path, env, tmp_path, monkeypatch):
    program(tmp_path / "bin", SPEAKS)
    program(tmp_path, SPEAKS)
    monkeypatch.chdir(tmp_path)
    assert features.probe({**env, "PATH": path}).path == REAL
    assert features.probe({"HOME": env["HOME"]}).path == REAL


def test_one_that_the_user_put_there_comes_after_the_systems(env, tmp_path):
    own = program(tmp_path / "own", SPEAKS)
    found = features.probe({**env, "PATH": f"{tmp_path}/own:/usr/bin"})
    assert found.path == (own if ROOT else REAL)


@pytest.mark.parametrize("what", ["folder", "file", "above"])
def test_what_others_could_have_put_there_is_passed_over(what, env, tmp_path):
    path = program(tmp_path / "a" / "b", SPEAKS)
    {"folder": tmp_path / "a" / "b", "file": Path(path), "above": tmp_path / "a"}[what].chmod(0o777)
    assert features.probe({**env, "PATH": f"{tmp_path}/a/b"}).path == REAL


def test_a_link_is_judged_by_what_it_leads_to(env, tmp_path):
    target = Path(program(tmp_path / "shared", SPEAKS))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "bwrap").symlink_to(target)
    (tmp_path / "shared").chmod(0o777)
    assert features.probe({**env, "PATH": f"{tmp_path}/own"}).path == REAL


def test_nothing_of_the_project_is_ever_started(env, tmp_path, monkeypatch):
    trap = f"touch {tmp_path}/started"
    program(tmp_path / "project" / "bin", trap)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "bwrap").symlink_to(tmp_path / "project/bin/bwrap")
    path = f"{tmp_path}/project/bin:{tmp_path}/links:.:bin"
    assert features.probe({**env, "PATH": path}, project=str(tmp_path / "project")).path == REAL
    monkeypatch.chdir(tmp_path / "project")  # the project when none is named
    assert features.probe({**env, "PATH": path}).path == REAL
    assert not (tmp_path / "started").exists()


def alone(tmp_path, env, body):
    """Runs `body`, a line of Python, where no bubblewrap is in the usual places; what it raised as (message, hint)."""
    code = f"import sys\nfrom inner.launch import features\nfeatures.USUAL = ()\ntry: print(features.{body})\nexcept Exception as e: print(repr((e.message, e.hint)))"
    return subprocess.check_output(
        [sys.executable, "-c", code], text=True, env={**env, "PYTHONPATH": str(Path(__file__).parents[2])}, cwd=tmp_path
    )


def test_none_and_none_to_be_trusted_are_told_apart(env, tmp_path):
    env["PATH"] = str(tmp_path / "bin")
    assert "bubblewrap is not installed" in alone(tmp_path, env, f"probe({env!r})")
    assert "install bubblewrap`" in alone(tmp_path, env, f"probe({env!r})")
    program(tmp_path / "bin", SPEAKS)
    assert "bwrap` is not trusted" in alone("/", env, f"probe({env!r}, project={str(tmp_path)!r})")
    assert "(0, 9, 1)" in alone("/", env, f"probe({env!r})")


# --- asking it ----------------------------------------------------------------------------------------------------------


def asked(path, tree=None):
    return installed.ask(path, Facts(tree or {}, env={}))


def test_flags_are_the_first_words_of_the_lines_of_help(tmp_path):
    assert asked(program(tmp_path, SPEAKS)) == ((0, 9, 1), ("clearenv", "size"))


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("bubblewrap 0.4.1", "0.4.1 is too old"),
        ("bubblewrap 0.4", "too old"),
        ("", "does not say"),
        ("hello", "does not say"),
        ("x ²", "does not say"),
    ],
)
def test_old_and_odd_ones_are_refused(says, why, tmp_path):
    with pytest.raises(HostError, match=why):
        asked(program(tmp_path, f"echo '{says}'"))


@pytest.mark.parametrize(
    ("says", "version"), [("bubblewrap 0.5.0", (0, 5, 0)), ("bubblewrap 0.11.0-dev", (0, 11)), ("bubblewrap 1.0", (1, 0))]
)
def test_versions(says, version, tmp_path):
    assert asked(program(tmp_path, f"echo '{says}'"))[0] == version


@pytest.mark.parametrize("text", ["exec sleep 60", "exec >&- 2>&-; exec sleep 60", "sleep 60 & exec sleep 60"])
def test_one_that_hangs_is_given_up(text, tmp_path, monkeypatch):
    monkeypatch.setattr(installed, "TIMEOUT", 0.3)
    begun = time.monotonic()
    with pytest.raises(HostError, match="does not say"):
        asked(program(tmp_path, text))
    assert time.monotonic() - begun < 30


def test_one_that_talks_without_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(installed, "TIMEOUT", 0.5)
    with pytest.raises(HostError, match="does not say"):
        asked(program(tmp_path, "exec yes"))


def test_one_that_cannot_be_started(tmp_path):
    path = tmp_path / "bwrap"
    path.write_bytes(b"\0nothing")
    path.chmod(0o755)
    with pytest.raises(HostError, match="cannot start"):
        asked(str(path))


def test_it_is_asked_with_an_empty_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "s3cret")
    program(tmp_path, f"env > {tmp_path}/env; {SPEAKS}")
    asked(str(tmp_path / "bwrap"))
    assert "s3cret" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize(
    ("release", "hint"),
    [
        (b"ID=debian\n", "sudo apt-get install bubblewrap"),
        (b'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n', "sudo apt-get install bubblewrap"),
        (b"ID=fedora\n", "sudo dnf install bubblewrap"),
        (b'ID="rocky"\nID_LIKE="rhel centos fedora"\n', "sudo dnf install bubblewrap"),
        (b"ID='arch'\n", "sudo pacman -S bubblewrap"),
        (b"ID=opensuse-tumbleweed\n", "sudo zypper install bubblewrap"),
        (b"ID=alpine\n", "sudo apk add bubblewrap"),
        (b"ID=nixos\n", "nix profile install nixpkgs#bubblewrap"),
        (b"\xff\n=\nID\n", "sudo apt-get install bubblewrap"),
    ],
)
def test_how_to_install_it(release, hint):
    assert installed.install(Facts({"/etc/os-release": ("file", release)}, env={})) == hint
    assert installed.install(Facts({"/usr/lib/os-release": ("file", release)}, env={})) == hint


# --- keeping the answer -------------------------------------------------------------------------------------------------


def key_of(path):
    info = os.stat(path)
    return (path, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


def kept(env):
    return features._read(str(cache(env)), key_of(REAL))


def test_what_was_learnt_is_kept_for_this_user_alone(env):
    first = features.probe(env)
    assert (cache(env).stat().st_mode & 0o7777, cache(env).parent.stat().st_mode & 0o7777) == (0o600, 0o700)
    assert kept(env) == (first.version, tuple(sorted(first.flags)))
    before = cache(env).stat().st_ino
    assert features.probe(env) == first
    assert cache(env).stat().st_ino == before  # not asked again, not written again
    assert [path.name for path in cache(env).parent.iterdir()] == ["bwrap"]


def test_another_file_is_asked_anew(env, tmp_path):
    path = program(tmp_path / "own", SPEAKS)
    draft.save(str(cache(env)), (key_of(path), (0, 8, 0), ("size",)))
    assert features._read(str(cache(env)), key_of(path)) == ((0, 8, 0), ("size",))
    program(tmp_path / "own", SPEAKS + " ")
    assert features._read(str(cache(env)), key_of(path)) is None
    os.utime(path, ns=(1, 1))
    assert features._read(str(cache(env)), key_of(path)) is None


def forged(env, change):
    """A cache that claims something else of the real one, then `change`."""
    key = key_of(REAL)
    draft.save(str(cache(env)), (key, (9, 9), ("forged",)))
    assert features.probe(env).version == (9, 9)  # as it is, it is believed
    change(cache(env))
    return features.probe(env).version


def other(value):
    import marshal

    return lambda path: path.write_bytes(marshal.dumps(value))


def relink(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.chmod(0o620),
        lambda path: path.chmod(0o602),
        lambda path: path.parent.chmod(0o770),
        lambda path: path.parent.chmod(0o707),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"garbage"),
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(path.read_bytes() + b"x" * draft.MOST),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.mkdir()),
        relink,
        other(None),
        other((key_of(REAL), (9, 9))),
        other((key_of(REAL), "9.9", ("size",))),
        other((key_of(REAL), (9, 9), (b"size",))),
        other((key_of(REAL), ("9",), ())),
        other((key_of(REAL), (9, 9), [[]])),
        other((key_of(REAL), (0, 1), ())),
        other((key_of("/bin/sh"), (9, 9), ())),
    ],
)
def test_a_cache_that_is_not_ours_alone_counts_as_none(change, env):
    assert forged(env, change) == installed.ask(REAL, Facts({}, env={}))[0]


def test_a_cache_of_another_user_counts_as_none(env):
    if ROOT:
        assert forged(env, lambda path: os.chown(path, 12345, 12345)) != (9, 9)
    else:  # what root owns is not ours either
        assert features._read("/etc/passwd", key_of(REAL)) is None


def test_no_home_no_cache_and_none_that_cannot_be_written(env, tmp_path):
    assert features.probe({"PATH": "/usr/bin"}).path == REAL
    assert features.probe({"PATH": "/usr/bin", "HOME": "relative"}).path == REAL
    (tmp_path / "home" / ".cache").write_text("a file")
    assert features.probe(env).path == REAL
    assert not (tmp_path / "relative").exists()


# --- why no box can be made ---------------------------------------------------------------------------------------------

WORKING = Features(REAL, (0, 8, 0), frozenset(("disable-userns",)))


def test_a_host_that_can_has_no_problem(env):
    assert refusal.namespace_problem(features.probe(env)) is None


def test_where_no_user_namespace_is_allowed_the_kernel_setting_is_named(env):
    """For real: a user namespace in which max_user_namespaces is 0 (it counts per namespace, namespaces(7))."""
    code = f"from inner.launch import features, refusal; p = refusal.namespace_problem(features.probe({env!r})); print(p.message, p.where, p.hint, sep='|')"
    run = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    found = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", run, "sh", sys.executable, "-c", code],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert found.stdout.split("|")[:2] == ["this kernel allows no user namespaces", "/proc/sys/user/max_user_namespaces"], (
        found.stderr
    )
    assert "sysctl -w user.max_user_namespaces" in found.stdout


def test_where_the_root_cannot_be_mounted_anew_something_is_said(env):
    """For real: the same in a chroot, where the kernel allows no user namespace (EPERM, user_namespaces(7))."""
    code = f"from inner.launch import features, refusal; p = refusal.namespace_problem(features.probe({env!r})); print(p.message, p.hint, sep='|')"
    run = 'mkdir -p "$0/r" && mount --rbind / "$0/r" && exec chroot "$0/r" "$@"'
    found = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", run, env["HOME"], sys.executable, "-c", code],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip
    message, hint = found.stdout.strip().split("|")
    assert "box" in message or "namespaces" in message
    assert hint


SYSCTL, MOST, APPARMOR = refusal.SYSCTL, refusal.MOST, refusal.APPARMOR
ZERO, ONE = ("file", b"0\n"), ("file", b"1\n")


@pytest.mark.parametrize(
    ("tree", "tried", "message", "hint"),
    [
        (
            {SYSCTL: ZERO},
            {"userns": errno.EPERM},
            "forbids user namespaces to ordinary users",
            "kernel.unprivileged_userns_clone=1",
        ),
        ({SYSCTL: ONE, MOST: ZERO}, {"userns": errno.ENOSPC}, "allows no user namespaces", "user.max_user_namespaces"),
        ({MOST: ("file", b"100\n")}, {"userns": errno.ENOSPC}, "are in use", "user.max_user_namespaces"),
        ({refusal.MOST.replace("user_", "net_"): ZERO}, {}, "allows no network namespaces", "user.max_net_namespaces"),
        ({}, {"userns": errno.EINVAL}, "built without", "CONFIG_USER_NS"),
        ({APPARMOR: ONE}, {}, "AppArmor", "apt-get install apparmor-profiles && sudo ln -s"),
        ({APPARMOR: ONE, refusal.PROFILE: "file"}, {}, "AppArmor", "`sudo ln -s"),
        ({APPARMOR: ZERO}, {}, "does not let bubblewrap", "--unshare-user"),
        ({}, {"confined": "bwrap"}, "AppArmor's profile `bwrap` forbids user namespaces to bubblewrap", "sudo ln -s"),
        (
            {refusal.OWN: "file"},
            {"confined": "user", "userns": errno.EACCES},
            "to what runs here",
            "apparmor_parser -r /etc/apparmor.d/inner",
        ),
        (
            {"/.dockerenv": "file"},
            {"userns": errno.EPERM, "confined": "docker-default"},
            "container does not let",
            "apparmor=unconfined",
        ),
        ({"/.dockerenv": "file"}, {"userns": errno.EPERM}, "container does not let", "seccomp=unconfined"),
        ({"/run/.containerenv": "file"}, {"bare": True}, "hides parts of /proc", "unmask=ALL"),
        ({}, {"bare": True, "without_strict": True}, "/proc/sys is read-only", "remount,rw"),
        ({}, {"userns": errno.EPERM}, "does not let bubblewrap", "shows what it says"),
    ],
)
def test_reasons_are_told_apart(tree, tried, message, hint):
    tried = {"userns": 0, "bare": False, "without_strict": False, **tried}
    problem = refusal.diagnosis(Facts(tree, env={}), WORKING, shown="bwrap --unshare-user -- true", **tried)
    assert message in problem.message
    assert hint in problem.hint
    assert problem.status == 4


def test_a_set_uid_one_is_told_apart():
    broken = Features(REAL, (0, 8, 0), frozenset(), setuid=True)
    problem = refusal.diagnosis(Facts({}, env={}), broken, userns=0, bare=False, without_strict=False, shown="")
    assert "set-uid" in problem.message
    assert "chmod u-s /usr/bin/bwrap" in problem.hint
