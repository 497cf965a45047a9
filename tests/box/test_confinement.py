"""What a box inherits from its start, where the kernel cannot do all of it: said, or refused. And what it has when it can."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from program import inner
from refusing import refusing

from inner.launch import syscall

pytestmark = pytest.mark.box

NO_LANDLOCK = refusing(syscall.LANDLOCK_CREATE_RULESET, errno.ENOSYS)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


ABSTRACT = "import socket, sys; s = socket.socket(socket.AF_UNIX); print(s.connect_ex(chr(0) + sys.argv[1]))"


def test_abstract_sockets_are_kept_from_the_host_s_network_or_it_is_said():
    name = f"inner-test-{os.getpid()}"
    words = ("run", "--network", "--", "/usr/bin/python3", "-c", ABSTRACT, name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name)
        server.listen()
        warned = "warning: abstract sockets of this host (X11, D-Bus) are not kept from a box with the host's network: Linux 6.12 or later can, with Landlock\n"
        older = inner(*words, preexec_fn=NO_LANDLOCK)
        assert (older.stdout, warned in older.stderr) == ("0\n", True)
        newer = inner(*words)
        assert (newer.stdout, warned in newer.stderr) == (("1\n", False) if syscall.has_scopes() else ("0\n", True))
        alone = inner("run", "--no-network", *words[2:], preexec_fn=NO_LANDLOCK)
        assert (alone.stdout, alone.stderr) == (f"{errno.ECONNREFUSED}\n", "")


def test_landlock_that_refuses_ends_the_start(project):
    if not syscall.has_scopes():
        return
    done = inner("run", "--", "touch", "ran", preexec_fn=refusing(syscall.LANDLOCK_RESTRICT_SELF, errno.E2BIG))
    assert done.returncode == 125
    assert "Landlock refuses" in done.stderr
    assert not (project / "ran").exists()


def test_a_session_keyring_that_cannot_be_left_ends_the_start(project):
    """EDQUOT: the user has as many keys as allowed. Seen with `keyctl(1)` in a loop; here the call is refused."""
    full = refusing(syscall.KEYCTL, errno.EDQUOT, first=syscall.KEYCTL_JOIN_SESSION_KEYRING)
    done = inner("run", "--", "touch", "ran", preexec_fn=full)
    assert done.returncode == 125
    assert "your session keyring" in done.stderr
    assert not (project / "ran").exists()


def test_a_kernel_without_keys_has_none_to_show(project):
    done = inner("run", "--", "touch", "ran", preexec_fn=refusing(syscall.KEYCTL, errno.ENOSYS))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_box_holds_nothing_but_its_three_descriptors():
    (reader, writer), folder = os.pipe(), os.open("/", os.O_RDONLY)
    for fd in (reader, writer, folder):
        os.set_inheritable(fd, True)
    done = inner("run", "--", "sh", "-c", "ls /proc/self/fd; readlink /proc/1/fd/*", pass_fds=(reader, writer, folder))
    for fd in (reader, writer, folder):
        os.close(fd)
    lines = done.stdout.split()
    assert lines[:4] == ["0", "1", "2", "3"]  # the last is the listing itself
    kinds = [line.partition(":")[0] for line in lines[4:]]
    assert set(kinds) == {"/dev/null", "anon_inode", "pipe"}  # of pid 1, which is bubblewrap: no file, no folder


def test_a_box_has_no_capability_no_core_dump_and_no_way_to_more():
    done = inner(
        "run",
        "--",
        "sh",
        "-c",
        "cat /proc/self/status /proc/1/status; ulimit -Hc; wc -c < /proc/1/environ; su -c id root < /dev/null",
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {line[1] for line in lines if line[0].startswith("Cap")} == {"0000000000000000"}
    assert [line[1] for line in lines if line[0] == "NoNewPrivs:"] == ["1", "1"]
    assert [line[1] for line in lines if line[0] == "Seccomp:"] == ["2", "2"]
    assert lines[-2:] == [["0"], ["0"]]
    assert done.returncode != 0


def test_groups_of_an_ordinary_user_stay_and_have_no_name():
    """They cannot be given up without a capability: what only a group may read, and is mounted, can be read."""
    inside = inner("run", "--", "grep", "^Groups:", "/proc/self/status").stdout.split()[1:]
    assert len(inside) == (len(os.getgroups()) if os.getuid() else 0)
