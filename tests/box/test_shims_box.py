"""Blocked and rewritten commands in real boxes: by name, by full path, through other names, and without end."""

from __future__ import annotations

import os

import pytest
from program import inner

pytestmark = pytest.mark.box


@pytest.fixture
def box(tmp_path):
    """box(script, noop, *options): runs it with bash; `tools`, first on PATH, has programs that print the name they were run by."""
    for name in ("home", "project", "tools"):
        (tmp_path / name).mkdir()
    tool = tmp_path / "tools" / "multi"
    tool.write_text('#!/bin/sh\nprintf "%s|" "real-${0##*/}" "$@"\n')
    tool.chmod(0o755)
    for name in ("one", "two"):
        (tmp_path / "tools" / name).symlink_to("multi")
    (tmp_path / "tools" / "alone").symlink_to("alone-2.1")
    for name in ("alone-2.1", "apart"):
        (tmp_path / "tools" / name).write_bytes(tool.read_bytes())
        (tmp_path / "tools" / name).chmod(0o755)
    os.link(tmp_path / "tools" / "apart", tmp_path / "tools" / "hard")
    env = {**os.environ, "HOME": str(tmp_path / "home"), "PATH": f"{tmp_path}/tools:{os.environ['PATH']}"}

    def run(script, noop="", *options):
        (tmp_path / "p.toml").write_text(f'schema_version = "1"\nextends = "shell"\n[noop]\n{noop}\n')
        done = inner("run", "-p", "../p.toml", *options, "--", "bash", "-c", script, cwd=tmp_path / "project", env=env)
        return done.stdout, done.stderr

    run.tools = tmp_path / "tools"
    return run


def refused(name):
    return f"inner: `{name}` is blocked in this box (profile p)\n"


def test_without_shims_they_run(box):
    assert box(f"one; {box.tools}/alone x; hard") == ("real-one|real-alone|x|real-hard|", "")


def test_a_blocked_command_is_refused_by_name_by_path_and_by_its_versioned_name(box):
    out, err = box(
        f"alone a; echo $?; {box.tools}/alone; echo $?; {box.tools}/alone-2.1; echo $?; env alone; exec alone",
        'block = ["alone"]',
    )
    assert out == "126\n126\n126\n"
    assert err == refused("alone") + refused("alone") + refused("alone-2.1") + refused("alone") * 2


def test_other_names_of_a_program_go_on_working(box):
    out, err = box(f"one; two; {box.tools}/two; {box.tools}/one; multi", 'block = ["one"]')
    assert out == "real-two|real-two|real-one|real-multi|"
    warning, rest = err.split("\n", 1)
    assert warning.startswith("warning: `one` is blocked by name alone, ")
    assert rest == refused("one")


def test_a_hard_link_is_a_file_of_its_own(box):
    assert box(f"{box.tools}/apart; {box.tools}/hard", 'block = ["apart"]') == ("real-hard|", refused("apart"))


def test_the_flag_blocks_what_the_profile_does_not(box):
    assert box("two", "", "--block", "two")[0] == ""


def test_a_block_is_no_wall(box):
    """It says so in the documentation: a copy runs, which is why nothing relies on it."""
    assert box(f"cp {box.tools}/hard ./copy; ./copy", 'block = ["apart", "hard"]')[0] in ("", "real-copy|")


def test_sh_can_be_blocked_without_taking_the_scripts_away(box):
    out, err = box('sh -c "echo never"; /bin/sh -c "echo by-path"; two', 'block = ["sh"]')
    assert (out, err.endswith(refused("sh"))) == ("by-path\nreal-two|", True)


def test_arguments_pass_exactly(box):
    out, err = box(
        "one 'a  b' '' '*' \"$(printf 'x\\ny')\" \\$HOME '\"' --",
        "rewrite = { one = \"printf '<%s>' first 'second word' '$HOME'\" }",
    )
    assert (out, err) == ('<first><second word><$HOME><a  b><><*><x\ny><$HOME><"><-->', "")


def test_a_command_rewritten_to_itself_and_two_that_are_each_other_end(box):
    assert box("alone x", 'rewrite = { alone = "alone --flag" }') == ("real-alone|--flag|x|", "")
    assert box("alone x; apart y", 'rewrite = { alone = "apart", apart = "alone" }') == ("real-apart|x|real-alone|y|", "")
    assert box("timeout 5 apart y", 'rewrite = { apart = "hard", hard = "two", two = "one", one = "apart" }')[0] == "real-hard|y|"


def test_a_rewrite_to_something_that_is_blocked_is_blocked(box):
    assert box("apart", 'block = ["alone"]\nrewrite = { apart = "alone" }') == ("", refused("alone"))


def test_a_rewrite_to_nothing_says_what_is_missing(box):
    out, err = box("one; echo $?", 'rewrite = { one = "nonesuch --x" }')
    assert (out, err) == ("127\n", "inner: `one` is `nonesuch --x` in this box, and `nonesuch` is not in it\n")


def test_the_shims_cannot_be_changed_in_the_box(box):
    out, _ = box("rm -f /run/inner/shims/two /run/inner/blocked; echo x > /run/inner/blocked; two; echo $?", 'block = ["two"]')
    assert out == "126\n"
