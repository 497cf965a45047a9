import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from program import ROOT

from inner import ui
from inner.plan.model import BoxPath, Mask


def test_control_characters_never_reach_the_terminal():
    assert ui.safe("a\x1b]52;c;aGk=\x07b\x9bm\r\n") == "a\\x1b]52;c;aGk=\\x07b\\x9bm\\r\\n"


def test_direction_marks_and_undecodable_bytes_are_escaped():
    assert ui.safe("gpj\u202egnp.exe") == "gpj\\u202egnp.exe"
    assert ui.safe(b"\xff\xfe".decode("utf-8", "surrogateescape")) == "\\xff\\xfe"


def test_ordinary_text_of_any_language_is_left_alone():
    assert ui.safe("Grüße, “世界” \N{ROCKET}") == "Grüße, “世界” \N{ROCKET}"


def test_every_c0_c1_and_bidi_character_is_escaped():
    bad = [
        chr(c)
        for c in (
            *range(0x20),
            *range(0x7F, 0xA0),
            0x200E,
            0x200F,
            *range(0x202A, 0x202F),
            *range(0x2066, 0x206A),
            0x2028,
            0x2029,
        )
    ]
    assert all(ui.safe(char).isprintable() and char not in ui.safe(char) for char in bad)


def test_records_become_json_objects_with_their_type():
    assert ui.plain((Mask(BoxPath("/x")),)) == [
        {
            "type": "mask",
            "dest": "/x",
            "kind": "dir",
            "why": "",
            "origin": {"type": "origin", "source": "inner", "file": "", "line": 0},
        }
    ]


def test_a_table_is_aligned_escaped_and_without_trailing_spaces(capfd):
    ui.table([["a", "b\x1b", ""], ["long name", "c", "last"]], ["NAME", "X", "Y"])
    assert capfd.readouterr().out == "NAME       X      Y\na          b\\x1b\nlong name  c      last\n"
    ui.table([])
    ui.table([], ["NAME"])
    assert capfd.readouterr().out == "NAME\n"


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (80, ["name  a long text of several words", "b     c"]),
        (34, ["name  a long text of several words", "b     c"]),
        (33, ["name  a long text of several", "      words", "b     c"]),
        (29, ["name", "    a long text of several", "    words", "b     c"]),
    ],
)
def test_a_table_stays_within_a_narrow_terminal_and_loses_nothing(columns, lines):
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    code = "from inner import ui; ui.table([['name', 'a long text of several words'], ['b', 'c']])"
    subprocess.run([sys.executable, "-c", code], stdout=theirs, check=True, cwd=ROOT)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 4096):
            seen += piece
    os.close(terminal)
    assert seen.decode().replace("\r", "").splitlines() == lines


def test_lines_of_ours_stay_lines_and_theirs_do_not(capfd):
    ui.warning("first\nsecond\r")
    ui.note("x")
    assert capfd.readouterr().err == "warning: first\n       second\\r\ninner: x\n"


def test_json_is_ascii_and_says_its_schema(capfd):
    ui.json("thing", {"a": b"\xff", "b": (1, None), "c": frozenset("ba"), "d": "\u202e"})
    assert json.loads(out := capfd.readouterr().out) == {
        "schema": 1, "kind": "thing", "data": {"a": "\\xff", "b": [1, None], "c": ["a", "b"], "d": "\u202e"},
    }  # fmt: skip
    assert out.isascii()


def test_what_is_escaped_shows_as_itself_and_nothing_else_changes():
    for code in (*range(0x3000), 0xFEFF, 0xFFFD, 0xE0041, 0x10FFFF, *range(0xD800, 0xE000), 0x1F680):
        shown = ui.safe(chr(code))
        assert shown.isprintable()
        assert shown == chr(code) or (not chr(code).isprintable() and shown.isascii() and shown.startswith("\\"))
