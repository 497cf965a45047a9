"""One run from its plan to its outcome: what it acquires on the host, in order, and gives back in reverse, whatever happens.

    folder -> copies -> the project's guard -> mount points -> network -> bubblewrap -> record and limits

What may happen while bubblewrap is busy (`started`) costs the start no time. Each is a module of its own; this one only knows the order. `rundir.sweep` does the second half for runs that were killed.
"""

from __future__ import annotations

import os

from inner.errors import RunError, Stale
from inner.frozen import TYPE_CHECKING, replace
from inner.launch import guarding, rundir, scaffold, supervisor, syscall, tree, wording
from inner.launch.account import Account
from inner.launch.undo import Undo
from inner.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.host import Host
    from inner.launch.limits import Held
    from inner.launch.network import Network
    from inner.launch.outcome import Outcome
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.trace.strace import Tracer
    from inner.words import Features


def run(
    plan: Plan,
    profile: Profile,
    features: Features,
    host: Host,
    *,
    folder: str,
    warn: Callable[[str], None],
    progress: Callable[[str], None] | None = None,
    enter: Callable[[], None] | None = None,
    stdio: tuple[int, int, int] = (0, 1, 2),
    record: bool = True,
    limited: Callable[[dict[str, object]], None] | None = None,
    tracer: Tracer | None = None,
    prepared: object = None,
    still: Callable[[], bool] | None = None,
) -> Outcome:
    """Start the box, stay until it has ended. `folder` is the run's own (`rundir.name`); `warn` gets what the user should know,
    one line each; `progress` a line now and then of what takes long; without `record` nothing
    is kept of it; `limited` is told which limits hold, and by what (`limits.Held.hold`); `tracer` watches what the
    command looks for; `prepared`: what `wording` made of this plan before; `still`: whether the host is as the plan says, where
    that has not been asked yet. Raises RunError and its kin, and Stale when it is not.
    """

    def sure() -> None:
        nonlocal still
        asked, still = still, None
        if asked is not None and not asked():
            raise Stale

    decided = plan  # as it is recorded: without anybody's login
    if plan.private:
        from inner.launch import login

        plan = login.fill(plan, host, warn)
    if tracer is not None:
        plan = tracer.shown(plan, folder)
    known = wording.found(prepared, features) if plan is decided else None
    limitations, words, outline, held_etc = known or wording.made(plan, features)
    open_to = syscall.unconfined(own_network=plan.namespaces.net, setuid=features.setuid)
    told = (*decided.notices, *limitations, *([open_to] if open_to else []))
    if told or plan.copies or plan.private or plan.scaffolding or plan.network.mode == "allowlist" or plan.network.publish:
        sure()  # more than the project would be touched
    for text in told:
        warn(text)
    rundir.sweep(folder.rpartition("/runs/")[0], lambda left: recover(left, warn, progress))
    with (
        Undo() as undo,
        Account(decided, host.env, folder, undo, warn, kept=record, most=profile.keep_runs, outline=outline) as account,
    ):
        if held_etc >= 0:
            undo.later(os.close, held_etc)
        if plan.copies:
            from inner.launch import copies

            undo.later(copies.remove, plan.copies, progress)
            copies.make(plan.copies, progress)
        if plan.private:
            undo.later(login.give_back, folder, warn)
            login.place(plan, folder)
        guard = guarding.Guarding(
            plan.guard,
            folder,
            warn,
            thorough=plan.seccomp != "default",
            cache=cache_dir(host.env, host.home),
            progress=progress,
        )
        undo.later(guard.end)
        guard.begin()
        if tracer is not None:
            undo.later(tracer.close)
            tracer.begin(decided, folder)
        scaffold.note(folder, plan.scaffolding)
        undo.later(scaffold.remove, folder)
        reached: Network | None = None
        if plan.network.mode == "allowlist" or plan.network.publish:
            from inner.launch import network

            reached = network.of(plan, profile, host, account.recording(), folder, undo)
        held: Held | None = None

        def started(pid: int) -> None:
            from inner.launch import limits

            nonlocal held
            sure()
            held = limits.Held(plan, host.env, folder)
            undo.later(held.close)
            held.prepare()
            found = held.hold(pid, warn)
            account.limited(found)
            if limited is not None:
                limited(found)
            account.started(pid)
            if reached is not None:
                reached.attach(pid)
            guard.foresee()

        try:
            outcome = supervisor.run(
                features.path,
                (*words, *wording.variables(plan, host.env)),
                plan.command if tracer is None else tracer.command(plan.command),
                terminal=plan.terminal,
                timeout=plan.timeout,
                clipboard=plan.clipboard,
                setuid=features.setuid,
                enter=enter,
                stdio=stdio,
                on_started=started,
                beside=reached.beside if reached is not None else None,
                log=account.log,
            )
        except RunError:
            sure()  # what is to be mounted may not be there any more
            raise
        if outcome.reason == "setup":
            sure()
        if reached is not None:
            reached.tell(warn)
        if held is not None:
            used = held.usage()
            outcome = replace(outcome, memory=used.memory, processes=used.processes, oom=used.oom)
        if tracer is not None:
            outcome = tracer.end(outcome)
            account.recording().write("trace", **tracer.told(decided))
        guard.end()
        account.left(guard)
        account.ended(outcome)
        return outcome


def recover(folder: str, warn: Callable[[str], None], progress: Callable[[str], None] | None = None) -> None:
    """Undo on the host what the run of `folder` would have undone itself."""
    from inner.launch import limits
    from inner.records import write

    box = write.box(folder)
    if box is not None:
        tree.end(*box)
    else:  # killed while bubblewrap was busy, inner does not take the box along (bubblewrap's --die-with-parent is set late)
        tree.end_lost()
    scaffold.remove(folder)
    limits.recover(folder)
    if os.path.lexists(f"{folder}/logins"):
        from inner.launch import login

        login.give_back(folder)
    guarding.recover(folder, warn, progress)
