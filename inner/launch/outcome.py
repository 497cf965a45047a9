"""How a run ended, as a value, and how that is read off what bubblewrap left. Pure: bytes and numbers in, a record out.

What bubblewrap does (bubblewrap.c: monitor_child, do_init; seen with strace on 0.8.0): it writes `child-pid` before anything is
mounted and `exit-code` only when the command was executed. A failed set-up and a failed exec look alike: no `exit-code`,
status 1. They differ in who reaps pid 1 of the box. When the set-up fails pid 1 itself ends, and bubblewrap reaps it; once the
command has been forked, pid 1 reports the command's status on an eventfd, which bubblewrap reads first, and ends without
reaping pid 1, which becomes ours (PR_SET_CHILD_SUBREAPER). Without a pid namespace it has no eventfd and always reaps: there a
command that cannot be executed is told as a failed set-up, with bubblewrap's message. Its wording is never matched; whether exec
failed with ENOENT is read from the text of the C library, which ends the message (perror(3); the environment is empty, so the
locale is C).
"""

from __future__ import annotations

import errno
import os

from inner.errors import Killed
from inner.frozen import frozen

TIMED_OUT, FAILED, CANNOT_EXECUTE, NOT_FOUND = 124, 125, 126, 127
TAIL = 4096
SIGKILL = 9


@frozen
class Outcome:
    """`reason`: "exit" (the command's own status), "signal" (it was killed by `signal`), "timeout", "setup" (the box could not
    be made), "not-found" and "not-executable" (the command, in the box). A command that exits with 128+n by itself cannot be
    told from one killed by signal n: bubblewrap reports both alike. `stderr` is its message, escaped, when nothing ran."""

    status: int
    reason: str
    signal: int = 0
    duration: float = 0.0  # seconds
    started: bool = True
    stderr: str = ""
    child_pid: int = 0  # pid 1 of the box, as the host numbers it
    memory: int = 0  # bytes at most, as far as that was counted
    processes: int = 0  # at most
    oom: int = 0  # processes that the kernel ended because the limit of memory was reached
    log_lost: str = ""  # why the log of the output is not complete
    lost: str = ""  # why output could not be delivered: "standard output: no space left on device"
    sent: bool = False  # `signal` had been sent to inner
    pressed: bool = False  # or it was typed at a terminal of the box's own

    def left(self) -> int:
        """The status for whoever started us. Raises Killed when what ended the command was meant for us as well."""
        if self.reason == "signal" and (self.sent or self.pressed):
            raise Killed(self.signal, group=not self.sent)
        return self.status


def number(records: bytes, key: bytes) -> int:
    """The number at `key` in bubblewrap's status records, -1 when it is not there. `json` costs 9 ms, and these are ours."""
    rest = records.partition(b'"%s":' % key)[2].lstrip()
    digits = rest[: len(rest) - len(rest.lstrip(b"0123456789"))]
    return int(digits) if digits else -1


def judge(records: bytes, wait: int, *, forked: bool, ended_by: int, timed_out: bool, text: bytes) -> Outcome:
    """`wait` is bubblewrap's wait status, `forked` whether the command had been forked (above), `ended_by` the signal with which
    we ended the run ourselves (0: we did not), `text` what came on standard error before the command was seen to run."""
    pid = max(0, number(records, b"child-pid"))
    code = number(records, b"exit-code")
    started = code >= 0
    if timed_out:
        return Outcome(TIMED_OUT, "timeout", ended_by, started=True, child_pid=pid)
    if started:
        if ended_by and code == 128 + SIGKILL:  # ours, and bubblewrap was quick enough to tell of it
            return Outcome(128 + ended_by, "signal", ended_by, child_pid=pid)
        if 128 < code <= 128 + 64:
            return Outcome(code, "signal", code - 128, child_pid=pid)
        return Outcome(code, "exit", child_pid=pid)
    last = os.waitstatus_to_exitcode(wait)
    early = last - 128 if forked and last > 128 else -last  # the command was killed before it was executed, or bubblewrap was
    if ended_by or early > 0:
        signum = ended_by or early
        return Outcome(128 + signum, "signal", signum, started=forked, child_pid=pid)
    if not forked:
        return Outcome(FAILED, "setup", started=False, stderr=escaped(text), child_pid=pid)
    missing = text.rstrip().endswith((": " + os.strerror(errno.ENOENT)).encode())
    reason, status = ("not-found", NOT_FOUND) if missing else ("not-executable", CANNOT_EXECUTE)
    return Outcome(status, reason, started=False, stderr=escaped(text), child_pid=pid)


def escaped(text: bytes) -> str:
    """The end of a message as printable text: paths in it may be hostile."""
    tail = text[-TAIL:].replace(b"\r\n", b"\n").decode("utf-8", "backslashreplace").strip("\n")
    return "".join(char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in tail)
