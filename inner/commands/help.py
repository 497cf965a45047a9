"""Help in plain text, in groups, at 80 columns: what Typer shows only through rich.

Commands are grouped by `GROUPS`, the options of a command by the group that each was declared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

from inner.config.faults import did_you_mean
from inner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUPS = {
    "Run": ("run", "exec", "attach", "ps", "stop", "approvals", "log"),
    "Review what a box changed": ("diff", "apply", "discard"),
    "Know what a box can do": ("why", "verify", "profile", "trust"),
    "Set up": ("init", "config", "doctor", "reset", "export", "completion", "man", "version"),
}
OTHERS = "More"
FIRST = 28  # columns of the names; longer ones have a line of their own


class GroupedCommand(TyperCommand):
    """A command whose help shows its options by group."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments say what they are in the usage line; options come by group, in the order in which they were declared."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and parameter.param_type_name == "option":
                group = getattr(parameter, "rich_help_panel", None) or OTHERS
                groups.setdefault(group, []).append(record)
        rest = groups.pop(OTHERS, [])
        if groups:
            next(reversed(groups.values())).extend(rest)
        else:
            groups["Options"] = rest
        widest = max(len(names) for records in groups.values() for names, _ in records if len(names) <= FIRST)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl([(names.ljust(widest), text) for names, text in records], col_max=widest)


class Commands(TyperGroup):
    """Commands, of which a misspelt one gets a suggestion."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer does it, with our words for a command that is none."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise no_command(args[0], ctx.command_path, self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class GroupedCommands(Commands):
    """All commands, by group."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """One line for each command."""
        known = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        shown = {name: command for name, command in known.items() if command is not None and not command.hidden}
        width = max(map(len, shown))
        named = {name for names in GROUPS.values() for name in names}
        for group, names in (*GROUPS.items(), (OTHERS, [name for name in shown if name not in named])):
            rows = [
                (name.ljust(width), shown[name].get_short_help_str(formatter.width - width - 6))
                for name in names
                if name in shown
            ]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


def no_command(name: str, path: str, names: Iterable[str]) -> UsageError:
    """`name` is no command below `path`."""
    from inner.ui import safe

    close = did_you_mean(name, names)
    return UsageError(
        f"`{safe(name)}` is no command of `{path}`", hint=(close + " " if close else "") + f"`{path} --help` shows all"
    )
