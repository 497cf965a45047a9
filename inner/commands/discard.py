"""`inner discard`: forget what a run under review has changed."""

from __future__ import annotations

import os
import sys

import typer

from inner import ui
from inner.errors import UsageError
from inner.frozen import TYPE_CHECKING
from inner.guard import guard
from inner.progress import Busy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.review.record import Review


def add(app: typer.Typer) -> None:
    """Add `discard` to the application."""

    @app.command("discard", help="Forget what a run with `--review` has changed. The host stays as it is.")
    def discard_(
        words: list[str] = typer.Argument(None, metavar="[ID]", help="A review.", show_default=False),  # noqa: B008
        all_: bool = typer.Option(False, "--all", help="Every review that is pending."),
        yes: bool = typer.Option(False, "-y", "--yes", help="Do not ask."),
    ) -> None:
        raise typer.Exit(guard(lambda: main(words or [], all_=all_, yes=yes)))


def main(words: Sequence[str], *, all_: bool, yes: bool) -> int:
    """Choose, ask, remove."""
    from inner.commands.diff import state
    from inner.launch import removal
    from inner.review import record
    from inner.review.run import recover

    if all_ and words:
        raise UsageError("`--all` means every review: no ID goes with it")
    recover(state(), ui.warning)
    if all_:
        reviews = record.pending(state())
    else:
        review, rest = record.choose(state(), words, os.getcwd())
        if rest:
            raise UsageError(f"`{rest[0]}` is not the ID of a review", hint="`inner diff --list` lists them")
        reviews = [review]
    if not reviews:
        ui.note("no review is pending")
        return 0
    if not yes and not (words and not all_):
        what = f"{len(reviews)} reviews" if len(reviews) > 1 else f"review {reviews[0].id} of `{ui.safe(reviews[0].project)}`"
        if not os.isatty(0):
            raise UsageError(f"there is nobody to ask whether to discard {what}", hint=_named(reviews))
        sys.stderr.write(f"discard {what}? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            ui.note("nothing was discarded")
            return 1
    status = 0
    for review in reviews:
        try:
            lock = record.lock(review, "discarded")
        except UsageError as problem:
            if not all_:
                raise
            ui.warning(problem.message)
            status = 1
            continue
        with Busy(ui.note, f"removing review {review.id}"):
            removal.remove(review.folder)
        os.close(lock)
        if os.path.lexists(review.folder):
            ui.warning(f"`{review.folder}` could not be removed whole")
            status = 1
        else:
            ui.note(f"discarded review {review.id}")
    return status


def _named(reviews: Sequence[Review]) -> str:
    """The command lines that need no question."""
    return "`inner discard --all --yes`" if len(reviews) > 1 else f"`inner discard {reviews[0].id}`"
