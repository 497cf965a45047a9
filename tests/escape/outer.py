"""Stands for the shell in the user's terminal: runs a command in it, then looks at what is left there. `outer.py REPORT COMMAND...`."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import time
import tty


def main(report: str, command: list[str]) -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    before = termios.tcgetattr(0)
    status = subprocess.run(command, check=False).returncode
    time.sleep(0.3)
    after = termios.tcgetattr(0)
    group = os.tcgetpgrp(0)
    tty.setraw(0, termios.TCSANOW)
    waiting = struct.unpack("i", fcntl.ioctl(0, termios.FIONREAD, b"\0" * 4))[0]
    pending = os.read(0, waiting).decode("latin-1") if waiting else ""
    with open(report, "w", encoding="utf-8") as file:
        json.dump(
            {"status": status, "pending": pending, "changed": before[:4] != after[:4], "front": group == os.getpgrp()}, file
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
