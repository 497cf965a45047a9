"""The refs, HEAD and stash of a repository, brought to where a box left its copy; what cannot be moved is kept under another name.

Every step can be done again: what is already as it should be was done by a run that was killed in the middle.
"""

from __future__ import annotations

import os

from inner import gitconfig
from inner.frozen import TYPE_CHECKING
from inner.launch import shadow
from inner.launch.gitobjects import is_name
from inner.launch.gitpacked import add, again

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inner.launch.gitcommand import Git
    from inner.launch.gitcopy import Copy

PASSING = ("refs/bisect/", "refs/rewritten/")  # of an operation that is not finished: nobody misses them
BROUGHT = ("refs/heads/", "refs/tags/", "refs/notes/", "refs/stash", *PASSING)
MOST_TRIES = 500  # calls of git for refs of which some cannot be changed


class Refs:
    """`there`: the objects that the repository has by now; `brought`: which refs come. Afterwards `updated`, `kept` and `notes` say what happened."""

    def __init__(self, copy: Copy, git: Git, run: str, there: set[str], brought: tuple[str, ...]) -> None:
        self.copy, self.git, self.run, self.there, self.brought = copy, git, run, there, brought
        self.gitdir, self.common = copy.shadow.gitdir, copy.shadow.common
        self.updated: list[str] = []
        self.kept: list[tuple[str, str]] = []
        self.notes: list[str] = []
        again(self.common, run)

    def take(self, changed: Mapping[str, str], was: Mapping[str, str], gone: Iterable[str]) -> None:
        """`changed` refs, what they `was`, and those that are `gone`."""
        busy, real = self.checked_out(), self.real()
        none = "0" * self.copy.length
        # First: a branch may have been renamed to one below it.
        dropped = [n for n in gone if n.startswith(self.brought) and n != "refs/stash" and is_name(n) and n not in busy]
        still = set(changed.values())
        self.keep([(name, was[name]) for name in dropped if was[name] not in still and not name.startswith(PASSING)])
        done = self._together({n: f"delete {n}\0{was[n]}\0" for n in dropped if real.get(n) == was[n]})
        self.updated += [name for name in dropped if name not in real or name in done]
        wanted = {
            n: s for n, s in sorted(changed.items()) if n.startswith(self.brought) and n != "refs/stash" and s in self.there
        }
        self.updated += [name for name, sha in wanted.items() if real.get(name) == sha]
        wanted = {name: sha for name, sha in wanted.items() if real.get(name) != sha}
        free = {n: s for n, s in wanted.items() if is_name(n) and n not in busy and real.get(n) == was.get(n)}
        head = self.copy.head(self.gitdir).removeprefix("ref: ")  # which has a log
        done = self._new({n: s for n, s in free.items() if n not in real and n != head})
        if logless := [name for name in done if name.startswith("refs/heads/")]:
            self.notes.append(
                f"{len(logless)} new branches were written at once: their logs (`git reflog`) begin with their next change"
            )
        lines = {n: f"update {n}\0{s}\0{was.get(n, none)}\0" for n, s in free.items() if n not in done}
        done |= self._together(lines, "-m", f"inner: {self.run}", "--create-reflog")
        self.updated += [name for name in free if name in done]
        self.keep([(name if is_name(name) else "refs/unnamed", sha) for name, sha in wanted.items() if name not in done])
        left = [name for name in (*changed, *gone) if not name.startswith(self.brought)]
        if left:
            more = " and others" if len(left) > 5 else ""
            self.notes.append(f"not taken over: {', '.join(f'`{name}`' for name in left[:5])}{more}")

    def _new(self, refs: Mapping[str, str]) -> set[str]:
        """Those that could be made all at once; git knows which modes the files of a shared repository have."""
        shared = gitconfig.get(self.copy.shadow.config, "core.sharedRepository")
        return set() if shared else add(self.git, self.common, self.run, refs)

    def _together(self, lines: Mapping[str, str], *words: str) -> set[str]:
        """Those whose line git took (git-update-ref(1), -z). It takes all or nothing: then one half of them, and the other."""
        done: set[str] = set()
        todo, tries = [list(lines)] if lines else [], 0
        while todo and tries < MOST_TRIES:
            names, tries = todo.pop(), tries + 1
            said = "".join(lines[name] for name in names).encode("utf-8", "surrogateescape")
            if self.git.run("update-ref", *words, "-z", "--stdin", stdin=said)[0] == 0:
                done.update(names)
            elif len(names) > 1:
                todo += [names[len(names) // 2 :], names[: len(names) // 2]]
        return done

    def keep(self, refs: Iterable[tuple[str, str]]) -> None:
        """Under names that are nobody else's: theirs, or where that cannot be, the object's."""
        kept: dict[str, str] = {}
        places = []
        for name, sha in refs:
            place = f"refs/inner/{self.run}/{name.removeprefix('refs/')}"
            if not is_name(place) or kept.get(place, sha) != sha:
                place = f"refs/inner/{self.run}/{sha[:12]}"
            kept[place] = sha
            places.append((name, place, sha))
        left = self._free(kept)
        other = {f"refs/inner/{self.run}/{sha[:12]}": sha for place, sha in kept.items() if place in left}
        for place in self._free(other):
            self.git.must("update-ref", place, other[place])
        self.kept += [(name, f"refs/inner/{self.run}/{sha[:12]}" if place in left else place) for name, place, sha in places]

    def _free(self, refs: Mapping[str, str]) -> set[str]:
        """Makes refs that are nobody else's, whatever they were; returns those that git does not take."""
        real = self.real() if refs else {}
        left = {name: sha for name, sha in refs.items() if real.get(name) != sha}
        done = self._new({name: sha for name, sha in left.items() if name not in real})
        lines = {name: f"update {name}\0{sha}\0\0" for name, sha in left.items() if name not in done}
        return lines.keys() - self._together(lines)

    def real(self) -> dict[str, str]:
        """The refs of the repository itself."""
        packed, _ = shadow.refs(self.common, self.gitdir)
        return self.copy.packed(b"".join(packed))

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
