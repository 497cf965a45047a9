"""A terminal of its own for the box, and the user's terminal while the box has it.

Three processes: inner, the only one that touches the user's terminal; the monitor, which leads the box's session, so that the
job's process group is not an orphaned one and Ctrl-Z stops it (setpgid(2), POSIX 11.1.4); bubblewrap, the foreground job.
The monitor does nothing but wait and say what it saw; when inner is gone it ends the job.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import termios
import time

from inner.frozen import TYPE_CHECKING
from inner.launch import reach
from inner.launch.signals import fresh
from inner.launch.termfilter import TermFilter

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from typing import NoReturn
else:
    import _signal

IFLAG, OFLAG, CFLAG, LFLAG, CC = 0, 1, 2, 3, 6  # tcgetattr(3), as Python orders it
LIMIT = 1.0  # seconds to wait for answers that the terminal still owes: it may be at the other end of an ssh connection
ALL_WELL, ANSWERS = b"\x1b[5n", (b"\x1b[0n", b"\x1b[3n")  # DSR (ECMA-48 8.3.35)
STARTED, STOPPED, ENDED, CONTINUE = b"P", b"S", b"X", b"C"
WINDOW = bytes(8)


def _retried(call: Callable[..., object], *args: object) -> None:
    while True:  # a terminal call of a background process stops it, and is interrupted when it is continued
        try:
            call(*args)
        except termios.error as error:
            if error.args[0] != errno.EINTR:
                return  # the terminal is gone
        else:
            return


class Terminal:
    """The user's terminal `fd`, and the pty made for the box. `cooked`: the user's terminal stays in line mode, because standard
    output goes elsewhere and another program of the pipeline may be using it."""

    def __init__(self, fd: int, *, clipboard: bool, cooked: bool) -> None:
        self.fd = fd
        self.cooked = cooked
        self.filter = TermFilter(clipboard=clipboard)
        self.saved = termios.tcgetattr(fd)
        self.behind = not self.ours()  # another job has the terminal: its keys and modes are not ours
        self.changed = False
        self.job = 0  # bubblewrap, and the number of its process group
        self.init = 0  # pid 1 of the box
        self.pressed = 0  # the signal of the last key that was typed: 0 when it was another key
        self.master, self.slave = os.openpty()
        os.set_blocking(self.master, False)
        own = termios.tcgetattr(fd)
        if self.behind:  # these are the modes of the shell's line editor
            own[IFLAG] |= termios.ICRNL
            own[OFLAG] |= termios.OPOST | termios.ONLCR
            own[LFLAG] |= termios.ICANON | termios.ISIG | termios.IEXTEN | termios.ECHO | termios.ECHOE | termios.ECHOK
        if cooked:
            own[LFLAG] &= ~termios.ECHO  # the user's terminal has shown it already
        termios.tcsetattr(self.slave, termios.TCSANOW, own)
        self.resize()

    def resize(self) -> None:
        """Hands the window's size on; the kernel tells the foreground group of the pty (SIGWINCH)."""
        try:
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, fcntl.ioctl(self.fd, termios.TIOCGWINSZ, WINDOW))
        except OSError:
            pass

    def ours(self) -> bool:
        """Whether we are the terminal's foreground job. What a background job does to its terminal stops it (tcsetattr(3))."""
        try:
            return os.tcgetpgrp(self.fd) == os.getpgrp()
        except OSError:  # not our controlling terminal
            return True

    def raw(self) -> None:
        """Every key to the box (cfmakeraw(3)), if the terminal is ours."""
        before, self.behind = self.behind, not self.ours()
        self.changed = self.changed and not self.behind
        if self.cooked or self.behind:
            return
        mode = termios.tcgetattr(self.fd)
        if before:
            self.saved = termios.tcgetattr(self.fd)
        self.changed = True
        t = termios
        mode[IFLAG] &= ~(t.IGNBRK | t.BRKINT | t.PARMRK | t.ISTRIP | t.INLCR | t.IGNCR | t.ICRNL | t.IXON)
        mode[OFLAG] &= ~t.OPOST
        mode[LFLAG] &= ~(t.ECHO | t.ECHONL | t.ICANON | t.ISIG | t.IEXTEN)
        mode[CFLAG] = (mode[CFLAG] & ~(t.CSIZE | t.PARENB)) | t.CS8
        mode[CC][t.VMIN], mode[CC][t.VTIME] = 1, 0
        _retried(termios.tcsetattr, self.fd, termios.TCSADRAIN, mode)

    def pause(self) -> None:
        """The user's modes while the job is stopped; what the program set on the screen is its own business then."""
        if self.changed:
            _retried(termios.tcsetattr, self.fd, termios.TCSADRAIN, self.saved)
            self.changed = False

    def restore(self, *, force: bool = False) -> None:
        """Puts the terminal back as it was: what the program left behind, then what the terminal answers to questions, then its
        modes. Pending input is discarded: nobody typed it for the shell."""
        left = self.filter.types()
        back = self.filter.finish()
        if back:
            self._say(back)
        if not self.changed:
            return
        if left and not force:
            self._answered()
        _retried(termios.tcsetattr, self.fd, termios.TCSADRAIN, self.saved)
        _retried(termios.tcflush, self.fd, termios.TCIFLUSH)

    def _answered(self) -> None:
        """Reads what the terminal still types, to its answer to a last question: they come in their order."""
        self._say(ALL_WELL)
        end, seen = time.monotonic() + LIMIT, b""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        while (left := end - time.monotonic()) > 0 and poll.poll(left * 1000):
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                return
            seen = seen[-3:] + data
            if not data or any(answer in seen for answer in ANSWERS):
                return

    def _say(self, data: bytes) -> None:
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        while data and poll.poll(200):
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                continue
            except OSError:
                return

    # --- keys -------------------------------------------------------------------------------------------------------------

    def typed(self, data: bytes) -> bytes:
        """What was typed, on its way into the box. Ctrl-C and Ctrl-backslash would reach bubblewrap too when the command has no
        job control of its own: it is in the same process group, does not catch them, and the box would end with it. So those
        two are delivered here, to every process of that group but bubblewrap."""
        self.pressed = 0
        try:
            mode = termios.tcgetattr(self.master)  # those of the other side (pty(7))
            if not mode[LFLAG] & termios.ISIG or not self.init or os.tcgetpgrp(self.master) != self.job:
                return data
        except (termios.error, OSError):
            return data
        keys = {mode[CC][termios.VINTR]: _signal.SIGINT, mode[CC][termios.VQUIT]: _signal.SIGQUIT}
        keys.pop(b"\0", None)
        for key, signum in keys.items():
            while key in data:
                # As n_tty does: what was typed before is thrown away, with what was not yet shown.
                before, _, data = data.partition(key)
                if mode[LFLAG] & termios.NOFLSH:
                    os.write(self.master, before)
                else:
                    termios.tcflush(self.slave, termios.TCIFLUSH)
                if mode[LFLAG] & termios.ECHO and mode[LFLAG] & getattr(termios, "ECHOCTL", 0o1000):
                    self._say(b"^" + bytes([key[0] ^ 0x40]))
                self.interrupt(signum)
                self.pressed = 0 if data else signum
        return data

    def interrupt(self, signum: int) -> None:
        """Signals the foreground processes of the box, without bubblewrap's own."""
        try:
            group = os.tcgetpgrp(self.master)
        except OSError:
            return
        reach.signal_below(self.init, (signum,), group=group)

    def calm(self) -> bool:
        """Whether the box's side takes whole lines, on the usual screen: no editor, no shell that waits for a command."""
        try:
            lines = termios.tcgetattr(self.master)[LFLAG] & termios.ICANON  # those of the other side (pty(7))
        except termios.error:
            return False
        return bool(lines) and not self.behind and not self.filter.screen()

    def close(self) -> None:
        for fd in (self.slave, self.master):
            if fd >= 0:
                os.close(fd)
        self.slave = self.master = -1

    def close_slave(self) -> None:
        """From now on the master reads the end of file once everything written has been read."""
        if self.slave >= 0:
            os.close(self.slave)
        self.slave = -1


# --- the monitor ----------------------------------------------------------------------------------------------------------------

IGNORED = tuple(
    getattr(_signal, "SIG" + name)
    for name in ("TSTP", "TTIN", "TTOU", "INT", "QUIT", "HUP", "TERM", "PIPE", "USR1", "USR2", "WINCH")
)


def monitor(slave: int, control: int, report: int, start: Callable[[int], NoReturn]) -> NoReturn:
    """The leader of the box's session. Never returns. `start` becomes bubblewrap; all signals are blocked when we come here."""
    status = 1
    try:
        ignored = [signum for signum in IGNORED if _signal.getsignal(signum) == _signal.SIG_IGN]
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for signum in IGNORED:
            _signal.signal(signum, _signal.SIG_IGN)
        wake, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        me = os.getpid()
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(slave, os.getpid())
            for signum in IGNORED:
                if signum not in ignored or signum == _signal.SIGPIPE:
                    _signal.signal(signum, _signal.SIG_DFL)
            fresh()
            start(me)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        try:
            os.setpgid(job, job)  # whoever comes first
        except OSError:
            pass
        os.write(report, STARTED + job.to_bytes(4, "little"))
        for fd in map(int, os.listdir("/proc/self/fd")):  # a copy here of the other end of a pipe would keep it open
            if fd > 2 and fd not in {control, report, wake, waker}:
                os.closerange(fd, fd + 1)
        status = _watch(job, control, report, wake)
    finally:
        os._exit(status)


def _watch(job: int, control: int, report: int, wake: int) -> int:
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wake, select.POLLIN)
    ended = False
    while True:
        for fd, _ in poll.poll():
            if fd == wake:
                os.read(wake, 64)
                continue
            said = os.read(control, 1)
            if said == CONTINUE and not ended:
                os.killpg(job, _signal.SIGCONT)
            elif not said:  # inner is done, or dead
                if not ended:
                    os.kill(job, _signal.SIGKILL)
                return 0
        while not ended:
            pid, status = os.waitpid(job, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                break
            ended = not os.WIFSTOPPED(status)
            try:
                os.write(report, (ENDED if ended else STOPPED) + status.to_bytes(4, "little"))
            except OSError:
                break
