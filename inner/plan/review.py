"""Which mounts keep their changes apart for review, and where. Pure.

With review on, every writable way to the project becomes an overlay, the project's own first; other folders are overlays where a
profile says so.
"""

from __future__ import annotations

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, replace
from inner.paths import HostPath, covers
from inner.plan.model import Bind, Overlay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.plan.model import Mount


def kept_apart(mounts: Sequence[Mount], project: HostPath, run_dir: str, *, review: bool) -> tuple[list[Mount], list[str]]:
    """The mounts, every overlay with folders of its own, and notices. RunError for what cannot be kept apart."""
    result: list[Mount] = []
    for mount in mounts:
        writable = review and isinstance(mount, Bind) and mount.mode == "rw"
        if not (writable and isinstance(mount, Bind) and (covers(project, mount.src) or covers(mount.src, project))):
            result.append(mount)
        elif mount.src != project and mount.src == HostPath(mount.dest) and covers(project, mount.src):
            continue  # the overlay of the project shows it
        elif mount.kind != "dir":
            raise RunError(
                f"changes to the file `{mount.src}` cannot be kept apart for review",
                where=str(mount.origin),
                hint="mount it read-only, or the folder it is in",
            )
        else:
            result.append(Overlay(mount.src, mount.dest, why=f"{mount.why}, changes kept for review", origin=mount.origin))
    overlays = sorted((m for m in result if isinstance(m, Overlay)), key=lambda mount: mount.src != project)
    numbers = {mount.dest: number for number, mount in enumerate(overlays)}
    notices = []
    if review and not any(mount.src == project for mount in overlays):
        notices.append("this profile does not let the box write to the folder it works in: there will be nothing to review")
    if not run_dir:
        return result, notices
    place = f"{run_dir}/review"  # by that name the launcher knows it: a plan speaks of its run's folder only
    return [
        replace(m, upper=HostPath(f"{place}/{numbers[m.dest]}/upper"), work=HostPath(f"{place}/{numbers[m.dest]}/work"))
        if isinstance(m, Overlay)
        else m
        for m in result
    ], notices
