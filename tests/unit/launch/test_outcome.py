"""How a run ended, from what bubblewrap left: its records, its wait status, and what we did ourselves."""

from __future__ import annotations

import signal

import pytest

from inner.launch.outcome import judge

PID = b'{ "child-pid": 4711 }\n'


def code(number):
    return PID + b'{ "exit-code": %d }\n' % number


def killed(by):
    return {"records": PID, "wait": by, "ended_by": by}


NOT_FOUND = b"bwrap: execvp x: No such file or directory\n"


@pytest.mark.parametrize(
    ("given", "status", "reason", "signum", "started"),
    [
        ({"records": code(0)}, 0, "exit", 0, True),
        ({"records": code(9)}, 9, "exit", 0, True),
        ({"records": code(143)}, 143, "signal", 15, True),
        ({"records": code(255)}, 255, "exit", 0, True),
        # what we end is ended by our reason, however far bubblewrap came with telling
        (killed(signal.SIGINT), 130, "signal", 2, True),
        ({"records": code(137), "ended_by": signal.SIGINT}, 130, "signal", 2, True),
        ({"records": code(137), "ended_by": signal.SIGKILL}, 137, "signal", 9, True),
        ({"records": code(3), "ended_by": signal.SIGHUP}, 3, "exit", 0, True),
        ({"records": code(137), "ended_by": signal.SIGTERM, "timed_out": True}, 124, "timeout", 15, True),
        # nothing ran
        ({"records": PID, "wait": 1 << 8, "forked": False}, 125, "setup", 0, False),
        ({"records": b"", "wait": 1 << 8, "forked": False}, 125, "setup", 0, False),
        ({"records": PID, "wait": 1 << 8, "text": NOT_FOUND}, 127, "not-found", 0, False),
        ({"records": PID, "wait": 1 << 8, "text": b"bwrap: execvp x: Permission denied\n"}, 126, "not-executable", 0, False),
        ({"records": PID, "wait": signal.SIGTERM, "forked": False}, 143, "signal", 15, False),
        ({"records": PID, "wait": 143 << 8}, 143, "signal", 15, True),  # between fork and exec
        ({"records": PID, "wait": 143 << 8, "forked": False}, 125, "setup", 0, False),
    ],
)
def test_judgement(given, status, reason, signum, started):
    found = judge(**{"wait": 0, "forked": True, "ended_by": 0, "timed_out": False, "text": b"", **given})
    assert (found.status, found.reason, found.signal, found.started) == (status, reason, signum, started)
