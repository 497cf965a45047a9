"""What a box inherits of whoever starts it: no variable, descriptor, key, core file or ignored signal. Each attack also runs without us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import launched
import pytest
from launched import WORDS, plain, run

pytestmark = pytest.mark.box


def test_the_environment_is_empty():
    show = ("sh", "-c", "tr '\\0' '\\n' < /proc/1/environ; env")
    assert b"CANARY" not in run(*show, env={**os.environ, "SECRET": "CANARY"}).stdout
    assert b"CANARY" in plain(*show, env={**os.environ, "SECRET": "CANARY"}).stdout


def test_arguments_of_the_box_are_not_shown(tmp_path):
    words = (*WORDS, "--setenv", "KEY", "CANARY")
    assert b"CANARY" not in run("cat", "/proc/1/cmdline", words=words).stdout
    assert b"CANARY" in plain("cat", "/proc/1/cmdline", words=words).stdout


def test_only_three_descriptors_arrive(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(folder, True)
    (tmp_path / "secret").write_text("CANARY")
    try:
        look = (
            "python3",
            "-c",
            f"import os; print(os.listdir('/proc/self/fd')); os.open('secret', os.O_RDONLY, dir_fd={folder}); print('REACHED')",
        )
        ours = run(*look, pass_fds=(folder,))
        assert b"['0', '1', '2', '3']" in ours.stdout  # 3 is the listing itself
        assert b"REACHED" not in ours.stdout
        assert b"REACHED" in plain(*look, pass_fds=(folder,)).stdout
    finally:
        os.close(folder)


# The caller's session keyring gets a key, as pam_keyinit(8), keyctl(1) or an ssh login with Kerberos would have left one there.
KEY = """
import ctypes, os, sys
call = ctypes.CDLL(None, use_errno=True).syscall
add, keyctl = {"x86_64": (248, 250)}.get(os.uname().machine, (217, 219))
if call(keyctl, 1, None) < 0 or call(add, b"user", b"inner-test", b"CANARY", 6, -3) < 0:
    sys.exit("no key can be made here: errno %d" % ctypes.get_errno())
os.execv(sys.argv[1], sys.argv[1:])
"""


KEYS = """
import ctypes, os
call = ctypes.CDLL(None).syscall
keyctl = {"x86_64": 250}.get(os.uname().machine, 219)
key, text = call(keyctl, 10, -3, b"user", b"inner-test", 0), ctypes.create_string_buffer(16)
print("session", call(keyctl, 0, -3, 0) > 0, "key", text.value if key > 0 and call(keyctl, 11, key, text, 16) > 0 else None)
"""


def test_the_session_keyring_is_a_new_one():
    """Also without a system call filter, which refuses to look."""

    def found(*argv):
        return subprocess.run(
            [sys.executable, "-c", KEY, *argv], capture_output=True, check=True, stdin=subprocess.DEVNULL, timeout=30
        ).stdout

    assert found(launched.BWRAP, *WORDS, "--", "python3", "-c", KEYS) == b"session True key b'CANARY'\n"
    assert found(*launched.argv("python3", "-c", KEYS)) == b"session True key None\n"


def test_no_core_dumps_and_no_new_privileges():
    text = run("cat", "/proc/self/limits", "/proc/self/status").stdout.decode()
    core = next(line for line in text.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    assert "NoNewPrivs:\t1" in text


def test_signals_are_as_a_shell_leaves_them():
    """Python ignores SIGPIPE, and we block signals around fork: neither may reach the command."""
    status = run("grep", "Sig[BI]", "/proc/self/status").stdout.split()
    assert [int(value, 16) for value in status[1::2]] == [0, 0]


def test_what_the_caller_ignores_stays_ignored():
    done = run("grep", "SigIgn", "/proc/self/status", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert int(done.stdout.split()[1], 16) == 1 << (signal.SIGHUP - 1)


OUTSIDE = """
import os, sys
try:
    os.kill(int(sys.argv[1]), 0); print("REACHED")
except OSError as error:
    print(error.errno)
"""


def test_signals_do_not_leave_the_box_without_a_pid_namespace():
    """Landlock's signal scope (ABI 6, Linux 6.12) where the kernel has it."""
    words = tuple(word for word in WORDS if word not in {"--unshare-pid", "--proc", "/proc"})
    words = (*words, "--bind", "/proc", "/proc")
    assert b"REACHED" in plain("python3", "-c", OUTSIDE, str(os.getpid()), words=words).stdout
    expected = b"1\n" if scoped() else b"REACHED\n"
    assert run("python3", "-c", OUTSIDE, str(os.getpid()), words=words).stdout == expected


def scoped() -> bool:
    sys.path.insert(0, launched.REPOSITORY)
    from inner.launch import syscall

    return syscall.syscall(syscall.LANDLOCK_CREATE_RULESET, None, 0, 1) >= 6


ABSTRACT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(chr(0) + sys.argv[1]); print("REACHED")
except OSError as error:
    print(error.errno)
"""


def test_abstract_sockets_of_the_host_network():
    import socket

    words = tuple(word for word in WORDS if word != "--unshare-net")
    name = f"inner-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name)
        server.listen()
        assert b"REACHED" in plain("python3", "-c", ABSTRACT, name, words=words).stdout
        assert run("python3", "-c", ABSTRACT, name, words=words).stdout == (b"1\n" if scoped() else b"REACHED\n")
