"""`inner run`: a command in a box."""

from __future__ import annotations

import os

from inner.errors import ConfigError, Stale
from inner.frozen import TYPE_CHECKING, replace
from inner.guard import guard
from inner.host import RealHost
from inner.paths import cache_dir, normal, own, own_below, state_dir
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
    from inner.launch import rundir
    from inner.launch.features import probe

    host = RealHost({name: value for name, value in os.environ.items() if name != AGAIN})
    refuse_own(host, _project(request, host))
    profile, resolved_anew = _profile(request, host)
    enough = any if request.interactive else all  # `git log | inner run -i -- less`: keys come from where the text is shown
    terminal = request.detach or enough(map(os.isatty, (0, 1)))
    state = state_dir(host.env, host.home)
    folder = rundir.name(state)
    rundir.prepare(state, f"{state}/runs", cache_dir(host.env, host.home))
    plan, prepared, still = _plan(profile, request, host, terminal, folder)
    if resolved_anew and not request.args_file:  # which may be a pipe, and has been read
        from inner.commands.anew import start

        start(AGAIN)
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


def _project(request: Request, host: RealHost) -> str:
    return normal(request.workdir if request.workdir.startswith("/") else f"{host.cwd}/{request.workdir}")


def refuse_own(host: RealHost, project: str) -> None:
    """Before anything that is kept is believed. `plan.project` asks the same of every folder that a box may write, links followed."""
    if place := own_below(project, host.env, host.home):
        from inner.plan.project import own_refused

        raise own_refused(project, place, own(host.env, host.home)[place])


def _profile(request: Request, host: RealHost) -> tuple[Profile, bool]:
    """As it was kept from an earlier run, or resolved anew; whether this one has kept it. What is fetched is never kept."""
    project = None
    if "://" not in request.profile and not request.sha256:
        from inner.config.project import discover
        from inner.profile.store import find

        project = discover(host, request.workdir)
        known = find(request, host, project)
        if known is not None:
            return known, False
    from inner.commands import anew

    return anew.profile(request, host, project)


def _plan(
    profile: Profile, request: Request, host: RealHost, terminal: bool, folder: str
) -> tuple[Plan, object, Callable[[], bool] | None]:
    """`plan.store.find`, or the plan made anew."""
    from inner.launch.wording import sound
    from inner.plan.store import find

    text = _args_file(request)

    def passing() -> frozenset[str]:
        from inner.launch.placeholders import there

        return there(folder.rpartition("/runs/")[0], _project(request, host))

    known = find(profile, request, host, terminal=terminal, args_file=text, run_dir=folder, sound=sound, passing=passing)
    if known is not None:
        return known
    from inner.commands import anew

    return anew.plan(profile, request, host, terminal, text, folder), None, None


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
    from inner.launch import session

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
        if apart:
            from inner.review.run import review

            wanted = host.env.get("INNER_REVIEW", "")
            outcome = review(plan, features, folder, begin, warn=_warning, note=_note, wanted=wanted)
        else:
            outcome = begin(plan)
        return _tell(plan, outcome, features, folder, traced=tracer is not None)
    finally:
        if profile.keep_runs == 0:  # not even its own record, which has told what it had to
            from inner.launch import removal

            removal.rotate(state_dir(host.env, host.home), 0)


def _warning(text: str) -> None:
    from inner import ui  # few runs have anything to say

    ui.warning(text)


def _note(text: str) -> None:
    from inner import ui

    ui.note(text)


def _tell(plan: Plan, outcome: Outcome, features: Features, folder: str, *, traced: bool = False) -> int:
    from inner.launch.watch import NOTHING_RAN

    if outcome.reason in NOTHING_RAN:
        from inner.commands.failure import failure

        raise failure(plan, outcome, features)
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
        from inner import ui
        from inner.commands.log import receipt_of
        from inner.launch.rundir import alive
        from inner.records.read import load

        receipt_of(load(folder, alive), ui.err)
    elif traced:
        from inner.commands import traced as report

        report.tell(folder)
    elif plan.terminal == "private" and plan.agents and os.path.isdir(folder):  # a command of one's own ends as it would outside
        _note(f"run {folder.rpartition('/')[2]} has ended: `inner log show` tells what it did")
    return outcome.left()
