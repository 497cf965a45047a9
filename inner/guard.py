"""The one place that catches: an error becomes a message and an exit status, a surprise becomes a report."""

from __future__ import annotations

import os

from inner.errors import HostError, InnerError, Killed
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def guard(work: Callable[[], int | None], *, before_start: int = 0) -> int:
    """The exit status of `work`. With `before_start` (125 for `inner run`) an error counts as "the command never started",
    unless it has a status of that kind of its own; without, it counts as what this machine cannot do. Ctrl-C becomes Killed.
    """
    try:
        return work() or 0
    except InnerError as problem:
        from inner import ui

        ui.error(problem)
        return max(problem.status, before_start) if before_start else min(problem.status, HostError.status)
    except KeyboardInterrupt:
        if os.isatty(2):
            os.write(2, b"\n")  # the shell's prompt is not to go on behind a question of ours, or behind `^C`
        raise Killed(2) from None
    except RecursionError:
        from inner import ui

        ui.err("error: the input is nested too deeply")
        return before_start or 3
    except Exception as surprise:  # noqa: BLE001 - the last resort: a report instead of a traceback
        from inner.surprise import told

        return max(told(surprise), before_start)
