"""What counts as a secret in a text, and what is left alone."""

from __future__ import annotations

import pytest

from inner.records import secret


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("curl -H 'Authorization: Bearer abcdefgh12345678'", "curl -H 'Authorization: Bearer [secret]'"),
        ("use ghp_abcdefghijklmnop1234 now", "use [secret] now"),
        ("OPENAI_API_KEY=sk-abcdefghijklmnop", "OPENAI_API_KEY=[secret]"),
        ("password=hunter2", "password=[secret]"),
        ("x=ghp_abcdefghijklmnop1234", "x=[secret]"),
        ("https://user:hunter22@example.test/x", "https://user:[secret]@example.test/x"),
        ("eyJhbGciOi.eyJzdWIiOiIx.SflKxwRJSM", "[secret]"),
        ("AKIAABCDEFGHIJKLMNOP", "[secret]"),
        ("token: abcdefgh1234", "token: [secret]"),
    ],
)
def test_hidden(text, shown):
    assert secret.hidden(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "refactor the auth module", "npm_config=1", "sk-short", "git commit -m 'key: value'", "https://example.test/a@b", "a=b",
        "TOKEN=$TOKEN", "eyJust-a-long-word-here", "", "monkey=banana", "tokenize the input",
    ],
)  # fmt: skip
def test_left_alone(text):
    assert secret.hidden(text) == text


def test_the_word_after_an_option_that_names_a_secret():
    assert secret.words(["gh", "--token", "hunter2", "pr", "--key-file", "x"]) == (
        "gh",
        "--token",
        "[secret]",
        "pr",
        "--key-file",
        "x",
    )


def test_values_of_variables_by_name():
    known = secret.values({"API_TOKEN": "correct-horse", "HOME": "/home/user", "SECRET": "short"})
    assert secret.hidden("say correct-horse in /home/user", known) == "say $API_TOKEN in /home/user"
    assert set(known) == {"correct-horse"}
