"""From what failed to a profile that mends it: TOML that extends the one that was checked. Pure."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.profile.amend import quoted, toml
from inner.profile.layer import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.checks.model import Finding
    from inner.profile.layer import Patch
    from inner.profile.model import Profile


def patches(findings: Sequence[Finding]) -> dict[str, Patch]:
    """The changes of all findings in one: two that take elements from a list become one that takes both."""
    merged: dict[str, Patch] = {}
    for finding in findings:
        for leaf, patch in finding.mend.items() if finding.state == "failed" else ():
            old = merged.get(leaf)
            if isinstance(old, Edit) and isinstance(patch, Edit):
                patch = Edit(remove=tuple(dict.fromkeys((*old.remove, *patch.remove))))  # noqa: PLW2901
            merged[leaf] = patch
    return merged


def profile_text(profile: Profile, base: str, findings: Sequence[Finding]) -> str:
    """A whole profile, with a comment for every check that failed; only comments when there is nothing to mend."""
    failed = [finding for finding in findings if finding.state == "failed"]
    lines = [
        f"# {_line(finding.check)}: {_line(finding.text)}" + ("" if finding.mend else " (no profile changes that)")
        for finding in failed
    ]
    mended = patches(findings)
    if not failed:
        return f"# nothing to mend in `{_line(profile.name)}`"
    if not mended:
        return "\n".join(lines)
    head = ['schema_version = "1"', f"extends = {quoted(base)}", ""]
    return "\n".join([*lines, *head, toml(mended)])


def _line(text: str) -> str:
    """One line of a comment: TOML forbids control characters there."""
    return "".join(char if char.isprintable() else "?" for char in text)
