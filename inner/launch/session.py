"""One run from its plan to its outcome: what it acquires on the host, in order, and gives back in reverse, whatever happens.

    folder -> copies -> the project's guard -> mount points -> network -> bubblewrap -> record and limits

What may happen while bubblewrap is busy (`started`) costs the start no time. Each is a module of its own; this one only knows the order. `recovery` does the second half for runs that were killed.
"""

from __future__ import annotations

import os

from inner.errors import RunError, Stale
from inner.frozen import TYPE_CHECKING, replace
from inner.launch import guarding, rundir, supervisor, syscall, wording
from inner.launch.account import Account
from inner.launch.undo import Undo
from inner.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.egress.rules import Rules
    from inner.host import Host
    from inner.launch.limits import Held
    from inner.launch.network import Network
    from inner.launch.outcome import Outcome
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.trace.strace import Tracer
    from inner.words import Features, Word


class Session:
    """One run, and its state; `run` it. `decided` is the plan as it is recorded: without anybody's login.

    `folder` is the run's own (`rundir.name`); `warn` gets what the user should know, one line each; `progress` a line now and then
    of what takes long; `enter` and `stdio`: see `supervisor.run`; without `record` nothing is kept of it; `limited` is told which
    limits hold, and by what (`limits.Held.hold`); `tracer` watches what the command looks for; `prepared`: what `wording` made of
    this plan before; `still`: whether the host is as the plan says, where that has not been asked yet.
    """

    undo: Undo
    account: Account
    guard: guarding.Guarding

    def __init__(
        self,
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
    ) -> None:
        self.decided = self.plan = plan
        self.profile, self.features, self.host, self.folder = profile, features, host, folder
        self.warn, self.progress, self.enter, self.stdio = warn, progress, enter, stdio
        self.record, self.limited, self.tracer = record, limited, tracer
        self.prepared, self.still = prepared, still
        self.held: Held | None = None
        self.reached: Network | None = None
        self.rules: Rules | None = None

    def run(self) -> Outcome:
        """Start the box, stay until it has ended. Raises RunError and its kin, and Stale when the host is not as the plan says."""
        words, told, outline, etc = self._words()
        plan = self.plan
        if told or plan.copies or plan.private or plan.scaffolding:
            self._sure()  # more than the project would be touched
        for text in told:
            self.warn(text)
        rundir.sweep(self.folder.rpartition("/runs/")[0], self._recover)
        env, keep = self.host.env, self.profile.keep_runs
        self.undo = Undo()
        self.account = Account(self.decided, env, self.folder, self.undo, self.warn, kept=self.record, most=keep, outline=outline)
        with self.undo, self.account:
            if etc >= 0:
                self.undo.later(os.close, etc)
            try:
                self._acquire()
                outcome = self._box(words)
            except RunError:
                self._sure()  # what is to be mounted may not be there any more
                raise
            return self._ended(outcome)

    def _recover(self, folder: str) -> None:
        from inner.launch import recovery

        recovery.recover(folder, self.warn, self.progress)

    def _sure(self) -> None:
        asked, self.still = self.still, None
        if asked is not None and not asked():
            raise Stale

    def _words(self) -> tuple[tuple[Word, ...], tuple[str, ...], str, int]:
        """Bubblewrap's, what the user should know of them, the outline for the record, and a descriptor to keep (`wording.found`)."""
        if self.plan.private:
            from inner.launch import login

            self.plan = login.fill(self.plan, self.host, self.warn)
        if self.tracer is not None:
            self.plan = self.tracer.shown(self.plan, self.folder)
        plan = self.plan
        known = wording.found(self.prepared, self.features) if plan is self.decided else None
        if known is None:
            from inner.launch import wordsmade

            known = wordsmade.made(plan, self.features)
        limitations, words, outline, etc = known
        open_to = syscall.unconfined(own_network=plan.namespaces.net, setuid=self.features.setuid)
        told = (*self.decided.notices, *limitations, *([open_to] if open_to else []))
        return (*words, *wording.variables(plan, self.host.env)), told, outline, etc

    def _acquire(self) -> None:
        """What the box needs on the host, each with its way back."""
        plan, folder, undo = self.plan, self.folder, self.undo
        if plan.copies:
            from inner.launch import copies

            self.account.recording()  # it may take long, and others ask what lives
            undo.later(copies.remove, plan.copies, self.progress)
            copies.make(plan.copies, self.progress)
        if plan.private:
            from inner.launch import login

            undo.later(login.give_back, folder, self.warn)
            login.place(plan, folder)
        self.guard = guarding.Guarding(
            plan.guard,
            folder,
            self.warn,
            thorough=plan.seccomp != "default",
            cache=cache_dir(self.host.env, self.host.home),
            progress=self.progress,
        )
        undo.later(self.guard.end)
        self.guard.begin(self.account.live)
        if self.tracer is not None:
            undo.later(self.tracer.close)
            self.tracer.begin(self.decided, folder)
        if plan.scaffolding:
            from inner.launch import scaffold

            scaffold.note(folder, plan.scaffolding)
            undo.later(scaffold.remove, folder)
        if plan.network.mode == "allowlist" and any(entry[:1] == "@" for entry in (*plan.network.allow, *plan.network.deny)):
            from inner.egress.listing import rules_of

            self.rules = rules_of(plan.network, self.host, self.profile.origins)  # now: programs of the host are asked

    def _box(self, words: tuple[Word, ...]) -> Outcome:
        plan = self.plan
        outcome = supervisor.run(
            self.features.path,
            self.guard.mounted(words),
            plan.command if self.tracer is None else self.tracer.command(plan.command),
            terminal=plan.terminal,
            timeout=plan.timeout,
            clipboard=plan.clipboard,
            setuid=self.features.setuid,
            enter=self.enter,
            given={guarding.PROJECT: self.guard.top},
            stdio=self.stdio,
            meanwhile=self._forked,
            on_started=self._started,
            on_running=self._running,
            log=self.account.log,
        )
        if outcome.reason == "setup":
            self._sure()
        return outcome

    def _forked(self) -> supervisor.Beside | None:
        """Bubblewrap has been forked, and has yet to make the box."""
        self._sure()
        plan = self.plan
        if plan.network.mode == "allowlist" or plan.network.publish:
            from inner.launch import network

            self.reached = network.of(plan, self.profile, self.host, self.account.recording(), self.folder, self.undo, self.rules)
        self.guard.meanwhile()
        return self.reached.beside if self.reached is not None else None

    def _started(self, pid: int) -> None:
        """Pid 1 of the box is there, and runs nothing before this returns."""
        if self.reached is not None:
            self.reached.attach(pid)
        from inner.launch import limits

        self.held = limits.Held(self.plan, self.host.env, self.folder)
        self.undo.later(self.held.close)
        self.held.prepare()
        found = self.held.hold(pid, self.warn)
        self.account.limited(found)
        if self.limited is not None:
            self.limited(found)
        self.account.started(pid)
        self.guard.ready()
        if self.reached is not None:
            self.reached.wait()

    def _running(self) -> None:
        self.guard.beside()
        self.account.rotate()

    def _ended(self, outcome: Outcome) -> Outcome:
        if self.reached is not None:
            self.reached.tell(self.warn)
        if self.held is not None:
            used = self.held.usage()
            outcome = replace(outcome, memory=used.memory, processes=used.processes, oom=used.oom)
        if self.tracer is not None:
            outcome = self.tracer.end(outcome)
            self.account.recording().write("trace", **self.tracer.told(self.decided))
        self.guard.end()
        if self.guard.inspection is not None:
            self.account.recording().write("project", **self.guard.inspection.told())
        self.account.ended(outcome)
        return outcome
