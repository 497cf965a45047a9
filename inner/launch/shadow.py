"""The copy of a git folder that a box commits to: HEAD, index, refs and the state of an unfinished merge; no objects.

Made from the real one before the box runs (`make`), without running git and without looking at the work tree: the cost is that of
copying the index. What it was made from is kept beside it, so that changes of the box can be told from those made outside.
"""

from __future__ import annotations

import marshal
import os
import stat

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, fields
from inner.launch.rundir import write
from inner.launch.syscall import open_path
from inner.plan.model import Shadow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Buffer: TypeAlias = bytes | memoryview

RECORD = "record"
LOG_BYTES = 1 << 18  # of a reflog, from its end
MOST_BYTES = 1 << 28  # of one file: a sparse one from an archive says any number
FEW = 500  # loose refs that are put among the packed ones by themselves
MOST_INDEX = 1 << 30  # an index has about 100 bytes for each file
# Files and folders in which git keeps an unfinished operation (gitrepository-layout(5), sequencer.c).
STATE = ("MERGE_HEAD", "MERGE_MODE", "MERGE_MSG", "MERGE_AUTOSTASH", "CHERRY_PICK_HEAD", "REVERT_HEAD", "ORIG_HEAD", "SQUASH_MSG",
         "AUTO_MERGE", "REBASE_HEAD", "BISECT_LOG", "BISECT_START", "BISECT_TERMS", "BISECT_NAMES", "BISECT_EXPECTED_REV",
         "BISECT_HEAD", "BISECT_ANCESTORS_OK", "BISECT_FIRST_PARENT")  # fmt: skip
SKELETON = ("objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags", "info",
            "logs", "logs/refs", "logs/refs/heads")  # fmt: skip
OPERATIONS = ("rebase-merge", "rebase-apply", "sequencer")
FIXED = 0o444  # not to be written, only replaced, as git does it
TREES = "worktrees"
MOST_TREES = 100
LOCKED = b"it was there before the box: remove or move it outside of the box\n"


def make(shadow: Shadow) -> None:
    """Make it. RunError when that fails, which a full disk can do."""
    try:
        _make(shadow)
    except OSError as problem:
        raise RunError(
            f"cannot copy git's state of `{shadow.top}`: {problem.strerror}",
            where=shadow.gitdir if str(problem.filename).startswith("/proc/") else str(problem.filename or shadow.gitdir),
            hint='`git_dir = "ro"` under `[sandbox]` starts without a copy',
        ) from None


def _make(shadow: Shadow) -> None:
    into, real, common = shadow.into, shadow.gitdir, shadow.common
    copy = f"{into}/shadow"
    for place in (into, copy):
        if not os.path.isdir(place):
            os.mkdir(place, 0o700)
    for name in SKELETON:
        os.mkdir(f"{copy}/{name}", 0o700)
    folders = {*SKELETON, ""}
    there = frozenset(os.listdir(real))
    head = read(f"{real}/HEAD")
    _both(shadow, "HEAD", head)
    text, links = refs(common, real)
    _both(shadow, "packed-refs", *text)
    for name, target in links.items():
        _deep(copy, name, target, folders)
    alternates = "".join(f"{place}\n" for place in shadow.alternates)
    write(f"{copy}/objects/info/alternates", alternates.encode("utf-8", "surrogateescape"))
    shallow = read_if(f"{common}/shallow")
    if shallow is not None:
        _both(shadow, "shallow", shallow)
    for name in there:
        if name == "index" or name.startswith("sharedindex."):
            _copy(f"{real}/{name}", f"{copy}/{name}")
    index = stamp(f"{copy}/index")
    if index:
        try:  # git replaces its index, it never writes into it: a link keeps this one
            os.link(f"{real}/index", f"{into}/index", follow_symlinks=False)
        except OSError:
            _copy(f"{real}/index", f"{into}/index")
    _state(shadow, there)
    _trees(shadow, copy, there)
    branch = head.removeprefix(b"ref: ").strip().decode("utf-8", "surrogateescape")
    logs = ("logs/HEAD", "logs/refs/stash", *([f"logs/{branch}"] if branch.startswith("refs/heads/") else []))
    for name in dict.fromkeys(logs):
        content = read_if(f"{real if name == 'logs/HEAD' else common}/{name}")
        if content is not None:
            _deep(copy, name, _anonymous(_tail(content)) if name != "logs/refs/stash" else _tail(content), folders)
            if name == "logs/refs/stash":
                write(f"{into}/stash", _tail(content))
    _info(shadow, copy)
    # What they say holds in the box alone: nothing outside ever reads them.
    for name, content in (("config", shadow.config), ("commondir", b".\n"), ("config.worktree", b"")):
        write(f"{copy}/{name}", content, mode=FIXED)
    if "modules" in there and os.path.isdir(f"{real}/modules"):
        os.mkdir(f"{copy}/modules", 0o700)
    if shadow.part or shadow.hidden:
        _overlook(shadow, copy)
        index = stamp(f"{copy}/index")
    note(shadow, into, index, tuple(links))


def _both(shadow: Shadow, name: str, *content: Buffer) -> None:
    """A file of the copy, and what it was, which stays beside the copy."""
    for place in (shadow.into, f"{shadow.into}/shadow"):
        write(f"{place}/{name}", *content)


def _deep(copy: str, name: str, content: bytes, folders: set[str]) -> None:
    """A file of the copy, in a folder that may not be there yet; `folders` are."""
    folder = name.rpartition("/")[0]
    if folder not in folders:
        os.makedirs(f"{copy}/{folder}", exist_ok=True)
        folders.add(folder)
    write(f"{copy}/{name}", content)


def note(shadow: Shadow, into: str, index: tuple[int, ...], links: tuple[str, ...]) -> None:
    """Writes what `recorded` reads, last of all: what was copied, the stamp of the copy's index, symbolic refs."""
    write(f"{into}/{RECORD}", marshal.dumps(({n: getattr(shadow, n) for n in fields(shadow)}, index, links)))


def recorded(into: str) -> tuple[Shadow, tuple[int, ...], tuple[str, ...]] | None:
    """The shadow that was made in the folder `into`, the stamp of its index, its symbolic refs; None when it was not made whole."""
    try:
        with open(f"{into}/{RECORD}", "rb") as file:
            values, index, links = marshal.loads(file.read())  # noqa: S302 - written by us, where no box can write
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return Shadow(**values), index, links


def stamp(path: str) -> tuple[int, ...]:
    """What changes when a file is written or replaced."""
    try:
        info = os.lstat(path)
    except OSError:
        return ()
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def refs(common: str, gitdir: str) -> tuple[list[Buffer], dict[str, bytes]]:
    """All refs as the text of a packed-refs file, in parts, and the symbolic ones, which that format cannot hold."""
    loose: dict[bytes, bytes] = {}
    links: dict[str, bytes] = {}
    for name, content in walk_refs(common):
        _sort(name, content, loose, links)
    if gitdir != common:
        for name, content in walk_refs(gitdir):
            _sort(name, content, loose, links)
    packed = read_if(f"{common}/packed-refs") or b""  # last, as git does it: it may be packing them
    return merged(packed, loose), links


def merged(packed: bytes, loose: dict[bytes, bytes]) -> list[Buffer]:
    """A packed-refs file with other refs (name: object) in it, which count where both have one; in parts, because a large one takes
    longer to be put together than to be written."""
    if not loose:
        return [packed]
    # No head: "fully-peeled" it is not, the loose ones come without what their tags lead to; and GitPython, which Aider reads refs
    # with, takes no head that does not say "peeled" (git/refs/symbolic.py). Git itself needs none.
    head = packed[: packed.find(b"\n") + 1]
    if len(loose) < FEW and b" sorted" in head and head.startswith(b"#") and packed.endswith(b"\n"):
        parts: list[Buffer] = []
        view, last = memoryview(packed), len(head)
        for ref in sorted(loose):
            begin, end = _between(packed, ref, last)
            parts += [view[last:begin], loose[ref] + b" " + ref + b"\n"]
            last = end
        return [*parts, view[last:]]
    lines = by_name(packed) | {ref: sha + b" " + ref + b"\n" for ref, sha in loose.items()}
    return [b"".join(lines[ref] for ref in sorted(lines))]


def _between(packed: bytes, ref: bytes, low: int) -> tuple[int, int]:
    """From where to where `ref` is in the sorted lines of a packed-refs file, or would be: reading all of a large one takes longer."""
    high = len(packed)
    while low < high:
        at = packed.rfind(b"\n", low, (low + high) // 2) + 1 or low
        if packed[at] == 94 and at > low:  # ^: of the line before
            at = packed.rfind(b"\n", low, at - 1) + 1 or low
        end = packed.find(b"\n", at)
        name, after = packed[at:end].partition(b" ")[2], end + 1
        if packed[after : after + 1] == b"^":
            after = packed.find(b"\n", after) + 1
        if name == ref:
            return at, after
        low, high = (after, high) if name < ref else (low, at)
    return low, low


def by_name(packed: bytes) -> dict[bytes, bytes]:
    """The lines of a packed-refs file, by the ref that they are about; without its head."""
    lines: dict[bytes, bytes] = {}
    last = b""
    for line in packed.splitlines():
        if line.startswith(b"^"):
            lines[last] = lines.get(last, b"") + line + b"\n"
        elif line and not line.startswith(b"#"):
            last = line.partition(b" ")[2]
            lines[last] = line + b"\n"
    return lines


def _sort(name: str, content: bytes, loose: dict[bytes, bytes], links: dict[str, bytes]) -> None:
    if content.startswith(b"ref:"):
        links[name] = content
    elif is_hash(content.strip()):
        loose[name.encode("utf-8", "surrogateescape")] = content.strip()


def walk_refs(gitdir: str, most: int = 200_000) -> Iterable[tuple[str, bytes]]:
    """Every file below `refs`, by name, with its first bytes; nothing through a link, nothing that is not a regular file. Where there
    are more than `most`, the last has no name."""
    todo, count = ["refs"], 0
    while todo:
        folder = todo.pop()
        try:
            entries = list(os.scandir(f"{gitdir}/{folder}")) if not os.path.islink(f"{gitdir}/{folder}") else []
        except OSError:
            continue
        for entry in entries:
            count += 1
            if count > most:
                yield "", b""
                return
            name = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                todo.append(name)
            elif entry.is_file(follow_symlinks=False) and not name.endswith(".lock"):
                try:
                    yield name, read(entry.path, 1024)
                except OSError:
                    continue


def is_hash(text: bytes) -> bool:
    """An object's name, SHA-1 or SHA-256."""
    return len(text) in (40, 64) and not text.strip(b"0123456789abcdef")


def read(path: str, most: int = 0) -> bytes:
    """A regular file that is reached through no symbolic link, or its first `most` bytes; OSError else, and when the whole of one is
    too much. The project may have put anything there."""
    fd, size = _open(path, 0 if most else MOST_BYTES)
    try:
        if most:
            return os.read(fd, most)
        text = os.read(fd, size + 1)
        if len(text) == size:
            return text
        parts = [text]  # it has grown, or is no longer that long
        while parts[-1]:
            parts.append(os.read(fd, 1 << 20))
        return b"".join(parts)
    finally:
        os.close(fd)


def read_if(path: str) -> bytes | None:
    """`read`, and None where nothing is."""
    try:
        return read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _open(path: str, most: int) -> tuple[int, int]:
    """A descriptor to read it from, and its size; OSError for one of more than `most` bytes (0: any number)."""
    found = open_path(path)
    try:
        info = os.fstat(found)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(22, "not a regular file", path)
        if most and info.st_size > most:
            raise OSError(27, f"`{path.rpartition('/')[2]}` has more than {most >> 20} MiB", path)
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), info.st_size
    finally:
        os.close(found)


def _copy(source: str, target: str) -> None:
    if not stat.S_ISREG(os.lstat(source).st_mode):
        return
    fd, _ = _open(source, MOST_INDEX)
    from inner.launch.copies import copy_content

    try:
        into = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_content(fd, into)
        finally:
            os.close(into)
    finally:
        os.close(fd)


def _state(shadow: Shadow, there: frozenset[str]) -> None:
    for name in STATE:
        content = read_if(f"{shadow.gitdir}/{name}") if name in there else None
        if content is not None:
            _both(shadow, name, content)
    for name in OPERATIONS:
        source = f"{shadow.gitdir}/{name}"
        if name in there and os.path.isdir(source) and not os.path.islink(source):
            for place in (shadow.into, f"{shadow.into}/shadow"):
                os.mkdir(f"{place}/{name}", 0o700)
            for entry in os.scandir(source):
                if entry.is_file(follow_symlinks=False):
                    _both(shadow, f"{name}/{entry.name}", read(entry.path))


def _trees(shadow: Shadow, copy: str, there: frozenset[str]) -> None:
    """The other work trees of the repository, locked (git-worktree(1)): git in the box does not check out what they stand on, and
    neither prunes nor removes them. The main one is told as one of them where the copy is that of a linked one.
    """
    names = _listed(f"{shadow.common}/{TREES}") if TREES in there or shadow.gitdir != shadow.common else []
    trees = {name: f"{shadow.common}/{TREES}/{name}" for name in names[:MOST_TREES]}
    shown = []
    if shadow.gitdir != shadow.common:
        for name in ("gitdir", "locked"):
            write(f"{copy}/{name}", read(f"{shadow.gitdir}/gitdir") if name == "gitdir" else LOCKED)
        trees["(main)"] = shadow.common
    for name, place in trees.items():
        if place == shadow.gitdir:
            continue
        try:
            head = read(f"{place}/HEAD", 4096)
            gitdir = read(f"{place}/gitdir", 4096) if place != shadow.common else os.fsencode(f"{place}\n")
        except OSError:
            continue
        for folder in dict.fromkeys((f"{copy}/{TREES}", f"{copy}/{TREES}/{name}")):
            if not os.path.isdir(folder):
                os.mkdir(folder, 0o700)
        for one, content in (("HEAD", head), ("gitdir", gitdir), ("commondir", b"../..\n"), ("locked", LOCKED)):
            write(f"{copy}/{TREES}/{name}/{one}", content)
        shown.append(os.fsencode(name))
    write(f"{shadow.into}/{TREES}", b"\0".join(shown))


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _tail(text: bytes) -> bytes:
    """The last lines of a log."""
    return text if len(text) <= LOG_BYTES else text[-LOG_BYTES:].partition(b"\n")[2]


def _anonymous(log: bytes) -> bytes:
    """Without who logs in at a URL: `git pull https://NAME:TOKEN@HOST/...` is noted in a log as it was typed (builtin/pull.c)."""
    before, *urls = log.split(b"://")
    for at, url in enumerate(urls):
        host = (url.split(None, 1) or [b""])[0].partition(b"/")[0]
        if not url[:1].isspace():
            urls[at] = url[host.rfind(b"@") + 1 :]
    return b"://".join((before, *urls))


def _info(shadow: Shadow, copy: str) -> None:
    ignored = "".join(f"{pattern}\n" for pattern in shadow.exclude).encode("utf-8", "surrogateescape")
    for name in ("exclude", "attributes"):
        content = read_if(f"{shadow.common}/info/{name}") or b""
        content += b"\n" + ignored if name == "exclude" and ignored else b""
        write(f"{copy}/info/{name}", content, mode=FIXED)
    sparse = f"/{shadow.part}/\n".encode("utf-8", "surrogateescape") if shadow.part else None
    sparse = read_if(f"{shadow.gitdir}/info/sparse-checkout") if sparse is None else sparse
    if sparse is not None:
        write(f"{copy}/info/sparse-checkout", sparse)


def _overlook(shadow: Shadow, copy: str) -> None:
    """What the box does not see is not deleted: git in the box is told to overlook it (git-update-index(1), skip-worktree)."""
    from inner.launch.gitcommand import Git, own_config

    if not os.path.lexists(f"{copy}/index"):
        return
    config = f"{shadow.into}/overlook"
    os.mkdir(config, 0o700)
    git = Git(own_config(config, shadow.hash))
    index = {"GIT_WORK_TREE": config, "GIT_INDEX_FILE": f"{copy}/index", "GIT_OBJECT_DIRECTORY": f"{shadow.common}/objects"}
    names = [name.encode("utf-8", "surrogateescape") + b"\0" for name in shadow.hidden]
    listed = git.must("ls-files", "-z", *([] if shadow.part else ["--", *shadow.hidden]), more=index)
    outside = f"{shadow.part}/".encode("utf-8", "surrogateescape")
    names += [n + b"\0" for n in listed.split(b"\0") if n and (not shadow.part or not n.startswith(outside))]
    git.must("update-index", "--skip-worktree", "-z", "--stdin", stdin=b"".join(dict.fromkeys(names)), more=index)
