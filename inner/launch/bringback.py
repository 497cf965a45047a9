"""What a box committed, taken over into the real repository; nothing else of the git folder that the box could write.

    objects: moved into a fresh bare repository of ours, fetched from there with `transfer.fsckObjects`
    refs, HEAD: updated where they are still what they were at the start, else kept under refs/inner/RUN
    index: the entries that differ, through `git update-index --index-info`, which checks names and modes
    unfinished operations, new work trees, new submodules: made anew from values that were checked

Git never runs on the box's folder: its files are read here, without following links, or moved. All of it can be done again
after a kill at any place.
"""

from __future__ import annotations

import os
import stat

from inner import gitconfig
from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, frozen, replace
from inner.launch import gitstate, removal, rundir, shadow
from inner.launch.gitcopy import Copy
from inner.launch.shadow import is_hash, read
from inner.paths import covers, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.launch.gitcommand import Git
    from inner.launch.gitindex import Entries
    from inner.plan.model import Shadow

MOST_TOLD = 20  # refs, by name


@frozen
class Brought:
    """What happened to one repository: `updated` refs, `kept` as (ref of the box, where it is now), `notes` for the user, and the
    places of the work trees that were added."""

    top: str
    updated: tuple[str, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()


def bring_back(into: str, run: str) -> Brought | None:
    """For the shadow in the folder `into` of the run named `run`. None when the box changed nothing of it.

    What cannot be taken over stays beside the runs, and a note says where. Raises nothing.
    """
    found = shadow.recorded(into)
    if found is None:
        return None
    taking = Taking(into, run, *found)
    try:
        return taking.all()
    except (RunError, OSError, ValueError) as problem:
        kept = f"{into.rpartition('/runs/')[0]}/kept"
        place = f"{kept}/{run}-{into.rpartition('/')[2]}"
        try:
            os.makedirs(kept, mode=0o700, exist_ok=True)
            os.rename(into, place)
        except OSError:
            place = into
        reason = problem.message if isinstance(problem, RunError) else str(problem)
        note = f"commits of the box could not be taken over ({reason}): they are in `{place}`"
        if os.path.lexists(f"{place}/box/packed-refs"):
            note += f"; when that is mended: `git -c transfer.fsckObjects=true fetch {quoted(place)}/box 'refs/box/*:refs/heads/box/*'`"
        return Brought(found[0].top, notes=(*taking.notes, note))


class Taking:
    """What the copy in `into` has that the repository has not. `all` takes it over; `changed` only looks."""

    def __init__(
        self, into: str, run: str, made: Shadow, index: tuple[int, ...], links: tuple[str, ...], *, fresh: bool = False
    ) -> None:
        self.into, self.run, self.shadow, self.fresh = into, run, made, fresh  # fresh: the repository was made for it
        self.copy = Copy(into, made, index, links)
        self.notes: list[str] = []

    def all(self) -> Brought | None:
        """The whole of it; quick when nothing was changed."""
        copy = self.copy
        added = copy.trees()
        was, now = copy.refs() if added or not copy.same_refs() else ({}, {})
        head, head_was = copy.head(copy.now), copy.head(copy.before)
        changed = {name: sha for name, sha in now.items() if was.get(name) != sha}
        gone = [name for name in was if name not in now]
        if self.replaced():
            return self._aside(changed, head)
        deltas, index_note = copy.staged()
        state = gitstate.Unfinished(gitstate.found(copy.before), gitstate.found(copy.now))
        modules = self._modules()
        if _content(f"{copy.now}/config") != self.shadow.config:
            self.notes.append("settings of git that were changed in the box stay there")
        if (
            not changed
            and not gone
            and head == head_was
            and not deltas
            and not state.units
            and not added
            and not modules
            and not index_note
        ):
            return Brought(self.shadow.top, notes=tuple(self.notes)) if self.notes else None
        from inner.launch import gittrees
        from inner.launch.gitcommand import Git
        from inner.launch.gitrefs import BROUGHT, Refs

        again(self.into)
        trees = gittrees.seen(copy, added)
        below = self._submodules(modules)
        brought = (*BROUGHT, "refs/remotes/") if self.fresh else BROUGHT
        self.notes += [index_note] if index_note else []
        stash, stash_was = copy.stash(f"{copy.now}/logs/refs/stash"), copy.stash(f"{copy.before}/stash")
        wanted = [sha for name, sha in changed.items() if name.startswith(brought)]
        wanted += [entry[0] for entry in stash if entry not in stash_was]
        wanted += [head] if is_hash(head.encode()) else []
        wanted += state.wanted()
        blobs = [sha for entries in deltas.values() for mode, sha, _ in entries if mode != 0o160000]
        of_trees = gittrees.wanted(trees)
        there = self._objects(list(dict.fromkeys(wanted + of_trees[0])), list(dict.fromkeys(blobs + of_trees[1])))
        refs = Refs(copy, Git(self.shadow.gitdir), self.run, there, brought)
        refs.take(changed, was, gone)
        if stash != stash_was:
            refs.stashes(stash, stash_was)
        if head != head_was:
            refs.head(head, head_was)
        if deltas:
            self._set_index(deltas, there, {one.top for one in below})
            self._fixed(deltas)
        if not state.units or copy.head(self.shadow.gitdir) == head:
            state.place(self.shadow.gitdir, there, refs.notes)
        elif any(unit in gitstate.WAITS for unit in state.units):
            refs.notes.append("an operation that the box left unfinished is not taken over: HEAD stands elsewhere outside")
        made = gittrees.adopt(copy, refs, trees, now, f"{self.into}/ours", there)
        made += [place for one in below for place in (one.top, *one.trees)]
        kept = (*refs.kept, *(kept for one in below for kept in one.kept))
        notes = (*self.notes, *refs.notes, *(note for one in below for note in one.notes))
        return Brought(self.shadow.top, tuple(refs.updated), kept, notes, tuple(made))

    def replaced(self) -> bool:
        """Whether the box took the copy away, and perhaps made a repository in its place (`rm -rf .git; git init`): what is not in
        that was not deleted by anybody who saw it. `git init` makes no such file, and git removes none."""
        return bool(self.shadow.alternates) and not self.fresh and not os.path.lexists(f"{self.copy.now}/commondir")

    def _aside(self, changed: dict[str, str], head: str) -> Brought:
        """Nothing of the repository is changed; what was committed in the other one is kept."""
        from inner.launch.gitcommand import Git
        from inner.launch.gitrefs import BROUGHT, Refs

        again(self.into)
        wanted = {name: sha for name, sha in changed.items() if name.startswith(BROUGHT)}
        wanted |= {"HEAD": head} if is_hash(head.encode()) else {}
        there = self._objects(list(dict.fromkeys(wanted.values())), []) if wanted else set()
        refs = Refs(self.copy, Git(self.shadow.gitdir), self.run, there, BROUGHT)
        refs.keep([(name, sha) for name, sha in wanted.items() if sha in there])
        note = "the box removed `.git`, or made it anew: yours is as it was"
        if refs.kept:
            note += f"; what was committed there is kept below `refs/inner/{self.run}`"
        return Brought(self.shadow.top, notes=(*self.notes, *refs.notes, note))

    def changed(self) -> list[tuple[str, str, str]]:
        """(ref, what it was, what it is), "" for nothing; HEAD when it was moved; (what, "", "") for what is staged, and for work trees
        and submodules that were added."""
        try:
            was, now = self.copy.refs()
        except RunError as problem:
            return [(problem.message, "", "")]
        if self.replaced():
            return [(name, was.get(name, ""), sha) for name, sha in sorted(now.items()) if was.get(name) != sha]
        found = [
            (name, was.get(name, ""), now.get(name, ""))
            for name in sorted(was.keys() | now.keys())
            if was.get(name) != now.get(name)
        ]
        head, head_was = self.copy.head(self.copy.now), self.copy.head(self.copy.before)
        if head != head_was:
            found.append(("HEAD", head_was, head))
        deltas, note = self.copy.staged()
        if deltas or note:
            found.append(("what is staged", "", ""))
        found += [(f"the work tree {tree.place}", "", "") for tree in self.copy.trees()]
        return found + [(f"the submodule {name.rpartition('/')[2]}", "", "") for name in self._modules()]

    # --- submodules that the box added ------------------------------------------------------------------------------------

    def _modules(self) -> list[str]:
        if os.path.isdir(f"{self.copy.now}/modules") or any(name.startswith("module-") for name in os.listdir(self.into)):
            from inner.launch import gitmodules

            return [*gitmodules.added(self.copy), *gitmodules.noted(self.copy)]
        return []

    def _submodules(self, names: list[str]) -> list[Brought]:
        if not names:
            return []
        from inner.launch import gitmodules

        done = []
        for into in gitmodules.prepare(self.copy, [name for name in names if not name.startswith("/")], self.notes):
            found = shadow.recorded(into)
            if found is not None:
                one = Taking(into, self.run, *found, fresh=True).all() or Brought(found[0].top)
                said = f"`{one.top}` is a submodule that the box added: `git submodule init` makes it known to git outside"
                done.append(replace(one, notes=(*one.notes, said)))
        return done

    # --- objects -------------------------------------------------------------------------------------------------------

    def _objects(self, commits: list[str], blobs: list[str]) -> set[str]:
        """Brings the objects over; returns the names that are in the real repository afterwards."""
        from inner.launch.gitcommand import Git, own_config
        from inner.launch.gitobjects import move_objects

        real = f"{self.shadow.common}/objects"
        box, ours = f"{self.into}/box", f"{self.into}/ours"
        for place in (box, ours):
            os.mkdir(place, 0o700)
        source = Git(own_config(box, self.shadow.hash, objects="\n".join((real, *self._borrowed()))))
        own_config(ours, self.shadow.hash, shared=gitconfig.get(self.shadow.config, "core.sharedRepository") or "")
        packs = move_objects(f"{self.copy.now}/objects", f"{box}/objects", self.copy.length - 2)
        for pack in packs:
            source.must("index-pack", f"{box}/objects/pack/{pack}")
        known = _known(source, [*commits, *blobs])
        there = [sha for sha in commits if sha in known]
        lost = len(commits) - len(there)
        if lost:
            self.notes.append(f"{lost} of the box's refs name nothing that is there")
        some = [sha for sha in blobs if known.get(sha) == "blob"]
        if there:
            self._fetch(source, ours, real, there)
        had = _known(Git(ours), some, real)
        staged = [sha for sha in some if sha not in had]
        if staged:  # and in no commit: a tree of them can be fetched
            lines = b"".join(b"100644 blob %s\t%d\0" % (sha.encode(), at) for at, sha in enumerate(staged))
            self._fetch(source, ours, real, [source.must("mktree", "-z", stdin=lines).decode().strip()])
        return {*there, *some}

    def _borrowed(self) -> list[str]:
        """Objects of repositories of the project, where a submodule was cloned from one of them: the clone names them as the box did."""
        try:
            named = (
                read(f"{self.copy.now}/objects/info/alternates", 4096).decode("utf-8", "surrogateescape") if self.fresh else ""
            )
        except OSError:
            return []
        run = self.into[: self.into.rindex("/git-")] if named else ""
        made = [shadow.recorded(f"{run}/{name}") for name in os.listdir(run) if name.startswith("git-")] if named else []
        places = {one[0].alternates[0]: f"{one[0].common}/objects" for one in made if one is not None and one[0].alternates}
        return [places[line] for line in named.splitlines() if line in places]

    def _fetch(self, source: Git, ours: str, real: str, wanted: list[str]) -> None:
        before = self.copy.before
        head = self.copy.head(before)
        have = dict.fromkeys(
            [*self.copy.packed(read(f"{before}/packed-refs")).values(), *([head] if is_hash(head.encode()) else [])]
        )
        from inner.launch.gitcommand import Git

        store = {"GIT_OBJECT_DIRECTORY": real, "GIT_ALLOW_PROTOCOL": "file"}
        target = Git(ours)
        have = dict.fromkeys(_known(source, have))
        for folder, names, kind in ((source.gitdir, wanted, "box"), (ours, list(have), "have")):
            lines = sorted(f"{sha} refs/{kind}/{at:06}\n" for at, sha in enumerate(names))
            lines.sort(key=lambda line: line.partition(" ")[2])
            rundir.write(f"{folder}/packed-refs", "".join(lines).encode())
            if os.path.lexists(f"{before}/shallow"):
                rundir.write(f"{folder}/shallow", read(f"{before}/shallow"))
        target.must(  # by their names alone: a ref for each would be a file for each
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules", "--stdin", source.gitdir,
            stdin="".join(f"{sha}\n" for sha in wanted).encode(), more=store,
        )  # fmt: skip

    # --- the index -----------------------------------------------------------------------------------------------------

    def _set_index(self, deltas: dict[bytes, Entries], there: set[str], modules: set[str]) -> None:
        real = f"{self.shadow.gitdir}/index"
        was = self.copy.index(self.copy.before)
        now = was if _same(real, f"{self.copy.before}/index") else self.copy.index(self.shadow.gitdir)
        lines, refused, moved = [], 0, 0
        for path, entries in sorted(deltas.items()):
            if now.get(path) != was.get(path) and now.get(path, []) != entries:
                moved += 1
                continue
            if any(mode == 0o160000 for mode, _, _ in entries) and not self._submodule(path, was, modules):
                refused += 1
                continue
            if any(mode != 0o160000 and sha not in there for mode, sha, _ in entries):
                refused += 1
                continue
            lines.append(b"0 %s\t%s\0" % (b"0" * self.copy.length, path))
            lines += [b"%o %s %d\t%s\0" % (mode, sha.encode(), stage, path) for mode, sha, stage in entries]
        if lines:
            from inner.launch.gitcommand import Git

            git = Git(f"{self.into}/ours")
            more = {"GIT_INDEX_FILE": real, "GIT_OBJECT_DIRECTORY": f"{self.shadow.common}/objects"}
            git.must("update-index", "-z", "--index-info", stdin=b"".join(lines), more=more)
        if moved:
            self.notes.append(f"{moved} files were staged outside meanwhile, and stay staged as they are there")
        if refused:
            self.notes.append(
                f"{refused} entries of the box's index name nested repositories or nothing that is there, and are left out"
            )

    def _fixed(self, deltas: dict[bytes, Entries]) -> None:
        """Files that steer programs stay as they were, whatever a checkout in the box wanted: the user takes them."""
        names = [os.fsdecode(path) for path, entries in sorted(deltas.items()) if entries]
        names = [name for name in names if any(covers(fixed, name) for fixed in self.shadow.fixed)]
        if names:
            shown = f"{', '.join(f'`{name}`' for name in names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
            tops = dict.fromkeys(next(fixed for fixed in self.shadow.fixed if covers(fixed, name)) for name in names)
            take = f"git -C {quoted(self.shadow.top)} restore -- {' '.join(map(quoted, tops))}"
            self.notes.append(
                f"not what the box's branch has, because they are protected: {shown}; after a look, `{take}` takes them"
            )

    def _submodule(self, path: bytes, was: dict[bytes, Entries], modules: set[str]) -> bool:
        """Whether an entry for a nested repository may come: one that was there, one that inner made, or where none is now."""
        if f"{self.shadow.top}/{os.fsdecode(path)}" in modules:
            return True
        known = any(mode == 0o160000 for mode, _, _ in was.get(path, []))
        return known or not os.path.lexists(os.fsencode(self.shadow.top) + b"/" + path + b"/.git")


def again(into: str) -> None:
    """After an attempt that failed or was killed: objects go back to where they were, the rest of it is removed."""
    source = f"{into}/box/objects"
    if os.path.isdir(source):
        for folder in os.listdir(source):
            for name in os.listdir(f"{source}/{folder}"):
                if folder == "info" or name.endswith((".idx", ".rev")):
                    continue
                os.makedirs(f"{into}/shadow/objects/{folder}", mode=0o700, exist_ok=True)
                os.rename(f"{source}/{folder}/{name}", f"{into}/shadow/objects/{folder}/{name}")
    for place in (f"{into}/box", f"{into}/ours"):
        if os.path.lexists(place):
            removal.remove(place)


def _known(git: Git, names: Iterable[str], objects: str = "") -> dict[str, str]:
    """Which objects exist, and their type; `objects`: a folder of them other than the repository's own."""
    lines = "".join(f"{name}\n" for name in names).encode()
    if not lines:
        return {}
    more = {"GIT_OBJECT_DIRECTORY": objects} if objects else {}
    out = git.must("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=lines, more=more)
    rows = [line.split() for line in out.decode("ascii", "replace").splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 2 and row[1] != "missing"}


def _same(one: str, other: str) -> bool:
    """The same file by two names, or none by both."""
    infos: list[os.stat_result | None] = []
    for path in (one, other):
        try:
            infos.append(os.lstat(path))
        except FileNotFoundError:
            infos.append(None)
    first, second = infos
    if first is None or second is None:
        return first is second
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino) and stat.S_ISREG(first.st_mode)


def _content(path: str) -> bytes:
    try:
        return read(path, 1 << 20)
    except OSError:
        return b""
