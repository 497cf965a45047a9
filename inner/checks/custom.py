"""The checks that a profile brings itself (`[verify.custom]`): a shell command each, run in the box, passed when it exits with 0."""

from __future__ import annotations

from inner.checks.model import OK, Check, Verdict
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.checks.model import Answer, Subject
    from inner.profile.model import CustomCheck, Profile


def checks(profile: Profile) -> tuple[Check, ...]:
    """One check for each, called `custom:NAME`, of the severity that the profile gives it."""
    return tuple(_check(own) for own in profile.checks)


def _check(own: CustomCheck) -> Check:
    def judge(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
        status, lines = answers[0]["status"], str(answers[0]["output"]).strip().splitlines()
        if status == 0:
            return OK
        return Verdict((f"exit status {status}" if status > 0 else "did not end well") + (f": {lines[-1]}" if lines else ""))

    return Check(f"custom:{own.name}", own.severity, own.name, lambda _subject: [{"ask": "custom", "cmd": own.cmd}], judge)
