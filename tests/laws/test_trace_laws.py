"""No bytes out of a box break the reader of traces, or make it keep more than it may."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from inner.trace import parse
from inner.trace.parse import Trace

PIECES = st.sampled_from(
    [b"7<sh> ", b"execve(", b"openat(", b"connect(", b"AT_FDCWD", b"</w>", b", ", b'"/a', b'"', b"\\", b"\\x", b"\\400", b"\n",
     b") = -1 ENOENT", b") = 0", b" (No)", b" <unfinished ...>", b"<... stat resumed>", b"sun_path=", b"sa_family=AF_UNIX, ",
     b"sin_port=htons(99999)", b'inet_addr("1.2.3.4")', b"\xff", b"\0", b"O_RDWR", b"symlink(", b"..."]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.binary(max_size=12), max_size=60).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_in_any_pieces_are_read(text, cuts):
    trace, at = Trace("/work"), 0
    for cut in [*cuts, len(text)]:
        trace.feed(text[at : at + cut])
        at += cut
    trace.finish()
    assert len(trace.found) <= parse.MOST_KEPT
    for lookup in trace.found:
        assert "\0" not in lookup.path
        assert lookup.want in ("read", "write", "run", "reach")
        assert lookup.want == "reach" or lookup.path.startswith("/")


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_what_a_name_is_does_not_depend_on_how_it_is_escaped(data):
    name = b"/" + data.replace(b"\0", b"").replace(b"/", b"")[:200]
    octal = b"".join(b"\\%03o" % byte for byte in name)
    hexadecimal = b"".join(b"\\x%02x" % byte for byte in name)
    seen = []
    for quoted in (octal, hexadecimal):
        trace = Trace("/work")
        trace.feed(b'7<sh> execve("/x", ["x"], 0x7) = 0\n7<sh> stat("' + quoted + b'", 0x7) = -1 ENOENT (No)\n')
        seen.append([lookup.path for lookup in trace.found])
    assert seen[0] == seen[1] and (len(seen[0]) == 1)
