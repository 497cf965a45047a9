"""What the words of another program leave out, at the end of a run that failed: why the box could not let it do that."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.plan.model import Plan


def advice(plan: Plan) -> str:
    """One line, "" when there is nothing to add."""
    dotgit = f"{plan.project}/.git"
    wanted = " ".join(plan.command)
    if any(f"git {verb}" in wanted for verb in ("init", "clone")) and any(p.path == dotgit for p in plan.guard.placeholders):
        return "no repository can be made here from inside: hooks and settings in a `.git` run outside; `git init` first, outside"
    return ""
