"""Why the command of a run was not started, as an error: the host allows no such box, or the box has no such command."""

from __future__ import annotations

from inner import ui
from inner.errors import CannotExecute, CommandNotFound, RunError
from inner.frozen import TYPE_CHECKING
from inner.launch.refusal import namespace_problem
from inner.paths import quoted

if TYPE_CHECKING:
    from inner.errors import InnerError
    from inner.launch.outcome import Outcome
    from inner.plan.model import Plan
    from inner.words import Features


def failure(plan: Plan, outcome: Outcome, features: Features) -> InnerError:
    """The error. Of a box that could not be made, what bubblewrap said is told before."""
    if outcome.reason == "not-found":
        return CommandNotFound(f"`{plan.command[0]}` cannot be started in the box: it, or the interpreter it names, is not there")
    if outcome.reason == "not-executable":
        return CannotExecute(
            f"`{plan.command[0]}` cannot be executed", hint=f"`chmod +x {quoted(plan.command[0])}`, or name its interpreter"
        )
    known = namespace_problem(features)
    if outcome.stderr and known is None:  # what is known is told better than bubblewrap can
        ui.err(f"bubblewrap: {ui.safe_lines(outcome.stderr)}")
    return known or RunError("the box could not be made", hint="`inner run --dry-run` shows how it would be made")
