"""Submodules that a box added or fetched (`git submodule add`, `update --init`): a git folder of inner's own in the repository's
`modules`, with the address it was cloned from; commits are brought into it as into any other. Nothing the box wrote stays in it.

What will be done is noted first, so that it can be done again after a kill at any place.
"""

from __future__ import annotations

import os

from inner import gitconfig, gitpolicy
from inner.frozen import TYPE_CHECKING
from inner.gitconfig import Entry
from inner.launch import removal, rundir, shadow
from inner.launch.dotgit import MODULES, names_of
from inner.paths import HostPath, covers, normal
from inner.plan.model import Shadow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.launch.gitcopy import Copy

MOST, DEEPEST = 100, 6  # submodules, and parts of the name of one
NOTED = "module-"  # a copy of its own, beside the box's
CONFIG = "config"


def added(copy: Copy) -> list[str]:
    """The names of those whose git folder is in the copy; of the ones that were there at the start, only a mount point is."""
    found: list[str] = []
    todo = [""]
    while todo and len(found) < MOST:
        here = todo.pop()
        folder = f"{copy.now}/{MODULES}/{here}".rstrip("/")
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name) if not os.path.islink(folder) else []
        except OSError:
            continue
        for entry in entries:
            name = f"{here}/{entry.name}".lstrip("/")
            if entry.is_dir(follow_symlinks=False) and os.path.lexists(f"{entry.path}/HEAD"):
                found.append(name)
            elif entry.is_dir(follow_symlinks=False) and name.count("/") < DEEPEST:
                todo.append(name)
    return found


def noted(copy: Copy) -> list[str]:
    """The copies that an attempt before has made of some."""
    return sorted(f"{copy.into}/{name}" for name in os.listdir(copy.into) if name.startswith(NOTED))


def prepare(copy: Copy, names: Sequence[str], notes: list[str]) -> list[str]:
    """For each a folder with a copy, as of any other repository, and the real one, empty. Why there is none goes to `notes`."""
    ready = []
    for into in noted(copy):
        if shadow.recorded(into) is None:
            removal.remove(into)
        else:
            ready.append(into)
    number = max((int(into.rpartition("-")[2]) for into in ready), default=-1) + 1
    gitdirs = {str(found[0].gitdir) for into in ready if (found := shadow.recorded(into)) is not None}
    for name in names:
        if f"{copy.shadow.gitdir}/{MODULES}/{name}" not in gitdirs:
            into = f"{copy.into}/{NOTED}{number}"
            if _note(copy, name, into):
                ready.append(into)
                number += 1
            else:
                notes.append(f"the submodule `{name}` that the box added has no work tree that could be found, and is left out")
    for into in ready:
        _make(copy, into)
    return ready


def _note(copy: Copy, name: str, into: str) -> bool:
    source, gitdir = f"{copy.now}/{MODULES}/{name}", f"{copy.shadow.gitdir}/{MODULES}/{name}"
    try:
        text = shadow.read(f"{source}/config", gitconfig.MOST_BYTES)
    except OSError:
        return False
    entries = gitconfig.parse(text)[0]
    place = normal(f"{gitdir}/{gitconfig.value_of(entries, 'core.worktree') or '.'}")
    if not any(covers(folder, place) for folder in copy.shadow.within) or names_of(place) != gitdir:
        return False
    hashed = "sha256" if gitconfig.value_of(entries, "extensions.objectFormat") == "sha256" else "sha1"
    os.mkdir(into, 0o700)
    for file, content in (("HEAD", b"ref: refs/heads/none\n"), ("packed-refs", b""), (shadow.TREES, b"")):
        rundir.write(f"{into}/{file}", content)
    try:
        grafts = shadow.read(f"{source}/shallow", 1 << 20)
        if all(copy.is_object(line) for line in grafts.split()):
            rundir.write(f"{into}/shallow", grafts)
    except OSError:
        pass
    rundir.write(f"{into}/{CONFIG}", _config(entries, os.path.relpath(place, gitdir), hashed))
    made = Shadow(
        HostPath(place), HostPath(gitdir), HostPath(gitdir), HostPath(into), config=text, hash=hashed, within=copy.shadow.within
    )
    shadow.note(made, into, (), ())
    return True


def _config(entries: Sequence[Entry], place: str, hashed: str) -> bytes:
    """Where it was cloned from; nothing else of the box's."""
    new = hashed == "sha256"
    kept = [
        Entry("core", None, "repositoryformatversion", "1" if new else "0"),
        Entry("core", None, "bare", "false"),
        Entry("core", None, "logallrefupdates", "true"),
        Entry("core", None, "worktree", place),
        *([Entry("extensions", None, "objectformat", "sha256")] if new else []),
    ]
    for entry in gitpolicy.harmless(entries, gitpolicy.LOCAL):
        value = entry.value or ""
        if (
            (entry.section == "remote" and entry.key == "url" and entry.sub)
            or (entry.section == "branch" and entry.key in ("remote", "merge") and entry.sub)
            or (entry.section == "remote" and entry.key == "fetch" and value == f"+refs/heads/*:refs/remotes/{entry.sub}/*")
        ):
            kept.append(entry)
    return gitconfig.render(kept)


def _make(copy: Copy, into: str) -> None:
    """The box's folder becomes the copy, and an empty one of ours is made in its real place, if there is none."""
    from inner.launch.gitcommand import own_config

    found = shadow.recorded(into)
    if found is None:
        return
    real = str(found[0].gitdir)
    source = copy.now + real[len(copy.shadow.gitdir) :]
    if not os.path.lexists(f"{into}/shadow"):
        os.rename(source, f"{into}/shadow")
    if os.path.lexists(real):
        return
    new = f"{copy.shadow.gitdir}/inner-{MODULES}"  # whole, or not there
    if os.path.lexists(new):
        removal.remove(new)
    os.makedirs(new)
    own_config(new, found[0].hash)
    rundir.write(f"{new}/config", shadow.read(f"{into}/{CONFIG}"))
    if os.path.lexists(f"{into}/shallow"):
        rundir.write(f"{new}/shallow", shadow.read(f"{into}/shallow"))
    for name in ("", "objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"):
        os.chmod(f"{new}/{name}", 0o755)  # noqa: S103 - as `git init` makes them
    os.makedirs(real.rpartition("/")[0], exist_ok=True)
    os.rename(new, real)
