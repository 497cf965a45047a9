"""strace, as a box has it: found, put before the command, its output led to a pipe that `collect` reads.

`-D` makes the tracer a grandchild: the command stays the first process of the box, with its own status, signals, terminal and job
control. `--seccomp-bpf` lets the calls that are not asked about run at full speed (strace(1)).
"""

from __future__ import annotations

from inner.errors import HostError, RunError
from inner.frozen import TYPE_CHECKING, replace
from inner.launch.installed import install
from inner.launch.outcome import CANNOT_EXECUTE, NOT_FOUND
from inner.paths import BoxPath, HostPath, quoted
from inner.plan import mounts
from inner.plan.contract import FOLDER
from inner.plan.model import Bind
from inner.tools import Tools
from inner.trace.collect import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inner.host import Host
    from inner.launch.outcome import Outcome
    from inner.plan.model import Plan
    from inner.trace.parse import Trace

PIPE = "trace"  # in the run's folder
PLACE = BoxPath(f"{FOLDER}/trace")
OLDEST = (5, 12)  # --decode-pids=comm
OPTIONS = ("-D", "-f", "-qq", "-Y", "-y", "--seccomp-bpf", "-s", "4096", "-e", "trace=%file,%process,connect",
           "-e", "signal=none")  # fmt: skip


class Tracer:
    """For one run. `shown` and `command` change what is started; `begin`, `end` and `close` are called by `launch.session`."""

    def __init__(self, host: Host, tell: Callable[[Trace, Plan], Mapping[str, object]]) -> None:
        """`tell` says what is recorded of a trace. HostError when there is no strace that can do it."""
        tools = Tools(host)
        remedy = install(host).replace("bubblewrap", "strace")
        self.program = tools.find("strace")
        if not self.program:
            raise HostError("`--trace` needs strace, which is not here", hint=remedy)
        version = _version(tools.ask("strace", "-V"))
        if version < OLDEST:
            told = ".".join(map(str, version)) or "of an unknown version"
            raise HostError(f"`--trace` needs strace 5.12 or later, and this one is {told}", where=self.program, hint=remedy)
        scope = host.read("/proc/sys/kernel/yama/ptrace_scope")
        if scope is not None and scope.strip() in (b"2", b"3"):
            raise HostError(
                "this machine lets nobody trace a program (Yama)", where="/proc/sys/kernel/yama/ptrace_scope",
                hint="`sudo sysctl kernel.yama.ptrace_scope=1`",
            )  # fmt: skip
        self._host, self._tell = host, tell
        self._collector: Collector | None = None
        self.trace: Trace | None = None

    def shown(self, plan: Plan, folder: str) -> Plan:
        """The plan with strace's output in it; HostError when the box does not show strace."""
        if mounts.MountTable(plan.mounts, self._host).at(self.program).kind != "file":
            parent = self.program.rpartition("/")[0]
            raise HostError(
                f"`--trace` needs strace in the box, and `{self.program}` is not in it",
                hint=f"`-m {quoted(f'{parent}:{parent}')}` shows it",
            )
        pipe = Bind(HostPath(f"{folder}/{PIPE}"), PLACE, "rw", "other", why="what strace says")
        return replace(plan, mounts=mounts.order((*plan.mounts, pipe)))

    def command(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """`command` below strace."""
        return (self.program, *OPTIONS, "-o", PLACE, "--", *command)

    def begin(self, plan: Plan, folder: str) -> None:
        """Before the box is made, and its folder is there."""
        try:
            self._collector = Collector(f"{folder}/{PIPE}", plan.cwd)
        except OSError as problem:
            raise RunError(
                f"cannot trace this run: {problem.strerror}", where=folder, hint="without `--trace` it can run"
            ) from None

    def end(self, outcome: Outcome) -> Outcome:
        """The box is over. strace ends with 1 when the command cannot be executed: that is told as without it."""
        if self._collector is not None:
            self.trace, self._collector = self._collector.end(), None
        if self.trace is not None and self.trace.never_ran and (outcome.reason, outcome.status) == ("exit", 1):
            missing = self.trace.never_ran == "ENOENT"
            status, reason = (NOT_FOUND, "not-found") if missing else (CANNOT_EXECUTE, "not-executable")
            return replace(outcome, status=status, reason=reason, started=False)
        return outcome

    def told(self, plan: Plan) -> Mapping[str, object]:
        """After `end`: what is recorded. `plan` is the one that was asked for."""
        return self._tell(self.trace, plan) if self.trace is not None else {}

    def close(self) -> None:
        """In any case."""
        if self._collector is not None:
            self._collector.close()
            self._collector = None


def _version(text: str) -> tuple[int, ...]:
    """`strace -- version 6.1`."""
    last = text.partition("\n")[0].rpartition(" ")[2]
    numbers = [part for part in last.split(".")[:2] if part.isascii() and part.isdigit()]
    return tuple(int(part) for part in numbers)
