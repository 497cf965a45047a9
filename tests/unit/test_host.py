import os

from inner.facts import Facts, Recorder
from inner.host import RealHost, kind, realpath
from inner.programs import executable, which

TREE = {
    "/usr/bin/tool": ("file", b"#!/bin/sh\n"),
    "/bin": "link:usr/bin",
    "/home/user/.local/bin/alias": "link:../share/app/real",
    "/home/user/.local/share/app/real": ("file", b""),
    "/home/user/bin/real-tool": ("file", b""),
    "/loop": "link:loop",
    "/home/user/dots": "link:/home/user/.dotfiles",
    "/home/user/.dotfiles/x": "dir",
    "/home/user/sock": "socket",
}


def facts():
    return Facts(TREE, env={"PATH": "relative:.:/bin:/home/user/bin"})


def test_links_are_followed_component_by_component():
    assert realpath(facts(), "/bin/tool") == "/usr/bin/tool"
    assert realpath(facts(), "/home/user/dots/x/../x") == "/home/user/.dotfiles/x"
    assert realpath(facts(), "/bin/../missing/file") == "/usr/missing/file"


def test_a_loop_ends():
    assert realpath(facts(), "/loop/x").startswith("/loop")
    assert kind(facts(), "/loop") == ""


def test_kinds():
    assert [kind(facts(), p) for p in ("/bin", "/bin/tool", "/home/user/sock", "/nowhere")] == ["dir", "file", "socket", ""]


def test_which_never_searches_relative_entries():
    assert which(facts(), "tool") == "/bin/tool"
    assert which(facts(), "real-tool") == "/home/user/bin/real-tool"
    assert which(facts(), "absent") is None
    assert executable(facts(), "/bin/tool")


def test_the_real_host_answers_and_a_record_of_it_answers_the_same(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("text")
    (tmp_path / "link").symlink_to("d/f")
    os.mkfifo(tmp_path / "fifo")
    recorder = Recorder(RealHost({"HOME": str(tmp_path), "PATH": ""}, cwd=str(tmp_path)))
    questions = [(kind, f"{tmp_path}/{n}") for n in ("d", "d/f", "link", "fifo", "none")] + [(realpath, f"{tmp_path}/link")]
    answers = [ask(recorder, path) for ask, path in questions]
    content = recorder.read(f"{tmp_path}/d/f")
    assert answers == ["dir", "file", "file", "other", "", f"{tmp_path}/d/f"]
    assert content == b"text"
    assert recorder.read(f"{tmp_path}/fifo") is None
    replay = Facts(recorder.tree(), env={}, home=str(tmp_path), cwd=str(tmp_path))
    assert [ask(replay, path) for ask, path in questions] == answers
    assert replay.read(f"{tmp_path}/d/f") == content
