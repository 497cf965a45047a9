"""What nobody foresaw where it happened: told as the machine's fault where it is one, else written down as a report."""

from __future__ import annotations

import os
import sys

from inner import ui
from inner.errors import HostError

SURPRISE = 70  # EX_SOFTWARE of sysexits.h: a fault of inner's own

SCARCE = {  # what a machine can run out of at any step, asm-generic/errno-base.h and errno.h: no mistake of inner's
    12: ("no memory is left", "`free -h` shows what is used"),
    23: ("this machine has too many open files", "`sysctl fs.file-max fs.file-nr`"),
    24: ("more files would be open than this shell allows", "`ulimit -n 1024`"),
    28: ("no space is left on the disk", "`df -h` shows what is used, `inner log clean` gives back some"),
    122: ("your quota of the disk is used up", "`quota`, or `inner log clean`"),
}


def told(surprise: Exception) -> int:
    """Tell it; its exit status."""
    known = _known(surprise)
    if known is None:
        return _report(surprise)
    ui.error(known)
    return known.status


def _known(surprise: Exception) -> HostError | None:
    """What can happen to any step on any machine, and is no mistake of inner's."""
    if isinstance(surprise, OSError) and surprise.errno in SCARCE:
        what, remedy = SCARCE[surprise.errno]
        return HostError(what, hint=remedy, where=str(surprise.filename or ""))
    if isinstance(surprise, MemoryError):
        return HostError(SCARCE[12][0], hint=SCARCE[12][1])
    if isinstance(surprise, FileNotFoundError):
        try:
            os.getcwd()
        except FileNotFoundError:
            return HostError("the folder you are in does not exist any more", hint="`cd` into one that does")
    if isinstance(surprise, ModuleNotFoundError) and surprise.name and not surprise.name.startswith("inner"):
        hint = "`sh packaging/install.sh` in inner's own folder gives it a Python that has all of it"
        return HostError(f"this Python has no `{surprise.name}`, which inner needs", hint=hint, where=sys.executable)
    return None


def _report(surprise: BaseException) -> int:
    """Write what happened as Markdown, without values of variables, and say where. Prints the traceback when it cannot."""
    import platform
    import time
    import traceback

    from inner import __version__
    from inner.draft import make
    from inner.paths import state_dir

    trace = "".join(traceback.format_exception(surprise, limit=40))
    body = (
        f"# inner stopped unexpectedly\n\ninner {__version__}, Python {platform.python_version()}, Linux {platform.release()}"
        f"\n\nCommand: `inner {sys.argv[1] if len(sys.argv) > 1 else ''}` (arguments left out)\n\n```\n{trace}```\n"
    )
    home = os.environ.get("HOME", "")
    folder = state_dir(os.environ, home if home.startswith("/") else "/nonexistent") + "/reports"
    path = f"{folder}/{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.md"
    ui.err(f"error: inner met something unexpected: {ui.safe(type(surprise).__name__)}")
    try:
        make(folder)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(body)
    except OSError:
        ui.err(ui.safe_lines(trace))
    else:
        ui.err(f"hint: the details are in `{ui.safe(path)}`; please attach it when you report this")
    return SURPRISE
