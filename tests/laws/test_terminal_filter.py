"""Laws of the terminal filter: how the bytes are cut never matters, what passes is harmless to a parser that is not ours."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from inner.launch.termfilter import TermFilter

PIECES = st.sampled_from(
    [
        b"\x1b", b"]", b"52;c;QQ==", b"8;;http://x", b"\x07", b"\x1b\\", b"\xc2", b"\x9d", b"\xc2\x9d", b"\xc2\x9c", b"\x9c", b"P", b"[", b"?1049h", b"5i",
        b"_", b"^", b"X", b"k", b"$q", b"tmux;", b"\x18", b"\x1a", b"\xe2\x80\x9d", b"\xe2", b"\x80", b"\xf0\x9f", b"a", b"\n", b"0;title", b";", b"9;4",
        b"\x1b]", b"\xe0\x82\x9d", b"\xc0", b"(B", b"\x0e", b"m", b"1", b"\x7f", b"\xff",
    ]
)  # fmt: skip
STREAMS = st.one_of(st.lists(PIECES, max_size=24).map(b"".join), st.binary(max_size=80))
CUTS = st.lists(st.integers(0, 200), max_size=12)


def shown(data: bytes, cuts: list[int]) -> bytes:
    terminal, at, out = TermFilter(), 0, b""
    for cut in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        out += terminal.feed(data[at:cut])
        at = cut
    return out


def strings(data: bytes) -> list[tuple[str, str]]:
    """(kind, body) of every control string that a terminal in UTF-8 mode would see in `data`: a plain state machine over code points."""
    text = data.decode("utf-8", "replace")
    found, at = [], 0
    while at < len(text):
        two, kind = text[at : at + 2], ""
        if text[at] == "\x1b" and two[1:] and two[1] in "]P_^Xk":
            kind, at = two[1], at + 2
        elif text[at] in "\x9d\x90\x9f\x9e\x98":
            kind, at = text[at], at + 1
        else:
            at += 1
            continue
        body = ""
        while at < len(text) and text[at] not in "\x07\x9c\x18\x1a\x1b":
            body += text[at]
            at += 1
        found.append((kind, body))
    return found


@settings(max_examples=400, deadline=None)
@given(STREAMS, CUTS)
@example(b"\x1b\x1b]52;c;QQ==\x07", [1, 2])
@example(b"\xc2\x1b]x\x07\x9d52;c;QQ==\x07", [])
def test_cuts_do_not_matter(data, cuts):
    assert shown(data, cuts) == shown(data, []) == shown(data, list(range(len(data))))


@settings(max_examples=400, deadline=None)
@given(STREAMS)
def test_no_forbidden_string_is_shown(data):
    for kind, body in strings(shown(data, [])):
        assert kind in "]P"
        if kind == "]":
            assert body.split(";")[0].lstrip("0") in {
                "4",
                "8",
                "9",
                "10",
                "11",
                "12",
                "13",
                "14",
                "17",
                "19",
                "22",
                "104",
                *map(str, range(110, 120)),
                "133",
            }
            assert not body.startswith("9;") or body.startswith("9;4")
        else:
            assert body.startswith(("$q", "+q", "=1s", "=2s"))


@settings(max_examples=200, deadline=None)
@given(STREAMS)
def test_what_passed_passes_again(data):
    once = shown(data, [])
    assert shown(once, []) == once


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), max_size=200), CUTS)
def test_text_is_intact(text, cuts):
    data = text.encode()
    assert shown(data, cuts) == data


@settings(max_examples=200, deadline=None)
@given(STREAMS)
def test_no_raw_controls_of_eight_bits(data):
    """Outside a character no byte of 0x80 to 0x9f is shown: a terminal that is not in UTF-8 mode would obey it."""
    left = shown(data, []).decode("utf-8", "surrogateescape")
    assert not [char for char in left if "\udc80" <= char <= "\udc9f" or "\x80" <= char <= "\x9f"]
