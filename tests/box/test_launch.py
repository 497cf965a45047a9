"""A box from start to end: statuses, what it inherits, what stands at 0, 1 and 2, signals, time. Each attack also runs without us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import launched
import pytest
from launched import BASE, SPACES, WORDS, plain, run

pytestmark = pytest.mark.box


# --- how it ended ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "status", "reason", "signum"),
    [
        (["true"], 0, "exit", 0),
        (["sh", "-c", "exit 9"], 9, "exit", 0),
        (["sh", "-c", "exit 1"], 1, "exit", 0),
        (["sh", "-c", "exit 127"], 127, "exit", 0),
        (["sh", "-c", "exit 126"], 126, "exit", 0),
        (["sh", "-c", "exit 125"], 125, "exit", 0),
        (["sh", "-c", "nosuch-command"], 127, "exit", 0),
        (["sh", "-c", "kill -9 $$"], 137, "signal", 9),
        (["sh", "-c", "kill -TERM $$"], 143, "signal", 15),
        (["sh", "-c", "echo 'bwrap: execvp x: No such file or directory' >&2; exit 1"], 1, "exit", 0),
        (["nosuch-command"], 127, "not-found", 0),
        (["/nosuch/command"], 127, "not-found", 0),
        (["--no-such-command"], 127, "not-found", 0),
        (["/etc/passwd"], 126, "not-executable", 0),
        (["/etc"], 126, "not-executable", 0),
    ],
)
def test_status(command, status, reason, signum):
    done = run(*command)
    assert (done.returncode, done.outcome["reason"], done.outcome["signal"]) == (status, reason, signum)
    assert done.outcome["started"] == (reason in {"exit", "signal"})


@pytest.mark.parametrize(
    "words", [("--ro-bind", "/nosuch", "/x"), ("--chdir", "/nosuch"), ("--no-such-option",), ("--tmpfs", "/proc/1/x")]
)
def test_a_box_that_cannot_be_made(words):
    done = run("true", words=(*WORDS, *words))
    assert (done.returncode, done.outcome["reason"]) == (125, "setup")
    assert "bwrap: " in done.outcome["stderr"]
    assert done.stderr == b""  # told once, by whoever prints the outcome


def test_messages_are_escaped():
    done = run("true", words=(*WORDS, "--ro-bind", "/\x1b]0;owned\x07\u202e", "/x"))
    assert done.outcome["reason"] == "setup"
    assert "\\x1b]0;owned\\x07\\u202e" in done.outcome["stderr"]
    assert done.outcome["stderr"].isprintable()


def test_without_bubblewrap():
    done = run("true", options={"bwrap": "/nosuch/bwrap"})
    assert b"RunError: cannot start `/nosuch/bwrap`" in done.stderr
    assert done.outcome == {}


def test_the_status_cannot_be_forged():
    done = run("bash", "-c", 'for f in $(seq 3 255); do echo "{\\"exit-code\\": 0 }" >&$f; done 2>/dev/null; exit 9')
    assert done.returncode == 9


def test_output_and_status_of_a_quick_command():
    for _ in range(20):
        done = run("sh", "-c", "echo out; echo err >&2; exit 3")
        assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)


# --- what it inherits -----------------------------------------------------------------------------------------------------------


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


# --- standard streams -----------------------------------------------------------------------------------------------------------

REOPEN = "(echo PWNED > /proc/self/fd/0) 2>/dev/null; (echo PWNED >> /dev/stdin) 2>/dev/null; cat; timeout 0.5 cat /proc/self/fd/3 3>&1 >&2; true"


def test_files_cannot_be_opened_again(tmp_path):
    for start, safe in ((run, True), (plain, False)):
        source, target = tmp_path / "in", tmp_path / "out"
        source.write_text("data\n")
        target.write_text("CANARY\n")
        with source.open() as stdin, target.open("ab") as stdout:
            done = start(
                "timeout",
                "2",
                "sh",
                "-c",
                REOPEN,
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                **({} if safe else {"capture_output": False}),
            )
        assert ("PWNED" in source.read_text()) is not safe
        assert (b"CANARY" in done.stderr) is not safe
        assert target.read_text().startswith("CANARY\n")


def test_folders_are_not_handed_over(tmp_path):
    (tmp_path / "secret").write_text("CANARY")
    for start, found in ((run, False), (plain, True)):
        folder = os.open(tmp_path, os.O_RDONLY)
        done = start("cat", "/proc/self/fd/0/secret", stdin=folder)
        os.close(folder)
        assert (b"CANARY" in done.stdout) is found


def test_order_of_two_streams_in_one(tmp_path):
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    expected = "".join(f"out {i}\nerr {i}\n" for i in range(1, 10)).encode()
    assert run("sh", "-c", script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout == expected
    with (tmp_path / "log").open("wb") as log:
        run("sh", "-c", script, stdout=log, stderr=log)
    assert (tmp_path / "log").read_bytes() == expected


def test_append_and_large_output(tmp_path):
    target = tmp_path / "big"
    target.write_bytes(b"before\n")
    with target.open("ab") as out:
        assert run("head", "-c", "200M", "/dev/zero", stdout=out, stderr=subprocess.PIPE).returncode == 0
    assert target.stat().st_size == 7 + 200 * 1024 * 1024
    target.unlink()


def test_large_input_from_a_file(tmp_path):
    source = tmp_path / "big"
    source.write_bytes(os.urandom(1 << 20) * 20)
    import hashlib

    with source.open("rb") as stdin:
        assert run("sha1sum", stdin=stdin).stdout.split()[0].decode() == hashlib.sha1(source.read_bytes()).hexdigest()


def test_unread_input_is_given_back(tmp_path):
    source = tmp_path / "in"
    source.write_bytes(b"0123456789" * 100_000)
    with source.open("rb", buffering=0) as stdin:
        assert run("head", "-c", "10", stdin=stdin).stdout == b"0123456789"
        assert stdin.tell() <= 65536  # what head read, by its own buffer, and no more
        assert run("dd", "bs=1", "count=5", stdin=stdin).returncode == 0


def test_no_more_input_is_given_back_than_was_read(tmp_path):
    """The box writes into the pipe that stands for the file, so more is left than ever came from it."""
    source = tmp_path / "in"
    source.write_bytes(b"0123456789" * 10)
    with source.open("rb", buffering=0) as stdin:
        stdin.seek(50)
        done = run("sh", "-c", "exec 3> /proc/self/fd/0; yes | head -c 4000 >&3", stdin=stdin)
        assert (done.returncode, stdin.tell()) == (0, 50)


def test_pipes_end_as_they_should():
    assert run("cat", stdin=None, input=b"hello").stdout == b"hello"
    first = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | head -1', "x", *launched.argv("yes")], capture_output=True, timeout=30
    )
    assert (first.stdout, first.returncode) == (b"y\n", 141)
    relayed = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" 2>&1 | head -1', "x", *launched.argv("yes")], capture_output=True, timeout=30
    )
    assert (relayed.stdout, relayed.returncode) == (b"y\n", 141)


def test_half_close():
    """The box closes its output and goes on; the reader sees the end at once."""
    process = subprocess.Popen(launched.argv("sh", "-c", "echo done; exec >&-; sleep 1.5; exit 5"), stdout=subprocess.PIPE)
    began = time.monotonic()
    assert process.stdout.read() == b"done\n"
    # our own copy of the pipe is the caller's, and stays open as long as the run
    assert process.wait(20) == 5
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("closed", ["0<&-", ">&-", "2>&-", "0<&- >&- 2>&-"])
def test_closed_streams(closed, tmp_path):
    script = f'"$@" {closed}'
    command = launched.argv("sh", "-c", "read x; echo out; echo err >&2; ls /proc/self/fd > /dev/null; exit 4")
    done = subprocess.run(["bash", "-c", script, "x", *command], capture_output=True, timeout=30, input=b"line\n")
    assert done.returncode == 4
    assert done.stdout == (b"" if ">&-" in closed.replace("2>&-", "") else b"out\n")


def test_a_slow_reader_costs_no_memory():
    process = subprocess.Popen(launched.argv("head", "-c", "300M", "/dev/zero"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    time.sleep(1)
    with open(f"/proc/{process.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 40_000  # kB, of which the interpreter with `json` has most
    size = 0
    while chunk := process.stdout.read(1 << 20):
        size += len(chunk)
    assert (process.wait(20), size) == (0, 300 * 1024 * 1024)


def test_a_full_disk_is_told():
    with open("/dev/full", "wb") as full:
        done = run("sh", "-c", "echo x; sleep 0.2; echo y", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode in {0, 1, 141}


def test_the_log_gets_every_byte(tmp_path):
    with (tmp_path / "log").open("wb") as log:
        done = run(
            "sh", "-c", "printf 'a\\033]52;c;QQ==\\007'; printf err >&2", options={"log": log.fileno()}, pass_fds=(log.fileno(),)
        )
    assert (done.stdout, done.stderr) == (b"a\x1b]52;c;QQ==\x07", b"err")
    assert sorted((tmp_path / "log").read_bytes()) == sorted(b"a\x1b]52;c;QQ==\x07err")


# --- signals --------------------------------------------------------------------------------------------------------------------

TRAPS = 'for s in TERM INT HUP QUIT USR1 USR2; do trap "echo $s; exit 3" $s; done; echo ready; while :; do sleep 0.05; done'


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"])
def test_signals_are_forwarded(name):
    process = subprocess.Popen(launched.argv("bash", "-c", TRAPS), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, f"SIG{name}"))
    assert process.stdout.readline() == f"{name}\n".encode()
    assert process.wait(10) == 3


def test_a_signal_that_kills():
    process = subprocess.Popen(launched.argv("sh", "-c", "echo ready; exec sleep 60"), stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(30) == 143


@pytest.mark.parametrize("delay", [0.0, *(at / 1000 for at in range(30, 100, 5))])
def test_a_signal_while_the_box_is_made(delay):
    process = subprocess.Popen(launched.argv("sleep", "60"), stderr=subprocess.PIPE)
    time.sleep(delay)
    process.terminate()
    assert process.wait(30) in {143, -15}, process.stderr.read()  # -15: Python itself was not ready yet


def test_the_second_interrupt_kills():
    process = subprocess.Popen(
        launched.argv("bash", "-c", "trap 'echo no' INT; echo ready; while :; do sleep 0.05; done"), stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == b"no\n"
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130


GROUP = """
import os, signal, subprocess, sys
os.setpgid(0, 0)
signal.signal(signal.SIGUSR1, lambda *_: print("REACHED", flush=True))
subprocess.run(sys.argv[1:])
"""


def test_the_caller_s_process_group_is_out_of_reach():
    attack = ("python3", "-c", "import os,signal,time; signal.signal(10, signal.SIG_IGN); os.kill(0, 10); time.sleep(0.3)")
    ours = subprocess.run([sys.executable, "-c", GROUP, *launched.argv(*attack)], capture_output=True, timeout=30)
    assert b"REACHED" not in ours.stdout
    theirs = subprocess.run([sys.executable, "-c", GROUP, launched.BWRAP, *WORDS, *attack], capture_output=True, timeout=30)
    assert b"REACHED" in theirs.stdout


# --- time, and what is left -----------------------------------------------------------------------------------------------------

STUBBORN = {
    "ignores": "trap '' TERM INT HUP; while :; do sleep 0.1; done",
    "double-forked": "(setsid setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' </dev/null >/dev/null 2>&1 &); sleep 60",
    "stops its group": "kill -STOP 0; sleep 60",
    "forks": "trap '' TERM; while :; do (trap '' TERM; sleep 1) & sleep 0.05; done",
}


def alive(mark: str) -> list[str]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if mark.encode() in file.read() and int(pid) != os.getpid():
                    found.append(pid)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("name", STUBBORN)
def test_time_is_up(name):
    mark = f"mark{os.getpid()}{name.replace(' ', '')}"
    began = time.monotonic()
    done = run("sh", "-c", STUBBORN[name], mark, options={"timeout": 0.6, "grace": 0.4})
    assert (done.returncode, done.outcome["reason"]) == (124, "timeout")
    assert time.monotonic() - began < 30
    assert alive(mark) == []


def test_the_grace_is_used():
    done = run(
        "bash",
        "-c",
        "trap 'sleep 0.2; echo tidy; exit 0' TERM; while :; do sleep 0.05; done",
        options={"timeout": 2, "grace": 20},
    )
    assert (done.returncode, done.stdout) == (124, b"tidy\n")


SHARED = tuple(word for word in WORDS if word != "--unshare-pid")


@pytest.mark.parametrize("words", [WORDS, SHARED], ids=["own pid namespace", "the host's"])
def test_nothing_outlives_the_run(tmp_path, words):
    """Nor does anything see the others die, and go on."""
    script = f"for n in $(seq 200); do sleep 60 & done; touch {tmp_path}/up; wait -n; touch {tmp_path}/late"
    begin = f"(setsid setsid bash -c '{script}' </dev/null >/dev/null 2>&1 &); until [ -e {tmp_path}/up ]; do sleep 0.02; done; echo held"
    assert run("sh", "-c", begin, words=(*words, "--bind", str(tmp_path), str(tmp_path))).stdout == b"held\n"
    assert alive(f"{tmp_path}/late") == []
    assert not (tmp_path / "late").exists()


AGAIN = """
use POSIX;
my $end = time + 40;
for (1..20) {
    next if fork;
    setsid;
    POSIX::close($_) for 0..2;
    while (time < $end) { POSIX::_exit(0) if fork }
    POSIX::_exit(0);
}
"""


def test_what_is_another_process_at_every_moment_is_ended():
    """Twenty of them, each of which forks and ends, and so does its child: no number is the one to kill for long."""
    mark = f"mark{os.getpid()}again"
    began = time.monotonic()
    assert run("perl", "-e", AGAIN, mark, words=SHARED).returncode == 0
    assert alive(mark) == []
    assert time.monotonic() - began < 30  # else they have ended by themselves


def test_nothing_outlives_a_killed_supervisor(tmp_path):
    words = (*WORDS, "--bind", str(tmp_path), str(tmp_path))
    process = subprocess.Popen(
        launched.argv("sh", "-c", f"echo ready; sleep 1.5; touch {tmp_path}/late", words=words), stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.wait(10)
    time.sleep(2)
    assert not (tmp_path / "late").exists()


def test_callback_before_anything_runs(tmp_path):
    code = f"import os, time; time.sleep(0.3); open({str(tmp_path / 'mark')!r}, 'w').write(os.readlink(f'/proc/{{pid}}/ns/net'))"
    words = (*WORDS, "--ro-bind", str(tmp_path), str(tmp_path))
    done = run("sh", "-c", f"readlink /proc/self/ns/net; cat {tmp_path}/mark", words=words, options={"started": code})
    first, second = done.stdout.split()
    assert first == second


def test_callback_that_fails(tmp_path):
    words = (*WORDS, "--bind", str(tmp_path), str(tmp_path))
    done = run("touch", f"{tmp_path}/ran", words=words, options={"started": "raise RuntimeError('no')"})
    assert b"RuntimeError: no" in done.stderr
    assert done.outcome == {}
    assert not (tmp_path / "ran").exists()


def test_without_a_pid_namespace():
    words = (*BASE, *(word for word in SPACES if word != "--unshare-pid"))
    for command, status in (("exit 5", 5), ("kill -9 $$", 137)):
        assert run("sh", "-c", command, words=words).returncode == status
    for command, more in (
        ("nosuch", ()),
        ("true", ("--chdir", "/nosuch")),
    ):  # cannot be told apart there, see inner.launch.outcome
        done = run(command, words=(*words, *more))
        assert (done.returncode, done.outcome["reason"]) == (125, "setup")
        assert "nosuch: No such file or directory" in done.outcome["stderr"]
    assert run("sh", "-c", STUBBORN["double-forked"], words=words, options={"timeout": 0.6, "grace": 0.4}).returncode == 124


def test_the_start_imports_nothing_dear():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import inner.launch.supervisor, inner.launch.pty;"
        "from inner.launch import syscall; syscall.load(); print(*sys.modules)"
    )
    modules = set(
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, launched.REPOSITORY], capture_output=True, check=True, text=True
        ).stdout.split()
    )
    dear = {"dataclasses", "typing", "enum", "re", "json", "pathlib", "subprocess", "socket", "signal", "threading", "logging", "functools",
            "contextlib", "shutil", "tempfile", "ctypes", "collections", "array"}  # fmt: skip
    assert modules & dear == set()


def test_a_process_that_the_start_makes_beside_the_box_outlives_it(tmp_path):
    """As the keeper of a scope of systemd's does, until what was used has been read."""
    started = f"""
import os, time
child = os.fork()
if child == 0:
    os.closerange(0, 1 << 12)
    time.sleep(60)
    os._exit(0)
with open({str(tmp_path / "child")!r}, "w") as file:
    file.write(str(child))
"""
    assert launched.run("true", options={"started": started}).returncode == 0
    child = int((tmp_path / "child").read_text())
    with open(f"/proc/{child}/stat") as file:
        assert file.read().rpartition(")")[2].split()[0] == "S"
    os.kill(child, 9)
