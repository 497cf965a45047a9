"""A run that goes on without its user: a keeper holds the other end of its terminal, and whoever attaches talks to the keeper.

    inner run --detach  ->  keeper (pty master, socket)  ->  inner, as ever, on the pty  ->  the box

The run itself knows nothing of it. While nobody is attached its output is read all the same and the last of it kept, so it never
waits. The socket lies in a folder of this user's (`place`); a message is a letter and its bytes (SOCK_SEQPACKET).
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import termios
import time

from inner.errors import Killed, RunError, UsageError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import _socket
    import signal as _signal
    from collections.abc import Callable, Mapping
    from typing import NoReturn
else:
    import _signal
    import _socket

KEPT = 256 << 10  # bytes of output that somebody who attaches is shown
CHUNK = 32 << 10
PATIENCE = 5.0  # seconds that a viewer may take to read
DATA, SIZE, ENDED, REPLACED = b"D", b"W", b"E", b"R"
PEER = 17  # SO_PEERCRED (unix(7)): pid, uid, gid


def place(env: Mapping[str, str], state: str) -> str:
    """The folder of the sockets, made if need be: below $XDG_RUNTIME_DIR, or with the state where there is none of ours."""
    base = env.get("XDG_RUNTIME_DIR", "")
    if base.startswith("/") and _private(base):
        folder = f"{base}/inner"
        try:
            os.mkdir(folder, 0o700)
        except OSError:
            pass
        if _private(folder):
            return folder
    return f"{state}/live"


def _private(folder: str) -> bool:
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


class At:
    """The address of a socket, whatever the length of its path (a sockaddr_un holds 107 bytes): by the folder's descriptor."""

    def __init__(self, folder: str, name: str) -> None:
        self.folder, self.name = folder, f"{name}.sock"

    def __enter__(self) -> str:
        self.fd = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self.fd}/{self.name}"

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def start(run: Callable[[], int], *, folder: str, name: str, size: bytes, output: str) -> int:
    """Starts `run` under a keeper and returns a descriptor that tells when it came to nothing: at its end it gives the status (one
    byte) and the output. `size`: the window's, as TIOCSWINSZ takes it. `output`: a file that gets the last of the output at the end, if there is
    none yet."""
    master, slave = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, size)
    try:
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with At(folder, name) as address:
            listener.bind(address)
        listener.listen(4)
    except OSError as problem:
        raise RunError(
            f"cannot make a socket for this run: {problem.strerror}", where=folder, hint="leave out `--detach`"
        ) from None
    said, say = os.pipe2(os.O_CLOEXEC)
    if os.fork() == 0:
        try:
            os.close(said)
            os.setsid()
            if os.fork():  # an orphan: nobody has to wait for it
                os._exit(0)
            child = os.fork()
            if child == 0:
                os.close(say)
                _session(run, master, slave, listener)
            os.close(slave)
            _alone(say, master, listener)
            keeper = Keeper(master, listener, child)
            keeper.keep(say)
            _leave(output, bytes(keeper.output[-KEPT:]))
        finally:
            with At(folder, name) as address:
                os.unlink(address)
            os._exit(0)
    os.close(say)
    os.close(master)
    os.close(slave)
    listener.close()
    return said


def _session(run: Callable[[], int], master: int, slave: int, listener: _socket.socket) -> NoReturn:
    """The run, on its terminal."""
    status = 125
    try:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        os.close(slave)
        os.close(master)
        listener.close()
        status = run()
    except Killed as ended:
        status = 128 + ended.signum
    finally:
        os._exit(status)


def _leave(path: str, text: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return  # there is a log, or nothing is kept of this run
    with open(fd, "wb") as file:
        file.write(text)


def _alone(*kept: object) -> None:
    """Nothing of the caller's stays open, so that a pipe it waits for ends."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    wanted = {one if isinstance(one, int) else one.fileno() for one in kept}  # type: ignore[attr-defined]
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in wanted:
            os.closerange(int(name), int(name) + 1)
    os.chdir("/")


class Keeper:
    """Reads the terminal, remembers the last of it, and serves the one who is attached; a new one takes the place of the old."""

    def __init__(self, master: int, listener: _socket.socket, child: int) -> None:
        self.master, self.listener, self.child = master, listener, child
        self.output = bytearray()
        self.keys = bytearray()
        self.viewer: _socket.socket | None = None
        os.set_blocking(master, False)

    def keep(self, say: int) -> None:
        """Until the run has ended."""
        while self._turn():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        status = status if status >= 0 else 128 - status
        if self.viewer is not None:
            self._tell(ENDED + bytes((status,)))
        try:
            os.write(say, bytes((status,)) + bytes(self.output[-CHUNK:]))
        except OSError:
            pass

    def _turn(self) -> bool:
        poll = select.poll()
        poll.register(self.master, select.POLLIN | (select.POLLOUT if self.keys else 0))
        poll.register(self.listener.fileno(), select.POLLIN)
        if self.viewer is not None and len(self.keys) < CHUNK:
            poll.register(self.viewer.fileno(), select.POLLIN)
        found = dict(poll.poll())
        if found.get(self.listener.fileno()):
            self._welcome()
        elif self.viewer is not None and found.get(self.viewer.fileno()):
            self._hear()
        events = found.get(self.master, 0)
        if events & select.POLLOUT and self.keys:
            try:
                del self.keys[: os.write(self.master, self.keys)]
            except OSError:
                self.keys.clear()
        if events & ~select.POLLOUT:
            try:
                data = os.read(self.master, CHUNK)
            except BlockingIOError:
                return True
            except OSError:  # EIO: nobody has the other end any more
                return False
            self.output += data
            if len(self.output) > 2 * KEPT:
                del self.output[:-KEPT]
            self._tell(DATA + data)
        return True

    def _welcome(self) -> None:
        viewer, _ = self.listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        viewer = _socket.socket(fileno=viewer)
        who = viewer.getsockopt(_socket.SOL_SOCKET, PEER, 12)
        if int.from_bytes(who[4:8], "little") not in (os.geteuid(), 0):
            viewer.close()
            return
        self._tell(REPLACED)
        self._drop()
        self.viewer = viewer
        viewer.settimeout(PATIENCE)
        kept = bytes(self.output[-KEPT:])
        if len(self.output) > KEPT:
            kept = kept.partition(b"\n")[2]
        for at in range(0, len(kept), CHUNK):
            self._tell(DATA + kept[at : at + CHUNK])

    def _hear(self) -> None:
        assert self.viewer is not None  # noqa: S101
        try:
            message = self.viewer.recv(CHUNK + 1)
        except OSError:
            message = b""
        if not message:
            self._drop()
        elif message[:1] == DATA:
            self.keys += message[1:]
        elif message[:1] == SIZE and len(message) == 9:
            self._resize(message[1:])

    def _resize(self, size: bytes) -> None:
        """Also when it has the size already: a program that draws has to draw again for somebody new."""
        rows = int.from_bytes(size[:2], "little")
        if fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(8)) == size and rows > 1:
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, (rows - 1).to_bytes(2, "little") + size[2:])
            time.sleep(0.02)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def _tell(self, message: bytes) -> None:
        if self.viewer is not None:
            try:
                self.viewer.send(message)
            except OSError:  # gone, or too slow for the box to wait
                self._drop()

    def _drop(self) -> None:
        if self.viewer is not None:
            self.viewer.close()
            self.viewer = None


# --- the viewer ----------------------------------------------------------------------------------------------------------------

LEFT = -1  # no status: it goes on
KEY = 0x1C  # Ctrl-backslash
HINT = "Ctrl-\\ d leaves the run to itself"


def attach(folder: str, name: str) -> int:
    """Shows the run on our terminal until it ends (its status), or until it is left to itself (LEFT). UsageError when nobody keeps it."""
    from inner.launch import signals
    from inner.launch.pty import IFLAG, LFLAG, OFLAG
    from inner.launch.termfilter import TermFilter

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        with At(folder, name) as address:
            connection.connect(address)
    except OSError:
        raise UsageError(f"run `{name}` is not detached", hint="`inner run --detach` starts one that can be attached") from None
    who = connection.getsockopt(_socket.SOL_SOCKET, PEER, 12)
    if int.from_bytes(who[4:8], "little") != os.geteuid():
        raise RunError("the socket of this run belongs to somebody else", where=folder)
    saved = termios.tcgetattr(0) if os.isatty(0) else None
    shown = TermFilter(clipboard=True)  # what may pass was decided by the run; this one knows what to put back
    heard = signals.Signals()
    view = Viewer(connection, heard, shown)
    try:
        if saved is not None:
            raw = termios.tcgetattr(0)
            raw[IFLAG] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
            raw[OFLAG] &= ~termios.OPOST
            raw[LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
            termios.tcsetattr(0, termios.TCSADRAIN, raw)
            view.size()
        return view.watch()
    except termios.error as problem:
        raise RunError(f"this terminal cannot be set: {problem.args[-1]}", hint="`fg`, when it runs in the background") from None
    finally:
        if saved is not None:
            _show(shown.finish())
            try:
                termios.tcsetattr(0, termios.TCSAFLUSH, saved)
            except termios.error:
                pass
        heard.close()
        connection.close()


class Viewer:
    """What is typed goes to the keeper, what it says to the screen."""

    def __init__(self, connection: _socket.socket, heard: object, shown: object) -> None:
        self.connection, self.heard, self.shown = connection, heard, shown
        self.typing = True
        self.prefix = False

    def size(self) -> None:
        try:
            self.connection.send(SIZE + fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8)))
        except OSError:
            pass

    def watch(self) -> int:
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        poll.register(self.heard.fd, select.POLLIN)  # type: ignore[attr-defined]
        poll.register(0, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == 0:
                    if self._typed():
                        return LEFT
                    if not self.typing:
                        poll.unregister(0)
                elif fd == self.connection.fileno():
                    status = self._heard()
                    if status >= 0:
                        return status
                else:
                    for signum in self.heard.read():  # type: ignore[attr-defined]
                        if signum == _signal.SIGWINCH:
                            self.size()
                        elif signum in (_signal.SIGTERM, _signal.SIGHUP, _signal.SIGINT):
                            return LEFT

    def _typed(self) -> bool:
        """True when the run is to be left to itself: the key, then `d`. The key twice is the key."""
        try:
            data = os.read(0, CHUNK // 2)
        except OSError:
            data = b""
        if not data:
            self.typing = False
            return False
        out = bytearray()
        for byte in data:
            if self.prefix:
                self.prefix = False
                if byte in b"dD":
                    return True
                out += bytes((KEY,)) if byte == KEY else bytes((KEY, byte))
            elif byte == KEY and os.isatty(0):
                self.prefix = True
            else:
                out.append(byte)
        if out:
            try:
                self.connection.send(DATA + bytes(out))
            except OSError:
                pass
        return False

    def _heard(self) -> int:
        try:
            message = self.connection.recv(CHUNK + 1)
        except OSError:
            message = b""
        if message[:1] == DATA:
            _show(self.shown.feed(message[1:]) if os.isatty(1) else message[1:])  # type: ignore[attr-defined]
            return -1
        if message[:1] == ENDED and len(message) == 2:
            return message[1]
        if message[:1] == REPLACED:
            raise RunError("somebody else has attached to this run")
        raise RunError("the keeper of this run is gone", hint="`inner log show` tells how it ended")


def _show(data: bytes) -> None:
    while data:
        try:
            data = data[os.write(1, data) :]
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            return
