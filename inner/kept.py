"""Files that keep a result until its causes change: marshalled values in a folder that is ours alone. `inner.draft` writes them.

Whatever is odd about one means that nothing was kept. What counts as a cause is the caller's to say: `content` is what a path has,
to be compared with what it had.
"""

import marshal
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST = 1 << 20  # bytes of a value, and of a file that is compared by its content
SETTLED = 2_000_000_000  # nanoseconds since the last change of a file: what is younger may change once more unseen


def load(path: str, most: int = MOST) -> "Any":
    """The value kept at `path`, of at most so many bytes; None when there is none that only we could have written."""
    try:
        return marshal.loads(read(path, most))  # noqa: S302 - nobody but us could write it
    except (ValueError, EOFError, TypeError):
        return None


def read(path: str, most: int = MOST) -> bytes:
    """The bytes kept at `path`; none at all when those are more, or others could have written them."""
    fd = opened(path)
    if fd < 0:
        return b""
    try:
        size = os.fstat(fd).st_size
        return os.read(fd, size) if size <= most else b""
    except OSError:
        return b""
    finally:
        os.close(fd)


def opened(path: str) -> int:
    """A descriptor of the file kept at `path`; -1 when there is none, or others could have written it."""
    try:
        if not private(os.lstat(path.rpartition("/")[0])):
            return -1
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return -1
    info = os.fstat(fd)
    if stat.S_ISREG(info.st_mode) and private(info):
        return fd
    os.close(fd)
    return -1


def forget(path: str) -> bool:
    """What is kept at `path` is not any more. False, for whoever has found that it does not hold."""
    try:
        os.unlink(path)
    except OSError:
        pass
    return False


def private(info: os.stat_result) -> bool:
    """Ours, and for nobody else to write."""
    return info.st_uid == os.geteuid() and not info.st_mode & 0o022


def name(value: "Any") -> str:
    """A file name for a key. Two keys may share one: keep the key with the value."""
    import _imp

    return _imp.source_hash(MOST, marshal.dumps(value, 2)).hex()


def content(path: str) -> tuple[object, ...] | None:
    """What is at a path: mode, owner, where a link leads, and the bytes of a file, also behind a link; None for nothing."""
    try:
        info = os.lstat(path)
        link = os.readlink(path) if stat.S_ISLNK(info.st_mode) else ""
        if not link and not stat.S_ISREG(info.st_mode):
            return (info.st_mode, info.st_uid, "", b"")
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError):
        return None
    try:
        behind = os.fstat(fd)
        return (behind.st_mode, behind.st_uid, link, os.read(fd, MOST) if stat.S_ISREG(behind.st_mode) else b"")
    except OSError:
        return None
    finally:
        os.close(fd)
