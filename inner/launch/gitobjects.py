"""What of a box's git folder may be moved into a repository of ours, and which names of refs may be written: judged by name and type.

Nothing here starts git, reads a content, or follows a link.
"""

from __future__ import annotations

import os

from inner.launch.shadow import is_hash


def is_name(name: str) -> bool:
    """A ref that git would accept (git-check-ref-format(1)), and that can be shown."""
    parts = name.split("/")
    return (
        len(parts) > 1
        and len(name) < 250
        and name.isprintable()
        and not any(char in " ~^:?*[\\\x7f" for char in name)
        and ".." not in name
        and "@{" not in name
        and all(part and part[0] not in ".-" and not part.endswith((".lock", ".")) for part in parts)
    )


def move_objects(source: str, target: str, length: int) -> list[str]:
    """Moves loose objects and packs, by their names, regular files only. Returns the packs: their indexes are made anew."""
    packs = []
    for folder in _folders(source):
        if len(folder) == 2 and not folder.strip("0123456789abcdef"):
            os.makedirs(f"{target}/{folder}", mode=0o700, exist_ok=True)
            for name in _files(f"{source}/{folder}"):
                if len(name) == length and not name.strip("0123456789abcdef"):
                    _move(f"{source}/{folder}/{name}", f"{target}/{folder}/{name}")
        elif folder == "pack":
            for name in _files(f"{source}/pack"):
                stem = name.removeprefix("pack-").removesuffix(".pack")
                if name == f"pack-{stem}.pack" and is_hash(stem.encode("utf-8", "replace")):
                    _move(f"{source}/pack/{name}", f"{target}/pack/{name}")
                    packs.append(name)
    return packs


def _folders(path: str) -> list[str]:
    if os.path.islink(path) or not os.path.isdir(path):
        return []
    return [entry.name for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]


def _files(path: str) -> list[str]:
    return [entry.name for entry in os.scandir(path) if entry.is_file(follow_symlinks=False)]


def _move(source: str, target: str) -> None:
    os.rename(source, target)
    os.chmod(target, 0o400)
