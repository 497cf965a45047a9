"""How a path looks, and whether it looks still as it did: the questions whose answers a plan was made from (`inner.snapshot`), asked
again at every start. A path that cannot be asked counts as one that is not there.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

ENTRY, CONTENT, NAMES = 0, 1, 2
FEW = 6  # names that are asked for one by one
SMALL = 8192  # bytes of a folder that is read as a whole instead


def same(questions: Any, passing: Container[str] = ()) -> bool:
    """Whether the host gives the same answers to `snapshot.questions`. What is `passing`, by path, counts as not there."""
    paths, folders, missing = questions
    return (
        all(look(path, what) == seen for path, what, seen in paths)
        and all(listed(folder, was, seen, passing) for folder, was, seen in folders)
        and all(absent(folder, within, passing) for folder, within in missing)
    )


def look(path: str, what: int) -> tuple[object, ...] | None:
    """How a path looks: what `lstat` and `readlink` say of it; with `CONTENT` the last element says when it was last changed, also
    behind a link, with `NAMES` what is in the folder. A folder's size means nothing: boxes come and go in it.
    """
    try:
        info = os.lstat(path)
        link = os.readlink(path) if stat.S_ISLNK(info.st_mode) else ""
        more: tuple[object, ...] = ()
        if what == CONTENT:
            behind = os.stat(path) if link else info
            more = (behind.st_ino, behind.st_size, behind.st_mtime_ns, behind.st_ctime_ns)
        elif what == NAMES:
            more = tuple(sorted(os.listdir(path)))
    except (OSError, ValueError):
        return None
    size = 0 if stat.S_ISDIR(info.st_mode) else info.st_size
    return (info.st_mode, info.st_uid, info.st_gid, size, info.st_dev, info.st_ino, link, more)


def listed(path: str, was: tuple[int, int] | None, seen: tuple[object, ...], passing: Container[str] = ()) -> bool:
    """Whether a folder looks as it did (`look` with `NAMES`). It is not read when nobody has changed it since."""
    try:
        info = os.lstat(path)
    except (OSError, ValueError):
        return False
    if (
        was == (info.st_mtime_ns, info.st_ctime_ns)
        and (info.st_mode, info.st_uid, info.st_gid, 0, info.st_dev, info.st_ino) == seen[:6]
    ):
        return True
    found = look(path, NAMES)
    if found is None or found == seen or not passing:
        return found == seen
    names: Any = found[-1]
    return (*found[:-1], tuple([name for name in names if f"{path}/{name}" not in passing])) == seen


def absent(folder: str, names: tuple[str, ...], passing: Container[str] = ()) -> bool:
    """Whether none of `names` is in `folder`. A small one is read at once; what it has is only believed where no rule of a file system,
    for instance that the case of letters does not matter, could find a name that is not written there.
    """
    if passing:
        names = tuple([name for name in names if f"{folder}/{name}" not in passing])
    if len(names) > FEW:
        try:
            if os.stat(folder).st_size <= SMALL:
                there = os.listdir(folder)
                if "".join(there).isascii() and {name.lower() for name in there}.isdisjoint([name.lower() for name in names]):
                    return True
        except FileNotFoundError:
            return True
        except (OSError, ValueError):
            pass
    place = folder.rstrip("/")
    return all(look(f"{place}/{name}", ENTRY) is None for name in names)
