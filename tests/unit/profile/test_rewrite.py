"""Values in a profile's text: what is asked for is there afterwards, and every other character is as it was."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inner.errors import ConfigError
from inner.profile.rewrite import rewritten

CASES = {
    "": '[sandbox]\nhome_allow = ["~/x"]\n',
    "a = 1\n": 'a = 1\n\n[sandbox]\nhome_allow = ["~/x"]\n',
    "[sandbox]\n# a comment\n": '[sandbox]\nhome_allow = ["~/x"]\n# a comment\n',
    "[sandbox] # here\nclipboard = true\n\n[env]\n": '[sandbox] # here\nclipboard = true\nhome_allow = ["~/x"]\n\n[env]\n',
    "[sandbox]\nhome_allow = []\n": '[sandbox]\nhome_allow = ["~/x"]\n',
    '[sandbox]\nhome_allow = ["a"] # c\n': '[sandbox]\nhome_allow = ["a", "~/x"] # c\n',
    '[sandbox]\nhome_allow = ["a", ]\n': '[sandbox]\nhome_allow = ["a", "~/x" ]\n',
    '[sandbox]\nhome_allow = ["]", \'#"\']\n': '[sandbox]\nhome_allow = ["]", \'#"\', "~/x"]\n',
    '[sandbox]\nhome_allow = [\n    "a", # b\n    "c"\n]\n': '[sandbox]\nhome_allow = [\n    "a", # b\n    "c",\n    "~/x",\n]\n',
    '[sandbox]\nhome_allow = [\n  "a", # b\n]\n': '[sandbox]\nhome_allow = [\n  "a",  # b\n  "~/x",\n]\n',
    '[sandbox]\nhome_allow = ["~/x"]\n': '[sandbox]\nhome_allow = ["~/x"]\n',
}


@pytest.mark.parametrize("text", CASES)
def test_an_element_comes_into_a_list(text):
    assert rewritten(text.encode(), {"sandbox": {"home_allow": ["~/x"]}}).decode() == CASES[text]


def test_a_value_is_set_and_its_comment_stays():
    text = '[sandbox]\nnetwork_mode = "off"  # quiet\n[mounts]\n"/a" = "ro" # data\n'
    wanted = {"sandbox": {"network_mode": "allowlist"}, "mounts": {"/a": "rw", "/b=c": "ro"}}
    assert rewritten(text.encode(), wanted).decode() == (
        '[sandbox]\nnetwork_mode = "allowlist"  # quiet\n[mounts]\n"/a" = "rw" # data\n"/b=c" = "ro"\n'
    )


@pytest.mark.parametrize(
    "text",
    ["sandbox.clipboard = true\n", "sandbox = { clipboard = true }\n", '[sandbox]\nhome_allow = { add = ["a"] }\n'],
)
def test_what_cannot_be_changed_by_itself_is_refused_with_the_line(text):
    with pytest.raises(ConfigError) as refused:
        rewritten(text.encode(), {"sandbox": {"home_allow": ["~/x"]}})
    assert refused.value.hint == 'write it there: `home_allow = ["~/x"]`'


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@given(
    st.lists(KEYS, unique=True, max_size=5),
    st.lists(KEYS, unique=True, min_size=1, max_size=5),
    st.sampled_from(["", "\n", " ", "\n  # c ] \" '\n"]),
)
def test_any_list_grows_by_what_is_new(old, new, gap):
    def text(items):
        return ", ".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)

    before = f"# first\n[sandbox]\nhome_allow = [{gap}{text(old)}{gap}]  # after\nx = 1\n"
    after = rewritten(before.encode(), {"sandbox": {"home_allow": new}}).decode()
    assert tomllib.loads(after)["sandbox"] == {"home_allow": list(dict.fromkeys((*old, *new))), "x": 1}
    assert after.startswith("# first\n") and after.endswith("]  # after\nx = 1\n")
