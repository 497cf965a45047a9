"""Work trees and submodules that a box added under review. Their `.git` is a file that names a folder in the repository's own; it is
written anew here, never copied, before the commits are taken over, because `launch.gittrees` and `launch.gitmodules` make that folder
for nobody else. Where they do not, the file goes again.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING, frozen
from inner.launch import shadow
from inner.launch.dotgit import MODULES, TREES, is_below, names
from inner.review.tree import split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.review.changes import Change, Comparison
    from inner.review.git import Repository
    from inner.review.tree import Tree


@frozen
class Link:
    """The `.git` of `change`, in the folder `folder` of its layer; `named` is the folder that it names, which is not there yet."""

    change: Change
    folder: str
    place: str
    named: str


def found(comparison: Comparison, changes: Iterable[Change], repositories: Iterable[Repository]) -> list[Link]:
    """Those of the repositories that are about to be taken over."""
    known = [recorded[0] for one in repositories if (recorded := shadow.recorded(one.into)) is not None]
    places = [f"{one.gitdir}/{name}" for one in known for name in (TREES, MODULES)]
    links = []
    for change in changes:
        folder, name = split(change.path)
        if places and name == ".git" and change.kind == "added" and change.what == "file":
            place = f"{comparison.layer.src}/{folder}".rstrip("/")
            named = _named(comparison.kept, folder, place)
            if is_below(named, places) and not os.path.lexists(named):
                links.append(Link(change, folder, place, named))
    return links


def make(comparison: Comparison, link: Link) -> bool:
    """Writes it as git does: the path of a submodule's folder is relative. False when its folder has not been applied."""
    text = os.path.relpath(link.named, link.place) if f"/{MODULES}/" in link.named else link.named
    try:
        here = comparison.host.folder(link.folder)
        fd = os.open(".git", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=here)
    except OSError:
        return False
    with open(fd, "wb") as file:
        file.write(f"gitdir: {text}\n".encode("utf-8", "surrogateescape"))
    return True


def settle(comparison: Comparison, links: Iterable[Link]) -> list[Link]:
    """After the commits were taken over: removes those that name nothing still, and returns them."""
    none = [link for link in links if not os.path.lexists(f"{link.named}/HEAD")]
    for link in none:
        if _named(comparison.host, link.folder, link.place) == link.named:
            os.unlink(".git", dir_fd=comparison.host.folder(link.folder))
    return none


def _named(tree: Tree, folder: str, place: str) -> str:
    try:
        return names(tree.folder(folder), place)
    except OSError:
        return ""
