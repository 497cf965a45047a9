"""What a box may say to the terminal, sequence by sequence, whole and byte by byte."""

from __future__ import annotations

import pytest

from inner.launch.termfilter import LIMIT_OSC, LIMIT_STRING, TermFilter

DROPPED = {
    "clipboard": b"\x1b]52;c;SU5ORVJQV04=\x07",
    "clipboard, ST": b"\x1b]52;c;SU5ORVJQV04=\x1b\\",
    "clipboard, C1": b"\xc2\x9d52;c;SU5ORVJQV04=\xc2\x9c",
    "clipboard, mixed ends": b"\x1b]52;c;SU5ORVJQV04=\xc2\x9c",
    "clipboard, leading zeros": b"\x1b]052;c;QQ==\x07",
    "clipboard, empty selection": b"\x1b]52;;QQ==\x07",
    "title": b"\x1b]0;rm -rf\x07",
    "icon": b"\x1b]1;x\x07",
    "window": b"\x1b]2;x\x1b\\",
    "no number": b"\x1b];x\x07",
    "not a number": b"\x1b]L/x\x07",
    "folder": b"\x1b]7;file://host/etc\x07",
    "font": b"\x1b]50;?\x07",
    "iterm file": b"\x1b]1337;File=name=eA==:QQ==\x07",
    "editor": b"\x1b]633;E;curl evil\x07",
    "notification": b"\x1b]9;hello\x07",
    "notification 777": b"\x1b]777;notify;a;b\x07",
    "kitty files": b"\x1b]5113;ac=send\x07",
    "kitty clipboard": b"\x1b]5522;type=read\x07",
    "through tmux": b"\x1bPtmux;\x1b\x1b]52;c;QQ==\x07",
    "programmable keys": b"\x1bP0;1|17/0a\x1b\\",
    "sixel": b"\x1bPq#0;2;0;0;0#0~~\x1b\\",
    "DCS, C1": b"\xc2\x90tmux;x\xc2\x9c",
    "APC": b"\x1b_Gf=100,t=f;L2V0Yy9wYXNzd2Q=\x1b\\",
    "APC, C1": b"\xc2\x9fG;x\xc2\x9c",
    "PM": b"\x1b^x\x1b\\",
    "SOS": b"\x1bXx\x1b\\",
    "screen title": b"\x1bktitle\x1b\\",
    "print": b"\x1b[5i",
    "print, private": b"\x1b[?5i",
    "window size": b"\x1b[8;1;1t",
    "title to input": b"\x1b[21t",
    "iconify": b"\x1b[2t",
    "iconify, C1": b"\xc2\x9b2t",
    "raw C1": b"\x9d",
    "raw CSI": b"\x9b",
    "overlong U+009D": b"\xe0\x82\x9d",
    "C1 next line": b"\xc2\x85",
    "keyboard locked": b"\x1b[2h",
    "keyboard locked, leading zeros": b"\x1b[002h",
    "keyboard locked, with a part of a parameter": b"\x1b[2:1h",
    "controls shown": b"\x1b[3h",
    "a mode with a part of a parameter": b"\x1b[?2004:1h",
    "a prefix in the middle": b"\x1b[2004?h",
    "a prefix twice": b"\x1b[??2004h",
    "VT52": b"\x1b[?2l",
    "Tektronix": b"\x1b[?38h",
    "a log": b"\x1b[?46h",
    "a log, among others": b"\x1b[?0046;3h",
    "a wide window": b"\x1b[?40h\x1b[?3h",
    "the way back from the other screen": b"\x1b[?1046l",
    "another console": b"\x1b[12;2]",
    "the console off": b"\x1b[14]",
    "lamps": b"\x1b[3q",
    "a question of rxvt": b"\x1bG",
    "a keyboard that is off": b"\x1b`",
    "answers of eight bits": b"\x1b G",
    "title modes": b"\x1b[>2t",
    "cursors of kitty's, asked for": b"\x1b[> q",
    "CAN and SUB": b"\x18\x1a",
}

PASSES = {
    "text": b"hello\r\n\tworld\x07\x08",
    "quotes": "\u201cquoted\u201d and more \u00dd\u015d \u00b7 \u00a0 \u4e16\u754c \U0001f600".encode(),
    "colours": b"\x1b[1;38;2;1;2;3mx\x1b[0m",
    "colours with colons": b"\x1b[38:2::1:2:3mx\x1b[m",
    "cursor": b"\x1b[2J\x1b[H\x1b[10;20H\x1b[K",
    "alternate screen": b"\x1b[?1049h\x1b[?1049l",
    "charset": b"\x1b(0qqq\x1b(B",
    "save": b"\x1b7\x1b8",
    "hyperlink": b"\x1b]8;id=1;https://example.org/\x1b\\text\x1b]8;;\x1b\\",
    "hyperlink, BEL": b"\x1b]8;;https://example.org/\x07text\x1b]8;;\x07",
    "colour query": b"\x1b]11;?\x1b\\",
    "palette query": b"\x1b]4;1;?\x07",
    "prompt": b"\x1b]133;A\x07",
    "progress": b"\x1b]9;4;1;50\x07",
    "device attributes": b"\x1b[c\x1b[>c\x1b[6n\x1b[?6n",
    "settings query": b"\x1bP$q q\x1b\\\x1bP+q544e\x1b\\",
    "kitty keys": b"\x1b[>1u\x1b[<1u\x1b[?u",
    "size in pixels": b"\x1b[14t\x1b[18t",
    "soft reset": b"\x1b[!p",
    "latin-1 letters": b"caf\xe9 na\xefve",
}


def bytewise(data: bytes, **options: bool) -> bytes:
    terminal = TermFilter(**options)
    return b"".join(terminal.feed(bytes([byte])) for byte in data)


@pytest.mark.parametrize("name", DROPPED)
@pytest.mark.parametrize("feed", [lambda data: TermFilter().feed(data), bytewise], ids=["whole", "bytewise"])
def test_dropped(name, feed):
    assert feed(b"a" + DROPPED[name] + b"b") == b"ab"


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("feed", [lambda data: TermFilter().feed(data), bytewise], ids=["whole", "bytewise"])
def test_passes(name, feed):
    expected = PASSES[name] if name != "latin-1 letters" else b"caf nave"  # the beginning of a character that never ends
    assert feed(b"a" + PASSES[name] + b"b") == b"a" + expected + b"b"


def test_no_two_pieces_join():
    """Dropping a string must not bring together the two halves of another."""
    for middle in DROPPED.values():
        for attack in (
            b"\x1b%s]52;c;QQ==\x07",
            b"\xc2%s\x9d52;c;QQ==\x07",
            b"\x1b]5%s2;c;QQ==\x07",
            b"\x1b[%s5i",
            b"\x1b\x1b%s]52;c;QQ==\x07",
        ):
            for feed in (lambda data: TermFilter().feed(data), bytewise):
                shown = feed(attack % middle)
                assert b"\x1b]52" not in shown
                assert b"\x9d52" not in shown
                assert b"\x1b[5i" not in shown


def test_clipboard_when_allowed_is_for_copying_only():
    copy, paste = b"\x1b]52;c;SU5ORVI=\x07", b"\x1b]52;c;?\x07"
    assert TermFilter(clipboard=True).feed(copy + paste) == copy
    assert bytewise(copy + paste, clipboard=True) == copy
    assert TermFilter(clipboard=True).feed(b"\x1b]0;title\x07") == b""


def test_unterminated_strings_are_bounded():
    terminal = TermFilter()
    assert terminal.feed(b"\x1b]8;;" + b"x" * 100) == b""
    for _ in range(LIMIT_STRING // 65536 + 2):
        terminal.feed(b"y" * 65536)
        assert len(terminal._hold) <= LIMIT_OSC
    assert terminal.feed(b"text again") == b"text again"


def test_a_long_hyperlink_is_dropped_whole():
    assert TermFilter().feed(b"a\x1b]8;;" + b"x" * LIMIT_OSC + b"\x07b") == b"ab"
    assert bytewise(b"a\x1b]8;;" + b"x" * LIMIT_OSC + b"\x07b") == b"ab"


def test_cancelled_strings():
    assert TermFilter().feed(b"\x1b]0;x\x18after") == b"after"
    assert TermFilter().feed(b"\x1b]0;x\x1b[1mafter") == b"\x1b[1mafter"
    assert bytewise(b"\x1b]52;c;\x1b]52;c;QQ==\x07after") == b"after"


def test_modes_are_written_one_by_one_as_everybody_reads_them():
    shown = TermFilter().feed(b"\x1b[?0025;2;;01006h\x1b[2;04h\x1b[;007H\x1b[99999999999H")
    assert shown == b"\x1b[?25h\x1b[?1006h\x1b[4h\x1b[;7H\x1b[99999H"
    begin = b"\x1b[?1" + b";1" * 40
    assert TermFilter().feed(begin + b";2004l").endswith(b"\x1b[?2004l")  # a terminal forgets the last of so many


def test_no_transfer_of_files_begins():
    assert b"**\x18B0" not in TermFilter().feed(b"**\x18B00000000000000\r\n")


def test_tidy_programs_leave_nothing_to_undo():
    for data in (
        b"text",
        b"\x1b[?1049h\x1b[?25l\x1b[31mx\x1b[0m\x1b[?25h\x1b[?1049l",
        b"\x1b[?2004hx\x1b[?2004l",
        b"\x1b]8;;u\x07x\x1b]8;;\x07",
    ):
        terminal = TermFilter()
        terminal.feed(data)
        assert terminal.finish() == b""


@pytest.mark.parametrize(
    ("left", "undo"),
    [
        (b"\x1b[?1049h", b"\x1b[?1049l"),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?7l", b"\x1b[?7h"),
        (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l"),
        (b"\x1b[?2004h", b"\x1b[?2004l"),
        (b"\x1b[1;31m", b"\x1b[0m"),
        (b"\x1b[>1u\x1b[>5u", b"\x1b[<2u"),
        (b"\x1b[>4;2m", b"\x1b[>4m"),
        (b"\x1b(0", b"\x1b(B"),
        (b"\x0e", b"\x0f"),
        (b"\x1b=", b"\x1b>"),
        (b"\x1b[5 q", b"\x1b[0 q"),
        (b"\x1b[2;10r", b"\x1b7\x1b[r\x1b8"),
        (b"\x1b]11;#000000\x07", b"\x1b]111\x1b\\"),
        (b"\x1b]8;;http://x\x07", b"\x1b]8;;\x1b\\"),
        (b"\x1b[?1049h\x1b[?25l\x1b[?1003h\x1bc", b""),
        (b"\x1b[?0002004h", b"\x1b[?2004l"),
        (b"\x1b[?8l", b"\x1b[?8h"),
        (b"\x1b[8m\x1b[38;5;0m", b"\x1b[0m"),
        (b"\x1b[8m\x1b7\x1b[0m\x1b8", b"\x1b[0m"),
        (b"\x1b(0\x1b[s\x1b(B\x1b[u", b"\x1b(B"),
        (b"\x1b[8m\x1b[?1049h\x1b[0m\x1b[?1049l", b"\x1b[0m"),
        (b"\x1b[>1u\x1b[?1049h\x1b[<1u\x1b[?1049l", b"\x1b[<1u"),
        (b"\x1b[?1049h\x1b[=1u", b"\x1b[=0u\x1b[?1049l"),
        (b"\x1b[>1;2m\x1b[>04;2m", b"\x1b[>1m\x1b[>4m"),
        (b"\x1b]4;2;black\x07\x1b]104;1\x07", b"\x1b]104\x1b\\"),
        (b"\x1b]10;red;?;blue\x07", b"\x1b]110\x1b\\\x1b]112\x1b\\"),
        (b"\x1b]22;none\x07", b"\x1b]22;\x1b\\"),
        (b"\x1b]9;4;3\x07", b"\x1b]9;4;0\x1b\\"),
        (b"\x1b[3g", b"\x1b[?5W"),
    ],
)
def test_what_is_left_behind_is_undone(left, undo):
    for feed in (lambda terminal, data: terminal.feed(data), lambda terminal, data: [terminal.feed(bytes([b])) for b in data]):
        terminal = TermFilter()
        feed(terminal, left)
        assert terminal.finish() == undo
        assert terminal.finish() == b""


def test_keys_of_the_other_screen_are_put_back_before_it_is_left():
    assert TermFilter().feed(b"\x1b[?1049h\x1b[>1u\x1b[?1049l") == b"\x1b[?1049h\x1b[>1u\x1b[<1u\x1b[?1049l"


def test_questions_are_noticed():
    for question in (b"\x1b[6n", b"\x1b[c", b"\x1b]11;?\x07", b"\x1bP$q q\x1b\\", b"\x1b[?2026$p", b"\x1b[18t"):
        terminal = TermFilter()
        terminal.feed(question)
        assert terminal.types()
    quiet = TermFilter()
    quiet.feed(b"text \x1b[1m \x1b[?25l")
    assert not quiet.types()


def test_where_nobody_reads_answers_nothing_is_asked():
    for question in (
        b"\x1b[6n",
        b"\x1b[c",
        b"\x1b]11;?\x07",
        b"\x1bP$q q\x1b\\",
        b"\x1b[?2026$p",
        b"\x1b[18t",
        b"\x1b[?1003h",
        b"\x1b[?0001003h",
        b"\x1bZ",
        b"\x1b[?2004h",
    ):
        assert TermFilter(questions=False).feed(b"a" + question + b"b") == b"ab"
        assert TermFilter().feed(b"a" + question + b"b") == b"a" + question.replace(b"?000", b"?") + b"b"
    assert TermFilter(questions=False).feed(b"\x1b[1mx\x1b[?25l") == b"\x1b[1mx\x1b[?25l"


def test_enq_is_dropped():
    assert TermFilter().feed(b"a\x05b") == b"ab"
    assert TermFilter().feed(b"a\x05\x1b[mb") == b"a\x1b[mb"
