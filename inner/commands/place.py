"""How a place in a file is written for people: the home as `~`, a built-in profile by its name, a project's file from its root."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.host import Host


def place(text: str, host: Host, *, root: str = "") -> str:
    """`text`, a path or `file:line`, shortened; `root` is the project's."""
    from inner.commands.dry_run import short
    from inner.profile.find import BUILT_IN

    if text == "inner":
        return "default"
    for folder in BUILT_IN:
        if text.startswith(f"{folder}/"):
            return f"built-in {text[len(folder) + 1 :]}"
    if root and text.startswith(f"{root}/"):
        return text[len(root) + 1 :]
    return short(text, host)
