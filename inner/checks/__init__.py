"""`inner verify`: expectations from a plan, judged against what the probe saw in the box (`inner.inside.probe`). Pure.

subject = Subject(plan, profile, host, table, secrets)
asked = questions(subject)              # goes into the box, as JSON
findings = judge(subject, answers)      # what comes out, one for each question
"""

from __future__ import annotations

from inner.checks import custom, environment, files, hidden, network, process, resources
from inner.checks.model import SEVERITIES, Finding, Subject, Verdict
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.checks.model import Answer, Check, Question

CHECKS: tuple[Check, ...] = (
    *process.CHECKS, *files.CHECKS, *hidden.CHECKS, *environment.CHECKS, *network.CHECKS, *resources.CHECKS,
)  # fmt: skip


def checks(subject: Subject) -> tuple[Check, ...]:
    """Every check of this box: the fixed ones, and the profile's own."""
    return (*CHECKS, *custom.checks(subject.profile))


def questions(subject: Subject) -> list[Question]:
    """Everything there is to ask, in the order in which `judge` wants the answers."""
    return [question for check in checks(subject) for question in check.ask(subject)]


def judge(subject: Subject, answers: Sequence[Answer]) -> tuple[Finding, ...]:
    """One finding for each check. An answer that is missing, or an error, is a failure: what was not seen does not hold."""
    findings, at = [], 0
    for check in checks(subject):
        number = len(check.ask(subject))
        own = answers[at : at + number]
        at += number
        findings.append(_finding(subject, check, own, complete=len(own) == number))
    return tuple(findings)


def _finding(subject: Subject, check: Check, own: Sequence[Answer], *, complete: bool) -> Finding:
    wrong = next((str(a["error"]) for a in own if isinstance(a, dict) and "error" in a), "" if complete else "no answer")
    verdict = Verdict(f"could not be asked: {wrong}", unclear=True) if wrong else _judged(subject, check, own)
    granted = bool(check.key) and check.key in subject.profile.sandbox.allow and not verdict.unclear
    severity, state = check.severity, "failed" if verdict.problem else "ok"
    if (verdict.problem and (granted or severity == "INFO")) or (verdict.note and not verdict.problem):
        severity, state = "INFO", "told"
    return Finding(check.name, severity, state, check.title, verdict.problem or verdict.note, verdict.mend)


def _judged(subject: Subject, check: Check, own: Sequence[Answer]) -> Verdict:
    """What comes out of a box may be anything: an answer that is none is a failure like every other."""
    try:
        return check.judge(subject, own)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
        return Verdict(f"the answer cannot be understood ({type(problem).__name__})", unclear=True)


def conformant(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed."""
    return all(finding.state != "failed" for finding in findings)


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many failed, by severity; then how many hold and how many are told."""
    found = {severity: sum(f.state == "failed" and f.severity == severity for f in findings) for severity in SEVERITIES[:-1]}
    return {**found, "told": sum(f.state == "told" for f in findings), "ok": sum(f.state == "ok" for f in findings)}
