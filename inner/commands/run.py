"""`inner run`: a command in a box."""

from __future__ import annotations

import os
import sys

from inner.errors import CannotExecute, CommandNotFound, ConfigError, RunError, Stale
from inner.frozen import TYPE_CHECKING, replace
from inner.guard import guard
from inner.host import RealHost
from inner.paths import cache_dir, normal, own, own_below, quoted, state_dir
from inner.plan.command import refuse_unexecutable
from inner.plan.model import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

    from inner.launch.outcome import Outcome
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.request import Request
    from inner.trace.strace import Tracer
    from inner.words import Features

AGAIN = "INNER_STARTED_AGAIN"
INSIDE = "/run/inner/box.json"  # plan.contract.RECORD, which a usual start does not read


def add(app: typer.Typer) -> None:
    """Add the command, with the options of `commands.options.RUN`."""
    from inner.commands.help import GroupedCommand
    from inner.commands.signature import run_command

    app.command(
        "run",
        cls=GroupedCommand,
        help="Run a command in a box: the profile's own, or what follows `--`.",
        context_settings={"ignore_unknown_options": False},
    )(run_command(main))


def main(request: Request) -> int:
    """Exit status of `inner run`: the command's own, or 124 to 127 (docs/reference/exit-status)."""
    return guard(lambda: run(request), before_start=125)


def run(request: Request) -> int:
    """Resolve, plan, and then show the plan or start it."""
    if request.json and not request.dry_run:
        raise ConfigError("`--json` shows a plan, and nothing is started then", hint="`inner run --dry-run --json`")
    from inner.launch import rundir, wording
    from inner.launch.features import probe
    from inner.plan import store

    host = RealHost({name: value for name, value in os.environ.items() if name != AGAIN})
    refuse_own(host, normal(request.workdir if request.workdir.startswith("/") else f"{host.cwd}/{request.workdir}"))
    resolved_anew: list[bool] = []
    profile = _profile(request, host, resolved_anew)
    enough = any if request.interactive else all  # `git log | inner run -i -- less`: keys come from where the text is shown
    terminal = request.detach or enough(map(os.isatty, (0, 1)))
    state = state_dir(host.env, host.home)
    folder = rundir.name(state)
    rundir.prepare(state, f"{state}/runs", cache_dir(host.env, host.home))
    text = _args_file(request)
    known = store.find(profile, request, host, terminal=terminal, args_file=text, run_dir=folder, sound=wording.sound)
    plan, prepared, still = known or (_planned(profile, request, host, terminal, text, folder), None, None)
    if resolved_anew and not request.args_file:  # which may be a pipe, and has been read
        _again()
    features = probe(host.env, project=plan.project)
    tracer = None
    if request.trace:
        from inner.commands.traced import tracer as made

        tracer = made(profile, request, host)
    if (request.dry_run or request.detach or tracer is not None) and still is not None and not still():
        return run(request)
    if request.dry_run:
        if tracer is not None:
            plan = replace(tracer.shown(plan, folder), command=tracer.command(plan.command))
        from inner.commands.dry_run import show

        return show(plan, profile, features, host, as_json=request.json)
    if request.detach:
        from inner.commands.attach import detached

        return detached(lambda: _start(plan, profile, features, host, folder, tracer, prepared), host, folder)
    try:
        return _start(plan, profile, features, host, folder, tracer, prepared, still)
    except Stale:
        return run(request)


def refuse_own(host: RealHost, project: str) -> None:
    """Before anything that is kept is believed. `plan.project` asks the same of every folder that a box may write, links followed."""
    if place := own_below(project, host.env, host.home):
        raise ConfigError(
            f"`{project}` cannot be writable in a box: `{place}` is inner's own, and lies there",
            hint=f"`export {own(host.env, host.home)[place]}=...`, a folder that no box may write to",
        )


def _again() -> None:
    """What was imported to read configuration would weigh on this process as long as the box runs: start anew, and find it kept."""
    if AGAIN not in os.environ and "typer" not in sys.modules:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, AGAIN: "1"})  # noqa: S606


def _profile(request: Request, host: RealHost, anew: list[bool]) -> Profile:
    """As it was kept from an earlier run, or resolved `anew` and kept. What is fetched is never kept."""
    if "://" in request.profile or request.sha256:
        from inner.commands.remote import documents
        from inner.profile.resolve import resolve
        from inner.settings import load

        settings = load(host, workdir=request.workdir, no_project=request.no_project)
        return resolve(request, settings, host, documents(request, settings, host))
    from inner.config.project import discover
    from inner.profile.store import find

    project = discover(host, request.workdir)
    known = find(request, host, project)
    if known is None:
        from inner.profile.writer import resolved

        known, was_kept = resolved(request, host, project)
        anew += [True] * was_kept
    return known


def _planned(profile: Profile, request: Request, host: RealHost, terminal: bool, args_file: bytes | None, folder: str) -> Plan:
    """The plan made anew, and kept with bubblewrap's words for it."""
    from inner.launch.features import probe
    from inner.launch.wordsmade import prepared
    from inner.plan.writer import made

    def beside(plan: Plan) -> object:
        return prepared(plan, probe(host.env, project=plan.project), folder)

    return made(profile, request, host, terminal=terminal, args_file=args_file, run_dir=folder, beside=beside)


def _args_file(request: Request) -> bytes | None:
    if not request.args_file:
        return None
    from inner.plan.command import MOST_BYTES

    try:
        with open(request.args_file, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "its name holds a NUL byte"
        raise ConfigError(f"cannot read the arguments in `{request.args_file}`: {reason}", where=request.args_file) from None


def _start(
    plan: Plan,
    profile: Profile,
    features: Features,
    host: RealHost,
    folder: str,
    tracer: Tracer | None,
    prepared: object,
    still: Callable[[], bool] | None = None,
) -> int:
    """Make what the plan needs, start the box, and tell how it ended."""
    from inner.launch import rundir, session

    refuse_unexecutable(plan.command)
    if os.path.lexists(INSIDE):
        from inner.launch.refusal import namespace_problem

        if problem := namespace_problem(features):  # before anything is said about this box
            raise problem

    def begin(plan: Plan, enter: Callable[[], None] | None = None) -> Outcome:
        return session.Session(
            plan,
            profile,
            features,
            host,
            folder=folder,
            warn=_warning,
            progress=_note,
            enter=enter,
            tracer=tracer,
            prepared=prepared,
            still=still,
        ).run()

    apart = prepared is None and any(isinstance(mount, Overlay) for mount in plan.mounts)
    try:
        outcome = _review(plan, features, host, folder, begin) if apart else begin(plan)
        return _tell(plan, outcome, features, folder, traced=tracer is not None)
    finally:
        if profile.keep_runs == 0:  # not even its own record, which has told what it had to
            rundir.rotate(state_dir(host.env, host.home), 0)


def _receipt(folder: str) -> None:
    from inner import ui
    from inner.commands.log import receipt_of
    from inner.launch.rundir import alive
    from inner.records.read import load

    receipt_of(load(folder, alive), ui.err)


def _review(plan: Plan, features: Features, host: RealHost, folder: str, begin: Callable[..., Outcome]) -> Outcome:
    """What `begin` makes of the plan, with changes kept apart."""
    from inner.review.run import Kept, told

    state, wanted = folder.rpartition("/runs/")[0], host.env.get("INNER_REVIEW", "")
    with Kept(plan, features, state, warn=_warning, progress=_note, wanted=wanted) as kept:
        outcome = begin(kept.plan, kept.enter)
    for text in told(kept):
        _note(text)
    return outcome


def _warning(text: str) -> None:
    from inner import ui  # few runs have anything to say

    ui.warning(text)


def _note(text: str) -> None:
    from inner import ui

    ui.note(text)


def _tell(plan: Plan, outcome: Outcome, features: Features, folder: str, *, traced: bool = False) -> int:
    if outcome.reason == "setup":
        from inner import ui
        from inner.launch.refusal import namespace_problem

        known = namespace_problem(features)
        if outcome.stderr and known is None:  # what is known is told better than bubblewrap can
            ui.err(f"bubblewrap: {ui.safe_lines(outcome.stderr)}")
        raise known or RunError("the box could not be made", hint="`inner run --dry-run` shows how it would be made")
    if outcome.reason == "not-found":
        raise CommandNotFound(f"`{plan.command[0]}` cannot be started in the box: it, or the interpreter it names, is not there")
    if outcome.reason == "not-executable":
        raise CannotExecute(
            f"`{plan.command[0]}` cannot be executed", hint=f"`chmod +x {quoted(plan.command[0])}`, or name its interpreter"
        )
    if outcome.reason == "timeout":
        _note(f"ended after {plan.timeout:g} s: the time limit of this run")
    if outcome.status == 128:  # git's, for what it cannot do
        from inner.commands.advice import advice

        if said := advice(plan):
            _note(said)
    if outcome.lost:
        _warning(f"output was lost: {outcome.lost}")
    if plan.network.mode == "allowlist" and not plan.summary:
        from inner.commands.denied import tell

        tell(folder, plan.agents)
    if plan.summary:
        _receipt(folder)
    elif traced:
        from inner.commands import traced as report

        report.tell(folder)
    elif plan.terminal == "private" and plan.agents and os.path.isdir(folder):  # a command of one's own ends as it would outside
        _note(f"run {folder.rpartition('/')[2]} has ended: `inner log show` tells what it did")
    return outcome.left()
