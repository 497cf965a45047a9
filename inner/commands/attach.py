"""`inner run --detach` and `inner attach`: a run that goes on without its user, and its terminal when they are back."""

from __future__ import annotations

import os

from inner.frozen import TYPE_CHECKING
from inner.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

    from inner.host import RealHost

USUAL = (24).to_bytes(2, "little") + (80).to_bytes(2, "little") + bytes(4)  # struct winsize
LOOK = 20  # milliseconds


def add(app: typer.Typer) -> None:
    """Add the command to the application."""
    import typer

    @app.command("attach", help="Show a detached run on this terminal. Ctrl-\\ d leaves it to itself again.")
    def attach_(wanted: str = typer.Argument(..., metavar="ID", help="The run, or the first letters of it.")) -> None:
        raise typer.Exit(guard(lambda: attach(wanted), before_start=125))


def detached(run: Callable[[], int], host: RealHost, folder: str) -> int:
    """Start `run` under a keeper; returns when its command runs, or with what kept it from that."""
    import fcntl
    import select
    import termios

    from inner import ui
    from inner.launch import detach, tree
    from inner.launch.rundir import alive
    from inner.paths import state_dir
    from inner.records.read import load

    state, name = state_dir(host.env, host.home), folder.rpartition("/")[2]
    try:
        size = fcntl.ioctl(1, termios.TIOCGWINSZ, USUAL) if os.isatty(1) else USUAL
    except OSError:
        size = USUAL
    said = detach.start(
        lambda: guard(run, before_start=125),
        folder=detach.place(host.env, state),
        name=name,
        size=size,
        output=f"{folder}/output",
    )
    poll = select.poll()
    poll.register(said, select.POLLIN)
    while not poll.poll(LOOK):
        init = load(folder, alive).init
        if init and tree.command_of(init, tree.read(f"/proc/{init}/cmdline")):
            break
    else:
        text = b""
        while piece := os.read(said, 65536):
            text += piece
        if load(folder, alive).end.get("reason") not in ("exit", "signal", "timeout"):
            for line in text[1:].decode("utf-8", "surrogateescape").splitlines():
                ui.err(ui.safe(line.rstrip("\r")))
            return text[0] if text else 125
    os.close(said)
    ui.out(name)
    short = name.rpartition("-")[2]
    ui.note(f"it runs without you: `inner attach {short}` shows it, `inner stop {short}` ends it")
    return 0


def attach(wanted: str) -> int:
    """Show it; the status is that of the run when it ends meanwhile."""
    from inner import ui
    from inner.commands.log import state
    from inner.commands.runs import one, short
    from inner.host import RealHost
    from inner.launch import detach

    run = one(wanted, "inner attach")
    if os.isatty(0):
        ui.note(detach.HINT)
    status = detach.attach(detach.place(RealHost(os.environ).env, state()), run.id)
    if status == detach.LEFT:
        if os.isatty(2):  # the box's line goes on
            ui.err()
        ui.note(f"run {run.id} goes on without you: `inner attach {short(run)}` shows it again")
        return 0
    return status
