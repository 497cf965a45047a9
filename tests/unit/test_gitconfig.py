import pytest

from inner import gitpolicy
from inner.gitconfig import condition_holds, get, includes, parse
from inner.gitpolicy import sanitise, without_credentials

FULL = b"""\
[user]
\tname = A User
\temail = a@example.org
\tsigningkey = ABC
[commit]
\tgpgsign = true
\tverbose
[core]
\teditor = vim
\tpager = sh -c evil
\thooksPath = /tmp/hooks
\tfsmonitor = /tmp/x
\tautocrlf = input
[credential "https://example.org"]
\thelper = !pass-git-helper
[http]
\textraHeader = Authorization: Bearer TOKEN
[url "https://user:TOKEN@example.org/"]
\tinsteadOf = https://example.org/
[filter "lfs"]
\tclean = git-lfs clean -- %f
[alias]
\tst = status -sb
\tevil = !sh -c evil
\tlg = log --graph --format=%h
\tsly = -c alias.x=!evil x
[include]
\tpath = ~/.gitconfig.local
[includeIf "gitdir:~/work/"]
\tpath = work.inc
[color "diff"]
\tmeta = "#ff00aa bold"
[pull]
\trebase = true
"""

KEPT = b"""\
[user]
\tname = "A User"
\temail = "a@example.org"
[commit]
\tverbose
[core]
\tautocrlf = "input"
[alias]
\tst = "status -sb"
\tlg = "log --graph --format=%h"
[color "diff"]
\tmeta = "#ff00aa bold"
[pull]
\trebase = "true"
"""


def test_preferences_stay_and_what_runs_or_leaks_goes():
    assert sanitise(FULL) == KEPT


def test_a_repositorys_own_configuration_keeps_what_makes_it_one():
    text = b"""\
[core]
\trepositoryformatversion = 1
\tbare = false
\tworktree = /etc
\tsshCommand = evil
[extensions]
\tobjectFormat = sha256
[remote "origin"]
\turl = https://user:TOKEN@example.org/a.git?token=TOKEN
\tfetch = +refs/heads/*:refs/remotes/origin/*
\tuploadpack = evil
[remote "helper"]
\turl = ext::sh -c evil
[remote "ssh"]
\turl = ssh://git:TOKEN@example.org/a.git
[branch "main"]
\tremote = origin
\tmerge = refs/heads/main
[submodule "lib"]
\turl = ../lib
\tupdate = !evil
\tactive = true
"""
    assert (
        sanitise(text, gitpolicy.LOCAL)
        == b"""\
[core]
\trepositoryformatversion = "1"
\tbare = "false"
[extensions]
\tobjectformat = "sha256"
[remote "origin"]
\turl = "https://example.org/a.git"
\tfetch = "+refs/heads/*:refs/remotes/origin/*"
[remote "ssh"]
\turl = "ssh://git@example.org/a.git"
[branch "main"]
\tremote = "origin"
\tmerge = "refs/heads/main"
[submodule "lib"]
\turl = "../lib"
\tactive = "true"
"""
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("core.hooksPath", "/tmp/hooks"), ("CORE.hookspath", "/tmp/hooks"), ("commit.verbose", "true"), ("user.absent", None), ("credential.https://example.org.helper", "!pass-git-helper")],
)  # fmt: skip
def test_one_value(name, value):
    assert get(FULL, name) == value


def test_the_last_value_wins():
    assert get(b"[a]\nb = 1\nb = 2\n[A]\nB = 3\n", "a.b") == "3"


def test_includes_are_listed_with_their_condition():
    assert includes(FULL) == [("", "~/.gitconfig.local"), ("gitdir:~/work/", "work.inc")]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"[user]\n\tname = x\n\temail = a\\q\n", 3),
        (b'[a "b\n', 1),
        (b"[a]\n1 = x\n", 2),
        (b"x = 1\n", 1),
        (b"[a]\n\n[b\n", 3),
        (b'[a]\nb = "c\n', 2),
    ],
)
def test_the_line_that_git_refuses_is_named(data, line):
    assert parse(data)[1] == line


def test_what_comes_before_a_bad_line_counts():
    assert get(b"[user]\nname = x\n}\n", "user.name") == "x"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("gitdir:~/work/", True), ("gitdir:~/work", False), ("gitdir:~/play/", False), ("gitdir:/home/user/work/project/.git", True), ("gitdir:project/.git", True),
        ("gitdir:./work/", True), ("gitdir/i:~/WORK/", True), ("gitdir:~/WORK/", False), ("onbranch:main", True), ("onbranch:ma*", True), ("onbranch:feature/", False),
        ("hasconfig:remote.*.url:https://example.org/**", True), ("hasconfig:remote.*.url:https://other.test/**", False), ("moon:full", False), ("", False),
    ],
)  # fmt: skip
def test_conditions(condition, holds):
    found = condition_holds(
        condition, git_dirs=["/home/user/work/project/.git"], home="/home/user", folder="/home/user", branch="main", urls=["https://example.org/a/b.git"]
    )  # fmt: skip
    assert found is holds


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://u:p@h.test/x", "https://h.test/x"), ("https://token@h.test/x", "https://h.test/x"), ("https://h.test/a@b", "https://h.test/a@b"),
        ("ssh://git:p@h.test/x", "ssh://git@h.test/x"), ("git@h.test:x", "git@h.test:x"), ("http://h.test/x?private_token=1", "http://h.test/x"),
        ("../relative", "../relative"), ("https://a@b:c@h.test", "https://h.test"),
    ],
)  # fmt: skip
def test_credentials_leave_an_address(url, bare):
    assert without_credentials(url) == bare
