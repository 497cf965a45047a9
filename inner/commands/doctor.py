"""`inner doctor`: whether this machine can make boxes, and what would make it better, with the commands that do."""

from __future__ import annotations

import os

import typer

from inner.frozen import TYPE_CHECKING
from inner.guard import guard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.doctor.finding import Finding

MARKS = {"good": "[ok]", "note": "[--]", "problem": "[!!]", "fatal": "[!!]"}


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command(
        short_help="Examine this machine: can it make boxes?",
        help="Examine this machine: can it make boxes, and what should be mended. Status 1: something; 4: it cannot.",
    )
    def doctor(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        raise typer.Exit(guard(lambda: show(as_json=as_json)))


def show(*, as_json: bool) -> int:
    """Every finding, its remedy below it, and what they come to."""
    from inner import ui
    from inner.doctor import examine, status
    from inner.doctor.finding import Asked
    from inner.host import RealHost

    findings = examine(Asked(RealHost(dict(os.environ))))
    if as_json:
        ui.json("doctor", {"status": status(findings), "findings": findings})
        return status(findings)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        ui.row(ui.safe(f"{MARKS[finding.state]} {finding.name:{width}}  "), ui.safe(finding.text))
        if finding.remedy:
            ui.out(f"     {'':{width}}  -> {ui.safe(finding.remedy)}")  # in one piece: what is wrapped cannot be pasted
    ui.out()
    ui.out(summary(findings))
    return status(findings)


def summary(findings: Sequence[Finding]) -> str:
    """The last line."""
    fatal = [finding for finding in findings if finding.state == "fatal"]
    problems = [finding for finding in findings if finding.state == "problem"]
    if fatal:
        return "[!!] no box can be made on this machine"
    if problems:
        return f"[!!] boxes can be made; to mend: {len(problems)}"
    return "[ok] boxes can be made"
