"""Which repository a folder belongs to: found as git finds it, and not believed when the project says so alone."""

import pytest

from inner.errors import ConfigError
from inner.facts import Facts
from inner.host import Stat
from inner.plan.repository import at, borrowed, children, find, submodules, supported

H = "/home/user"
P = f"{H}/project"


def gitdir(path, config=b""):
    return {
        f"{path}/HEAD": ("file", b"ref: refs/heads/main\n"),
        f"{path}/objects": "dir",
        f"{path}/refs": "dir",
        f"{path}/config": ("file", config),
    }


def host(*parts):
    tree = {P: "dir"}
    for part in parts:
        tree |= part
    return Facts(tree, env={})


def test_a_repository():
    found, reason = at(host(gitdir(f"{P}/.git", b"[extensions]\n\tobjectformat = sha256\n")), P)
    assert (found.top, found.gitdir, found.common, found.hash, reason) == (P, f"{P}/.git", f"{P}/.git", "sha256", "")


def test_it_is_looked_for_above_but_not_in_the_home_folder():
    assert find(host(gitdir(f"{P}/.git"), {f"{P}/a/b": "dir"}), f"{P}/a/b", home=H)[0].top == P
    assert find(host(gitdir(f"{H}/.git")), P, home=H) == (None, "")
    assert find(host(gitdir(f"{P}/.git"), {f"{P}/a/.git": "dir"}), f"{P}/a", home=H)[0].top == P
    foreign = {f"{P}/.git": Stat("dir", 0o755, 0, 0), f"{P}/.git/HEAD": Stat("file", 0o644, 0, 0)}
    assert find(host(foreign), P, home=H) == (None, "belongs to another user")


def linked(back=f"{P}/.git", common="../..", where="main/.git/worktrees/w"):
    tree = {**gitdir(f"{H}/main/.git"), f"{P}/.git": ("file", f"gitdir: {H}/{where}\n".encode())}
    for name, text in (("HEAD", "x"), ("commondir", common), ("gitdir", back)):
        tree[f"{H}/{where}/{name}"] = ("file", text.encode() + b"\n")
    return tree


def test_a_linked_worktree_is_believed_when_its_folder_points_back():
    found, reason = at(host(linked()), P)
    assert (found.gitdir, found.common, reason) == (f"{H}/main/.git/worktrees/w", f"{H}/main/.git", "")


@pytest.mark.parametrize(
    "tree",
    [linked(back=f"{H}/other/.git"), linked(back=""), linked(where="main/w"), linked(common=f"{H}/elsewhere"), linked(common="")],
)
def test_a_git_file_alone_is_not_believed(tree):
    found, reason = at(host(tree), P)
    assert found is None
    assert "does not point back" in reason


@pytest.mark.parametrize(("worktree", "good"), [("../../../project", True), (P, True), ("../../../other", False), ("", False)])
def test_a_submodule(worktree, good):
    config = f"[core]\n\tworktree = {worktree}\n".encode() if worktree else b""
    tree = {**gitdir(f"{H}/.super/modules/x", config), f"{P}/.git": ("file", b"gitdir: ../.super/modules/x\n")}
    found, reason = at(host(tree), P)
    assert (found is not None) == good
    assert (reason == "") == good


@pytest.mark.parametrize("text", [b"", b"gitdir: ", b"gitdir: /etc\n", b"x", b"gitdir: " + b"a" * 5000, b"gitdir: \0"])
def test_git_files_that_are_none(text):
    found, reason = at(host({f"{P}/.git": ("file", text)}), P)
    assert found is None
    assert reason


@pytest.mark.parametrize("part", ["HEAD", "objects", "refs", "commondir"])
def test_a_folder_with_a_link_or_a_commondir_is_not_believed(part):
    tree = {**gitdir(f"{P}/.git"), f"{P}/.git/{part}": "file" if part == "commondir" else "link:/home/user/.ssh"}
    assert at(host(tree), P) == (None, "is not a whole repository")
    assert at(host({f"{P}/.git": "link:/home/user/x"}), P) == (None, "is a symbolic link")


@pytest.mark.parametrize(
    "config",
    [b"[extensions]\n\trefStorage = reftable\n", b"[extensions]\n\tfuture = true\n", b"[extensions]\n\tobjectformat = md5\n"],
)
def test_what_is_not_understood_is_refused(config):
    found, _ = at(host(gitdir(f"{P}/.git", config)), P)
    with pytest.raises(ConfigError):
        supported(found)


def test_submodules_are_not_looked_for_outside():
    modules = b'[submodule "a"]\n\tpath = a\n[submodule "b"]\n\tpath = ../b\n[submodule "c"]\n\tpath = /etc\n[submodule "l"]\n\tpath = l/x\n'
    tree = {f"{P}/.gitmodules": ("file", modules), f"{P}/a/.git": "file", f"{H}/b/.git": "file", f"{P}/l": "link:/home/user/b"}
    assert submodules(host(tree), P) == [f"{P}/a"]


def test_children_are_folders_themselves():
    tree = {f"{P}/a/.git": "dir", f"{P}/b": "dir", f"{P}/l": f"link:{P}/a", f"{P}/.git": "dir"}
    assert children(host(tree), P) == [f"{P}/a"]


def test_borrowed_objects_are_followed_without_end():
    tree = {
        f"{H}/a/objects/info/alternates": ("file", b"../../b/objects\n# no\n"),
        f"{H}/b/objects/info/alternates": ("file", b"/home/user/a/objects\n"),
    }
    assert borrowed(host(tree), f"{H}/a/objects") == [f"{H}/b/objects", f"{H}/a/objects"]
