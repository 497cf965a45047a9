"""`inner ps`, `inner stop` and `inner exec`: the runs that live, their end, and a second command in one of them."""

from __future__ import annotations

import os
import time

import typer

from inner.frozen import TYPE_CHECKING
from inner.guard import guard

if TYPE_CHECKING:
    from inner.errors import UsageError
    from inner.records.read import Run

GRACE = 10.0  # seconds between SIGTERM and SIGKILL


def add(app: typer.Typer) -> None:
    """Add the commands to the application."""

    @app.command("ps", help="List the runs that live.")
    def ps_(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        raise typer.Exit(guard(lambda: ps(as_json=as_json)))

    @app.command("stop", help="End a run: SIGTERM to every process of its box, then SIGKILL.")
    def stop_(
        wanted: str = typer.Argument("", metavar="[ID]", help="The run, or the first letters of it."),
        everything: bool = typer.Option(False, "--all", help="All that live."),
        grace: float = typer.Option(GRACE, "--grace", metavar="SECONDS", min=0, help="Time between the two signals."),
    ) -> None:
        raise typer.Exit(guard(lambda: stop(wanted, everything=everything, grace=grace)))

    @app.command(
        "exec",
        help="Run a second command in the box of a run. It has the namespaces, environment, filter and limits of the first.",
        context_settings={"ignore_unknown_options": False},
    )
    def exec_(
        wanted: str = typer.Argument(..., metavar="ID", help="The run, or the first letters of it."),
        words: list[str] = typer.Argument(..., metavar="-- COMMAND ARGS...", help="The command."),  # noqa: B008
        interactive: bool = typer.Option(None, "-i/-I", "--interactive/--no-interactive", help="With or without a terminal."),
    ) -> None:
        raise typer.Exit(guard(lambda: execute(wanted, words, interactive), before_start=125))


def living() -> list[Run]:
    """The runs that live, the newest first; what others have left is given back on the way."""
    from inner import ui
    from inner.commands.log import state
    from inner.launch import recovery, rundir
    from inner.records import read

    rundir.sweep(state(), lambda folder: recovery.recover(folder, ui.warning, ui.note))
    try:
        names = sorted(os.listdir(f"{state()}/live"), reverse=True)
    except OSError:
        return []
    found = [read.load(f"{state()}/runs/{name}", rundir.alive) for name in names if read.HEX.issuperset(name)]
    return [run for run in found if run.state in ("starting", "running")]


def ps(*, as_json: bool) -> int:
    """One line for each."""
    from inner import ui
    from inner.commands.log import ago, command
    from inner.launch import reach

    runs = living()
    count = {run.id: len(reach.below(run.init)) if run.init else 0 for run in runs}
    if as_json:
        rows = [
            {
                "id": run.id,
                "state": run.state,
                "began": run.began,
                "profile": run.start.get("profile"),
                "project": run.start.get("project"),
                "command": run.plan.get("command"),
                "pid": run.pid,
                "box": run.init or None,
                "processes": count[run.id],
                "detached": bool(run.start.get("detached")),
            }
            for run in runs
        ]
        ui.json("living", rows)
        return 0
    if not runs:
        ui.note("no run lives")
        return 0
    table = [
        (
            run.id,
            ago(run.began).removesuffix(" ago"),
            str(run.start.get("profile", "")),
            f"{count[run.id]}{' detached' if run.start.get('detached') else ''}",
            str(run.start.get("project", "")),
            command(run),
        )
        for run in runs
    ]
    ui.table(table, head=("ID", "FOR", "PROFILE", "PROCESSES", "PROJECT", "COMMAND"))
    return 0


def one(wanted: str, line: str, more: str = "") -> Run:
    """The living run that is meant. UsageError when there is none, or several: then `line`, an ID and `more` can be typed."""
    from inner.commands.log import ago, state
    from inner.errors import UsageError
    from inner.launch.rundir import alive
    from inner.records.read import matching, runs

    lives = living()
    found = matching([run.id for run in lives], wanted) if wanted else []
    if len(found) == 1:
        return next(run for run in lives if run.id == found[0])
    if found:
        few = [run for run in lives if run.id in found]
        raise UsageError(f"{len(found)} living runs match `{wanted}`", hint=choice(few, line, more))
    ended = [run for run in runs(state(), alive) if wanted and matching([run.id], wanted)]
    if ended:
        told = f"; one that lives: {choice(lives, line, more)}" if lives else ""
        message = f"run {ended[0].id} does not live any more: it began {ago(ended[0].began)}"
        raise UsageError(message, hint=f"`inner log show {short(ended[0])}` tells how it ended{told}")
    if line == "inner attach":
        lives = [run for run in lives if run.start.get("detached")]
        none, start = "no detached run lives", "`inner run --detach` starts one"
    else:
        none, start = "no run lives", "`inner log list` shows those that have ended"
    message = f"there is no living run `{wanted}`" if wanted else "which run?" if lives else none
    raise UsageError(message, hint=choice(lives, line, more) if lives else start)


def choice(runs: list[Run], line: str, more: str = "") -> str:
    """What can be typed instead: the one run there is, or how to tell them apart."""
    from inner.commands.log import command
    from inner.ui import safe

    told = [f"`{f'{line} {short(run)} {more}'.rstrip()}` ({safe(command(run, 30))})" for run in runs[:5]]
    if len(told) == 1:
        return told[0]
    return f"{', '.join(told)}; `inner ps` shows {'all' if len(runs) > 5 else 'more of them'}"


def short(run: Run) -> str:
    """The part of its ID that is different every time."""
    return run.id.rpartition("-")[2]


def missing(path: str, words: bool) -> UsageError | None:
    """For a command line that ends too early, what else could be typed; None when it is no command about a living run. `words`: it is
    not the run that is missing, but what to do there."""
    from inner.errors import UsageError

    if path == "inner exec" and words:
        return UsageError("which command?", hint="`inner exec ID -- bash`, or another one that the box has")
    if path not in ("inner attach", "inner exec"):
        return None
    try:
        one("", path, "-- bash" if path == "inner exec" else "")
    except UsageError as problem:
        return problem
    return None


def stop(wanted: str, *, everything: bool, grace: float) -> int:
    """End one, or all. The status is 1 when one of them would not end."""
    from inner import ui
    from inner.errors import UsageError
    from inner.launch import join

    if wanted and everything:
        raise UsageError("one run, or all of them?", hint="`inner stop ID`, or `inner stop --all`")
    failed = 0
    runs = living() if everything else [one(wanted, "inner stop")]
    for run in runs:
        pid = run.pid or join.holder(run.folder)  # while it begins there is no record
        if not _end(run, pid, grace):
            failed = 1
            ui.warning(
                f"run {run.id} does not end: {f'`kill -9 {pid}` ends inner itself' if pid else 'inner cannot be seen from here'}"
            )
        else:
            ui.out(run.id)
    if everything and not runs:
        ui.note("no run lives")
    return failed


def _end(run: Run, pid: int, grace: float) -> bool:
    import signal

    from inner.launch import join, lost, reach, tree

    inner = tree.Process(pid)
    try:
        if not join.holds(pid, run.folder):
            return _gone(run, 0)
        _note(run)
        if not run.init or not reach.signal_below(run.init, (signal.SIGTERM, signal.SIGCONT)):
            inner.send(signal.SIGTERM)
        if _gone(run, grace):
            return True
        lost.end(run.init, int(run.first("started").get("namespace", 0)))
        return _gone(run, 5.0)
    finally:
        inner.close()


def _note(run: Run) -> None:
    """In the record: that it was us."""
    from inner.records.write import RECORD

    try:
        fd = os.open(f"{run.folder}/{RECORD}", os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, b'{"time":%.3f,"event":"stop"}\n' % time.time())
    except OSError:
        pass
    finally:
        os.close(fd)


def _gone(run: Run, seconds: float) -> bool:
    from inner.launch.rundir import alive

    until = time.monotonic() + seconds
    while alive(run.folder):
        if time.monotonic() >= until:
            return False
        time.sleep(0.02)
    return True


def execute(wanted: str, words: list[str], interactive: bool | None) -> int:
    """Run `words` in the box; the status is that of the command."""
    from inner.frozen import replace
    from inner.launch import join, supervisor
    from inner.paths import quoted

    run = one(wanted, "inner exec", f"-- {' '.join(map(quoted, words))}")
    box = join.find(run.folder, run.pid, run.init, run.first("limits"))
    terminal = os.isatty(0) and os.isatty(1) if interactive is None else interactive and os.isatty(0)
    if terminal and "TERM" in os.environ:
        box = replace(box, env={**box.env, "TERM": os.environ["TERM"]})
    ended = supervisor.run(
        words[0],
        (),
        words,
        terminal="private" if terminal else "none",
        starter=lambda made, *_, session, **__: join.Join(made, box, words, session=session),
    )
    return ended.left()
