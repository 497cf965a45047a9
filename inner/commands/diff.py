"""`inner diff`: what runs with `--review` have changed, kept apart until it is applied or discarded."""

from __future__ import annotations

import os

import typer

from inner import ui
from inner.frozen import TYPE_CHECKING, replace
from inner.guard import guard
from inner.progress import Busy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.review.changes import Change, Comparison

SIGNS = {"added": "A", "modified": "M", "deleted": "D", "replaced": "T", "mode": "m"}


def add(app: typer.Typer) -> None:
    """Add `diff` to the application."""

    @app.command("diff", help="Show what a run with `--review` has changed. The latest of this folder, or the one that is named.")
    def diff_(
        words: list[str] = typer.Argument(None, metavar="[ID] [PATHS...]", help="A review, and paths in it.", show_default=False),  # noqa: B008
        stat: bool = typer.Option(False, "--stat", help="Names and numbers of lines only."),
        all_: bool = typer.Option(False, "--list", help="List every review that is pending."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        raise typer.Exit(guard(lambda: main(words or [], stat=stat, all_=all_, as_json=as_json)))


def state() -> str:
    """Where reviews are."""
    from inner.paths import state_dir

    return os.path.realpath(state_dir(os.environ, os.environ.get("HOME", "/")))


def main(words: Sequence[str], *, stat: bool, all_: bool, as_json: bool) -> int:
    """List, or choose a review and show it."""
    from inner.review import record
    from inner.review.git import repositories
    from inner.review.run import recover
    from inner.review.select import changed

    recover(state(), ui.warning)
    if all_:
        return listing(as_json=as_json)
    review, paths = record.choose(state(), words, os.getcwd())
    commits = [one for one in repositories(review) if touches(one.top, paths)]
    live = record.busy(review)
    with Busy(ui.note, "looking at what is changed"):
        found = changed(review, paths, os.getcwd(), live=live)
    with found:
        if as_json:
            changes = [_plain(change, found.of(change)) for change in found.changes]
            ui.json("review", {"id": review.id, "project": review.project, "changes": changes, "repositories": commits})
            return 0
        ui.err(f"inner: review {review.id} of `{ui.safe(review.project)}`" + (", still running" if live else ""))
        if not found.changes and not commits:
            ui.note("nothing is left of it to apply: `inner discard` removes it" if not paths else "nothing is changed there")
        for change in visible(found.changes):
            if stat:
                ui.out(summary(change, found.of(change)))
            else:
                _show(change, found.of(change))
        for repository in commits:
            for line in repository.lines():
                ui.out(ui.safe(line))
        remarks(found.changes)
    return 0


def touches(top: str, paths: Sequence[str]) -> bool:
    """Whether paths mean the repository of a work tree, or there are none."""
    from inner.paths import covers, normal

    full = [normal(path if path.startswith("/") else f"{os.getcwd()}/{path}") for path in paths]
    return not full or any(covers(path, f"{top}/.git") for path in full)


def listing(*, as_json: bool) -> int:
    """Every pending review."""
    from inner.review import record

    reviews = record.pending(state())
    if as_json:
        ui.json("reviews", [{"id": r.id, "project": r.project, "command": r.command, "running": record.busy(r)} for r in reviews])
    elif reviews:
        rows = [(r.id, "running" if record.busy(r) else "pending", r.command, r.project) for r in reviews]
        ui.table(rows, ("review", "state", "command", "folder"))
    else:
        ui.note("no review is pending: `inner run --review` makes one")
    return 0


def _plain(change: Change, comparison: Comparison) -> dict[str, object]:
    from inner.review.hosted import runs

    return {
        "path": shown_path(change, comparison), "kind": change.kind, "type": change.what or change.was, "renamed_from": change.source,
        "mode": f"{change.mode:04o}" if change.what in ("file", "dir") else "", "size": change.size,
        "conflict": change.conflict, "runs_code": runs(change),
    }  # fmt: skip


def shown_path(change: Change, comparison: Comparison) -> str:
    """Relative for the project, absolute for other folders."""
    return change.path if comparison.first else f"{comparison.layer.src}/{change.path}"


def marks(change: Change, comparison: Comparison) -> str:
    """Remarks on one change, for the end of a line."""
    from inner.review.hosted import leaves, runs

    found = []
    if change.conflict:
        found.append(f"conflict: {change.conflict}")
    if runner := runs(change):
        found.append(f"may run code outside: {runner}")
    if change.setid:
        found.append("set-id bits are left out")
    if change.what == "special":
        found.append("a device, socket or pipe: not brought over")
    if change.what == "link" and leaves(change, _target(change, comparison)):
        found.append("leads out of the folder")
    return f"  [{'; '.join(found)}]" if found else ""


def _target(change: Change, comparison: Comparison) -> str:
    try:
        return comparison.kept.readlink(change.path)
    except OSError:
        return ""


def visible(changes: Sequence[Change]) -> list[Change]:
    """Without the removals that are half of a rename (the line of the other half tells them), and with one line for a `.git`."""
    sources = {(change.layer, change.source) for change in changes if change.source}
    shown: dict[tuple[int, str], Change] = {}
    for change in changes:
        if change.kind == "deleted" and (change.layer, change.path) in sources:
            continue
        place = git_folder(change.path)
        if place and place != change.path:
            whole = replace(change, path=place, kind="modified", what="dir", was="dir", conflict="", source="")
            shown.setdefault((change.layer, place), whole)
        else:
            shown[change.layer, change.path] = change
    return list(shown.values())


def git_folder(path: str) -> str:
    """The `.git` that a path is in, or is; "" when it is in none."""
    parts = path.split("/")
    return "/".join(parts[: parts.index(".git") + 1]) if ".git" in parts else ""


def summary(change: Change, comparison: Comparison) -> str:
    """One line: what, where, how much."""
    path = ui.safe(shown_path(change, comparison)) + ("/" if (change.what or change.was) == "dir" else "")
    extra = ""
    if change.source:
        path = f"{ui.safe(change.source)} -> {path}"
    elif change.kind == "mode":
        extra = f"  mode {change.old_mode:04o} -> {change.mode:04o}"
    elif change.what == "link":
        path += f" -> {ui.safe(_target(change, comparison))}"
    elif "file" in (change.what, change.was):
        extra = _amount(change, comparison)
    sign = "R" if change.source else SIGNS[change.kind]
    return f"{sign} {path}{extra}{ui.safe(marks(change, comparison))}"


def _amount(change: Change, comparison: Comparison) -> str:
    from inner.review import text

    old, new = sides(change, comparison)
    if old is None or new is None:
        return f"  {change.size} bytes"
    if text.binary(old) or text.binary(new):
        return f"  binary, {len(old)} -> {len(new)} bytes"
    added, removed = text.counts(text.lines(old), text.lines(new))
    return f"  +{added} -{removed}"


def sides(change: Change, comparison: Comparison) -> tuple[bytes | None, bytes | None]:
    """Contents outside and in the box; None for what is too large to be compared line by line."""
    from inner.review.text import MOST_BYTES

    def read(tree: object, there: bool) -> bytes | None:
        if not there:
            return b""
        try:
            fd = tree.open(change.path)  # type: ignore[attr-defined]
        except OSError:
            return None
        with open(fd, "rb") as file:
            data: bytes = file.read(MOST_BYTES + 1)
        return data if len(data) <= MOST_BYTES else None

    return read(comparison.host, change.was == "file"), read(comparison.kept, change.what == "file")


GREEN, RED, CYAN, BOLD, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[36m", "\x1b[1m", "\x1b[0m"


def _show(change: Change, comparison: Comparison) -> None:
    """The change in full."""
    from inner.review import text

    colour = os.isatty(1) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"

    def line(words: str, code: str) -> None:
        ui.out(f"{code}{words}{PLAIN}" if colour else words)

    line(summary(change, comparison), BOLD)
    if "file" not in (change.what, change.was) or change.kind == "mode" or change.source:
        return
    old, new = sides(change, comparison)
    if old is None or new is None or text.binary(old) or text.binary(new):
        return
    name = ui.safe(shown_path(change, comparison))
    line(f"--- {name if change.was == 'file' else '/dev/null'}", BOLD)
    line(f"+++ {name if change.what == 'file' else '/dev/null'}", BOLD)
    for row in text.unified(text.lines(old), text.lines(new)):
        code = {"@": CYAN, "-": RED, "+": GREEN}.get(row[0], "")
        body, note, _ = row.partition("\n\\ No newline at end of file")
        shown = body[:1] + escaped(body[1:])
        line(shown, code)
        if note:
            line("\\ No newline at end of file", "")


def escaped(line: str) -> str:
    """A line of somebody's text: what a terminal would obey is written out; tabs are no harm."""
    return "\t".join(ui.safe(part) for part in line.split("\t"))


def remarks(changes: Sequence[Change]) -> None:
    """What deserves attention, in a line each."""
    from inner.review.hosted import runs

    conflicts = sum(bool(change.conflict) for change in changes)
    code = sum(bool(runs(change)) for change in changes)
    if code:
        ui.warning(f"{code} of {len(changes)} changes may run code outside of any box once they are applied: read them")
    if conflicts:
        ui.warning(f"{conflicts} of {len(changes)} changes are in conflict with changes made outside")
