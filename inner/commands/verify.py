"""`inner verify`: makes the very box that `inner run` makes, asks it from inside, and says whether it is the one that was meant."""

from __future__ import annotations

import os
import time

import typer

from inner.errors import CommandNotFound, HostError, InnerError, UsageError
from inner.frozen import TYPE_CHECKING, frozen, replace
from inner.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from inner.checks.model import Finding, Subject
    from inner.host import RealHost
    from inner.profile.model import Profile
    from inner.settings import Settings
    from inner.words import Features

SYMBOLS = {"ok": "[ok]", "failed": "[!!]", "told": "[--]"}


@frozen
class Report:
    """The findings of one profile, or why there are none: a box that this machine cannot make is not one that leaks, so only a
    file that cannot be read is not conformant.
    """

    profile: str
    conformant: bool
    findings: tuple[Finding, ...] = ()
    problem: str = ""


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command("verify", help="Check a profile's box from inside. It is the one that `inner run` would make.")
    def verify_(
        profile: str = typer.Option(
            "", "--profile", "-p", metavar="NAME", help="Profile to check (default: the one `inner run` would use)."
        ),
        workdir: str = typer.Option("", "--workdir", "-w", metavar="PATH", help="Folder to work in (default: the current one)."),
        everything: bool = typer.Option(False, "--all", help="Check every profile that can be used."),
        suggest: bool = typer.Option(False, "--suggest", help="Print a profile, as TOML, that mends what failed."),
        attack: bool = typer.Option(False, "--attack", help="Try to break out, and say what held."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
        no_project: bool = typer.Option(False, "--no-project", help="Ignore the project's own .inner.toml."),
    ) -> None:
        def work() -> int:
            if everything and profile:
                raise UsageError("one profile and all of them contradict each other", hint="`inner verify --all`, or `-p NAME`")
            if attack and (suggest or everything):
                raise UsageError("attacks are tried on one profile, and suggest nothing", hint="`inner verify --attack -p NAME`")
            return verify(
                profile, workdir, everything=everything, suggest=suggest, attack=attack, as_json=as_json, no_project=no_project
            )

        raise typer.Exit(guard(lambda: _status(work)))


def _status(work: Callable[[], int]) -> int:
    """Errors of a run, 125 and above, are the host's here: 4."""
    try:
        return work()
    except InnerError as problem:
        problem.status = min(problem.status, HostError.status)
        raise


def verify(name: str, workdir: str, *, everything: bool, suggest: bool, attack: bool, as_json: bool, no_project: bool) -> int:
    """Status 1 when a check fails."""
    from inner import ui
    from inner.host import RealHost
    from inner.launch.features import probe
    from inner.settings import load

    host = RealHost(dict(os.environ))
    settings = load(host, workdir=workdir, no_project=no_project)
    features = probe(host.env)
    if attack:
        from inner.commands.attack import attacks

        return attacks(name, workdir, settings, features, host, as_json=as_json)
    if everything:
        return _all(workdir, settings, features, host, suggest=suggest, as_json=as_json)
    subject, folder = subject_of(name, workdir, settings, host)
    report = examine(subject, folder, features)
    if as_json:
        ui.json("verify", report)
    elif suggest:
        from inner.checks.suggest import profile_text

        text = profile_text(subject.profile, _base(name, subject.profile, host), report.findings)
        ui.out(text)
    else:
        _show(report, subject)
    return 0 if report.conformant else 1


def subject_of(
    name: str, workdir: str, settings: Settings, host: RealHost, profile: Profile | None = None
) -> tuple[Subject, str]:
    """The box that `inner run -p NAME -w WORKDIR` would make at a terminal, and the folder of its run."""
    from inner.checks.model import Subject
    from inner.launch import rundir
    from inner.paths import cache_dir, state_dir
    from inner.plan.build import build
    from inner.plan.hide import Secrets
    from inner.plan.mounts import MountTable
    from inner.profile.resolve import resolve
    from inner.request import Request

    request = Request(profile=name, workdir=workdir)
    profile = profile or resolve(request, settings, host)
    folder = rundir.name(state_dir(host.env, host.home))
    rundir.prepare(state_dir(host.env, host.home), cache_dir(host.env, host.home))
    try:
        plan = build(profile, request, host, terminal=True, run_dir=folder)
    except CommandNotFound:  # the box is the same for a command that is not installed yet
        shell = replace(profile, entrypoint=replace(profile.entrypoint, cmd="/bin/sh", args=()))
        plan = build(shell, request, host, terminal=True, run_dir=folder)
    return Subject(plan, profile, host, MountTable(plan.mounts, host), Secrets(host), time.time()), folder


def examine(subject: Subject, folder: str, features: Features) -> Report:
    """Ask the box, and judge."""
    from inner import ui
    from inner.checks import conformant, judge, questions
    from inner.launch.inquiry import PROBE
    from inner.progress import Busy

    held: dict[str, object] = {}
    with Busy(ui.note, f"asking the box of profile {subject.profile.name}"):
        answers = asked(subject, folder, features, PROBE, questions(subject), warn=ui.warning, limited=held.update)
    subject = replace(subject, held=held)
    findings = judge(subject, answers if isinstance(answers, list) else [])
    return Report(subject.profile.name, conformant(findings), findings)


def asked(
    subject: Subject,
    folder: str,
    features: Features,
    modules: Sequence[str],
    data: object,
    *,
    warn: Callable[[str], None],
    limited: Callable[[dict[str, object]], None] | None = None,
) -> Any:
    """What the box says; changes that its plan keeps apart are kept apart as in a run, and forgotten when there are none."""
    from inner.launch.inquiry import ask
    from inner.review.run import Kept

    state, wanted = folder.rpartition("/runs/")[0], subject.host.env.get("INNER_REVIEW", "")
    with Kept(subject.plan, features, state, warn=warn, wanted=wanted) as kept:
        return ask(
            kept.plan, subject.profile, features, subject.host, table=subject.table, folder=folder, modules=modules,
            data=data, warn=warn, limited=limited, enter=kept.enter,
        )  # fmt: skip


def _show(report: Report, subject: Subject) -> None:
    from inner import ui

    ui.out(f"profile {ui.safe(report.profile)} in {ui.safe(subject.plan.cwd)}, network {subject.plan.network.mode}")
    ui.out()
    width = max(len(ui.safe(f.check)) for f in report.findings)
    for finding in report.findings:
        what = finding.title if finding.state == "ok" else finding.text
        level = f"{finding.severity}: " if finding.state == "failed" else ""
        ui.row(f"{SYMBOLS[finding.state]} {ui.safe(finding.check):<{width}}  ", level + ui.safe(what))
    ui.out()
    for line in footer(report):
        ui.out(line)


def footer(report: Report) -> tuple[str, str]:
    """Counts, and the verdict."""
    from inner.checks import counts

    found = counts(report.findings)
    failed = [f"{number} {severity}" for severity, number in found.items() if number and severity.isupper()]
    total = len(report.findings)
    line = f"{found['ok']} of {total} hold, {found['told']} told" + (f", failed: {', '.join(failed)}" if failed else "")
    return line, "[ok] sandbox conformant" if report.conformant else "[!!] sandbox not conformant"


def _base(name: str, profile: Profile, host: RealHost) -> str:
    """What a profile that mends this one extends: its name, or its path when it was given so."""
    from inner.paths import normal

    if "/" in name or name.endswith(".toml"):
        path = name.replace("~", host.home, 1) if name.startswith("~/") else name
        return path if path.startswith("/") else normal(f"{host.cwd}/{path}")
    return profile.name


def _all(workdir: str, settings: Settings, features: Features, host: RealHost, *, suggest: bool, as_json: bool) -> int:
    """Every profile that can be used, one box after the other; a table of what came out."""
    from inner import ui
    from inner.profile.resolve import available

    if suggest:
        raise UsageError("suggestions are for one profile", hint="`inner verify --suggest -p NAME`")
    reports: list[Report] = []
    for entry in available(settings, host):
        if entry.shadowed or entry.experimental:
            continue
        try:
            subject, folder = subject_of(entry.name, workdir, settings, host)
            reports.append(examine(subject, folder, features))
        except InnerError as problem:
            reports.append(Report(entry.name, bool(not entry.problem), problem=problem.message))
    if as_json:
        ui.json("verify", reports)
    else:
        rows = [(_symbol(r), r.profile, _outcome(r)) for r in reports]
        ui.table(rows, ("", "profile", "outcome"))
        asked = [r for r in reports if not r.problem]
        ui.out()
        ui.out(f"{sum(r.conformant for r in asked)} of {len(asked)} profiles conformant" + _left(len(reports) - len(asked)))
    return 0 if all(r.conformant for r in reports) else 1


def _symbol(report: Report) -> str:
    return SYMBOLS["failed" if not report.conformant else "told" if report.problem else "ok"]


def _left(number: int) -> str:
    return f", {number} cannot be used here" if number else ""


def _outcome(report: Report) -> str:
    if report.problem:
        return f"cannot be used: {report.problem}"
    failed: Sequence[str] = [f"{f.check} ({f.severity})" for f in report.findings if f.state == "failed"]
    return "failed: " + ", ".join(failed) if failed else footer(report)[0]
