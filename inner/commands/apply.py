"""`inner apply`: bring the changes of a review to the host, all of them or those at some paths. Nothing that was changed outside
meanwhile is overwritten, unless that is asked for.
"""

from __future__ import annotations

import os
import sys

import typer

from inner import ui
from inner.errors import UsageError
from inner.frozen import TYPE_CHECKING, replace
from inner.guard import guard
from inner.paths import covers
from inner.progress import Busy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.review.changes import Change, Comparison
    from inner.review.git import Repository
    from inner.review.record import Review
    from inner.review.select import Changed


def add(app: typer.Typer) -> None:
    """Add `apply` to the application."""

    @app.command("apply", help="Bring the changes of a review to the host. The latest of this folder, or the one that is named.")
    def apply_(
        words: list[str] = typer.Argument(None, metavar="[ID] [PATHS...]", help="A review, and paths in it.", show_default=False),  # noqa: B008
        dry_run: bool = typer.Option(False, "--dry-run", help="Show what would be done, and stop."),
        yes: bool = typer.Option(False, "-y", "--yes", help="Do not ask."),
        theirs: bool = typer.Option(False, "--theirs", help="Where both sides changed: take the box's version."),
        ours: bool = typer.Option(False, "--ours", help="Where both sides changed: keep the host's, forget the box's."),
        beside: bool = typer.Option(False, "--beside", help="Where both sides changed: write the box's version to FILE.boxed."),
    ) -> None:
        ways = [name for name, given in (("theirs", theirs), ("ours", ours), ("beside", beside)) if given]
        raise typer.Exit(guard(lambda: main(words or [], dry_run=dry_run, yes=yes, ways=ways)))


def main(words: Sequence[str], *, dry_run: bool, yes: bool, ways: Sequence[str]) -> int:
    """Choose, show, ask, do."""
    from inner.commands.diff import state, touches
    from inner.review import record
    from inner.review.git import repositories
    from inner.review.run import recover
    from inner.review.select import changed, nothing

    if len(ways) > 1:
        raise UsageError(f"`--{ways[0]}` and `--{ways[1]}` contradict each other", hint="give one of them")
    recover(state(), ui.warning)
    review, paths = record.choose(state(), words, os.getcwd())
    lock = record.lock(review, "applied")
    try:
        commits = [one for one in repositories(review) if touches(one.top, paths)]
        with Busy(ui.note, "looking at what is changed"):
            found = changed(review, paths, os.getcwd())
        with found:
            if paths and not found.changes and not commits:
                raise nothing(paths)
            _show(found, commits)
            if dry_run:
                return 1 if any(change.conflict for change in found.changes) and not ways else 0
            if (found.changes or commits) and not yes and not _asked(found, ways):
                ui.note("nothing was changed")
                return 1
        with Busy(ui.note, "applying"):
            return _all(review, paths, commits, ways)
    except KeyboardInterrupt:
        ui.note(f"interrupted: what is applied is applied, and the rest is kept: `inner apply {review.id}` goes on")
        raise
    finally:
        os.close(lock)


def _all(review: Review, paths: Sequence[str], commits: Sequence[Repository], ways: Sequence[str]) -> int:
    from inner.review.run import settle
    from inner.review.select import changed

    settle(review)  # of a run that was killed
    if not os.path.lexists(f"{review.folder}/review"):
        ui.note("there was nothing to apply")
        return 0
    _recover(review)
    with changed(review, paths, os.getcwd()) as found:  # as it is now: the question may have taken its time
        left = _apply(review, found, ways, commits)
    return _finish(review, left)


def _show(found: Changed, commits: Sequence[Repository]) -> None:
    from inner.commands.diff import remarks, summary, visible

    for change in visible(found.changes):
        ui.out(summary(change, found.of(change)))
    for repository in commits:
        for line in repository.lines():
            ui.out(ui.safe(line))
    remarks(found.changes)


def _asked(found: Changed, ways: Sequence[str]) -> bool:
    if not os.isatty(0):
        raise UsageError("there is nobody to ask whether to apply this", hint="`--yes` applies it without a question")
    conflicts = 0 if ways else sum(bool(change.conflict) for change in found.changes)
    number = len(found.changes) - conflicts
    question = f"apply {number} {'change' if number == 1 else 'changes'}" + (
        f", leaving {conflicts} in conflict" if conflicts else ""
    )
    sys.stderr.write(f"{question}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _apply(review: Review, found: Changed, ways: Sequence[str], commits: Sequence[Repository]) -> list[tuple[Change, str]]:
    """Files first, then what was done in git: both, because a work tree that was added is made of both."""
    from inner.review import git, gitlinks
    from inner.review.apply import GIT, Apply

    left: list[tuple[Change, str]] = []
    linked: list[tuple[Comparison, gitlinks.Link]] = []
    for comparison in found.comparisons:
        changes = [change for change in found.changes if change.layer == comparison.layer.number]
        made, links = git.new(changes), gitlinks.found(comparison, changes, commits)
        apart = [*(one.path for one in made), *(link.change.path for link in links)]
        work = Apply(comparison)
        work.run([c for c in changes if not any(covers(path, c.path) for path in apart)], way=ways[0] if ways else "")
        for one in made:
            _take_over(review, git.adopt(review, comparison, one))
        linked += [(comparison, link) for link in links if gitlinks.make(comparison, link)]
        _told(comparison, work.left)
        left += work.left
        if work.applied:
            count = "1 change" if len(work.applied) == 1 else f"{len(work.applied)} changes"
            ui.note(f"applied {count} to `{ui.safe(comparison.layer.src)}`")
    for repository in commits:
        _take_over(review, repository)
    for comparison in found.comparisons:
        none = gitlinks.settle(comparison, [link for of, link in linked if of is comparison])
        _told(comparison, [(link.change, GIT) for link in none])
        left += [(link.change, GIT) for link in none]
    return left


def _told(comparison: Comparison, left: Sequence[tuple[Change, str]]) -> None:
    """What is not applied, and why: each place once."""
    from inner.commands.diff import git_folder, shown_path

    said = {shown_path(replace(change, path=git_folder(change.path) or change.path), comparison): why for change, why in left}
    for place, reason in said.items():
        ui.warning(f"left as it is: `{place}`: {reason}")


def _waiting(number: int) -> str:
    return "1 change waits" if number == 1 else f"{number} changes wait"


def _take_over(review: Review, repository: Repository) -> None:
    from inner.launch.bringback import MOST_TOLD
    from inner.review.git import take_over

    brought = take_over(review, repository)
    if brought is None:
        return
    for name, place in brought.kept[:MOST_TOLD]:
        ui.warning(f"`{name}` was changed outside, or is in use: the box's is kept as `{place}` in `{repository.top}`")
    if len(brought.kept) > MOST_TOLD:
        ui.warning(f"{len(brought.kept) - MOST_TOLD} others are kept below `refs/inner/{review.id}`")
    for text in brought.notes:
        ui.warning(text)
    if brought.updated:
        more = f" and {len(brought.updated) - MOST_TOLD} more" if len(brought.updated) > MOST_TOLD else ""
        ui.note(f"git in `{repository.top}`: {', '.join(brought.updated[:MOST_TOLD])}{more}")


def _recover(review: Review) -> None:
    from inner.review.apply import Apply
    from inner.review.changes import Comparison

    for layer in review.layers:
        with Comparison(review, layer) as comparison:
            work = Apply(comparison)
            work.recover()
        for stray in work.strays:
            ui.warning(f"`{layer.src}/{stray}` was changed in the moment in which an earlier apply was killed: have a look at it")


def _finish(review: Review, left: Sequence[tuple[Change, str]]) -> int:
    """Close the review when nothing of it is left that could be applied."""
    from inner.launch import removal
    from inner.review.apply import SPECIAL
    from inner.review.git import repositories
    from inner.review.select import changed

    with changed(review, (), os.getcwd()) as rest:
        open_ones = [change for change in rest.changes if change.what != "special"]
    if not open_ones and not repositories(review):
        removal.remove(review.folder)
    elif any(reason != SPECIAL for _, reason in left):
        ui.note(f"{_waiting(len(open_ones))}: `inner diff {review.id}`, or `--theirs`, `--ours`, `--beside` with `inner apply`")
        return 1
    else:
        ui.note(f"{_waiting(len(open_ones))}: `inner diff {review.id}`")
    return 0
