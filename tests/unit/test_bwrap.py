"""bubblewrap's words for one plan and many versions. `python tests/unit/test_bwrap.py` writes tests/golden/argv anew."""

from __future__ import annotations

import os
import shlex
import sys

import pytest

from inner.bwrap import Content, Features, Given, Opened, limitations, operations, paste, words
from inner.errors import ConfigError, HostError
from inner.plan.model import MIB, Bind, Data, Dev, Dir, Mask, Namespaces, Overlay, Plan, Proc, Symlink, Tmpfs, Variable

GOLDEN = os.path.join(os.path.dirname(__file__), "..", "golden", "argv")

# What each version's --help names, of the flags that not all of them have (bubblewrap's NEWS).
SINCE = {
    (0, 5, 0): ("clearenv", "perms", "chmod"),
    (0, 6, 0): ("add-seccomp-fd",),
    (0, 7, 0): ("size",),
    (0, 8, 0): ("disable-userns", "assert-userns-disabled"),
    (0, 9, 0): ("argv0",),
    (0, 10, 0): ("bind-fd", "ro-bind-fd"),
    (0, 11, 0): ("overlay-src", "overlay", "tmp-overlay", "ro-overlay", "level-prefix"),
    (0, 12, 0): (),
}


def made(*version, setuid=False, more=()):
    flags = {flag for since, some in SINCE.items() if since <= version for flag in some}
    return Features("/usr/bin/bwrap", version, frozenset((*flags, *more)), setuid)


P = "/home/user/project"
ROOT = Tmpfs("/", 16 * MIB, 0o755, "ro")
MOUNTS = (
    ROOT,
    Bind("/usr", "/usr"),
    Symlink("usr/bin", "/bin"),
    Dir("/etc"),
    Proc(),
    Dev(),
    Tmpfs("/tmp", 1024 * MIB, 0o1777),
    Mask("/proc/keys", "file"),
    Data("/etc/passwd", b"user:x:1000:1000::/home/user:/bin/sh\n"),
    Data("/etc/motd", b"mine\n", 0o644, "rw"),
    Bind("/dev/kvm", "/dev/kvm", "rw", "other", dev=True),
    Bind("/dev/dri", "/dev/dri", "ro", "dir", dev=True),
    Tmpfs("/home/user", 64 * MIB, 0o700),
    Data("/home/user/.bash_history", b"ls\n", 0o600, "rw"),
    Data("/home/user/.gitconfig", b"[user]\n", 0o444),
    Bind(P, P, "rw"),
    Bind(P + "/.git", P + "/.git"),
    Mask(P + "/.env", "file"),
    Mask(P + "/.vscode"),
    Bind("/run/user/1000/app.sock", "/run/app.sock", "ro", "other"),
)
MOUNTS = tuple(sorted(MOUNTS, key=lambda mount: 0 if mount.dest == "/" else mount.dest.count("/")))
ENV = (Variable("HOME", "/home/user"), Variable("TERM", None), Variable("NOT_SET", None), Variable("EMPTY", None))


def plan(*mounts, **more):
    more = {"env": ENV, "cwd": P, "home": "/home/user", "project": P, "command": ("sh", "-c", "true"), **more}
    return Plan(profile="test", mounts=mounts or MOUNTS, **more)


def text(line):
    """One operation per line; placeholders in angle brackets."""

    def word(it):
        match it:
            case str():
                return shlex.quote(it)
            case Content(data):
                return f"<{data!r}>"
            case Opened(path):
                return f"<descriptor of {path}>"
            case Given(name):
                return f"<{name}>"

    return "".join(" ".join(map(word, operation)) + "\n" for operation in line)


CASES = {
    "0.5.0": (plan(), made(0, 5, 0), {}),
    "0.7.0": (plan(), made(0, 7, 0), {}),
    "0.8.0": (plan(), made(0, 8, 0), {}),
    "0.8.0-debian": (plan(), made(0, 8, 0, more=("bind-fd", "ro-bind-fd")), {}),
    "0.8.0-setuid": (plan(), made(0, 8, 0, setuid=True), {}),
    "0.12.0": (plan(), made(0, 12, 0), {"filter": b"\x06\0", "given": ("status", "info", "block")}),
    "0.11.0-overlay": (
        plan(ROOT, Overlay(P, P, "/state/upper", "/state/work"), Overlay("/data", "/data"), env=()),
        made(0, 11, 0),
        {},
    ),
    "open-network": (
        plan(ROOT, env=(), cwd="/", namespaces=Namespaces(net=False, nested_user=True), uid=0, gid=0),
        made(0, 12, 0),
        {},
    ),
    "host-root": (plan(Bind("/", "/"), Proc(), Dev(), Tmpfs("/home", MIB, 0o755, "ro"), env=(), cwd="/"), made(0, 12, 0), {}),
}


def current(name):
    what, features, more = CASES[name]
    return text(operations(what, features, env={"TERM": "xterm", "EMPTY": "", "SECRET": "s3cret"}, **{"filter": None, **more}))


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    with open(os.path.join(GOLDEN, name + ".txt")) as file:
        assert current(name) == file.read()


@pytest.mark.parametrize("name", CASES)
def test_what_holds_in_every_version(name):
    what, features, more = CASES[name]
    line = words(what, features, env={"TERM": "xterm", "SECRET": "s3cret"}, **{"filter": None, **more})
    assert "--new-session" not in line  # sessions are the launcher's
    assert "s3cret" not in line
    for at, word in enumerate(line):
        if word == "--tmpfs":
            assert line[at - 2] == "--perms"
            assert line[at - 4] == "--size" or not features.has("size")
    assert {"--unshare-user", "--unshare-ipc", "--unshare-uts", "--unshare-pid", "--clearenv", "--die-with-parent"} <= set(line)
    last = max(
        at
        for at, word in enumerate(line)
        if word
        in ("--tmpfs", "--ro-bind", "--bind", "--bind-fd", "--ro-bind-fd", "--dev-bind", "--dev", "--proc", "--dir", "--file")
    )
    assert all(at < last for at, word in enumerate(line) if word == "--symlink")
    if what.mounts[0] == ROOT:
        assert ("--remount-ro", "/") in zip(line[last:], line[last + 1 :], strict=False)


def test_environment_by_name_is_taken_when_it_is_there():
    line = current("0.8.0")
    assert "--setenv TERM xterm\n--setenv EMPTY ''\n" in line
    assert "NOT_SET" not in line


@pytest.mark.parametrize(
    "bad",
    [
        plan(ROOT, Bind("/a\0b", "/x")),
        plan(ROOT, Bind("/a", "/x\0y")),
        plan(ROOT, env=(Variable("A", "b\0c"),)),
        plan(ROOT, Symlink("\0", "/x")),
        plan(ROOT, cwd="/\0"),
    ],
)
@pytest.mark.parametrize("features", [made(0, 5, 0), made(0, 12, 0)])
def test_a_nul_byte_is_an_error_not_the_end_of_a_word(bad, features):
    with pytest.raises(ConfigError, match="NUL"):
        words(bad, features, env={}, filter=None)


@pytest.mark.parametrize("dest", ["relative", "", "/a/", "//a", "/a/../b", "/a/./b", "/a//b", "/var/run/x", "/.."])
def test_destinations_are_canonical(dest):
    with pytest.raises(ConfigError, match="canonical"):
        words(plan(ROOT, Tmpfs(dest)), made(0, 12, 0), env={}, filter=None)


@pytest.mark.parametrize(
    ("mounts", "why"),
    [
        ((Bind("/usr", "/usr"),), "root of its own"),
        ((Bind("/usr", "/usr"), ROOT), "root of its own"),
        ((ROOT, Tmpfs("/a/b"), Tmpfs("/a")), "mounted before"),
        ((ROOT, Tmpfs("/a"), Bind("/x", "/a")), "mounted before"),
        ((ROOT, Symlink("/etc", "/a"), Tmpfs("/a/b")), "not a folder"),
        ((ROOT, Symlink("/etc", "/a"), Tmpfs("/a/b/c")), "not a folder"),
        ((ROOT, Data("/a", b""), Tmpfs("/a/b")), "not a folder"),
    ],
)
def test_mounts_that_would_hide_or_follow_others_are_refused(mounts, why):
    with pytest.raises(ConfigError, match=why):
        words(plan(*mounts), made(0, 12, 0), env={}, filter=None)


@pytest.mark.parametrize("name", ["", "A=B", "="])
@pytest.mark.parametrize("value", [None, "x"])
def test_names_that_setenv_refuses_are_errors(name, value):
    for make in (
        lambda: words(plan(ROOT, env=(Variable(name, value),)), made(0, 12, 0), env={}, filter=None),
        lambda: paste(plan(ROOT, env=(Variable(name, value),)), made(0, 12, 0)),
    ):
        with pytest.raises(ConfigError, match="name of a variable"):
            make()


def test_an_overlay_needs_a_bubblewrap_that_has_them_and_may():
    for features in (made(0, 8, 0), made(0, 11, 0, setuid=True)):
        with pytest.raises(HostError, match="overlay"):
            words(plan(ROOT, Overlay("/a", "/a")), features, env={}, filter=None)


def test_what_an_old_bubblewrap_cannot_do_is_said():
    assert limitations(plan(ROOT), made(0, 8, 0)) == ()
    (text,) = limitations(plan(), made(0, 8, 0))
    assert "`/etc/motd` can be written" in text
    assert "0.5.0 cannot bound" in limitations(plan(), made(0, 5, 0))[0]
    assert "set-uid root, cannot bound" in limitations(plan(), made(0, 8, 0, setuid=True))[0]
    assert "without the set-uid bit it can" in limitations(plan(), Features("/usr/bin/bwrap", (0, 12, 0), frozenset(), True))[0]
    assert len(limitations(plan(ROOT, seccomp="off"), made(0, 7, 0))) == 1
    assert "without the set-uid bit it can" in limitations(plan(ROOT, seccomp="off"), made(0, 8, 0, setuid=True))[1]
    assert limitations(plan(ROOT, seccomp="off", namespaces=Namespaces(nested_user=True)), made(0, 7, 0)) == ()


def test_the_command_is_not_among_the_words():
    odd = plan(ROOT, command=("--bind", "/", "/"), env=())
    assert "--bind" not in words(odd, made(0, 12, 0), env={}, filter=None)
    assert paste(odd, made(0, 12, 0)).rstrip().endswith("-- --bind / /")


def test_what_is_pasted_names_every_source_and_no_value_of_the_host():
    shown = paste(plan(), made(0, 12, 0))
    assert f"--bind {P} {P}" in shown
    assert '${TERM+--setenv TERM "$TERM"}' in shown
    assert "-fd" not in shown


def test_values_that_look_like_references_are_quoted():
    shown = paste(
        plan(ROOT, env=(Variable("A", "$(touch x)`y`"), Variable("B", "\1value of $(x)"), Variable("a-b", None))), made(0, 12, 0)
    )
    assert "--setenv A '$(touch x)`y`'" in shown
    assert "$(x)'" in shown
    assert '"$(x)' not in shown
    assert '--setenv a-b "$(printenv -- a-b)"' in shown


if __name__ == "__main__":
    for name in CASES:
        with open(os.path.join(GOLDEN, name + ".txt"), "w") as file:
            file.write(current(name))
    sys.exit(0)
