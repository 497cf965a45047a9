"""`inner log`: the records of runs: list them, show one as a receipt or with its output, throw old ones away."""

from __future__ import annotations

import os
import time

import typer

from inner.frozen import TYPE_CHECKING
from inner.guard import guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inner.records.read import Run

DAY = 86400


def add(app: typer.Typer) -> None:
    """Add `log` with its commands to the application."""
    from inner.commands.help import Commands

    group = typer.Typer(
        name="log", cls=Commands, help="Records of runs: list, show, clean.", no_args_is_help=True, rich_markup_mode=None
    )
    json = typer.Option(False, "--json", help="As JSON.")

    @group.command("list", help="List runs, the newest first.")
    def list_(
        most: int = typer.Option(20, "-n", "--most", metavar="N", min=1, help="How many at most."), as_json: bool = json
    ) -> None:
        raise typer.Exit(guard(lambda: listing(most, as_json=as_json)))

    @group.command("show", help="Show what a run did: why it ended, what it used, which hosts it met.")
    def show_(
        wanted: str = typer.Argument("", metavar="[ID]", help="The run, or the first letters of it (default: the newest)."),
        output: bool = typer.Option(False, "--output", help="Its output, as it was kept (profile: `[output] log`)."),
        as_json: bool = json,
    ) -> None:
        raise typer.Exit(guard(lambda: show(wanted, output=output, as_json=as_json)))

    @group.command("clean", help="Throw away records, never those of runs that still live.")
    def clean_(
        older: float = typer.Option(None, "--older-than", metavar="DAYS", min=0, help="Those of runs that began earlier."),
        everything: bool = typer.Option(False, "--all", help="All of them."),
        dry_run: bool = typer.Option(False, "--dry-run", help="Show which, and stop."),
    ) -> None:
        raise typer.Exit(guard(lambda: clean(older, everything=everything, dry_run=dry_run)))

    app.add_typer(group)


def state() -> str:
    """The state folder of this user."""
    from inner.host import RealHost
    from inner.paths import state_dir

    host = RealHost(os.environ)
    return state_dir(host.env, host.home)


def _runs() -> Iterator[Run]:
    from inner.launch.rundir import alive
    from inner.records.read import runs

    return runs(state(), alive)


def listing(most: int, *, as_json: bool) -> int:
    """One line for each run."""
    from itertools import islice

    from inner import ui
    from inner.records import receipt

    # an ID begins with its second: those of one second come in no order, however many are wanted
    found = sorted(islice(_runs(), most + 20), key=lambda run: -run.began)[:most]
    if as_json:
        ui.json("runs", [receipt.data(run) for run in found])
        return 0
    if not found:
        ui.note("no run has been recorded yet")
        return 0
    rows = []
    for run in found:
        seconds = run.end.get("seconds")
        took = receipt.span(float(seconds)) if seconds is not None else ""
        rows.append((run.id, ago(run.began), took, str(run.start.get("profile", "")), receipt.why(run), command(run)))
    ui.table(rows, head=("ID", "BEGAN", "TOOK", "PROFILE", "ENDED", "COMMAND"))
    return 0


def command(run: Run, most: int = 60) -> str:
    """Its command line, short."""
    line = " ".join(map(str, run.plan.get("command", ())))
    return line if len(line) <= most else line[: most - 3] + "..."


def ago(when: float) -> str:
    """How long ago, in the largest unit."""
    seconds = max(0, int(time.time() - when))
    for size, unit in ((DAY, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def show(wanted: str, *, output: bool, as_json: bool) -> int:
    """The receipt of one run, or what it wrote."""
    from inner import ui
    from inner.launch.rundir import alive
    from inner.records import read, receipt

    run = read.find(state(), wanted, alive)
    if output:
        return _output(run)
    if as_json:
        ui.json("run", {**receipt.data(run), "events": list(run.events)})
    else:
        receipt_of(run, ui.out)
    return 0


def receipt_of(run: Run, line: object) -> None:
    """Print the receipt; `line` prints one line."""
    from inner import ui
    from inner.records import receipt

    rows = receipt.lines(run)
    width = max(len(ui.safe(label)) for label, _ in rows)
    for label, text in rows:
        line(f"{ui.safe(label):<{width}}  {ui.safe(text)}".rstrip())  # type: ignore[operator]


def _output(run: Run) -> int:
    """What was kept of its output: escapes shown, not obeyed; what looks like a secret left out."""
    from inner import ui
    from inner.errors import UsageError
    from inner.records import secret

    known = secret.values(os.environ)
    try:
        fd = os.open(run.output or "/nonexistent", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        hint = 'the next run keeps it with `log = "auto"` under `[output]` in its profile'
        raise UsageError(f"the output of run `{run.id}` has not been kept", hint=hint) from None
    with open(fd, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for line in file:
            text = line.rstrip("\r\n").replace("\t", "        ")
            ui.out(ui.safe(secret.hidden(text, known)))
    return 0


def clean(older: float | None, *, everything: bool, dry_run: bool) -> int:
    """Remove records."""
    from inner import ui
    from inner.commands.runs import living
    from inner.errors import UsageError
    from inner.launch import removal, rundir
    from inner.progress import Busy

    if older is None and not everything:
        raise UsageError("which records?", hint="`inner log clean --older-than 30`, or `--all`")
    before = time.time() - (older or 0) * DAY if not everything else float("inf")
    gone = 0
    living()  # before its folder goes, a run that was killed gives back what it has
    with Busy(ui.note, "removing records"):
        for run in _runs():
            if os.path.lexists(rundir.live(run.folder)) or run.began >= before:
                continue
            gone += 1
            if dry_run:
                ui.out(run.id)
            else:
                removal.remove(run.folder)
    ui.note(f"{gone} record{'' if gone == 1 else 's'} {'would be' if dry_run else ''} removed".replace("  ", " "))
    return 0
