"""The refs, HEAD and stash of a repository, brought to where a box left its copy; what cannot be moved is kept under another name.

Every step can be done again: what is already as it should be was done by a run that was killed in the middle.
"""

from __future__ import annotations

import os

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.launch import shadow
from inner.launch.gitobjects import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inner.launch.gitcommand import Git
    from inner.launch.gitcopy import Copy

PASSING = ("refs/bisect/", "refs/rewritten/")  # of an operation that is not finished: nobody misses them
BROUGHT = ("refs/heads/", "refs/tags/", "refs/notes/", "refs/stash", *PASSING)
MOST_ALONE = 500  # refs that are updated one by one, when some cannot be updated


class Refs:
    """`there`: the objects that the repository has by now; `brought`: which refs come. Afterwards `updated`, `kept` and `notes` say what happened."""

    def __init__(self, copy: Copy, git: Git, run: str, there: set[str], brought: tuple[str, ...]) -> None:
        self.copy, self.git, self.run, self.there, self.brought = copy, git, run, there, brought
        self.gitdir, self.common = copy.shadow.gitdir, copy.shadow.common
        self.updated: list[str] = []
        self.kept: list[tuple[str, str]] = []
        self.notes: list[str] = []

    def take(self, changed: Mapping[str, str], was: Mapping[str, str], gone: Iterable[str]) -> None:
        """`changed` refs, what they `was`, and those that are `gone`."""
        busy, real = self.checked_out(), self.real()
        none = "0" * self.copy.length
        for name in gone:  # first: a branch may have been renamed to one below it
            if name.startswith(self.brought) and name != "refs/stash" and is_name(name) and name not in busy:
                if was[name] not in changed.values() and not name.startswith(PASSING):
                    self.keep(name, was[name])
                if name not in real or self.git.run("update-ref", "-d", name, was[name])[0] == 0:
                    self.updated.append(name)
        wanted = {
            n: s for n, s in sorted(changed.items()) if n.startswith(self.brought) and n != "refs/stash" and s in self.there
        }
        self.updated += [name for name, sha in wanted.items() if real.get(name) == sha]
        wanted = {name: sha for name, sha in wanted.items() if real.get(name) != sha}
        free = {name: sha for name, sha in wanted.items() if is_name(name) and name not in busy}
        lines = [f"update {name}\0{sha}\0{was.get(name, none)}\0" for name, sha in free.items()]
        together = ("update-ref", "-m", f"inner: {self.run}", "--create-reflog", "-z", "--stdin")
        if lines and self.git.run(*together, stdin="".join(lines).encode("utf-8", "surrogateescape"))[0] == 0:
            self.updated += free
            wanted = {name: sha for name, sha in wanted.items() if name not in free}
        if len(wanted) > MOST_ALONE:
            raise RunError(f"{len(wanted)} refs, and some of them were changed outside meanwhile")
        for name, sha in wanted.items():
            alone = ("update-ref", "-m", f"inner: {self.run}", "--create-reflog", name, sha, was.get(name, none))
            if name in free and self.git.run(*alone)[0] == 0:
                self.updated.append(name)
            else:
                self.keep(name if is_name(name) else "refs/unnamed", sha)
        left = [name for name in (*changed, *gone) if not name.startswith(self.brought)]
        if left:
            more = " and others" if len(left) > 5 else ""
            self.notes.append(f"not taken over: {', '.join(f'`{name}`' for name in left[:5])}{more}")

    def keep(self, name: str, sha: str) -> None:
        """Under a name that is nobody else's."""
        place = f"refs/inner/{self.run}/{name.removeprefix('refs/')}"
        if not is_name(place) or self.git.run("update-ref", place, sha)[0] != 0:
            place = f"refs/inner/{self.run}/{sha[:12]}"
            self.git.must("update-ref", place, sha)
        self.kept.append((name, place))

    def real(self) -> dict[str, str]:
        """The refs of the repository itself."""
        packed, _ = shadow.refs(self.common, self.gitdir)
        return self.copy.packed(packed)

    def checked_out(self) -> set[str]:
        """Branches on which other work trees stand: moving one would change what is staged there."""
        places: list[str] = [self.common] if self.common != self.gitdir else []
        try:
            places += [e.path for e in os.scandir(f"{self.common}/{shadow.TREES}") if e.is_dir(follow_symlinks=False)]
        except OSError:
            pass
        heads = [self.copy.head(place) for place in places if place != self.gitdir]
        return {head[5:] for head in heads if head.startswith("ref: ")}

    def head(self, head: str, was: str) -> None:
        """HEAD, unless it was moved outside, or stands where another work tree does by now."""
        message, real = f"inner: {self.run}", self.copy.head(self.gitdir)
        if not head:
            self.notes.append("the box left a HEAD that names nothing: yours is unchanged")
        elif real not in (was, head):
            self.notes.append("HEAD was moved outside meanwhile, and stays as it is there")
        elif real == head:
            self.updated.append("HEAD")
        elif head.startswith("ref: ") and head[5:] in self.checked_out():
            self.notes.append(f"HEAD stays as it is: another work tree stands on `{head[5:]}`")
        elif head.startswith("ref: "):
            self.git.must("symbolic-ref", "-m", message, "HEAD", head[5:])
            self.updated.append("HEAD")
        elif head in self.there:
            self.git.must("update-ref", "--no-deref", "-m", message, "HEAD", head)
            self.updated.append("HEAD")

    def stashes(self, now: list[tuple[str, str]], was: list[tuple[str, str]]) -> None:
        """Entries that were dropped are dropped, new ones are stored. The commits of dropped ones stay among the objects."""
        real = self.copy.stash(f"{self.common}/logs/refs/stash")
        for at, entry in reversed(list(enumerate(reversed(real)))):
            if entry in was and entry not in now:
                self.git.run("reflog", "delete", "--updateref", "--rewrite", f"refs/stash@{{{at}}}")
        if real and not [entry for entry in real if entry not in was or entry in now]:
            self.git.run("update-ref", "-d", "refs/stash")
        for sha, message in now:
            if (sha, message) not in was and (sha, message) not in real and sha in self.there:
                self.git.run("update-ref", "--create-reflog", "-m", message or "stash", "refs/stash", sha)
        self.updated.append("refs/stash")
