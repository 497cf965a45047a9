"""Commits under review. The box had copies of git folders (`launch.shadow`); here they are looked at, and taken over when they are
applied (`launch.bringback`): objects and refs through a fetch, never git's settings, hooks, or anything else that names programs.
"""

from __future__ import annotations

import os

from inner.errors import HostError, RunError
from inner.frozen import TYPE_CHECKING, frozen
from inner.launch import removal, rundir, shadow
from inner.launch.bringback import Taking, again
from inner.launch.gitcommand import own_config
from inner.paths import HostPath
from inner.plan.model import Shadow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.launch.bringback import Brought
    from inner.review.changes import Change, Comparison
    from inner.review.record import Review

ZERO = "nothing"


@frozen
class Repository:
    """One repository with something to take over: its work tree, the folder with the box's copy, `refs` as `Taking.changed` has them."""

    top: str
    into: str
    refs: tuple[tuple[str, str, str], ...]

    def lines(self) -> list[str]:
        """For people, not escaped yet: one for each ref."""
        said = []
        for name, was, now in self.refs:
            if not was and not now:
                said.append(f"G {self.top}: {name}")
            else:
                said.append(f"G {self.top}: {name.removeprefix('refs/heads/')}  {_short(was)} -> {_short(now)}")
        return said


def _short(value: str) -> str:
    if value.startswith("ref: "):
        return value[5:].removeprefix("refs/heads/")
    return value[:10] or ZERO


def repositories(review: Review) -> list[Repository]:
    """Those in which the box committed, staged, or moved a branch."""
    found = []
    for name in sorted(os.listdir(review.folder)):
        into = f"{review.folder}/{name}"
        known = shadow.recorded(into) if name.startswith("git-") else None
        if known is None:
            continue
        refs = tuple(Taking(into, review.id, *known).changed())
        if refs:
            found.append(Repository(known[0].top, into, refs))
    return found


def take_over(review: Review, repository: Repository) -> Brought | None:
    """Into the real repository. RunError when that fails: the copy is still there, and it can be done again."""
    known = shadow.recorded(repository.into)
    if known is None:
        raise HostError("the copy of git's folder cannot be read", where=repository.into)
    again(repository.into)
    try:
        brought = Taking(repository.into, review.id, *known).all()
    except (RunError, OSError, ValueError) as problem:
        reason = problem.message if isinstance(problem, RunError) else str(problem)
        raise HostError(f"commits could not be taken over: {reason}", where=repository.top) from None
    removal.remove(repository.into)
    return brought


def new(changes: Sequence[Change]) -> list[Change]:
    """The `.git` folders that the box made where the host has none: whole new repositories."""
    return [c for c in changes if c.kind == "added" and c.what == "dir" and c.path.rpartition("/")[2] == ".git"]


def adopt(review: Review, comparison: Comparison, change: Change) -> Repository:
    """Makes an empty repository of ours in the place of a new one, so that the box's commits can be taken over into it. The box's
    own folder is moved away from the changes: it is only a source from now on."""
    number = 100
    while os.path.lexists(f"{review.folder}/git-{number}"):
        number += 1
    into = f"{review.folder}/git-{number}"
    top = f"{comparison.layer.src}/{change.path.rpartition('/')[0]}".rstrip("/")
    where = comparison.host.folder(change.path.rpartition("/")[0])
    os.mkdir(".git", 0o755, dir_fd=where)
    gitdir = os.open(".git", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=where)
    try:
        made = own_config(f"/proc/self/fd/{gitdir}", "sha1")
        rundir.write(f"{made}/config", b"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tlogallrefupdates = true\n")
        for name in ("objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"):
            os.chmod(f"{made}/{name}", 0o755)  # noqa: S103 - as `git init` makes them
    finally:
        os.close(gitdir)
    os.mkdir(into, 0o700)
    rundir.write(f"{into}/HEAD", b"ref: refs/heads/none\n")
    rundir.write(f"{into}/packed-refs", b"")
    os.rename(f"{comparison.kept.path}/{change.path}", f"{into}/shadow")
    one = Shadow(HostPath(top), HostPath(f"{top}/.git"), HostPath(f"{top}/.git"), HostPath(into))
    shadow.note(one, into, (), ())
    return Repository(top, into, tuple(Taking(into, review.id, one, (), ()).changed()))
