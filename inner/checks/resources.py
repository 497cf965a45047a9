"""Command shims, and how long the agents' logins are still good."""

from __future__ import annotations

import hashlib

from inner.agents import agent, recognised
from inner.checks.model import OK, Check, Verdict, listed
from inner.frozen import TYPE_CHECKING
from inner.plan.model import Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.checks.model import Answer, Question, Subject

SOON = 30 * 60  # seconds
FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")


def _shimmed(subject: Subject) -> list[tuple[str, str]]:
    """(command, path): each replaced command on every folder of PATH and by absolute path, as far as the host has it."""
    noop = subject.profile.noop
    path = next((v.value for v in subject.plan.env if v.name == "PATH" and v.value), "").split(":")
    return [
        (name, f"{folder}/{name}")
        for name in (*noop.block, *noop.rewrite)
        for folder in dict.fromkeys((*path, *FOLDERS))
        if subject.table.at(f"{folder}/{name}").kind == "file"
    ]


def _ask_shims(subject: Subject) -> Sequence[Question]:
    return [
        *({"ask": "digest", "path": place} for _, place in _shimmed(subject)),
        *({"ask": "command", "name": name} for name in (*subject.profile.noop.block, *subject.profile.noop.rewrite)),
    ]


def _shims(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    """What is found on PATH must be a shim, and so must each file that the plan covers with one, byte by byte. A file that is other
    commands as well cannot be covered: that is told.
    """
    places = _shimmed(subject)
    seen = {place: answer["sha256"] for (_, place), answer in zip(places, answers, strict=False)}
    made = {place: mount.content for place in seen if isinstance(mount := subject.table.at(place).mount, Data)}
    real = [place for place, content in made.items() if seen[place] != hashlib.sha256(content).hexdigest()]
    found = [answer["path"] for answer in answers[len(places) :] if answer["path"]]
    real += [place for place in found if not isinstance(subject.table.at(place).mount, Data)]
    if real:
        return Verdict(f"the real command can be started: {listed(list(dict.fromkeys(real)))}")
    named = [place for place in seen if place not in made]
    return Verdict(note=f"replaced by name alone, and reachable by path: {listed(named)}") if named else OK


def _nothing(_subject: Subject) -> Sequence[Question]:
    return ()


def _ask_limits(_subject: Subject) -> Sequence[Question]:
    return [{"ask": "limits"}]


NAMES = {"memory": "memory", "cpu": "processor time", "pids": "number of processes"}


def _limits(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    """What the profile names must be in force; what is only inner's own default, and cannot be here, is told."""
    held = subject.held
    if not held:
        return Verdict("nothing is known of the limits of this box")
    if held["by"].get("pids") == "rlimit" and not 0 <= answers[0]["processes"] <= held["pids"] + 1:
        return Verdict(f"the box may have {answers[0]['processes']} processes")
    missing = [NAMES[field] for field in held["missing"]]
    named = [NAMES[field] for field in held["missing"] if getattr(subject.plan.limits, field) is not None]
    if named:
        return Verdict(f"not limited, though the profile says so: {listed(named)} ({held['reason']})")
    return Verdict(note=f"not limited on this host: {listed(missing)} ({held['reason']})") if missing else OK


def _logins(subject: Subject, _answers: Sequence[Answer]) -> Verdict:
    """Asked of the host: the box has a copy at most. An expired login is renewed by the agent itself, when it may."""
    told = []
    for name in dict.fromkeys((*subject.profile.agents, recognised(subject.profile.entrypoint.cmd))):
        for login in agent(name).LOGINS if name else ():
            until = _expiry(subject, login.path, login.expires) if login.expires else 0.0
            if until and until < subject.now + SOON:
                minutes = max(0, int((until - subject.now) // 60))
                told.append(f"the login of {name} " + (f"ends in {minutes} minutes" if minutes else "has expired"))
    return Verdict(note="; ".join(told)) if told else OK


def _expiry(subject: Subject, path: str, dotted: str) -> float:
    """Seconds since 1970, 0 when it cannot be told."""
    import json
    from datetime import UTC, datetime

    content = subject.host.read(f"{subject.host.home}/{path}", 1 << 20)
    try:
        value = json.loads(content or b"null")
        for part in dotted.split("."):
            value = value[part]
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        return float(value) / (1000 if value > 1e11 else 1)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0.0


CHECKS = (
    Check("shims-active", "MEDIUM", "replaced commands cannot be reached", _ask_shims, _shims, "shims-active"),
    Check("limits", "MEDIUM", "memory, processor time and processes are limited", _ask_limits, _limits),
    Check("logins", "INFO", "agents' logins are good for a while", _nothing, _logins),
)
