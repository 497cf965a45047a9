"""Our reader of git's configuration and git's own agree, and whatever is made of a file holds nothing that runs or leaks."""

import functools
import os
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inner import gitconfig, gitpolicy
from inner.gitconfig import Entry

FREE = {"advice", "color", "column", "pretty", "alias"}  # any key is a switch, a colour, a format or an alias there
QUIET = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent"}
SECTIONS = sorted({name.removesuffix(" *") for name in (*gitpolicy.GLOBAL, *gitpolicy.LOCAL)} | {
    "credential", "include", "includeif", "filter", "http", "url", "gpg", "protocol", "pager", "sequence", "difftool", "trailer", "uploadpack", "ssh",
})  # fmt: skip
KEYS = sorted({key for keys in (*gitpolicy.GLOBAL.values(), *gitpolicy.LOCAL.values()) for key in keys if key != "*"} | {
    "helper", "path", "fsmonitor", "hookspath", "editor", "pager", "sshcommand", "askpass", "clean", "smudge", "process", "textconv", "command",
    "driver", "program", "insteadof", "extraheader", "cookiefile", "proxy", "worktree", "update", "url", "gitproxy", "allow", "excludesfile", "x",
})  # fmt: skip
VALUES = st.sampled_from(
    ["true", "!rm -rf ~", "/bin/sh -c x", "ext::sh -c x", "https://u:p@host.test/x", "https://host.test/?token=1", "name", "a b", "", "-x", "::",
     "https://[::1]/x", "-c core.pager=x log", "ssh://git:pw@host.test/r", "git@host.test:r", "foo://bar", "../up", "~/x", "log --graph", "\ud800"[:0]]
) | st.text(max_size=12)  # fmt: skip
SUBS = st.none() | st.sampled_from(["origin", "a.b", 'q"\\', "gitdir:~/", "https://u:p@h.test/", "diff"]) | st.text(max_size=5)
LINES = st.sampled_from(
    [b"[core]\n", b"\tx = 1 ; c\n", b'[remote "o"]', b"\turl = a\\\nb\n", b"# c\n", b"[a.B]\n", b"k", b" = ", b'"q # q"', b"\\", b"\r\n", b"\n", b"\xff",
     b"\x00", b"[", b"]", b'"', b"\xef\xbb\xbf", b"\x0b", b" \t", b"[user]\n", b"name = x\n"]
)  # fmt: skip


def gits(data):
    """What git makes of a file: (name, value) pairs, None when it refuses it."""
    done = subprocess.run(
        ["git", "config", "-f", "-", "--no-includes", "--null", "--list"], input=data, capture_output=True, env=QUIET, cwd="/"
    )
    if done.returncode:
        return None
    pairs = [item.partition(b"\n") for item in done.stdout.split(b"\0")[:-1]]
    return [(name, value if sep else None) for name, sep, value in pairs]


def ours(entries):
    return [
        (e.name.encode("utf-8", "surrogateescape"), e.value if e.value is None else e.value.encode("utf-8", "surrogateescape"))
        for e in entries
    ]


def written(entries):
    lines = []
    for section, sub, key, value in entries:
        quoted = "" if sub is None else ' "' + sub.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "") + '"'
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'[{section}{quoted}]\n\t{key} = "{text}"\n')
    return "".join(lines).encode("utf-8", "surrogateescape")


REAL = st.lists(st.tuples(st.sampled_from(SECTIONS), SUBS, st.sampled_from(KEYS), VALUES), max_size=8).map(written)
ANY = st.binary(max_size=60) | st.lists(LINES, max_size=14).map(b"".join) | REAL
calm = functools.partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@calm(max_examples=300)
@given(ANY.filter(lambda data: b"\0" not in data))
@example(b"[user]name=x")
@example(b"[a]\n\tb = c\\\n d # e\n")
@example(b'[a "b\\c"]\nd = "e ; f" ; g\n')
@example(b"\xef\xbb\xbf[a]\nb\r\n")
@example(b"[a]\nb = c\rd\r\n")
def test_what_git_reads_we_read_alike(data):
    entries, bad = gitconfig.parse(data)
    theirs = gits(data)
    if theirs is None:
        assert bad or any(len(e.section) == 0 for e in entries)
    elif not any("\n" in (e.sub or "") for e in entries) and _same_spaces(entries):
        assert not bad or b"[]" in data or _before_a_section(data)
        if not bad:
            assert _loosely(ours(entries)) == _loosely(theirs)


def _same_spaces(entries):
    return all(ord(char) > 0 for e in entries for char in e.value or "")


def _loosely(pairs):
    # Until 2.45 git wrote runs of unquoted white space as spaces, since then as they are.
    return [(name, value and value.replace(b"\t", b" ").replace(b"\r", b" ")) for name, value in pairs]


def _before_a_section(data):
    return not gitconfig.parse(data)[0]  # git gives such a key no section; we refuse the file


@calm(max_examples=200)
@given(ANY, st.sampled_from([gitpolicy.GLOBAL, gitpolicy.LOCAL]))
def test_whatever_goes_in_nothing_dangerous_comes_out(data, allow):
    made = gitpolicy.sanitise(data, allow)
    pairs = gits(made)
    assert pairs is not None, made
    assert pairs == ours(gitconfig.parse(made)[0])
    for raw, value in pairs:
        name = raw.decode("utf-8", "surrogateescape")
        text = (value or b"").decode("utf-8", "surrogateescape")
        section, _, rest = name.partition(".")
        key = rest.rpartition(".")[2]
        assert section not in {"credential", "include", "includeif", "filter", "http", "url", "gpg", "protocol", "pager", "sequence", "difftool",
                               "mergetool", "trailer", "trailers", "uploadpack", "ssh", "sendemail", "man", "web", "browser", "guitool", "instaweb"}  # fmt: skip
        assert section in FREE or key not in {"hookspath", "fsmonitor", "editor", "sshcommand", "askpass", "textconv", "command", "driver", "program", "gitproxy",
                           "extdiff", "external", "worktree", "attributesfile", "excludesfile", "gpgsign", "signingkey", "proxy", "cmd", "vcs",
                           "uploadpack", "receivepack", "tool", "guitool", "insteadof", "pushinsteadof"}  # fmt: skip
        assert name != "core.pager"
        assert section != "alias" or ("!" not in text and "-c" not in text.split())
        assert key != "update" or not text.startswith("!")
        if section == "remote" and key == "url":
            assert "ext::" not in text.split("/")[0] and not text.startswith("-")
        if "://" in text:
            place = text.partition("://")[2].partition("/")[0]
            assert "@" not in place or text.startswith(("ssh", "git+ssh"))
            assert ":" not in place.rpartition("@")[0]


@calm(max_examples=100)
@given(ANY)
def test_sanitising_twice_is_sanitising_once(data):
    for allow in (gitpolicy.GLOBAL, gitpolicy.LOCAL):
        once = gitpolicy.sanitise(data, allow)
        assert gitpolicy.sanitise(once, allow) == once


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=10)
ENTRIES = st.lists(
    st.builds(
        Entry,
        st.sampled_from(["a", "user", "x-y"]),
        st.none() | TEXT.filter(lambda t: "\n" not in t),
        st.sampled_from(["k", "some-key"]),
        st.none() | TEXT,
    ),
    max_size=6,
)


@calm(max_examples=150)
@given(ENTRIES)
def test_what_is_written_reads_back_here_and_in_git(entries):
    made = gitconfig.render(entries)
    assert gitconfig.parse(made) == (entries, 0)
    assert gits(made) == ours(entries)


PATTERN = st.text("ab*/?", max_size=8)


@calm(max_examples=400)
@given(PATTERN, st.text("ab/", max_size=8))
@example("**/a", "b/a")
@example("a/**/b", "a/b")
@example("**", "a/b")
@example("a**", "a/b")
def test_wildmatch_agrees_with_its_definition(pattern, text):
    assert gitconfig.wildmatch(pattern, text) == _slowly(pattern, text, start=True)


def _slowly(pattern, text, *, start):
    """gitglossary(7), "pathspec", said by trying everything."""
    if not pattern:
        return not text
    if start and pattern.startswith("**/"):
        return _slowly(pattern[3:], text, start=True) or any(
            _slowly(pattern[3:], text[i + 1 :], start=True) for i, c in enumerate(text) if c == "/"
        )
    if start and pattern == "**":
        return True
    if pattern[0] == "*":
        rest = pattern.lstrip("*")
        stop = text.find("/") if "/" in text else len(text)
        return any(_slowly(rest, text[i:], start=False) for i in range(stop + 1))
    if not text or (pattern[0] == "?" and text[0] == "/") or pattern[0] not in ("?", text[0]):
        return False
    return _slowly(pattern[1:], text[1:], start=pattern[0] == "/")


@pytest.mark.parametrize(("allow", "sizes"), [(gitpolicy.GLOBAL, 64 * 1024), (gitpolicy.LOCAL, 64 * 1024)])
def test_a_large_file_takes_no_long_time(allow, sizes):
    import time

    begin = time.process_time()
    gitpolicy.sanitise(b"[user]\n\tname = " + b'"a" \\\n' * (sizes // 6), allow)
    assert gitconfig.wildmatch("**/*a" * 200, "a/" * 2000) in (True, False)
    assert time.process_time() - begin < 5
