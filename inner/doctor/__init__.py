"""What is wrong with this machine, or could be better, each with the command that mends it. `examine` asks everything.

A probe is a function of `Asked` that yields findings; it has half a minute, and what it raises becomes a finding, too. Nothing here
prints, and no finding has the value of a secret.
"""

from __future__ import annotations

import signal

from inner.doctor import box, kernel, person
from inner.doctor.finding import FATAL, PROBLEM, Asked, Finding
from inner.errors import HostError, InnerError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PROBES = (*box.PROBES, *kernel.PROBES, *person.PROBES)
PATIENCE = 30.0  # seconds for one probe: what hangs does so for good, and a machine may be busy


class Late(Exception):
    """A probe took too long."""


def examine(asked: Asked, probes: Iterable[tuple[str, Callable[[Asked], Iterable[Finding]]]] = PROBES) -> tuple[Finding, ...]:
    """All findings, in the order of the probes. To be called in the main thread: a probe that hangs is ended by a signal."""
    findings: list[Finding] = []
    for name, probe in probes:
        before = signal.signal(signal.SIGALRM, _late)
        try:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)
            findings.extend(probe(asked))
        except Late:
            findings.append(Finding(name, PROBLEM, f"no answer within {PATIENCE:g} s"))
        except InnerError as problem:
            state = FATAL if isinstance(problem, HostError) and name == "bubblewrap" else PROBLEM
            where = f" ({problem.where})" if problem.where else ""
            findings.append(Finding(name, state, f"{problem.message}{where}", problem.hint))
        except (OSError, ValueError) as problem:
            findings.append(Finding(name, PROBLEM, f"cannot be asked: {problem}"))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    return tuple(findings)


def status(findings: Iterable[Finding]) -> int:
    """0: good; 1: something should be mended; 4: no box can be made here."""
    states = {finding.state for finding in findings}
    return 4 if FATAL in states else 1 if PROBLEM in states else 0


def _late(*_: object) -> None:
    raise Late
