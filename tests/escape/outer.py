"""Stands for the shell in the user's terminal: runs a command in it, then looks at what is left there. `outer.py REPORT COMMAND...`.

When the command has ended it asks whether that is all (ASKS); the terminal says so (TOLD) behind its answers to everything before.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import termios
import tty

ASKS, TOLD = b"<is that all>", b"<that is all>"


def main(report: str, command: list[str]) -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    before = termios.tcgetattr(0)
    status = subprocess.run(command, check=False).returncode
    after = termios.tcgetattr(0)
    group = os.tcgetpgrp(0)
    os.tcsetpgrp(0, os.getpgrp())  # to read from it
    tty.setraw(0, termios.TCSANOW)
    os.write(1, ASKS)
    pending = b""
    while TOLD not in pending and select.select([0], [], [], 10)[0]:
        pending += os.read(0, 65536)
    found = {
        "status": status,
        "pending": pending.replace(TOLD, b"").decode("latin-1"),
        "changed": before[:4] != after[:4],
        "front": group == os.getpgrp(),
    }
    with open(report, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
