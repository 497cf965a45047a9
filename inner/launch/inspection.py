"""The project of a run when the box is gone: what the box left is looked at, and its commits are taken over.

First what could run is put out of effect; then commits come, and with them the work trees that were added. What matters is told to
the user, and all of it is for the record.
"""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING, replace
from inner.launch.aftermath import hold, kept, look
from inner.launch.dotgit import belongs, names_of
from inner.launch.findings import Findings
from inner.paths import HostPath, covers
from inner.progress import Busy, Progress

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from inner.launch.bringback import Brought
    from inner.plan.model import Guard
else:
    import _signal


class Inspection:
    """`run` it, once."""

    findings: Findings

    def __init__(
        self,
        guard: Guard,
        place: str,
        folder: str,
        warn: Callable[[str], None],
        progress: Callable[[str], None] | None,
        *,
        thorough: bool,
        cache: str,
    ) -> None:
        """`place`: where the project is by now, "" when nobody knows. `thorough`, `cache`: see `aftermath.look`."""
        self.guard, self.place, self.folder, self.warn, self.progress = guard, place, folder, warn, progress
        self.brought: tuple[Brought, ...] = ()
        self.looking: Progress | None = None
        self.enough = False
        self.thorough, self.cache = thorough, cache
        self.handler: Any = _signal.getsignal(_signal.SIGINT)

    def pressed(self) -> None:
        """Ctrl-C, which ends the look once that was offered: one that was meant for the command must not."""
        self.enough = self.looking is not None and self.looking.told

    def _over(self, seen: int) -> bool:
        if self.looking is not None:
            self.looking(seen)
        return self.enough

    def run(self, began: int, made: Mapping[str, tuple[int, int]] | None) -> None:
        """Of what changed since then; `made`: what the placeholders are."""
        project = self.guard.project
        if self.place not in (project, ""):
            self.warn(f"the project is `{self.place}` by now: it was moved while the box was there")
            made = {moved(path, project, self.place): was for path, was in (made or {}).items()}
            self.guard = elsewhere(self.guard, self.place)
        found = self._look(self.guard, began, made) if self.place else Findings(unread=(project,))
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

    def _look(self, guard: Guard, began: int, made: Mapping[str, tuple[int, int]] | None) -> Findings:
        """As long as it takes, or until Ctrl-C, which then counts for nothing: not even for a git that is about to be started."""
        self.looking = Progress(
            self.progress, lambda seen: f"looking for what would run outside: {seen} folders so far; Ctrl-C ends that"
        )
        _signal.signal(_signal.SIGINT, self.handler)
        try:
            return look(guard, began, made=made, thorough=self.thorough, cache=self.cache, over=self._over)
        finally:
            self.looking = None
            _signal.signal(_signal.SIGINT, _signal.SIG_IGN)

    def again(self, began: int, known: Sequence[str]) -> None:
        """Only for what is put out of effect: the rest has been told. Of the repositories `known` need no look."""
        if not self.place:
            return
        project = self.guard.project
        guard = replace(self.guard, repositories=tuple(HostPath(f"{project}/{path}".rstrip("/")) for path in known))
        found = self._look(guard, began, None)
        told = Findings(held=found.held, set_id=found.set_id, whole=found.whole, began=found.began)
        for line in told.lines():
            self.warn(line)
        self.findings = replace(
            self.findings, held=(*self.findings.held, *found.held), set_id=(*self.findings.set_id, *found.set_id)
        )

    def told(self) -> dict[str, object]:
        """For the record."""
        found = self.findings
        return {
            "held": [place for place, _ in found.held],
            "set_id": list(found.set_id),
            "links": [place for place, _ in found.links],
            "special": list(found.special),
            "steers": [place for place, _ in found.steers],
            "whole": found.whole,
            "refs": [ref for one in self.brought for ref in one.updated],
            "kept": [place for one in self.brought for _, place in one.kept],
        }


def moved(path: str, project: str, place: str) -> HostPath:
    """`path`, where it lies in the project, which is at `place` now."""
    return HostPath(place + path[len(project) :] if covers(project, path) else path)


def elsewhere(guard: Guard, place: str) -> Guard:
    """For the project at `place`, where it was moved to."""

    def at(path: str) -> HostPath:
        return moved(path, guard.project, place)

    return replace(
        guard,
        project=HostPath(place),
        placeholders=tuple(replace(one, path=at(one.path)) for one in guard.placeholders),
        repositories=tuple(map(at, guard.repositories)),
        shadows=tuple(replace(one, top=at(one.top), gitdir=at(one.gitdir), common=at(one.common)) for one in guard.shadows),
    )


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
