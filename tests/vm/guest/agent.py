"""Runs in the machine, as root: a line of JSON from the console asks for one command, a line of JSON answers."""

import json
import os
import subprocess
import sys
import termios
import tty

os.environ.update(HOME="/root", LANG="C.UTF-8", PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
console = os.open("/dev/hvc0", os.O_RDWR | os.O_NOCTTY)
tty.setraw(console, termios.TCSANOW)


def say(answer):
    data = json.dumps(answer).encode() + b"\n"
    while data:
        data = data[os.write(console, data) :]


subprocess.run(["tar", "-C", "/srv", "-xf", "/dev/vdb"], check=True, stdout=sys.stderr)
say("ready")
for line in os.fdopen(os.dup(console), "rb", buffering=0):
    asked = json.loads(line)
    try:
        done = subprocess.run(asked["argv"], stdin=subprocess.DEVNULL, capture_output=True, timeout=asked["timeout"], check=False)
        status, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        status, out, err = -1, late.stdout or b"", (late.stderr or b"") + b"\nagent: took too long\n"
    say({"status": status, "out": out.decode("utf-8", "replace"), "err": err.decode("utf-8", "replace")})
