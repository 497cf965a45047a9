"""What a run leaves behind for its user: a folder with its record, and its output where that was asked for.

A run that needs none of it goes on without, with a warning, when the disk is full or the state folder cannot be written; one
that does (`require = ["record"]`, a log, or something of its own in the folder) is refused before anything starts.
"""

from __future__ import annotations

import os

from inner.errors import RunError, Stale
from inner.frozen import TYPE_CHECKING, replace
from inner.launch import rundir
from inner.paths import covers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inner.launch.outcome import Outcome
    from inner.launch.undo import Undo
    from inner.plan.model import Plan
    from inner.records.write import Record


class Account:
    """The record of one run, `kept` or not, among at most so many (`keep_runs`). `log` is where output goes (-1: nowhere)."""

    def __init__(
        self,
        plan: Plan,
        env: Mapping[str, str],
        folder: str,
        undo: Undo,
        warn: Callable[[str], None],
        *,
        kept: bool = True,
        most: int = 0,
        outline: str = "",
    ) -> None:
        if plan.log.endswith("/"):
            plan = replace(plan, log=f"{plan.log}{folder.rpartition('/')[2]}.log")
        self.plan, self.env, self.folder = plan, env, folder
        self.undo, self.warn, self.kept, self.outline = undo, warn, kept, outline
        self.most = most
        self.log = self.live = -1
        self._record: Record | None = None
        self._planned = self._rotated = False

    def __enter__(self) -> Account:
        """Make the folder and the log. Raises RunError where the run cannot do without."""
        undo = self.undo
        try:
            self.live = rundir.begin(self.folder)
            undo.later(os.close, self.live)
            undo.later(self._finish)
        except RunError as problem:
            self.kept = False
            self._without(problem)
        if "record" in self.plan.require:
            self.recording()  # now: it is the first to say what is missing
        if self.plan.log:
            from inner.launch.logfile import appended

            self.log = appended(self.plan)
            undo.later(os.close, self.log)
        return self

    def recording(self) -> Record:
        """The record, made in state `starting` when it is asked for first: a usual start does that while bubblewrap is busy, and
        the box runs nothing yet. Raises RunError where the run cannot do without."""
        if self._record is None:
            from inner.records.write import Record

            self._record = Record()
            try:
                if self.kept:
                    self._record = Record(self.folder)
                    self.undo.later(self._record.close)
                    self._record.starting(self.plan, detached=self.plan.detached)
                if self._record.lost:
                    where = "cannot write the record of this run"
                    raise RunError(f"{where}: {self._record.lost}", where=self.folder, hint="`df -h` tells")
            except OSError as problem:
                self._without(RunError(f"cannot make the record of this run: {problem.strerror}", where=self.folder))
            except RunError as problem:
                self._without(problem)
        return self._record

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """What came to nothing says why."""
        if isinstance(error, Stale):
            if self._record is not None and self._record.fd >= 0:
                os.unlink(f"{self.folder}/record")  # it begins once more, as another run
            return
        if error is not None:
            try:
                self._plan()
                self.recording().failed(error)
            except RunError:
                pass  # the first error is the one to tell
        self.rotate()
        if self._record is not None and self._record.lost:
            self.warn(f"the record of this run is not complete: {self._record.lost}")

    def _finish(self) -> None:
        from inner.launch import removal

        removal.finish(self.folder)

    def _without(self, problem: RunError) -> None:
        needs = self._needs()
        if needs:
            hint = problem.hint or "make room, or the folder writable: `inner log clean --older-than 7`"
            raise RunError(f"{problem.message}, and {needs}", hint=hint, where=problem.where) from None
        self.warn(f"this run has no record: {problem.message}")

    def _needs(self) -> str:
        plan = self.plan
        if "record" in plan.require:
            return "this profile requires one"
        inside = [path for path in (plan.log, *(getattr(mount, "src", "") for mount in plan.mounts)) if path]
        if plan.copies or plan.private or any(covers(self.folder, path) for path in inside):
            return "this run keeps files there"
        return "what has to be removed after this run is noted there" if plan.scaffolding or plan.guard.project else ""

    def limited(self, limits: Mapping[str, object]) -> None:
        """What bounds the box, and what does not."""
        self.recording().write("limits", **limits)

    def started(self, pid: int) -> None:
        """Pid 1 of the box is there, and has run nothing yet: bubblewrap is busy, so that this costs the start no time."""
        from inner.launch import tree

        space = tree.namespace(pid)
        if self.live >= 0:
            rundir.made(self.live, pid, space)
        self._plan()
        self.recording().write("started", pid=pid, namespace=space)

    def rotate(self) -> None:
        """This one has come: the oldest may go, once. Nothing waits for that: a busy file system takes its time."""
        if self.kept and not self._rotated:
            self._rotated = True
            state, _, own = self.folder.rpartition("/runs/")
            from inner.launch import removal

            removal.rotate(state, self.most, newest=own)

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self.recording().planned(self.plan, self.env, self.folder, self.outline)

    def ended(self, outcome: Outcome) -> None:
        """It is over, in whatever way."""
        self._plan()
        self.recording().ended(outcome)
        if outcome.log_lost:
            self.warn(f"the log of this run is not complete: {outcome.log_lost}")
