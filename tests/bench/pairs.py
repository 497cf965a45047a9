"""Commands timed in turn, so that whatever else the machine does falls on all of them: each is compared with the base of its own
round, and the median of these ratios counts. Wall time from fork to the reaping, as a shell's user has it.
"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass
class Case:
    """One command. `before` is done each time, untimed; `base` names the case it is compared with; `at_once`: so many of it."""

    name: str
    argv: Sequence[str]
    cwd: str = "/"
    base: str = "raw"
    before: Callable[[], object] | None = None
    at_once: int = 1
    aim: float = 0.0  # the ratio that the design wants, 0 for none
    times: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    @property
    def ms(self) -> float:
        return statistics.median(self.times) * 1000

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


class Runner:
    """Starts commands as `user` (a uid and gid; None: as we are), with `env`."""

    def __init__(self, env: dict[str, str], user: tuple[int, int] | None) -> None:
        self.env, self.user = env, user

    @staticmethod
    def hurry() -> None:
        """Before others, where the host lets us; what is started from now on as well."""
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
        except PermissionError:
            pass

    def fork(self, argv: Sequence[str], cwd: str, output: int = -1) -> int:
        """The number of a process that runs `argv`, its streams at /dev/null."""
        pid = os.fork()
        if pid:
            return pid
        try:
            null = os.open("/dev/null", os.O_RDWR)
            for fd, source in enumerate((null, null if output < 0 else output, null)):
                os.dup2(source, fd)
            if self.user:
                os.setgroups([])
                os.setgid(self.user[1])
                os.setuid(self.user[0])
            os.chdir(cwd)
            os.execvpe(argv[0], list(argv), self.env)
        finally:
            os._exit(127)

    def output(self, argv: Sequence[str], cwd: str) -> str:
        """What a command prints. RuntimeError when it fails."""
        reader, writer = os.pipe()
        pid = self.fork(argv, cwd, writer)
        os.close(writer)
        with open(reader) as said:
            text = said.read()
        if status := os.waitpid(pid, 0)[1]:
            raise RuntimeError(f"{' '.join(argv)[:300]} in {cwd}: status {status}: {text}")
        return text

    def status(self, argv: Sequence[str], cwd: str) -> int:
        """The exit status of a command."""
        return os.waitstatus_to_exitcode(os.waitpid(self.fork(argv, cwd), 0)[1])

    def once(self, case: Case) -> float:
        """Seconds of one run. RuntimeError when it fails: a command that does nothing is fast."""
        if case.before:
            case.before()
        began = time.perf_counter()
        pids = [self.fork(case.argv, case.cwd) for _ in range(case.at_once)]
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
        took = time.perf_counter() - began
        if any(statuses):
            raise RuntimeError(f"{case.name}: {' '.join(case.argv)} in {case.cwd}: status {statuses}")
        return took

    def run(self, cases: Sequence[Case], rounds: int) -> None:
        """Every case once in each round, after one round that does not count."""
        for case in cases:
            self.once(case)
        for _ in range(rounds):
            found = {case.name: self.once(case) for case in cases}
            for case in cases:
                case.times.append(found[case.name])
                case.ratios.append(found[case.name] / found[case.base])
