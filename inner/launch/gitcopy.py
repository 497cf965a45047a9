"""What a box's copy of a git folder says, next to what it said at the start: refs, HEAD, index, stash, work trees. Only looks.

Git never runs here, and nothing is reached through a link: the box may have put anything in the place of anything.
"""

from __future__ import annotations

import os

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, frozen
from inner.launch.gitindex import parse
from inner.launch.gitobjects import is_name
from inner.launch.shadow import TREES, is_hash, read, stamp, walk_refs
from inner.paths import normal

if TYPE_CHECKING:
    from inner.launch.gitindex import Entries
    from inner.plan.model import Shadow

MOST_REFS = 200_000
MOST_INDEX = 1 << 27  # bytes
MOST_TREES = 100
DIGITS = "0123456789abcdef"


@frozen
class Tree:
    """A work tree that the box added: `name` below `worktrees`, `place` as git noted it, `head` as `Copy.head`, `index` as a file."""

    name: str
    place: str
    head: str
    folder: str


class Copy:
    """The copy in the folder `into`, as `shadow.recorded` describes it."""

    def __init__(self, into: str, made: Shadow, index: tuple[int, ...], links: tuple[str, ...]) -> None:
        self.into, self.shadow, self.index_stamp, self.links = into, made, index, frozenset(links)
        self.now, self.before = f"{into}/shadow", into
        self.length = 64 if made.hash == "sha256" else 40

    def refs(self) -> tuple[dict[str, str], dict[str, str]]:
        """Refs at the start and now. RunError when these are more than are looked at: which of them are gone cannot be told either."""
        text = read(f"{self.before}/packed-refs")
        try:
            packed = read(f"{self.now}/packed-refs")
        except OSError:
            packed = text  # gone, too large, or none of git's: git writes this file without a ref, it does not take it away
        was = self.packed(text)
        now = dict(was) if packed == text else self.packed(packed)
        for name, content in walk_refs(self.now, MOST_REFS):
            if not name:
                reason = (
                    f"more than {MOST_REFS:,} refs in files of their own; `git pack-refs --all` in the box puts them into one"
                )
                raise RunError(reason)
            sha = content.strip()
            if name not in self.links and self.is_object(sha):
                now[name] = sha.decode()
        return was, now

    def same_refs(self) -> bool:
        """Whether none was touched: their file is as it was, and there are no others. Quick where they are many."""
        try:
            if read(f"{self.now}/packed-refs") != read(f"{self.before}/packed-refs"):
                return False
        except OSError:
            pass  # as above
        return all(name in self.links for name, _ in walk_refs(self.now, MOST_REFS))

    def packed(self, text: bytes) -> dict[str, str]:
        """The refs of a packed-refs file."""
        at = self.length
        lines = text.decode("utf-8", "surrogateescape").split("\n")
        found = {line[at + 1 :]: line[:at] for line in lines if line.startswith(" refs/", at)}
        if not "".join(set(found.values())).strip(DIGITS):  # of all of them first: they may be many
            return found
        return {name: sha for name, sha in found.items() if not sha.strip(DIGITS)}

    def is_object(self, text: bytes) -> bool:
        """The name of an object of this repository."""
        return is_hash(text) and len(text) == self.length

    def head(self, folder: str) -> str:
        """`ref: refs/heads/NAME`, the name of a commit, or "" for anything else."""
        try:
            text = read(f"{folder}/HEAD", 4096).decode("utf-8", "surrogateescape").strip()
        except OSError:
            return ""
        if text.startswith("ref: refs/heads/") and is_name(text[5:]):
            return text
        return text if self.is_object(text.encode("utf-8", "surrogateescape")) else ""

    def index(self, folder: str, overlooked: set[bytes] | None = None) -> dict[bytes, Entries]:
        """All entries, as `gitindex.parse`; OSError or ValueError for what is no index."""
        path = f"{folder}/index"
        return parse(read(path, MOST_INDEX) if os.path.lexists(path) else b"", self.length // 2, overlooked)

    def staged(self) -> tuple[dict[bytes, Entries], str]:
        """The entries that the box changed, by path (an empty list: removed), and what is to be said when it cannot be read."""
        if stamp(f"{self.now}/index") == self.index_stamp:
            return {}, ""
        try:
            was, now = self.index(self.before), self.index(self.now)
        except (OSError, ValueError) as problem:
            return {}, f"what was staged in the box is not taken over: its index {problem}"
        return {path: now.get(path, []) for path in was.keys() | now.keys() if was.get(path) != now.get(path)}, ""

    def stash(self, path: str) -> list[tuple[str, str]]:
        """Commits and messages of the log of a stash, oldest first."""
        try:
            text = read(path, 1 << 22)
        except OSError:
            return []
        found = []
        for line in text.decode("utf-8", "surrogateescape").splitlines():
            shas, _, message = line.partition("\t")
            sha = shas.split(" ")[1] if shas.count(" ") > 1 else ""
            if self.is_object(sha.encode("utf-8", "surrogateescape")):
                found.append((sha, "".join(c for c in message if c.isprintable())[:200]))
        return found

    def shown(self) -> set[str]:
        """The names of the work trees that were there at the start."""
        return {os.fsdecode(name) for name in read(f"{self.before}/{TREES}").split(b"\0")}

    def trees(self) -> list[Tree]:
        """The work trees that the box added, with a HEAD and a place; not those that were shown to it."""
        try:
            shown = self.shown()
            entries = sorted(os.scandir(f"{self.now}/{TREES}"), key=lambda entry: entry.name)
        except OSError:
            return []
        found = []
        for entry in entries[:MOST_TREES]:
            if entry.is_dir(follow_symlinks=False) and entry.name not in shown and is_name(f"x/{entry.name}"):
                try:
                    place = read(f"{entry.path}/gitdir", 4096).decode("utf-8", "surrogateescape").strip()
                except OSError:
                    continue  # a mount point, or pruned
                head = self.head(entry.path)
                if not place.startswith("/"):  # worktree.useRelativePaths
                    place = normal(f"{self.shadow.gitdir}/{TREES}/{entry.name}/{place}")
                if head and place.endswith("/.git"):
                    found.append(Tree(entry.name, place.removesuffix("/.git"), head, entry.path))
        return found
