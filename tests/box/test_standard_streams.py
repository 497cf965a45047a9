"""What stands at 0, 1 and 2 of a box: nothing to open again, every byte in order, and ends that are seen. Each attack also runs without us."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import termios
import time

import launched
import pytest
from launched import plain, run

pytestmark = pytest.mark.box

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
    end, size = time.monotonic() + 60, fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ)
    while int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)), sys.byteorder) < size:
        assert time.monotonic() < end, "nothing waits for the reader"
        time.sleep(0.01)
    time.sleep(0.3)  # in which more would come than there is room for
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
