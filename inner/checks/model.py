"""What a check is: questions for the probe, made from the plan, and a judgement of the answers. Pure.

A check never says what it did not ask the box: what a profile says is not what a box does. What the profile itself gives away
is told by the check that guards it, with the change that would take it back.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from inner.host import Host
    from inner.plan.hide import Secrets
    from inner.plan.model import Plan
    from inner.plan.mounts import MountTable
    from inner.profile.layer import Patch
    from inner.profile.model import Profile

    Question: TypeAlias = dict[str, Any]
    Answer: TypeAlias = dict[str, Any]

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")


@frozen
class Subject:
    """The box that is meant: the plan with all it came from. `now` is the time in seconds since 1970; `held` what was put in force
    of the limits when the box was started, and by what (`launch.limits`): the box itself cannot see that.
    """

    plan: Plan
    profile: Profile
    host: Host
    table: MountTable
    secrets: Secrets
    now: float = 0.0
    held: Mapping[str, Any] = {}


@frozen
class Verdict:
    """`problem` is what is wrong, "" when nothing is; `note` what is told beside it. `mend` are the patches of the profile, by
    leaf, after which it holds: none when no profile can bring it about. `unclear`: nothing was seen, so nothing is granted.
    """

    problem: str = ""
    note: str = ""
    mend: Mapping[str, Patch] = {}
    unclear: bool = False


OK = Verdict()


@frozen
class Check:
    """`title` is what holds when it passes. `key`: the `allow` key with which a failure is only told."""

    name: str
    severity: str
    title: str
    ask: Callable[[Subject], Sequence[Question]]
    judge: Callable[[Subject, Sequence[Answer]], Verdict]
    key: str = ""


@frozen
class Finding:
    """`state`: "ok", "failed", "told" (it does not hold and the profile says so, or it is of severity INFO)."""

    check: str
    severity: str
    state: str
    title: str
    text: str = ""
    mend: Mapping[str, Patch] = {}


def listed(items: Sequence[str], most: int = 4) -> str:
    """A few names for a sentence."""
    shown = ", ".join(f"`{item}`" for item in items[:most])
    return shown + (f" and {len(items) - most} more" if len(items) > most else "")
