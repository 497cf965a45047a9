"""What strace writes is read for what it says, and nothing that a box writes in its place does any harm."""

from __future__ import annotations

import time

import pytest

from inner.trace import parse
from inner.trace.parse import Lookup, Trace

RAN = b'7<strace> execve("/usr/bin/sh", ["sh"], 0x7 /* 3 vars */) = 0\n'


def found(text, *, ran=RAN, cwd="/work"):
    trace = Trace(cwd)
    trace.feed(ran + text)
    trace.finish()
    return trace


LINES = {
    b'7<sh> openat(AT_FDCWD</work>, "/etc/x", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)': ("/etc/x", "read", "ENOENT"),
    b'7<sh> openat(AT_FDCWD</work>, "a/../b", O_RDONLY) = -1 ENOENT (No such file)': ("/work/b", "read", "ENOENT"),
    b'7<sh> openat(5</else>, "b", O_WRONLY|O_CREAT, 0666) = -1 EROFS (Read-only file system)': ("/else/b", "write", "EROFS"),
    b'7<sh> newfstatat(AT_FDCWD</w\\74\\303\\244\\76>, "b", 0x7f, 0) = -1 ENOENT (No)': ("/w<\u00e4>/b", "read", "ENOENT"),
    b'7<sh> access("rel", W_OK) = -1 EACCES (Permission denied)': ("/work/rel", "write", "EACCES"),
    b'7 stat("/with \\"quotes\\" \\\\ and\\nlines", 0x7ff) = -1 ENOENT (No)': ('/with "quotes" \\ and\nlines', "read", "ENOENT"),
    b'7<sh> stat("/x\\1772", 0x7ff) = -1 ENOENT (No)': ("/x\x7f2", "read", "ENOENT"),
    b'7<sh> stat("/\\xc3\\xa4", 0x7ff) = -1 ENOENT (No)': ("/\u00e4", "read", "ENOENT"),
    b'7<sh> execve("/opt/x", ["x", "/not/this"], 0x7 /* 3 vars */) = -1 ENOENT (No)': ("/opt/x", "run", "ENOENT"),
    b'7<sh> symlinkat("/target", AT_FDCWD</work>, "/link") = -1 EROFS (Read)': ("/link", "write", "EROFS"),
    b'7<sh> mkdir("/m", 0777) = -1 EPERM (Operation)': ("/m", "write", "EPERM"),
    b'7<sh> connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/s"}, 110) = -1 ENOENT (No)': ("/run/s", "read", "ENOENT"),
    b'7<sh> connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16)'
    b" = -1 ENETUNREACH (Network is unreachable)": ("192.0.2.1:80", "reach", "ENETUNREACH"),
    b'7<sh> connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", '
    b"&sin6_addr), sin6_scope_id=0}, 28) = -1 ENETUNREACH (Network)": ("[2001:db8::1]:443", "reach", "ENETUNREACH"),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_call_that_failed_is_a_path_and_what_was_wanted(line):
    [lookup] = found(line + b"\n").found
    assert (lookup.path, lookup.want, lookup.error) == LINES[line]


@pytest.mark.parametrize(
    "line",
    [
        b'7<sh> openat(AT_FDCWD</work>, "/x", O_RDONLY) = 3</x>',
        b'7<sh> openat(AT_FDCWD</work>, "/x", O_RDONLY) = -1 EMFILE (Too many)',
        b'7<sh> openat(AT_FDCWD</work>, "/x"..., O_RDONLY) = -1 ENOENT (No)',
        b'7<sh> stat("", 0x7ff) = -1 ENOENT (No)',
        b'7<sh> stat("/a\\0b", 0x7ff) = -1 ENOENT (No)',
        b"7<sh> +++ exited with 1 +++",
        b'7<sh> connect(3, {sa_family=AF_UNIX, sun_path=@"abstract"}, 20) = -1 ECONNREFUSED (Connection refused)',
        b'7<sh> stat("/' + b"x" * 5000 + b'", 0x7ff) = -1 ENOENT (No)',
    ],
)
def test_what_says_nothing_of_the_box_is_passed_over(line):
    assert found(line + b"\n").found == {}


def test_both_paths_of_a_rename_are_told():
    line = b'7<mv> renameat2(AT_FDCWD</work>, "/a", AT_FDCWD</work>, "b", RENAME_NOREPLACE) = -1 ENOENT (No)\n'
    assert {one.path for one in found(line).found} == {"/a", "/work/b"}


def test_the_same_look_up_is_kept_once_and_counted():
    line = b'7<sh> stat("/x", 0x7ff) = -1 ENOENT (No)\n'
    assert found(line * 3).found == {Lookup("sh", "/x", "read", "ENOENT"): 3}


def test_a_process_has_the_name_of_what_it_runs_now():
    text = (
        b'8<sh> stat("/a", 0x7) = -1 ENOENT (No)\n'
        b'8<sh> execve("/usr/bin/node", ["node"], 0x7 /* 3 vars */) = 0\n'
        b'8<sh> stat("/b", 0x7) = -1 ENOENT (No)\n'
    )
    assert {one.path: one.program for one in found(text).found} == {"/a": "sh", "/b": "node"}


def test_a_call_in_two_lines_is_one():
    text = (
        b'8<cat> openat(AT_FDCWD</work>, "/a", O_RDONLY <unfinished ...>\n'
        b'9<ls> stat("/b", 0x7) = -1 ENOENT (No)\n'
        b"8<cat> <... openat resumed>) = -1 ENOENT (No such file or directory)\n"
        b"9<ls> <... stat resumed>0x7) = -1 ENOENT (No)\n"
    )
    assert {one.path: one.program for one in found(text).found} == {"/a": "cat", "/b": "ls"}


def test_the_working_directory_of_a_process_is_remembered_for_calls_that_do_not_tell_it():
    text = b'8<sh> openat(AT_FDCWD</else>, "a", O_RDONLY) = -1 ENOENT (No)\n8<sh> stat("b", 0x7) = -1 ENOENT (No)\n'
    assert {one.path for one in found(text).found} == {"/else/a", "/else/b"}


def test_pieces_are_put_together_wherever_they_were_cut():
    text = RAN + b"\n".join(LINES) + b"\n"
    whole = found(text, ran=b"").found
    for size in (1, 7, 100):
        trace = Trace("/work")
        for at in range(0, len(text), size):
            trace.feed(text[at : at + size])
        trace.finish()
        assert trace.found == whole


def test_a_command_that_cannot_be_executed_is_known_and_nothing_later_is_taken_for_it():
    line = b'7<strace> execve("/x", ["x"], 0x7 /* 3 vars */) = -1 ENOENT (No such file or directory)\n'
    assert found(line, ran=b"").never_ran == "ENOENT"
    assert found(line).never_ran == ""


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(parse, "MOST_KEPT", 10)
    trace = found(b"".join(b'7<sh> stat("/%d", 0x7) = -1 ENOENT (No)\n' % n for n in range(50)))
    assert (len(trace.found), trace.cut) == (10, True)
    monkeypatch.setattr(parse, "MOST_LINES", 10)
    assert found(b'7<sh> stat("/x", 0x7) = -1 ENOENT (No)\n' * 50).cut
    assert found(b"x" * 100_000).cut and found(b"x" * 100_000).found == {}


@pytest.mark.parametrize("piece", [b"1<", b'\\"', b'"', b"AT_FDCWD<", b"(", b") = -1 E", b', "', b" resumed>", b"= -1 EA "])
def test_no_line_takes_long(piece):
    line = b"7<sh> openat(AT_FDCWD<" + piece * (16000 // len(piece))
    began = time.process_time()
    found((line + b"= -1 ENOENT\n") * 4 + (line + b") = -1 ENOENT (No)\n") * 4)
    assert time.process_time() - began < 2
