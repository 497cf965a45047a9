"""A box to start from a test: words for bubblewrap, and this file as the program that starts it: `launched.py OPTIONS COMMAND...`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = str(Path(__file__).resolve().parents[2])
BWRAP = "/usr/bin/bwrap"
BASE = (
    "--unshare-user",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--tmpfs",
    "/tmp",
    "--setenv",
    "PATH",
    "/usr/bin:/bin",
)
SPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts")
WORDS = (*BASE, *SPACES, "--setenv", "TERM", "xterm-256color", "--setenv", "HOME", "/tmp", "--chdir", "/")

# Commands that do not want to end.
STUBBORN = {
    "ignores": "trap '' TERM INT HUP; while :; do sleep 0.1; done",
    "double-forked": "(setsid setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' </dev/null >/dev/null 2>&1 &); sleep 60",
    "stops its group": "kill -STOP 0; sleep 60",
    "forks": "trap '' TERM; while :; do (trap '' TERM; sleep 1) & sleep 0.05; done",
}


def argv(*command: str, words: tuple[str, ...] = WORDS, **options: object) -> list[str]:
    """The command line that runs `command` in a box and prints the outcome to the descriptor `report`, when given."""
    return [sys.executable, "-I", __file__, json.dumps({"words": words, **options}), *command]


def run(*command: str, words: tuple[str, ...] = WORDS, options: dict[str, object] | None = None, **popen: object):
    """Runs it; the result has `.outcome`, a dict, next to what subprocess.run gives."""
    reader, writer = os.pipe()
    passed = (writer, *popen.pop("pass_fds", ()))  # type: ignore[misc]
    popen.setdefault("stdin", subprocess.DEVNULL)
    popen.setdefault("timeout", 60)
    if not {"stdout", "stderr"} & popen.keys():
        popen["capture_output"] = True
    try:
        done = subprocess.run(argv(*command, words=words, report=writer, **(options or {})), pass_fds=passed, **popen)
    finally:
        os.close(writer)
    with open(reader, "rb") as report:
        text = report.read()
    done.outcome = json.loads(text) if text else {}
    return done


def plain(*command: str, words: tuple[str, ...] = WORDS, **popen: object) -> subprocess.CompletedProcess[bytes]:
    """The same box by bubblewrap alone: what an attack does when nobody works around the flags."""
    popen.setdefault("timeout", 60)
    popen.setdefault("capture_output", True)
    popen.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([BWRAP, *words, "--", *command], **popen)


def main() -> int:
    options = json.loads(sys.argv[1])
    report = options.pop("report", -1)
    started, meanwhile = options.pop("started", ""), options.pop("meanwhile", "")
    sys.path.insert(0, REPOSITORY)
    from inner.__main__ import standard
    from inner.frozen import fields
    from inner.launch.supervisor import run as start

    standard()
    if report >= 0:
        os.set_inheritable(report, False)
    for name in options.pop("missing", ()):  # modules that cannot be imported any more
        sys.modules[name] = None
    if started:
        options["on_started"] = lambda pid: exec(started, {"pid": pid})
    if meanwhile:
        names: dict[str, object] = {}
        options["meanwhile"] = lambda: exec(meanwhile, names) or names["beside"]
    ended = start(options.pop("bwrap", BWRAP), options.pop("words"), sys.argv[2:], **options)
    if report >= 0:
        os.write(report, json.dumps({name: getattr(ended, name) for name in fields(ended)}).encode())
    return ended.status


if __name__ == "__main__":
    sys.exit(main())
