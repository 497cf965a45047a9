"""The project of one run, before and after: placeholders and copies of git folders are made; afterwards what the box left is
looked at (`inspection`), and the placeholders go. `recovery` does that for a run that was killed.
"""

from __future__ import annotations

import os
import time

from inner.frozen import TYPE_CHECKING
from inner.launch import fds, placeholders, rundir, syscall
from inner.words import Given, Opened

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Iterable

    from inner.launch.inspection import Inspection
    from inner.launch.shadows import Shadows
    from inner.plan.model import Guard
    from inner.words import Word
else:
    import _signal

PROJECT = "project"  # the name of its descriptor, for bubblewrap's words


class Guarding:
    """`begin`, the run, `end`. Afterwards `inspection` says what happened; `warn` has been told what matters."""

    def __init__(
        self,
        guard: Guard,
        folder: str,
        warn: Callable[[str], None],
        *,
        thorough: bool = True,
        cache: str = "",
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.guard, self.folder, self.warn, self.thorough, self.cache = guard, folder, warn, thorough, cache
        self.progress = progress
        self.hold: placeholders.Hold | None = None
        self.shadows: Shadows | None = None
        self.inspection: Inspection | None = None
        self.began = 0
        self.held, self.top = "", -1  # where its placeholders are noted; the project itself, open

    def begin(self, live: int) -> None:
        """Everything that has to be there before the start, noted in `live` (`rundir.begin`). RunError when it cannot be made."""
        if not self.guard.project:
            return
        try:
            self.top = syscall.open_path(self.guard.project)
        except OSError as problem:
            raise fds.unopened(self.guard.project, problem) from None
        self.held = placeholders.folder(self.folder.rpartition("/runs/")[0], self.top)
        guard = self.guard
        rundir.note(live, time.time_ns(), guard.project, guard.late, guard.repositories, guard.apart, self.held)
        self.hold = placeholders.Hold(self.held, self.guard.project, self.guard.placeholders)
        if self.guard.shadows:
            from inner.launch.shadows import Shadows

            self.shadows = Shadows(self.guard.shadows)
            self.shadows.begin()
        self.began = time.time_ns()

    def meanwhile(self) -> None:
        """Bubblewrap makes the box: what it does not look at is made now. RunError when it cannot be."""
        if self.shadows is not None:
            self.shadows.fill()

    def mounted(self, words: Iterable[Word]) -> tuple[Word, ...]:
        """With the project that will be looked through, and none that has been put at its path since: `PROJECT` is to be `top`."""
        project = self.guard.project
        return tuple([Given(PROJECT) if isinstance(word, Opened) and word.path == project else word for word in words])

    def ready(self) -> None:
        """Something will run in the box."""
        if self.shadows is not None:
            self.shadows.settle()

    def beside(self) -> None:
        """While it runs: import what `end` will need, remove what runs before this one have left."""
        if self.began and not self.guard.apart:
            import inner.launch.inspection
            import inner.launch.owing  # noqa: F401
        if self.shadows is not None:
            self.shadows.sweep(self.folder)

    def end(self) -> None:
        """Whatever happened in between. Once, and to its end: Ctrl-C would lose the commits of the box."""
        old = _signal.getsignal(_signal.SIGINT)
        if old != _signal.SIG_IGN:
            _signal.signal(_signal.SIGINT, self._pressed)
        place = placeholders.found(self.held, self.guard.project, self.top) if self.held else self.guard.project
        try:
            began, self.began = self.began, 0
            if began and self.shadows is not None:
                self.shadows.part(self.folder)
            if began and self.guard.apart:
                set_apart(self.folder)
            elif began:
                from inner.launch.inspection import Inspection
                from inner.launch.owing import Owing

                self.inspection = Inspection(
                    self.guard, place, self.folder, self.warn, self.progress, thorough=self.thorough, cache=self.cache
                )
                made = self.hold.made if self.hold is not None else None
                owing = Owing(self.hold, self.held, self.folder, self.guard)
                owing.begin(began)
                self.inspection.run(began, made)
                owing.end(began, self.inspection.again)
        finally:
            if self.hold is not None:
                self.hold.release(place)
                self.hold = None
            if self.top >= 0:
                os.close(self.top)
                self.top = -1
            _signal.signal(_signal.SIGINT, old)

    def _pressed(self, _signum: int, _frame: object) -> None:
        if self.inspection is not None:
            self.inspection.pressed()


def set_apart(folder: str) -> None:
    """Moves the copies of git folders from the run to its review, which has the same name."""
    state, _, run = folder.rpartition("/runs/")
    review = f"{state}/reviews/{run}"
    for name in sorted(os.listdir(folder)):
        if name.startswith("git-") and os.path.isdir(review):
            os.rename(f"{folder}/{name}", f"{review}/{name}")
