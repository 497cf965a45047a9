"""Which project files the user has read and approved: by path and by content, so that a changed file is a new question.

One small file per path under the state folder, which no box ever sees. Anything odd about it means: not trusted.
"""

from __future__ import annotations

import os
import stat

from inner.draft import make
from inner.errors import HostError
from inner.frozen import TYPE_CHECKING
from inner.paths import quoted, state_dir

if TYPE_CHECKING:
    from inner.host import Host

_HEAD = b"inner trust 1\n"
_MOST = 64 * 1024


class Trust:
    """The decisions of one user. `folder` is made, 0700, when the first one is written."""

    def __init__(self, folder: str, uid: int) -> None:
        self.folder, self.uid = folder, uid

    @classmethod
    def of(cls, host: Host) -> Trust:
        """The decisions of the user of `host`."""
        return cls(state_dir(host.env, host.home) + "/trust", host.uid)

    def is_trusted(self, path: str, content: bytes) -> bool:
        """True when exactly these bytes were approved at exactly this path."""
        try:
            if not _private(os.lstat(self.folder), self.uid, stat.S_ISDIR):
                return False
        except OSError:
            return False
        return self._content(self.record(path)) == _record(path, content)

    def approve(self, path: str, content: bytes) -> None:
        """Trust these bytes at this path, and no others there."""
        try:
            make(self.folder)
            if not _private(os.lstat(self.folder), self.uid, stat.S_ISDIR):
                hint = f"`chmod 700 {quoted(self.folder)}`"
                raise HostError("the folder of trust decisions is open to others", where=self.folder, hint=hint)
            target = self.record(path)
            draft = f"{target}.{os.getpid()}"
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                with open(fd, "wb") as file:
                    file.write(_record(path, content))
                os.rename(draft, target)
            except BaseException:
                os.unlink(draft)
                raise
        except OSError as problem:
            raise self._failed("kept", problem) from None

    def revoke(self, path: str) -> bool:
        """Forget the decision about `path`; False when there was none."""
        try:
            os.unlink(self.record(path))
        except FileNotFoundError:
            return False
        except OSError as problem:
            raise self._failed("taken back", problem) from None
        return True

    def decisions(self) -> tuple[tuple[str, str], ...]:
        """(path, SHA-256 of the approved content) of every decision, by path."""
        found = []
        try:
            if not _private(os.lstat(self.folder), self.uid, stat.S_ISDIR):
                return ()
            names = os.listdir(self.folder)
        except OSError:
            return ()
        for name in names:
            record = self._content(f"{self.folder}/{name}")
            head, _, rest = record.partition(b"\n")
            approved, _, path = rest.partition(b"\n")
            if head + b"\n" == _HEAD and path.endswith(b"\n") and digest(path[:-1]) == name:
                found.append((os.fsdecode(path[:-1]), approved.decode("ascii", "replace")))
        return tuple(sorted(found))

    def _content(self, file: str) -> bytes:
        """The record in `file`, b"" for anything that is not a private regular file of ours."""
        try:
            fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except (OSError, ValueError):
            return b""
        try:
            return os.read(fd, _MOST) if _private(os.fstat(fd), self.uid, stat.S_ISREG) else b""
        except OSError:
            return b""
        finally:
            os.close(fd)

    def _failed(self, what: str, problem: OSError) -> HostError:
        return HostError(f"the decision cannot be {what}: {(problem.strerror or 'unknown').lower()}", where=self.folder)

    def record(self, path: str) -> str:
        """Where the decision about `path` is kept."""
        return f"{self.folder}/{digest(os.fsencode(path))}"


def _private(found: os.stat_result, uid: int, kind: object) -> bool:
    return bool(kind(found.st_mode)) and found.st_uid == uid and not found.st_mode & 0o022  # type: ignore[operator]


def _record(path: str, content: bytes) -> bytes:
    return _HEAD + digest(content).encode() + b"\n" + os.fsencode(path) + b"\n"


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    from hashlib import sha256

    return sha256(content).hexdigest()
