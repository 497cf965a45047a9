"""The changes of a review that some paths mean."""

from __future__ import annotations

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING
from inner.paths import covers, normal
from inner.review.changes import Comparison
from inner.review.tree import split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.review.changes import Change
    from inner.review.record import Review


class Changed:
    """`changes`, those of the first layer first; `of(change)` is the comparison it belongs to. A context."""

    def __init__(self, comparisons: list[Comparison], changes: list[Change]) -> None:
        self.comparisons = comparisons
        self.changes = changes

    def of(self, change: Change) -> Comparison:
        """The layer's two sides."""
        return self.comparisons[change.layer]

    def __enter__(self) -> Changed:
        return self

    def __exit__(self, *_: object) -> None:
        for comparison in self.comparisons:
            comparison.close()


def changed(review: Review, paths: Sequence[str], cwd: str, *, live: bool = False) -> Changed:
    """What is changed at or below `paths`, with the folders that are new above it; everything when there are none. `live`: the
    run has not ended."""
    comparisons: list[Comparison] = []
    changes: list[Change] = []
    try:
        for layer in review.layers:
            comparison = Comparison(review, layer, live=live)
            comparisons.append(comparison)
            changes += _chosen(comparison.changes(), layer.src, [_absolute(path, cwd) for path in paths])
    except BaseException:
        for comparison in comparisons:
            comparison.close()
        raise
    return Changed(comparisons, changes)


def _absolute(path: str, cwd: str) -> str:
    return normal(path if path.startswith("/") else f"{cwd}/{path}")


def _chosen(changes: list[Change], src: str, paths: list[str]) -> list[Change]:
    if not paths:
        return changes
    wanted = {change.path for change in changes if any(covers(path, f"{src}/{change.path}") for path in paths)}
    wanted |= {change.source for change in changes if change.path in wanted and change.source}
    new = {change.path for change in changes if change.what == "dir" and change.kind in ("added", "replaced")}
    for path in list(wanted):
        folder = split(path)[0]
        while folder:
            if folder in new:
                wanted.add(folder)
            folder = split(folder)[0]
    return [change for change in changes if change.path in wanted]


def nothing(paths: Sequence[str]) -> InnerError:
    """The error for paths at which nothing is changed."""
    return InnerError(
        f"nothing is changed at {', '.join(f'`{path}`' for path in paths)}", hint="`inner diff --stat` names what is"
    )
