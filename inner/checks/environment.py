"""The environment: exactly the variables of the plan. Names only: no value leaves the box."""

from __future__ import annotations

from inner.agents import agent, recognised
from inner.checks.model import OK, Check, Verdict, listed
from inner.frozen import TYPE_CHECKING
from inner.plan.environment import is_code
from inner.profile.layer import Edit, Set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.checks.model import Answer, Question, Subject
    from inner.profile.layer import Patch

# Set by the programs themselves: a shell, bubblewrap (--chdir), Python's coercion of the C locale (PEP 538).
PROGRAMS = frozenset(("PWD", "SHLVL", "_", "OLDPWD", "LC_CTYPE"))
WORDS = ("PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "PRIVATE_KEY", "API_KEY", "ACCESS_KEY", "_KEY", "AUTH")


def _ask(_subject: Subject) -> Sequence[Question]:
    return [{"ask": "environment"}]


def _named(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    planned = {v.name for v in subject.plan.env if v.value is not None or v.name in subject.host.env}
    found = set(answers[0]["names"])
    more, less = sorted(found - planned - PROGRAMS), sorted(planned - found)
    if more:
        return Verdict(f"variables that nobody named: {listed(more)}")
    return Verdict(f"missing in the box: {listed(less)}") if less else OK


def _inherited(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    if not subject.profile.env.inherit_all:
        return OK
    number = len(set(answers[0]["names"]) & set(subject.host.env))
    return Verdict(f"`inherit_all` passes {number} variables of the host", mend={"env.inherit_all": Set(False)})


def _secrets(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    """By name or by the shape of the value. A key that the profile names and its agent reads is meant to be there."""
    chosen = _inners(subject)
    names = set(answers[0]["names"]) - set(answers[0]["empty"]) - chosen
    looks = {name for name in names if any(word in name.upper() for word in WORDS)} | (set(answers[0]["suspicious"]) - chosen)
    meant = looks & set(_agent_keys(subject)) & set(subject.profile.env.passthrough)
    wrong = sorted(looks - meant)
    if not wrong:
        return Verdict(note=f"passed by name, readable by all that runs in the box: {listed(sorted(meant))}") if meant else OK
    return Verdict(f"look like secrets: {listed(wrong)}", mend=_without(subject, wrong))


def _agent_keys(subject: Subject) -> tuple[str, ...]:
    names = dict.fromkeys((*subject.profile.agents, recognised(subject.profile.entrypoint.cmd)))
    return tuple(key for name in names if name for key in agent(name).KEYS)


def _without(subject: Subject, names: Sequence[str]) -> dict[str, Patch]:
    env = subject.profile.env
    mend: dict[str, Patch] = {}
    if env.inherit_all:
        mend["env.inherit_all"] = Set(False)
    passed = tuple(name for name in names if name in env.passthrough)
    if passed:
        mend["env.passthrough"] = Edit(remove=passed)
    mend |= {f"env.set.{name}": Set("") for name in names if name in env.set}
    return mend


def _inners(subject: Subject) -> set[str]:
    """Variables that inner itself fills, placeholders among them: no value of the host's or the profile's is in them."""
    return {v.name for v in subject.plan.env if v.value is not None and v.name not in subject.profile.env.set}


def _code(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    chosen = _inners(subject) | set(subject.profile.env.set)
    found = sorted(name for name in answers[0]["names"] if is_code(name) and name not in chosen)
    if not found:
        return OK
    return Verdict(f"make programs in the box load or run what the host says: {listed(found)}", mend=_without(subject, found))


CHECKS = (
    Check("environment", "HIGH", "exactly the variables of the plan", _ask, _named),
    Check("inherit-all", "HIGH", "variables pass by name only", _ask, _inherited),
    Check("env-secrets", "MEDIUM", "no secrets in variables", _ask, _secrets, "env-secrets"),
    Check("env-code", "LOW", "no variable of the host's that makes programs run code", _ask, _code),
)
