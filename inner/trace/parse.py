"""strace's lines, read as what they are: bytes out of a box, which may write its own. Pure; nothing here can fail.

One line is one call (`strace -f -Y -y`): `PID<COMM> openat(AT_FDCWD</cwd>, "name", O_RDONLY) = -1 ENOENT (...)`, or two when another
process came between. Names are C strings with octal or hexadecimal escapes. A line that is not understood is passed over.
"""

from __future__ import annotations

import os
import re

from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import normal

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES, MOST_BYTES = 200_000, 32 << 20  # about calls that failed, of one run
MOST_KEPT, MOST_TEXT = 20_000, 4 << 20  # different look-ups, and characters of their paths
MOST_PROCESSES = 4096  # whose working directory is remembered
LONGEST = 16 << 10  # bytes of a line
PATH_MAX = 4096
COMM = 64  # characters of a program's name

DENIED = frozenset((b"ENOENT", b"EACCES", b"EPERM", b"EROFS"))
UNREACHED = frozenset((b"ENETUNREACH", b"EHOSTUNREACH"))
# calls of strace's class %file that change something at the (first, or at each) path
WRITES = frozenset(
    (
        "creat", "mkdir", "mkdirat", "mknod", "mknodat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link",
        "linkat", "symlink", "symlinkat", "truncate", "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime",
        "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "removexattr", "lremovexattr",
    )
)  # fmt: skip
BOTH = frozenset(("rename", "renameat", "renameat2", "link", "linkat"))
RUNS = frozenset(("execve", "execveat"))
OPENS_TO_WRITE = (b"O_WRONLY", b"O_RDWR", b"O_CREAT", b"O_TRUNC", b"O_TMPFILE")

_LINE = re.compile(rb"(\d{1,10})(?:<([^>\n]{0,256})>)? +([a-z_0-9]{1,32})\((.*)\) += -1 (E[A-Z]{2,20})\b", re.DOTALL)
_BEGUN = re.compile(rb"(?=(\d{1,10}))(\d{1,10}(?:<[^>\n]{0,256}>)? +[a-z_0-9]{1,32}\(.*?) ?<unfinished \.\.\.>", re.DOTALL)
_RESUMED = re.compile(rb"(\d{1,10})(?:<[^>\n]{0,256}>)? +<\.\.\. [a-z_0-9]{1,32} resumed>(.*)", re.DOTALL)
_EXECUTED = re.compile(rb'(\d{1,10})(?:<[^>\n]{0,256}>)? +execve(?:at)?\([^"]{0,64}"((?:[^"\\]|\\.)*)".* = 0$', re.DOTALL)
_PLACE = re.compile(rb'(?:, )?(?:(AT_FDCWD|-?\d{1,10})(?:<((?:[^<>\\]|\\.)*)>)?, )?"((?:[^"\\]|\\.)*)"(\.\.\.)?', re.DOTALL)
_SOCKET = re.compile(rb'sa_family=AF_UNIX, sun_path="((?:[^"\\]|\\.)*)"', re.DOTALL)
_PORT = re.compile(rb"sin6?_port=htons\((\d{1,5})\)")
_ADDRESS = re.compile(rb'(?:inet_addr\(|inet_pton\(AF_INET6, )"([0-9a-fA-F:.]{2,45})"')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}


@frozen
class Lookup:
    """One thing that was not got. `want` is "read", "write", "run" or "reach" (then `path` is ADDRESS:PORT); `error` a name of
    errno(3). `path` is absolute and normal.
    """

    program: str
    path: str
    want: str
    error: str


class Trace:
    """Takes the bytes of one trace as they come; `found` has each look-up once, with how often it was made."""

    def __init__(self, cwd: str) -> None:
        self.found: dict[Lookup, int] = {}
        self.lines = 0
        self.cut = False  # there was more than is looked at
        self.never_ran = ""  # why the command itself could not be executed, a name of errno(3)
        self._cwd = cwd
        self._cwds: dict[bytes, str] = {}  # by process, as strace writes its number
        self._names: dict[bytes, str] = {}
        self._begun: dict[bytes, bytes] = {}
        self._ran = False
        self._bytes = self._text = 0
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """More of it; what follows the last line break waits for the next time."""
        if self.lines >= MOST_LINES or self._bytes > MOST_BYTES:
            self.cut, self._rest = True, b""
            return
        *whole, rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._take(line)
        if len(rest) > LONGEST:
            self.cut, rest = True, b""
        self._rest = rest

    def finish(self) -> None:
        """There is no more."""
        self._take(self._rest)
        self._rest = b""

    def _take(self, line: bytes) -> None:
        if line.endswith(b" <unfinished ...>") or b" resumed>" in line:
            line = self._joined(line)
        if b"= -1 E" in line:
            self.lines += 1
            self._bytes += len(line)
            if len(line) > LONGEST or self.lines > MOST_LINES or self._bytes > MOST_BYTES:
                self.cut = True
            else:
                self._failed(line)
        elif b" execve" in line:
            self._executed(line)

    def _joined(self, line: bytes) -> bytes:
        """A call that another process interrupted is told in two lines: the whole, once the second is there."""
        begun = _BEGUN.match(line)
        if begun is not None:
            if len(self._begun) < MOST_PROCESSES and len(line) <= LONGEST:
                self._begun[begun[1]] = begun[2]
            return b""
        resumed = _RESUMED.match(line)
        return self._begun.pop(resumed[1], b"") + resumed[2] if resumed is not None else b""

    def _executed(self, line: bytes) -> None:
        """A tracer keeps the name that a process had when it was first told of: what it has become since is to be seen here."""
        matched = _EXECUTED.match(line)
        if matched is not None:
            self._ran = True
            if matched[1] in self._names or len(self._names) < MOST_PROCESSES:
                self._names[matched[1]] = _text(_bytes(matched[2])).rpartition("/")[2][:COMM]

    def _failed(self, line: bytes) -> None:
        matched = _LINE.match(line)
        if matched is None:
            return
        pid, comm, call, words, error = matched.groups(b"")
        program, name = self._names.get(pid) or _text(_bytes(comm)), call.decode("ascii")
        if not self._ran:  # strace itself, before the command
            if name in RUNS:
                self.never_ran = error.decode("ascii")
            return
        for path, want in self._looked(pid, name, words, error):
            lookup = Lookup(program, path, want, error.decode("ascii"))
            if lookup in self.found:
                self.found[lookup] += 1
            elif len(self.found) < MOST_KEPT and self._text + len(path) <= MOST_TEXT:
                self._text += len(path)
                self.found[lookup] = 1
            else:
                self.cut = True

    def _looked(self, pid: bytes, call: str, words: bytes, error: bytes) -> Iterator[tuple[str, str]]:
        if call == "connect":
            yield from _connected(words, error)
            return
        if error not in DENIED:
            return
        for at, folder, name, more in _places(call, words):
            path = _text(_bytes(name))
            if more or not path or "\0" in path:
                continue
            base = _text(_bytes(folder)) or self._cwds.get(pid, self._cwd)
            if at == b"AT_FDCWD" and base.startswith("/") and (pid in self._cwds or len(self._cwds) < MOST_PROCESSES):
                self._cwds[pid] = base
            if not path.startswith("/"):
                path = f"{base}/{path}"
            if path.startswith("/") and len(os.fsencode(path)) <= PATH_MAX:
                yield normal(path), _want(call, words)


def _places(call: str, words: bytes) -> list[tuple[bytes, ...]]:
    """(descriptor, its folder, name, "..." if it is cut) of the paths that `call` is about: its first arguments."""
    found, at = [], 0
    for _ in range(2 if call in BOTH or call.startswith("symlink") else 1):
        place = _PLACE.match(words, at)
        if place is not None:
            found.append(place.groups(b""))
            at = place.end()
    return found[1:] if call.startswith("symlink") else found


def _want(call: str, words: bytes) -> str:
    if call in RUNS:
        return "run"
    if call in WRITES or (call.startswith("open") and any(flag in words for flag in OPENS_TO_WRITE)):
        return "write"
    return "write" if call.startswith(("access", "faccessat")) and b"W_OK" in words else "read"


def _connected(words: bytes, error: bytes) -> Iterator[tuple[str, str]]:
    socket, port, address = _SOCKET.search(words), _PORT.search(words), _ADDRESS.search(words)
    if socket is not None and error in DENIED:
        path = _text(_bytes(socket[1]))
        if path.startswith("/") and "\0" not in path:
            yield normal(path), "read"
    elif port is not None and address is not None and error in UNREACHED and 0 < int(port[1]) < 65536:
        text = address[1].decode("ascii")
        yield (f"[{text}]" if ":" in text else text) + f":{int(port[1])}", "reach"


def _bytes(quoted: bytes) -> bytes:
    """What a C string of strace's stands for."""
    return _ESCAPE.sub(_unescaped, quoted) if b"\\" in quoted else quoted


def _unescaped(matched: re.Match[bytes]) -> bytes:
    code = matched[1]
    if code[:1] == b"x" and len(code) == 3:
        return bytes((int(code[1:], 16),))
    if code.isdigit() and b"8" not in code and b"9" not in code:
        return bytes((int(code, 8) & 0xFF,))
    return _LETTERS.get(code, code)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
