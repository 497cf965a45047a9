"""What a box committed, taken over into the real repository; nothing else of the git folder that the box could write.

    objects: moved into a fresh bare repository of ours, fetched from there with `transfer.fsckObjects`
    refs, HEAD: updated where they are still what they were at the start, else kept under refs/inner/RUN
    index: the entries that differ, through `git update-index --index-info`, which checks names and modes

Git never runs on the box's folder: its files are read here, without following links, or moved.
"""

from __future__ import annotations

import os
import stat

from inner import gitconfig
from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, frozen
from inner.launch import shadow
from inner.launch.gitcommand import Git, own_config
from inner.launch.gitindex import parse
from inner.launch.gitobjects import is_name, move_objects
from inner.launch.rundir import remove, write
from inner.launch.shadow import OPERATIONS, is_hash, read, stamp, walk_refs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.launch.gitindex import Entries
    from inner.plan.model import Shadow

BROUGHT = ("refs/heads/", "refs/tags/", "refs/notes/", "refs/stash")
MOST_REFS = 20_000
MOST_ALONE = 500  # refs that are updated one by one, when some cannot be updated
MOST_INDEX = 1 << 27  # bytes
HEADS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")  # an operation that waits for a commit: names of commits, and a message
MESSAGES = ("MERGE_MSG", "MERGE_MODE", "SQUASH_MSG")


@frozen
class Brought:
    """What happened to one repository: `updated` refs, `kept` as (ref of the box, where it is now), and `notes` for the user."""

    top: str
    updated: tuple[str, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def bring_back(into: str, run: str) -> Brought | None:
    """For the shadow in the folder `into` of the run named `run`. None when the box changed nothing of it.

    What cannot be taken over stays beside the runs, and a note says where. Raises nothing.
    """
    found = shadow.recorded(into)
    if found is None:
        return None
    taking = Taking(into, run, *found)
    try:
        again(into)
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
        return Brought(taking.shadow.top, tuple(taking.updated), tuple(taking.kept), (*taking.notes, note))


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
            remove(place)


class Taking:
    """What the copy in `into` has that the repository has not. `all` takes it over; `changed` only looks."""

    def __init__(self, into: str, run: str, made: Shadow, index: tuple[int, ...], links: tuple[str, ...]) -> None:
        self.into, self.run, self.shadow, self.index_stamp, self.links = into, run, made, index, frozenset(links)
        self.copy, self.before = f"{into}/shadow", f"{into}/before"
        self.length = 64 if made.hash == "sha256" else 40
        self.updated: list[str] = []
        self.kept: list[tuple[str, str]] = []
        self.notes: list[str] = []

    def all(self) -> Brought | None:
        """The whole of it; quick when nothing was changed."""
        was, now = self._heads()
        head, head_was = self._head(self.copy), self._head(self.before)
        changed = {name: sha for name, sha in now.items() if was.get(name) != sha}
        gone = [name for name in was if name not in now]
        deltas, index_note = self._index()
        state = self._state_changes()
        if _content(f"{self.copy}/config") != self.shadow.config:
            self.notes.append("settings of git that were changed in the box stay there")
        if not changed and not gone and head == head_was and not deltas and not state and not index_note:
            return Brought(self.shadow.top, notes=tuple(self.notes)) if self.notes else None
        self.notes += [index_note] if index_note else []
        wanted = [sha for name, sha in changed.items() if name.startswith(BROUGHT)]
        stash, stash_was = self._stash(self.copy), self._stash(self.before)
        wanted += [entry[0] for entry in stash if entry not in stash_was]
        wanted += [head] if is_hash(head.encode()) else []
        wanted += [sha for name in HEADS if (sha := state.get(name, b"").decode("ascii", "replace").strip())]
        blobs = [sha for entry in deltas.values() if entry for mode, sha, _ in entry if mode != 0o160000]
        there = self._objects(list(dict.fromkeys(wanted)), list(dict.fromkeys(blobs)))
        git = Git(self.shadow.gitdir)
        self._refs(git, {n: s for n, s in changed.items() if n.startswith(BROUGHT) and n != "refs/stash"}, was, gone, there)
        left = [name for name in (*changed, *gone) if not name.startswith(BROUGHT)]
        if left:
            self.notes.append(
                f"not taken over: {', '.join(f'`{name}`' for name in left[:5])}{' and others' if len(left) > 5 else ''}"
            )
        if stash != stash_was:
            self._stashes(git, stash, stash_was, there)
        if head != head_was:
            self._set_head(git, head, head_was, there)
        if deltas:
            self._set_index(deltas, there)
        self._set_state(state, there)
        return Brought(self.shadow.top, tuple(self.updated), tuple(self.kept), tuple(self.notes))

    def changed(self) -> list[tuple[str, str, str]]:
        """(ref, what it was, what it is), "" for nothing; HEAD when it was moved; ("index", "", "") for what is staged."""
        was, now = self._heads()
        found = [
            (name, was.get(name, ""), now.get(name, ""))
            for name in sorted(was.keys() | now.keys())
            if was.get(name) != now.get(name)
        ]
        head, head_was = self._head(self.copy), self._head(self.before)
        if head != head_was:
            found.append(("HEAD", head_was, head))
        deltas, note = self._index()
        if deltas or note:
            found.append(("index", "", ""))
        return found

    # --- what the box did ----------------------------------------------------------------------------------------------

    def _heads(self) -> tuple[dict[str, str], dict[str, str]]:
        """Refs at the start and now."""
        text = read(f"{self.before}/packed-refs")
        try:
            packed = read(f"{self.copy}/packed-refs", 1 << 28)
        except OSError:
            packed = b""
        was = self._packed(text)
        now = dict(was) if packed == text else self._packed(packed)
        for name, content in walk_refs(self.copy, MOST_REFS):
            sha = content.strip()
            if name not in self.links and is_hash(sha) and len(sha) == self.length:
                now[name] = sha.decode()
        return was, now

    def _packed(self, text: bytes) -> dict[str, str]:
        found = {}
        for line in text.splitlines():
            sha, _, name = line.partition(b" ")
            if is_hash(sha) and len(sha) == self.length and name.startswith(b"refs/"):
                found[name.decode("utf-8", "surrogateescape")] = sha.decode()
        return found

    def _head(self, folder: str) -> str:
        """`ref: refs/heads/NAME`, the name of a commit, or "" for anything else."""
        try:
            text = read(f"{folder}/HEAD", 4096).decode("utf-8", "surrogateescape").strip()
        except OSError:
            return ""
        if text.startswith("ref: refs/heads/") and is_name(text[5:]):
            return text
        return text if is_hash(text.encode("utf-8", "surrogateescape")) and len(text) == self.length else ""

    def _index(self) -> tuple[dict[bytes, Entries], str]:
        """The entries that the box changed, by path (an empty list: removed), and what is to be said when it cannot be read."""
        if stamp(f"{self.copy}/index") == self.index_stamp:
            return {}, ""
        try:
            was = parse(read(f"{self.before}/index") if os.path.lexists(f"{self.before}/index") else b"", self.length // 2)
            now = parse(
                read(f"{self.copy}/index", MOST_INDEX) if os.path.lexists(f"{self.copy}/index") else b"", self.length // 2
            )
        except (OSError, ValueError) as problem:
            return {}, f"what was staged in the box is not taken over: its index {problem}"
        return {path: now.get(path, []) for path in was.keys() | now.keys() if was.get(path) != now.get(path)}, ""

    def _state_changes(self) -> dict[str, bytes]:
        """Files of an unfinished merge or the like that are new, changed, or gone (empty)."""
        found = {}
        for name in (*HEADS, *MESSAGES):
            contents = []
            for folder in (self.before, self.copy):
                try:
                    contents.append(read(f"{folder}/{name}", 1 << 20))
                except OSError:
                    contents.append(b"")
            if contents[0] != contents[1]:
                found[name] = contents[1]
        for name in OPERATIONS:
            was, now = (os.path.isdir(f"{folder}/{name}") for folder in (self.before, self.copy))
            if was and not now:
                found[name] = b""
            elif now and not was:
                self.notes.append(
                    f"a `{name}` is unfinished in the box, and is not taken over: `git status` shows where HEAD stands"
                )
        return found

    def _stash(self, folder: str) -> list[tuple[str, str]]:
        """Commits and messages of the stash's log, oldest first."""
        try:
            text = read(f"{folder}/stash" if folder == self.before else f"{folder}/logs/refs/stash", 1 << 22)
        except OSError:
            return []
        found = []
        for line in text.decode("utf-8", "surrogateescape").splitlines():
            shas, _, message = line.partition("\t")
            sha = shas.split(" ")[1] if shas.count(" ") > 1 else ""
            if is_hash(sha.encode("utf-8", "surrogateescape")) and len(sha) == self.length:
                found.append((sha, "".join(c for c in message if c.isprintable())[:200]))
        return found

    # --- objects -------------------------------------------------------------------------------------------------------

    def _objects(self, commits: list[str], blobs: list[str]) -> set[str]:
        """Brings the objects over; returns the names that are in the real repository afterwards."""
        real = f"{self.shadow.common}/objects"
        box, ours = f"{self.into}/box", f"{self.into}/ours"
        for place in (box, ours):
            os.mkdir(place, 0o700)
        source = Git(own_config(box, self.shadow.hash, objects=real))
        own_config(ours, self.shadow.hash, shared=gitconfig.get(self.shadow.config, "core.sharedRepository") or "")
        packs = move_objects(f"{self.copy}/objects", f"{box}/objects", self.length - 2)
        for pack in packs:
            source.must("index-pack", f"{box}/objects/pack/{pack}")
        known = self._known(source, [*commits, *blobs])
        there = [sha for sha in commits if sha in known]
        lost = len(commits) - len(there)
        if lost:
            self.notes.append(f"{lost} of the box's refs name nothing that is there")
        some = [sha for sha in blobs if known.get(sha) == "blob"]
        if there:
            self._fetch(source, ours, real, there)
        had = self._known(Git(ours), some, real)
        staged = [sha for sha in some if sha not in had]
        if staged:  # and in no commit: a tree of them can be fetched
            lines = b"".join(b"100644 blob %s\t%d\0" % (sha.encode(), at) for at, sha in enumerate(staged))
            self._fetch(source, ours, real, [source.must("mktree", "-z", stdin=lines).decode().strip()])
        return {*there, *some}

    def _known(self, git: Git, names: Iterable[str], objects: str = "") -> dict[str, str]:
        """Which objects exist, and their type; `objects`: a folder of them other than the repository's own."""
        lines = "".join(f"{name}\n" for name in names).encode()
        if not lines:
            return {}
        more = {"GIT_OBJECT_DIRECTORY": objects} if objects else {}
        out = git.must("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=lines, more=more)
        rows = [line.split() for line in out.decode("ascii", "replace").splitlines()]
        return {row[0]: row[1] for row in rows if len(row) == 2 and row[1] != "missing"}

    def _fetch(self, source: Git, ours: str, real: str, wanted: list[str]) -> None:
        head = self._head(self.before)
        have = dict.fromkeys(
            [*self._packed(read(f"{self.before}/packed-refs")).values(), *([head] if is_hash(head.encode()) else [])]
        )
        store = {"GIT_OBJECT_DIRECTORY": real, "GIT_ALLOW_PROTOCOL": "file"}
        target = Git(ours)
        have = dict.fromkeys(self._known(source, have))
        for folder, names, kind in ((source.gitdir, wanted, "box"), (ours, list(have), "have")):
            lines = sorted(f"{sha} refs/{kind}/{at:06}\n" for at, sha in enumerate(names))
            lines.sort(key=lambda line: line.partition(" ")[2])
            write(f"{folder}/packed-refs", "".join(lines).encode())
            if os.path.lexists(f"{self.before}/shallow"):
                write(f"{folder}/shallow", read(f"{self.before}/shallow"))
        target.must(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules", source.gitdir,
            "+refs/box/*:refs/box/*", more=store,
        )  # fmt: skip

    # --- the real repository -------------------------------------------------------------------------------------------

    def _refs(self, git: Git, changed: dict[str, str], was: dict[str, str], gone: list[str], there: set[str]) -> None:
        busy = self._checked_out()
        for name in gone:  # first: a branch may have been renamed to one below it
            if name.startswith(BROUGHT) and name != "refs/stash" and is_name(name) and name not in busy:
                if was[name] not in changed.values():
                    self._keep(git, name, was[name])
                if git.run("update-ref", "-d", name, was[name])[0] == 0:
                    self.updated.append(name)
        free = {name: sha for name, sha in sorted(changed.items()) if sha in there and is_name(name) and name not in busy}
        lines = [f"update {name}\0{sha}\0{was.get(name, '0' * self.length)}\0" for name, sha in free.items()]
        together = ("update-ref", "-m", f"inner: {self.run}", "--create-reflog", "-z", "--stdin")
        if lines and git.run(*together, stdin="".join(lines).encode("utf-8", "surrogateescape"))[0] == 0:
            self.updated += free
            changed = {name: sha for name, sha in changed.items() if name not in free}
        if len(changed) > MOST_ALONE:
            raise RunError(f"{len(changed)} refs, and some of them were changed outside meanwhile")
        for name, sha in sorted(changed.items()):
            if sha not in there:
                continue
            old = was.get(name, "0" * self.length)
            if name in free and git.run("update-ref", "-m", f"inner: {self.run}", "--create-reflog", name, sha, old)[0] == 0:
                self.updated.append(name)
            else:
                self._keep(git, name if is_name(name) else "refs/unnamed", sha)

    def _keep(self, git: Git, name: str, sha: str) -> None:
        """Under a name that is nobody else's: it was changed outside meanwhile."""
        place = f"refs/inner/{self.run}/{name.removeprefix('refs/')}"
        if not is_name(place) or git.run("update-ref", place, sha)[0] != 0:
            place = f"refs/inner/{self.run}/{sha[:12]}"
            git.must("update-ref", place, sha)
        self.kept.append((name, place))

    def _checked_out(self) -> set[str]:
        """Branches on which other work trees stand: moving one would change what is staged there."""
        places: list[str] = [self.shadow.common] if self.shadow.common != self.shadow.gitdir else []
        try:
            places += [e.path for e in os.scandir(f"{self.shadow.common}/worktrees") if e.is_dir(follow_symlinks=False)]
        except OSError:
            pass
        heads = [self._head(place) for place in places if place != self.shadow.gitdir]
        return {head[5:] for head in heads if head.startswith("ref: ")}

    def _set_head(self, git: Git, head: str, was: str, there: set[str]) -> None:
        message = f"inner: {self.run}"
        if not head:
            self.notes.append("the box left a HEAD that names nothing: yours is unchanged")
        elif self._head(self.shadow.gitdir) != was:
            self.notes.append("HEAD was moved outside meanwhile, and stays as it is there")
        elif head.startswith("ref: "):
            git.must("symbolic-ref", "-m", message, "HEAD", head[5:])
            self.updated.append("HEAD")
        elif head in there:
            git.must("update-ref", "--no-deref", "-m", message, "HEAD", head)
            self.updated.append("HEAD")

    def _stashes(self, git: Git, now: list[tuple[str, str]], was: list[tuple[str, str]], there: set[str]) -> None:
        """Entries that were dropped are dropped, new ones are stored. The commits of dropped ones stay among the objects."""
        real = self._stash(self.shadow.common)
        for at, entry in reversed(list(enumerate(reversed(real)))):
            if entry in was and entry not in now:
                git.run("reflog", "delete", "--updateref", "--rewrite", f"refs/stash@{{{at}}}")
        if real and not [entry for entry in real if entry not in was or entry in now]:
            git.run("update-ref", "-d", "refs/stash")
        for sha, message in now:
            if (sha, message) not in was and sha in there:
                git.run("update-ref", "--create-reflog", "-m", message or "stash", "refs/stash", sha)
        self.updated.append("refs/stash")

    def _set_index(self, deltas: dict[bytes, Entries], there: set[str]) -> None:
        real = f"{self.shadow.gitdir}/index"
        was = parse(read(f"{self.before}/index") if os.path.lexists(f"{self.before}/index") else b"", self.length // 2)
        now = (
            was if _same(real, f"{self.before}/index") else parse(read(real) if os.path.lexists(real) else b"", self.length // 2)
        )
        lines, refused, moved = [], 0, 0
        for path, entries in sorted(deltas.items()):
            if now.get(path) != was.get(path) and now.get(path, []) != entries:
                moved += 1
                continue
            if any(mode == 0o160000 for mode, _, _ in entries) and not self._submodule(path, was):
                refused += 1
                continue
            if any(mode != 0o160000 and sha not in there for mode, sha, _ in entries):
                refused += 1
                continue
            lines.append(b"0 %s\t%s\0" % (b"0" * self.length, path))
            lines += [b"%o %s %d\t%s\0" % (mode, sha.encode(), stage, path) for mode, sha, stage in entries]
        if lines:
            git = Git(f"{self.into}/ours")
            more = {"GIT_INDEX_FILE": real, "GIT_OBJECT_DIRECTORY": f"{self.shadow.common}/objects"}
            git.must("update-index", "-z", "--index-info", stdin=b"".join(lines), more=more)
        if moved:
            self.notes.append(f"{moved} files were staged outside meanwhile, and stay staged as they are there")
        if refused:
            self.notes.append(
                f"{refused} entries of the box's index name nested repositories or nothing that is there, and are left out"
            )

    def _submodule(self, path: bytes, was: dict[bytes, Entries]) -> bool:
        """Whether an entry for a nested repository may come: one that was there, or where none is now."""
        known = any(mode == 0o160000 for mode, _, _ in was.get(path, []))
        return known or not os.path.lexists(os.fsencode(self.shadow.top) + b"/" + path + b"/.git")

    def _set_state(self, state: dict[str, bytes], there: set[str]) -> None:
        """The files of an unfinished merge, where the real ones are still what they were."""
        for name, content in state.items():
            real = f"{self.shadow.gitdir}/{name}"
            if name in OPERATIONS:
                if os.path.isdir(real) and not os.path.islink(real):
                    os.rename(real, f"{self.into}/{name}")
                continue
            if _content(real) != _content(f"{self.before}/{name}"):
                continue
            if not content:
                try:
                    os.unlink(real)
                except FileNotFoundError:
                    pass
            elif name not in HEADS or content.decode("ascii", "replace").strip() in there:
                write(real, content)


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
