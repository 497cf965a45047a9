"""`inner reset`: remove what inner keeps for itself, after saying what that is. Profiles and settings of yours stay."""

from __future__ import annotations

import os
import stat
import sys

import typer

from inner.errors import CheckFailed, HostError, UsageError
from inner.frozen import TYPE_CHECKING
from inner.guard import guard
from inner.paths import quoted

if TYPE_CHECKING:
    from collections.abc import Callable


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command(
        short_help="Remove inner's caches, and more when asked.",
        help="Remove inner's caches; with --state also runs, reviews and decisions about trust. Profiles stay.",
    )
    def reset(
        state: bool = typer.Option(False, "--state", help="Also runs and their output, and what you have trusted."),
        dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be removed, and stop."),
        yes: bool = typer.Option(False, "-y", "--yes", help="Do not ask."),
    ) -> None:
        raise typer.Exit(guard(lambda: main(state=state, dry_run=dry_run, yes=yes)))


def main(*, state: bool, dry_run: bool, yes: bool) -> int:
    """Refuse while something needs what is there; list; ask; remove."""
    from inner import ui
    from inner.commands.dry_run import short
    from inner.host import RealHost
    from inner.paths import cache_dir, state_dir
    from inner.progress import Busy

    host = RealHost(dict(os.environ))
    folders = [str(cache_dir(host.env, host.home))]
    if state:
        _idle()
        folders.append(str(state_dir(host.env, host.home)))
    found = [folder for folder in folders if os.path.lexists(folder)]
    if not found:
        ui.note("there is nothing to remove")
        return 0
    for folder in found:
        info = os.lstat(folder)
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
            raise HostError("this is not a folder of yours", where=folder, hint=f"`ls -ld {quoted(folder)}`")
        with Busy(ui.note, f"looking through `{short(folder, host)}`"):
            files, size = _measure(folder)
        ui.out(f"{short(folder, host)}  {files} files, {size / 1e6:.1f} MB")
    if dry_run:
        return 0
    if not yes:
        if not os.isatty(0):
            raise UsageError(
                "there is nobody to ask whether to remove that", hint=f"`inner reset{' --state' if state else ''} --yes`"
            )
        ui.prompt("Remove this? [y/N] ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            ui.note("nothing was removed")
            return 1
    for folder in found:
        with Busy(ui.note, f"removing `{short(folder, host)}`"):
            _remove(folder)
    ui.note(f"removed: {', '.join(f'`{short(folder, host)}`' for folder in found)}")
    return 0


def _idle() -> None:
    """Raise while runs live or changes wait to be applied: they are the user's, not inner's."""
    from inner.commands.diff import state
    from inner.commands.runs import living
    from inner.review import record

    runs = living()
    if runs:
        raise CheckFailed(f"runs live: {', '.join(run.id for run in runs)}", hint="`inner stop --all`")
    reviews = record.pending(state())
    if reviews:
        raise CheckFailed(
            f"changes wait to be reviewed: {', '.join(review.id for review in reviews)}",
            hint="`inner apply ID`, or `inner discard --all`",
        )


def _measure(folder: str) -> tuple[int, int]:
    files = size = 0
    for at, _, names in os.walk(folder):
        for name in names:
            files += 1
            size += os.lstat(f"{at}/{name}").st_size
    return files, size


def _remove(folder: str) -> None:
    """All of it, also folders that their owner may not list (an overlay's)."""
    import shutil

    def open_up(call: Callable[..., object], path: str, _: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            shutil.rmtree(path)
        else:
            call(path)

    try:
        shutil.rmtree(folder, onerror=open_up)
    except OSError as problem:
        raise HostError(f"cannot be removed: {problem.strerror}", where=problem.filename or folder) from None
