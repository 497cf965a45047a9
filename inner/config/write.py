"""Replacing a configuration file: whole or not at all, never over a change that was made meanwhile, never through a project's links."""

from __future__ import annotations

import os
import stat

from inner.config.document import LIMIT, open_folder
from inner.errors import ConfigError, HostError


def replace(path: str, content: bytes, *, expected: bytes | None, root: str = "") -> None:
    """Put `content` at `path`, where `expected` is now (None: nothing yet). Folders are made, 0700. With `root`, no component
    below it may be a symbolic link; without, a link is followed: people keep their configuration elsewhere and link to it.
    """
    target = path if root else os.path.realpath(path)
    parent, _, name = target.rpartition("/")
    draft = f".{name}.{os.getpid()}"
    try:
        if not root:
            os.makedirs(parent or "/", mode=0o700, exist_ok=True)
        folder = open_folder(root or parent or "/", parent, make=bool(root))
    except OSError as problem:
        raise _failed(path, problem) from None
    try:
        mode = _mode(name, folder)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            with open(fd, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), mode)
                file.flush()
                os.fsync(file.fileno())
            _swap(draft, name, folder, path, expected)
        finally:
            _forget(draft, folder)
    except OSError as problem:
        raise _failed(path, problem) from None
    finally:
        os.close(folder)


def _mode(name: str, folder: int) -> int:
    try:
        return stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) & 0o777
    except FileNotFoundError:
        return 0o644


def _swap(draft: str, name: str, folder: int, path: str, expected: bytes | None) -> None:
    if expected is None:
        try:  # unlike rename(2), link(2) replaces nothing
            os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            raise ConfigError("the file exists", where=path, hint="`--force` replaces it, or choose another name") from None
        return
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, dir_fd=folder)
    with open(fd, "rb") as file:
        if file.read(LIMIT + 1) != expected:
            raise ConfigError("the file was changed meanwhile, and is left as it is now", where=path, hint="try again")
    os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)


def _forget(draft: str, folder: int) -> None:
    try:
        os.unlink(draft, dir_fd=folder)
    except FileNotFoundError:  # renamed: that was the plan
        pass


def _failed(path: str, problem: OSError) -> HostError:
    return HostError(f"the file cannot be written: {(problem.strerror or 'unknown').lower()}", where=path)
