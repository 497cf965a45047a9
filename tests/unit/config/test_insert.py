"""One more item in a list of a file that somebody wrote by hand."""

from __future__ import annotations

import tomllib

import pytest

from inner.config.insert import with_item
from inner.errors import ConfigError

CASES = {
    "no table": ("# mine\nname = 'x'", "# mine\nname = 'x'\n\n[sandbox]\nnetwork_allow = [\"n.test\"]\n"),
    "nothing": ("", '\n[sandbox]\nnetwork_allow = ["n.test"]\n'),
    "no key": ("[sandbox] # box\nhome = 'isolated'\n", "[sandbox] # box\nnetwork_allow = [\"n.test\"]\nhome = 'isolated'\n"),
    "dotted": ("sandbox.home = 'isolated'\n", "sandbox.network_allow = [\"n.test\"]\nsandbox.home = 'isolated'\n"),
    "empty": ("[sandbox]\nnetwork_allow = [ ] # none\n", '[sandbox]\nnetwork_allow = ["n.test"] # none\n'),
    "one line": ('[sandbox]\nnetwork_allow = ["a.test"] # one\n', '[sandbox]\nnetwork_allow = ["a.test", "n.test"] # one\n'),
    "comma": ('[sandbox]\nnetwork_allow = ["a.test",]\n', '[sandbox]\nnetwork_allow = ["a.test", "n.test",]\n'),
    "lines": (
        '[sandbox]\nnetwork_allow = [\n  "a.test", # one]\n  "b.test" # two\n]\nhome = "isolated"\n',
        '[sandbox]\nnetwork_allow = [\n  "a.test", # one]\n  "b.test", # two\n  "n.test",\n]\nhome = "isolated"\n',
    ),
    "lines with comma": (
        "[sandbox]\nnetwork_allow = [\n\t'a.test',\n\t'b.test', # two\n]\n",
        "[sandbox]\nnetwork_allow = [\n\t'a.test',\n\t'b.test', # two\n\t\"n.test\",\n]\n",
    ),
    "edit": ('[sandbox]\nnetwork_allow = { add = ["a.test"] }\n', '[sandbox]\nnetwork_allow = { add = ["a.test", "n.test"] }\n'),
    "set": ('[sandbox]\nnetwork_allow = { set = ["a.test"] }\n', '[sandbox]\nnetwork_allow = { set = ["a.test", "n.test"] }\n'),
    "brackets in text": (
        "[sandbox]\nnetwork_allow = [\"[2a00::1]\", 'x#]'] # ]\n",
        '[sandbox]\nnetwork_allow = ["[2a00::1]", \'x#]\', "n.test"] # ]\n',
    ),
    "there": ("[sandbox]\nnetwork_allow = ['n.test']\n", "[sandbox]\nnetwork_allow = ['n.test']\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_all_but_the_item_stays(name):
    before, after = CASES[name]
    assert with_item(before.encode(), "sandbox", "network_allow", "n.test", where="p.toml").decode() == after
    tomllib.loads(after)


@pytest.mark.parametrize(
    "text",
    [
        "[sandbox",
        "sandbox = { home = 'isolated' }\n",
        "sandbox = 3\n",
        '[sandbox]\nnetwork_allow = "a.test"\n',
        "[sandbox]\nnetwork_allow = { remove = ['a.test'] }\n",
        "[[sandbox]]\nnetwork_allow = ['a.test']\n",
        "\xff",
    ],
)
def test_what_would_have_to_be_rewritten_is_left_alone(text):
    with pytest.raises(ConfigError, match="cannot be added to") as caught:
        with_item(text.encode("latin-1"), "sandbox", "network_allow", "n.test", where="p.toml")
    assert 'network_allow = ["n.test"]' in caught.value.hint
