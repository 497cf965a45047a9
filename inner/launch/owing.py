"""A look at a project that another box was beside: that can move things from where it was not looked yet to where it was already, and so the
last of several boxes looks once more, since the first of them began.

What is owed is a file for each look, beside the lock of the project: whoever finds itself alone pays for all.
"""

from __future__ import annotations

import marshal
import os

from inner.frozen import TYPE_CHECKING
from inner.launch import rundir
from inner.paths import covers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inner.launch.placeholders import Hold
    from inner.plan.model import Guard

NAME = "owed-"


class Owing:
    """`begin`, the look, `end`. `folder`: that of the project's lock (`placeholders.folder`); `run`: the run's own."""

    def __init__(self, hold: Hold | None, folder: str, run: str, guard: Guard) -> None:
        self.hold, self.folder, self.guard = hold, folder, guard
        self.place = f"{folder}/{NAME}{run.rpartition('/')[2]}"
        self.noted = False

    def begin(self, began: int) -> None:
        if self.hold is not None and not self.hold.alone():
            self._note(began)

    def end(self, began: int, again: Callable[[int, Sequence[str]], None]) -> None:
        """`again` looks since that time; only these repositories, relative to the project, need no look."""
        if self.hold is None:
            return
        if not self.hold.alone():
            self._note(began)
            return
        names = [name for name in os.listdir(self.folder) if name.startswith(NAME)]
        if not names:
            return
        first, known = began, set(self._known())
        for name in names:
            try:
                with open(f"{self.folder}/{name}", "rb") as file:
                    since, repositories = marshal.loads(file.read())  # noqa: S302 - ours, where no box can write
                first, known = min(first, since), known & set(repositories)
            except (OSError, ValueError, EOFError, TypeError):
                continue  # not whole: the machine has stopped
        again(first, sorted(known))
        for name in names:
            os.unlink(f"{self.folder}/{name}")

    def _note(self, began: int) -> None:
        if not self.noted:
            self.noted = True
            rundir.write(self.place, marshal.dumps((began, self._known())))

    def _known(self) -> tuple[str, ...]:
        project = self.guard.project
        return tuple(path[len(project) + 1 :] for path in self.guard.repositories if covers(project, path))
