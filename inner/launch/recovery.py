"""A run that was killed: on the host is undone what it would have undone itself, and its project is looked at all the same.

What it had is written down before it began, in its folder and in the file that it kept locked (`rundir.live`).
"""

from __future__ import annotations

import marshal
import os

from inner.frozen import TYPE_CHECKING
from inner.launch import limits, lost, placeholders, rundir, scaffold
from inner.launch.guarding import Guarding
from inner.paths import HostPath
from inner.plan.model import Guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def recover(folder: str, warn: Callable[[str], None], progress: Callable[[str], None] | None = None) -> None:
    """For the run of `folder`, before that is removed."""
    noted, box = _left(folder)
    if box[0]:
        lost.end(*box)
    else:  # killed while bubblewrap was busy, inner does not take the box along (bubblewrap's --die-with-parent is set late)
        lost.end_lost()
    scaffold.remove(folder)
    limits.recover(folder)
    if os.path.lexists(f"{folder}/logins"):
        from inner.launch import login

        login.give_back(folder)
    if len(noted) == 6:
        _project(folder, noted, warn, progress)


def _project(folder: str, noted: tuple[Any, ...], warn: Callable[[str], None], progress: Callable[[str], None] | None) -> None:
    began, project, late, repositories, apart, held = noted
    from inner.launch import shadow

    os.makedirs(
        folder, mode=0o700, exist_ok=True
    )  # somebody may have removed it: what would run outside is looked for all the same
    placeholders.recover(held, placeholders.found(held, project))  # first: what is ours is nothing that the box changed
    copies = [shadow.recorded(f"{folder}/{name}") for name in sorted(os.listdir(folder)) if name.startswith("git-")]
    shadows = tuple(copy[0] for copy in copies if copy is not None)
    guard = Guard(HostPath(project), shadows=shadows, late=late, repositories=repositories, apart=apart)
    guarding = Guarding(guard, folder, warn, progress=progress)
    guarding.began, guarding.held = began, held
    guarding.end()


def _left(folder: str) -> tuple[tuple[Any, ...], tuple[int, int]]:
    """What a run has noted in `live`: of its project (`guarding`), and its box; zeros and nothing for what it did not come to."""
    project: tuple[Any, ...] = ()
    box = (0, 0)
    try:
        with open(rundir.live(folder), "rb") as file:
            while noted := marshal.load(file):  # noqa: S302 - ours, where no box can write
                if len(noted) == 2:
                    box = noted
                else:
                    project = noted
    except (OSError, ValueError, EOFError, TypeError):
        pass
    return project, box
