"""Work trees that a box added (`git worktree add`): what git keeps of them is made anew in the repository, from values that were
checked one by one; settings, hooks and whatever else the box wrote beside them stay out.

A folder is one of them when its `.git` file and the box's copy name each other, and the box could write there.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING, frozen
from inner.launch import gitstate, removal
from inner.launch.dotgit import belongs, names
from inner.launch.gitcommand import Git
from inner.launch.rundir import write
from inner.launch.shadow import TREES
from inner.launch.syscall import open_path
from inner.paths import covers, normal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.launch.gitcopy import Copy, Tree
    from inner.launch.gitindex import Entries
    from inner.launch.gitrefs import Refs
    from inner.plan.model import Shadow


@frozen
class Seen:
    """A work tree with its index and its unfinished operations."""

    tree: Tree
    index: dict[bytes, Entries]
    overlooked: frozenset[bytes]
    state: gitstate.Unfinished
    problem: str = ""


def seen(copy: Copy, trees: Iterable[Tree]) -> list[Seen]:
    """What there is to take over of `trees`, before the objects are there."""
    result = []
    for tree in trees:
        state, overlooked = gitstate.Unfinished({}, gitstate.found(tree.folder)), set[bytes]()
        try:
            result.append(Seen(tree, copy.index(tree.folder, overlooked), frozenset(overlooked), state))
        except (OSError, ValueError) as problem:
            result.append(Seen(tree, {}, frozenset(), state, f"its index {problem}"))
    return result


def wanted(trees: Iterable[Seen]) -> tuple[list[str], list[str]]:
    """The commits and the blobs that they name."""
    commits, blobs = [], []
    for one in trees:
        commits += [] if one.tree.head.startswith("ref: ") else [one.tree.head]
        commits += one.state.wanted()
        blobs += [sha for entries in one.index.values() for mode, sha, _ in entries if mode != 0o160000]
    return commits, blobs


def adopt(copy: Copy, refs: Refs, trees: Iterable[Seen], now: dict[str, str], ours: str, there: set[str]) -> list[str]:
    """Makes them work trees of the repository; `now`: the box's refs, `ours`: a repository to run git in. Returns their places."""
    made = []
    for one in trees:
        problem = one.problem or _adopt(copy, refs, one, now, ours, there)
        if not problem:
            made.append(one.tree.place)
            continue
        branch = one.tree.head[5:].removeprefix("refs/heads/") if one.tree.head.startswith("ref: ") else ""
        if not branch and one.tree.head in there:
            refs.keep([(f"refs/{TREES}/{one.tree.name}", one.tree.head)])
        where = f"`git worktree add PATH {quoted(branch or one.tree.head[:12])}` makes another one"
        refs.notes.append(f"the work tree `{one.tree.place}` that the box added is none outside: {problem}; {where}")
    return made


def _adopt(copy: Copy, refs: Refs, one: Seen, now: dict[str, str], ours: str, there: set[str]) -> str:
    """Why it cannot be one, "" when it is."""
    shadow, tree = copy.shadow, one.tree
    place = tree.place
    if normal(place) != place or not any(covers(folder, place) for folder in shadow.within) or ".git" in place.split("/"):
        return "it was not in a folder that the box shares with the host"
    try:
        fd = open_path(place)
    except OSError:
        return "its folder is not there"
    try:
        if names(fd, place) != f"{shadow.gitdir}/{TREES}/{tree.name}":
            return "its `.git` is not the file that git makes"
        name = _made(copy, place)
        if not name:
            head = _head(refs, tree.head, now, there)
            if not head:
                return "its HEAD names nothing that is there"
            lost = [
                path for path, entries in one.index.items() if any(m != 0o160000 and sha not in there for m, sha, _ in entries)
            ]
            if lost:
                return f"its index names content that is not there ({len(lost)} files)"
            name = _free(shadow, tree.name)
            _make(shadow, one, head, name, ours)
        one.state.place(f"{shadow.common}/{TREES}/{name}", there, refs.notes)
        if f"{shadow.common}/{TREES}/{name}" != f"{shadow.gitdir}/{TREES}/{tree.name}":
            _point(fd, f"{shadow.common}/{TREES}/{name}")
    finally:
        os.close(fd)
    return ""


def _head(refs: Refs, head: str, now: dict[str, str], there: set[str]) -> str:
    """The branch, where it is what the box had it at and nobody else stands on it; else the commit."""
    if not head.startswith("ref: "):
        return head if head in there else ""
    sha, real = now.get(head[5:], ""), refs.real().get(head[5:], "")
    current = refs.copy.head(refs.gitdir)
    if sha == real and head[5:] not in refs.checked_out() and current != head:
        return head
    if sha in there:
        refs.notes.append(
            f"a work tree that the box added on `{head[5:]}` has its HEAD at the commit: the branch is in use, or elsewhere"
        )
        return sha
    return ""


def _made(copy: Copy, place: str) -> str:
    """The name under which it is a work tree already: the run was killed later than that."""
    folder = f"{copy.shadow.common}/{TREES}"
    try:
        names = set(os.listdir(folder)) - copy.shown()
    except OSError:
        return ""
    return next((name for name in sorted(names) if belongs(place, f"{folder}/{name}", (folder,))), "")


def _free(shadow: Shadow, name: str) -> str:
    for number in ("", *map(str, range(1, 1000))):
        if not os.path.lexists(f"{shadow.common}/{TREES}/{name}{number}"):
            return name + number
    raise OSError(17, "no free name for a work tree", name)


def _make(shadow: Shadow, one: Seen, head: str, name: str, ours: str) -> None:
    """What git keeps of a work tree (gitrepository-layout(5)), beside its place first, so that it is there as a whole or not at all."""
    folder = f"{shadow.common}/inner-{one.tree.name}"  # where git looks for no work trees
    if os.path.lexists(folder):
        removal.remove(folder)
    os.makedirs(folder)
    os.makedirs(f"{shadow.common}/{TREES}", exist_ok=True)
    for file, text in (("HEAD", head), ("commondir", "../.."), ("gitdir", f"{one.tree.place}/.git")):
        write(f"{folder}/{file}", f"{text}\n".encode("utf-8", "surrogateescape"))
        os.chmod(f"{folder}/{file}", 0o666 & ~_umask())
    git = Git(ours)
    more = {"GIT_INDEX_FILE": f"{folder}/index", "GIT_OBJECT_DIRECTORY": f"{shadow.common}/objects"}
    lines = [
        b"%o %s %d\t%s\0" % (mode, sha.encode(), stage, path)
        for path, entries in sorted(one.index.items())
        for mode, sha, stage in entries
    ]
    git.must("update-index", "-z", "--index-info", stdin=b"".join(lines), more=more)
    if one.overlooked:
        paths = b"".join(path + b"\0" for path in sorted(one.overlooked))
        more = {**more, "GIT_WORK_TREE": folder}
        git.must("update-index", "--skip-worktree", "-z", "--stdin", stdin=paths, more=more)
    os.rename(folder, f"{shadow.common}/{TREES}/{name}")


def _umask() -> int:
    old = os.umask(0o077)
    os.umask(old)
    return old


def _point(fd: int, folder: str) -> None:
    """A new `.git` file in the open folder, whatever the box has put in the way (opening a pipe would wait for its reader)."""
    try:
        os.unlink(".git.new-by-inner", dir_fd=fd)
    except FileNotFoundError:
        pass
    new = os.open(".git.new-by-inner", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=fd)
    try:
        os.write(new, f"gitdir: {folder}\n".encode("utf-8", "surrogateescape"))
    finally:
        os.close(new)
    os.rename(".git.new-by-inner", ".git", src_dir_fd=fd, dst_dir_fd=fd)
