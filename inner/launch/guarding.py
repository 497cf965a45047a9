"""The project of one run, before and after: placeholders and copies of git folders are made; afterwards what the box left is
looked at, its commits are taken over, and the placeholders go. The same for a run that was killed (`recover`).
"""

from __future__ import annotations

import marshal
import os
import time

from inner.frozen import TYPE_CHECKING
from inner.launch import placeholders, rundir
from inner.paths import HostPath
from inner.plan.model import Guard

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable

    from inner.launch.aftermath import Findings
    from inner.launch.bringback import Brought
    from inner.progress import Progress
else:
    import _signal


class Guarding:
    """`begin`, the run, `end`. Afterwards `findings` and `brought` say what happened; `warn` has been told what matters."""

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
        self.findings: Findings | None = None
        self.brought: tuple[Brought, ...] = ()
        self.began = 0
        self.looking: Progress | None = None
        self.enough = False

    def begin(self) -> None:
        """Everything that has to be there before the start. RunError when it cannot be made."""
        if not self.guard.project:
            return
        held = placeholders.folder(self.folder.rpartition("/runs/")[0], self.guard.project)
        noted = (time.time_ns(), self.guard.project, self.guard.late, self.guard.repositories, self.guard.apart, held)
        rundir.write(rundir.live(self.folder), marshal.dumps(noted))
        self.hold = placeholders.Hold(held, self.guard.project, self.guard.placeholders)
        for one in self.guard.shadows:
            from inner.launch import shadow

            shadow.make(one)
        self.began = time.time_ns()

    def foresee(self) -> None:
        """While there is time: import what `end` will need."""
        if self.began and not self.guard.apart:
            import inner.launch.aftermath
            import inner.progress
        if self.began and self.guard.shadows and not self.guard.apart:
            import inner.launch.bringback  # noqa: F401

    def end(self) -> None:
        """Whatever happened in between. Once, and to its end: Ctrl-C would lose the commits of the box."""
        old = _signal.getsignal(_signal.SIGINT)
        if old != _signal.SIG_IGN:
            _signal.signal(_signal.SIGINT, self._pressed)
        try:
            began, self.began = self.began, 0
            if began and self.guard.apart:
                set_apart(self.folder)
            elif began:
                self._after(began)
        finally:
            if self.hold is not None:
                self.hold.release()
                self.hold = None
            _signal.signal(_signal.SIGINT, old)

    def _pressed(self, _signum: int, _frame: object) -> None:
        """Ctrl-C, which ends the look once that was offered: one that was meant for the command must not."""
        self.enough = self.looking is not None and self.looking.told

    def _over(self, seen: int) -> bool:
        if self.looking is not None:
            self.looking(seen)
        return self.enough

    def _after(self, began: int) -> None:
        """First what could run is put out of effect; then commits come, and with them the work trees that were added."""
        from inner.launch.aftermath import hold, kept, look
        from inner.launch.dotgit import belongs, names_of
        from inner.progress import Busy, Progress

        self.looking = Progress(
            self.progress, lambda seen: f"looking for what would run outside: {seen} folders so far; Ctrl-C ends that"
        )
        made = self.hold.made if self.hold else None
        found = look(self.guard, began, made=made, thorough=self.thorough, cache=self.cache, over=self._over)
        self.looking = None
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # not even for a git that is about to be started
        said: list[str] = []
        try:
            with Busy(self.progress, "taking over what was committed in the box"):
                self.brought = tuple(_brought(self.folder, self.folder.rpartition("/")[2], said.append))
        finally:
            places = {path: f"{self.guard.project}/{path}".removesuffix("/.git") for path in found.trees}
            none = [path for path, place in places.items() if not belongs(place, names_of(place), kept(self.guard))]
            self.findings = hold(self.guard, found, none) if none else found
            for line in (*self.findings.lines(), *said):
                self.warn(line)


def recover(folder: str, warn: Callable[[str], None], progress: Callable[[str], None] | None = None) -> None:
    """For a run that was killed, before its folder is removed."""
    noted = rundir.left(folder)[0]
    if len(noted) != 6:
        return
    began, project, late, repositories, apart, held = noted
    from inner.launch import shadow

    os.makedirs(
        folder, mode=0o700, exist_ok=True
    )  # somebody may have removed it: what would run outside is looked for all the same
    placeholders.recover(held)  # first: what is ours is nothing that the box changed
    copies = [shadow.recorded(f"{folder}/{name}") for name in sorted(os.listdir(folder)) if name.startswith("git-")]
    shadows = tuple(copy[0] for copy in copies if copy is not None)
    guard = Guard(HostPath(project), shadows=shadows, late=late, repositories=repositories, apart=apart)
    guarding = Guarding(guard, folder, warn, progress=progress)
    guarding.began = began
    guarding.end()


def set_apart(folder: str) -> None:
    """Moves the copies of git folders from the run to its review, which has the same name."""
    state, _, run = folder.rpartition("/runs/")
    review = f"{state}/reviews/{run}"
    for name in sorted(os.listdir(folder)):
        if name.startswith("git-") and os.path.isdir(review):
            os.rename(f"{folder}/{name}", f"{review}/{name}")


def _brought(folder: str, run: str, warn: Callable[[str], None]) -> list[Brought]:
    """Take over what each copy of a git folder has, and say what the user would not expect."""
    found = []
    for name in sorted(os.listdir(folder)):
        if name.startswith("git-"):
            from inner.launch.bringback import MOST_TOLD, bring_back

            one = bring_back(f"{folder}/{name}", run)
            if one is not None:
                found.append(one)
                for ref, place in one.kept[:MOST_TOLD]:
                    warn(
                        f"`{ref}` of the box is kept as `{place}`: it was changed outside, is in use elsewhere, or was deleted in the box"
                    )
                if len(one.kept) > MOST_TOLD:
                    warn(f"{len(one.kept) - MOST_TOLD} other refs are kept below `refs/inner/{run}`, for the same reasons")
                for note in one.notes:
                    warn(note)
    return found
