"""One configuration file, read as what it is: input that somebody else may have written.

`read` opens and checks, `parse` makes a Document of the bytes. Neither knows what a key means.
"""

from __future__ import annotations

import errno
import os
import stat

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.origin import Origin
from inner.paths import covers, normal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from inner.config.locate import Path

LIMIT = 256 * 1024  # bytes of a file

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY  # a FIFO or a terminal must not hold us


@frozen
class Document:
    """A parsed file. `content` is what trust is decided about; `lines` maps a key path to its line."""

    source: str
    file: str
    content: bytes
    data: Mapping[str, Any]
    lines: Mapping[Path, int]
    trusted: bool = True

    def line(self, path: Path) -> int:
        """The line of `path`, or of the closest key around it; 0 for the file as a whole."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return 0

    def origin(self, path: Path = ()) -> Origin:
        return Origin(self.source, self.file, self.line(path))


def read(path: str, *, root: str = "", uid: int | None = None, shared: bool = False) -> bytes:
    """The bytes of a regular file, or ConfigError. With `root`, no component below it may be a symbolic link. With `uid`, the
    file must belong to that user or to root; and unless `shared`, nobody else may be able to write to it.
    """
    try:
        fd = _open_below(root, path) if root else os.open(path, _FLAGS)
    except (OSError, ValueError) as problem:
        raise _refused(path, problem, root) from None
    try:
        _check(os.fstat(fd), path, uid, shared)
        chunks, size = [], 0
        while size <= LIMIT and (chunk := os.read(fd, LIMIT + 1 - size)):
            chunks.append(chunk)
            size += len(chunk)
    except OSError as problem:
        raise _refused(path, problem, root) from None
    finally:
        os.close(fd)
    if size > LIMIT:
        raise ConfigError(f"the file is larger than {LIMIT // 1024} KiB", where=path, hint="a configuration is a page of text")
    return b"".join(chunks)


def _open_below(root: str, path: str) -> int:
    if root == path or not covers(root, path) or normal(path) != path:
        raise ValueError(path)
    parent, _, name = path.rpartition("/")
    folder = open_folder(root, parent or "/")
    try:
        return os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def open_folder(root: str, path: str, *, make: bool = False) -> int:
    """A descriptor for the folder `path`, `root` or below it, no symbolic link between them; `make` makes what is missing."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    fd = os.open(root, flags)
    try:
        below = path[len(root.rstrip("/")) + 1 :]
        for folder in below.split("/") if below else ():
            if make:
                try:
                    os.mkdir(folder, 0o755, dir_fd=fd)
                except FileExistsError:
                    pass
            inner = os.open(folder, flags | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
    except BaseException:
        os.close(fd)
        raise
    return fd


def _refused(path: str, problem: Exception, root: str) -> ConfigError:
    code = getattr(problem, "errno", None)
    if root and code in (errno.ELOOP, errno.ENOTDIR):
        message = "a project's configuration may not be, or lie behind, a symbolic link"
        return ConfigError(message, where=path, hint="put the file itself there")
    if code in (errno.ENXIO, errno.EISDIR):
        return ConfigError("this is not a regular file", where=path)
    reason = getattr(problem, "strerror", None) or "no such name"
    return ConfigError(f"the file cannot be read: {reason.lower()}", where=path)


def _check(found: os.stat_result, path: str, uid: int | None, shared: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError("this is not a regular file", where=path)
    if uid is None:
        return
    if found.st_uid not in (uid, 0):
        raise ConfigError(
            "the file belongs to another user, who could change it", where=path, hint=f"`chown {uid} {quoted(path)}`, or copy it"
        )
    if shared:
        return
    if found.st_mode & 0o002 or (found.st_mode & 0o020 and not private_group(found.st_gid, uid)):
        raise ConfigError("other users may write to this file", where=path, hint=f"`chmod go-w {quoted(path)}`")


def private_group(gid: int, uid: int) -> bool:
    """True for the group that many systems make for each user (umask 002 goes with it): named like the user, no other member."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def parse(content: bytes, *, file: str, source: str, trusted: bool = True) -> Document:
    """The document in `content`, or ConfigError with the line at which it is not TOML."""
    import tomllib

    from inner.config.locate import lines

    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
        found = lines(text, file)
        data = tomllib.loads(text)
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise ConfigError("the file is not UTF-8 text", where=f"{file}:{line}", hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as problem:
        raise _not_toml(str(problem), file, text) from None
    except ValueError:  # a number of more than 4300 digits (sys.set_int_max_str_digits)
        raise ConfigError("a number in this file is too long", where=file) from None
    except RecursionError:
        raise ConfigError("the file is nested too deeply", where=file) from None
    return Document(source, file, content, data, found, trusted)


def _not_toml(problem: str, file: str, text: str) -> ConfigError:
    """The parser ends its message with `(at line 3, column 5)` or `(at end of document)`; the line belongs to `where`."""
    message, _, position = problem.partition(" (at ")
    digits = position.removeprefix("line ").partition(",")[0]
    line = int(digits) if digits.isdecimal() else max(text.rstrip("\n").count("\n") + 1, 1)
    reason = message[:1].lower() + message[1:]
    twice = reason.startswith("cannot declare")
    hint = "a table stands in a file once: put its keys together" if twice else "strings need quotes, lists `[...]`"
    return ConfigError(f"this is not TOML: {reason}", where=f"{file}:{line}", hint=hint)
