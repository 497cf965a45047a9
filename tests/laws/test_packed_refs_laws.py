"""A packed-refs file with loose refs in it says what both said, however the few are put among the many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inner.launch.shadow import by_name, merged

SHA = st.sampled_from([bytes([char]) * 40 for char in b"0123456789abcdef"])
NAME = st.text("abc-./", min_size=1, max_size=5).map(lambda text: b"refs/heads/" + text.encode())
LOOSE = st.dictionaries(NAME, SHA, max_size=6)
HEADS = st.sampled_from([b"# pack-refs with: peeled fully-peeled sorted \n", b"# pack-refs with: peeled \n", b""])


@st.composite
def packed_refs(draw):
    """As git writes it, with what annotated tags lead to; sorted, also where the head does not say so."""
    refs = draw(st.dictionaries(NAME, st.tuples(SHA, st.none() | SHA), max_size=12))
    lines = [sha + b" " + name + b"\n" + (b"^" + to + b"\n" if to else b"") for name, (sha, to) in sorted(refs.items())]
    return draw(HEADS) + b"".join(lines)


@given(packed_refs(), LOOSE)
def test_every_ref_is_there_once_and_in_order(packed, loose):
    found = b"".join(merged(packed, loose))
    assert by_name(found) == by_name(packed) | {name: sha + b" " + name + b"\n" for name, sha in loose.items()}
    assert found == packed or found == b"".join(line for _, line in sorted(by_name(found).items()))


@given(st.binary(max_size=200), LOOSE)
def test_whatever_the_file_has_it_ends(text, loose):
    merged(b"# pack-refs with: sorted \n" + text + b"\n", loose)
