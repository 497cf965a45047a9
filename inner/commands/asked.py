"""`inner approvals --watch`: stays, says what the boxes that run wait for as it comes, and takes the answer where there is a terminal."""

from __future__ import annotations

import os
import sys
import time

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.records.read import Run

LOOK = 0.5  # seconds between two looks
ANSWERS = {"y": ("allow", False), "o": ("allow", True), "n": ("deny", False)}


def watch() -> int:
    """Until Ctrl-C. A question is put once, as long as it is open."""
    from inner import ui
    from inner.commands.approvals import held
    from inner.commands.runs import living

    if os.isatty(2):
        ui.note("hosts that a box waits for (`inner run --ask`) are asked about here; Ctrl-C ends it")
    put: set[tuple[str, str, int]] = set()
    while True:
        found = [(run, host, port) for run in living() for host, port, _, _ in held(run)]
        put &= {(run.id, host, port) for run, host, port in found}
        for run, host, port in found:
            if (run.id, host, port) not in put:
                said = _put(run, host, port)
                if said is None:
                    return 0
                if not said:  # what was answered and comes back is a new question
                    put.add((run.id, host, port))
        time.sleep(LOOK)


def _put(run: Run, host: str, port: int) -> bool | None:
    """Whether it was answered; None when nobody can answer any more, because the input has ended."""
    from inner import ui
    from inner.commands.approvals import decide

    entry = host if port in (80, 443) else f"{host}:{port}"
    what = f"run {run.id.rpartition('-')[2]} ({run.start.get('profile', '?')}) waits for {host}:{port}"
    if not (os.isatty(0) and os.isatty(2)):
        ui.out(ui.safe(what))
        return False
    while True:
        ui.prompt(f"{what}: [y]es, [o]nce, [n]o, Enter: later? ")
        line = sys.stdin.readline()
        answer = line.strip().lower()[:1]
        if answer in ANSWERS:
            verb, once = ANSWERS[answer]
            try:
                decide(verb, entry, run.id, "", once=once, save=False)
            except InnerError as problem:  # it is over, or too late for once
                ui.error(problem)
        if not answer or answer in ANSWERS:
            return bool(answer) if line else None
