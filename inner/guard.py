"""The one place that catches: an error becomes a message and an exit status, a surprise becomes a report."""

from __future__ import annotations

import os
import sys

from inner.errors import HostError, InnerError, Killed
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SURPRISE = 70  # EX_SOFTWARE of sysexits.h: a fault of inner's own

SCARCE = {  # what a machine can run out of at any step, asm-generic/errno-base.h and errno.h: no mistake of inner's
    12: ("no memory is left", "`free -h` shows what is used"),
    23: ("this machine has too many open files", "`sysctl fs.file-max fs.file-nr`"),
    24: ("more files would be open than this shell allows", "`ulimit -n 1024`"),
    28: ("no space is left on the disk", "`df -h` shows what is used, `inner log clean` gives back some"),
    122: ("your quota of the disk is used up", "`quota`, or `inner log clean`"),
}


def guard(work: Callable[[], int | None], *, before_start: int = 0) -> int:
    """The exit status of `work`. With `before_start` (125 for `inner run`) an error counts as "the command never started",
    unless it has a status of that kind of its own. Ctrl-C becomes Killed.
    """
    try:
        return work() or 0
    except InnerError as problem:
        from inner import ui

        ui.error(problem)
        return max(problem.status, before_start)
    except KeyboardInterrupt:
        if os.isatty(2):
            os.write(2, b"\n")  # the shell's prompt is not to go on behind a question of ours, or behind `^C`
        raise Killed(2) from None
    except RecursionError:
        from inner import ui

        ui.err("error: the input is nested too deeply")
        return before_start or 3
    except Exception as surprise:  # noqa: BLE001 - the last resort: a report instead of a traceback
        known = _known(surprise)
        if known is not None:
            from inner import ui

            ui.error(known)
            return max(known.status, before_start)
        return _report(surprise) if not before_start else max(_report(surprise), before_start)


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

    from inner import __version__, kept, ui
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
        kept.make(folder)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(body)
    except OSError:
        ui.err(ui.safe_lines(trace))
    else:
        ui.err(f"hint: the details are in `{ui.safe(path)}`; please attach it when you report this")
    return SURPRISE
