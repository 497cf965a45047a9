"""`inner profile explain`: the box as a person would draw it. A tree and colour at a terminal, plain lines elsewhere, 80 columns."""

from __future__ import annotations

import os

from inner import ui
from inner.commands.drawing import MADE, Drawing, drawing, folded
from inner.errors import CheckFailed, CommandNotFound, RunError
from inner.frozen import TYPE_CHECKING, replace
from inner.paths import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from inner.commands.drawing import Named, Seen
    from inner.host import RealHost
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.settings import Settings

WIDTH = 80
COLOURS = {"writable": "33", "hidden": "31", "read-only": "32", "empty": "2", "head": "1", "where": "2"}


def explain(profile: Profile, settings: Settings, host: RealHost, *, form: str) -> int:
    """Print the box of `profile` in the folder here; `form` is "text", "json" or "svg"."""
    plan, command, notices = _plan(profile, host)
    found = drawing(plan, profile, host, command=command, root=str(settings.project.root), notices=notices)
    if form == "json":
        ui.json("box", found)
    elif form == "svg":
        from inner.commands.svg import svg

        ui.out(svg(found))
    else:
        from inner.commands.dry_run import short

        def shown(path: str) -> str:
            return "~" if path == host.home else short(path, host)

        _Writer(shown, rich=os.isatty(1) and not host.env.get("NO_COLOR") and host.env.get("TERM") != "dumb").drawing(found)
    return 0


def _plan(profile: Profile, host: RealHost) -> tuple[Plan, tuple[str, ...], tuple[str, ...]]:
    """The plan, what it starts, and what to say about that. A profile can be explained where its program is not installed."""
    from inner.plan.build import build
    from inner.request import Request

    terminal = profile.entrypoint.interactive is not False
    try:
        try:
            plan = build(profile, Request(), host, terminal=terminal, run_dir=MADE)
            return plan, plan.command, ()
        except CommandNotFound as problem:
            stand_in = replace(profile.entrypoint, cmd="/bin/sh", args=())
            plan = build(replace(profile, entrypoint=stand_in), Request(), host, terminal=terminal, run_dir=MADE)
            told = f"this box would not start here: {problem.message}"
            return plan, (profile.entrypoint.cmd, *profile.entrypoint.args), (told,)
    except RunError as problem:
        raise CheckFailed(problem.message, hint=problem.hint, where=problem.where) from None


class _Writer:
    """The text, line by line. Nothing is told by colour alone."""

    def __init__(self, shown: Callable[[str], str], *, rich: bool) -> None:
        self.shown, self.rich = shown, rich

    def drawing(self, box: Drawing) -> None:
        ui.out(self.paint("head", ui.safe(box.name)) + (f": {ui.safe(box.description)}" if box.description else ""))
        ui.out()
        for number, layer in enumerate(box.layers):
            self.field("made of" if not number else "", layer, "")
        self.field("starts", " ".join(map(quoted, box.command)), box.command_where)
        self.field("works in", box.workdir, "")
        self.field("time limit", f"{box.timeout:g} s" if box.timeout else "none", "")
        self.head("sees", "nothing of this machine but this")
        self.sees(folded(box.sees))
        told = {"off": "nothing", "full": "everything that this machine reaches", "allowlist": "these hosts, and nothing else"}
        self.head("reaches", told[box.network] + (f"  ({box.network_where})" if box.network_where else ""))
        self.named(box.reaches)
        if box.refuses:
            self.head("never reaches", "")
            self.named(box.refuses)
        self.head("has in its environment", "these variables, and no other")
        self.named(box.environment)
        if box.blocked:
            self.head("refuses to start", "")
            self.named(box.blocked)
        if box.rewritten:
            self.head("replaces these commands", "")
            self.named(box.rewritten)
        for text in box.notices:
            ui.out()
            self.wrapped("note: ", text)

    def head(self, text: str, rest: str) -> None:
        ui.out()
        ui.out(self.paint("head", text.upper()) + (f": {ui.safe(rest)}" if rest else ""))

    def field(self, name: str, value: str, where: str) -> None:
        self.columns(f"{name:<12}", value, "", where)

    def sees(self, seen: Sequence[Seen]) -> None:
        paths = [one.path for one in seen]
        for number, one in enumerate(seen):
            stem = self.stem(paths, number) if self.rich else f"  {self.shown(one.path)}"
            more = f" ({one.count - 1} more below)" if one.count > 1 else ""
            self.columns(f"{ui.safe(stem):<31} ", f"{one.state:<9}", one.what + more, one.where)

    def stem(self, paths: Sequence[str], number: int) -> str:
        """The branches of the tree up to the place, and its name below the place it hangs on."""
        path, parent = paths[number], _parent(paths, number)
        if parent < 0:
            return path
        last = not any(_parent(paths, later) == parent for later in range(number + 1, len(paths)))
        text = ("└─ " if last else "├─ ") + path[len(paths[parent].rstrip("/")) + 1 :]
        while (upper := _parent(paths, parent)) >= 0:
            more = any(_parent(paths, later) == upper for later in range(number + 1, len(paths)))
            text = ("│  " if more else "   ") + text
            parent = upper
        return text

    def named(self, found: Iterable[Named]) -> None:
        """Those that come from the same place on the same lines."""
        groups: dict[tuple[str, str], list[str]] = {}
        for one in found:
            groups.setdefault((one.what, one.where), []).append(one.name)
        for (what, where), names in groups.items():
            tail = "  " + "  ".join(part for part in (what, where) if part) if what or where else ""
            self.wrapped("  ", " ".join(names), tail)

    def wrapped(self, indent: str, text: str, tail: str = "") -> None:
        """Words in lines of at most 80; the tail dimmed, on a line of its own when there is no room."""
        import textwrap

        lines = textwrap.wrap(ui.safe(text), WIDTH - len(indent), break_long_words=False, break_on_hyphens=False) or [""]
        tail = ui.safe(tail)
        room = len(lines[-1]) + len(indent) + len(tail) <= WIDTH
        for number, line in enumerate(lines):
            lead = indent if not number else " " * len(indent)
            end = self.paint("where", tail) if tail and room and number == len(lines) - 1 else ""
            ui.out((lead + line + end).rstrip())
        if tail and not room:
            ui.out(self.paint("where", f"      {tail.strip()}"))

    def columns(self, left: str, state: str, what: str, where: str) -> None:
        """`left state what (where)`, with what does not fit on the next line."""
        state = ui.safe(state)
        rest = " ".join(part for part in (ui.safe(what), f"({ui.safe(where)})" if where else "") if part)
        shown = left + self.paint(state.strip(), state)
        if len(left) + len(state) + 1 + len(rest) <= WIDTH:
            ui.out(f"{shown} {rest}".rstrip())
            return
        ui.out(shown.rstrip())
        import textwrap

        for line in textwrap.wrap(rest, WIDTH - 6, break_long_words=False, break_on_hyphens=False):
            ui.out(f"      {line}")

    def paint(self, kind: str, text: str) -> str:
        return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m" if self.rich and kind in COLOURS and text else text


def _parent(paths: Sequence[str], number: int) -> int:
    """Index of the place that the one at `number` hangs on; -1 for the root."""
    path = paths[number]
    above = [i for i, other in enumerate(paths) if i != number and path.startswith(other.rstrip("/") + "/")]
    return max(above, key=lambda i: len(paths[i]), default=-1)
