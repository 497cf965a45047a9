"""What `aftermath` found in the project after a run, and how that is told."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.launch.aside import HELD, undo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REPOSITORY = "a repository that was made or changed in the box"
MODULE = "a submodule that was made in the box, and could not be taken over"
WORK_TREE = "a work tree of git that was made in the box, and could not be taken over"


@frozen
class Findings:
    """Paths relative to the project. `steers`: (path, kind) with a kind of `STEERS`; `held`: (where it is now, why)."""

    held: tuple[tuple[str, str], ...] = ()
    set_id: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    special: tuple[str, ...] = ()
    steers: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()
    whole: bool = True
    began: int = 0  # seconds since 1970
    trees: tuple[str, ...] = ()  # `.git` files that name what a box cannot write: without effect, or work trees of the user's

    def lines(self) -> list[str]:
        """A few lines for people: not yet escaped."""
        together: dict[tuple[str, str], list[str]] = {}  # a repository is told once, not file by file
        for where, why in self.held:
            together.setdefault((where.rpartition("/")[0] if why == REPOSITORY else where, why), []).append(where)
        said = [_out_of_effect(names, why) for (_, why), names in list(together.items())[:10]]
        if len(together) > 10:
            said.append(f"{len(together) - 10} more have been put out of effect: `find . -name '*{HELD}*'`")
        if self.set_id:
            said.append(f"set-id bits were taken away: {_some(self.set_id)}")
        if self.links:
            said.append(f"links lead out of the project: {_some([f'{path} -> {target}' for path, target in self.links])}")
        if self.special:
            said.append(f"sockets or pipes were left: {_some(self.special)}")
        if self.steers:
            said.append(f"changed, and run or obeyed by tools outside: {_some([path for path, _ in self.steers])}")
        if self.unread:
            said.append(f"could not be looked into: {_some(self.unread)}")
        if not self.whole:
            said.append(
                "the project was not looked through to its end: what this run made may still run outside; "
                f"`find . -newerct @{self.began}` lists what is new"
            )
        return said


def _out_of_effect(names: Sequence[str], why: str) -> str:
    listed = " and ".join(f"`{name}`" for name in names)
    back = "its commits are in its branch, and `git worktree add` makes it anew"
    if why == MODULE:
        back = "`git submodule update --init` makes it anew"
    elif why != WORK_TREE:
        back = f"to have it back: `{' && '.join(undo(name) for name in names)}`"
    return f"{listed} {'are' if len(names) > 1 else 'is'} out of effect: {why}; {back}"


def _some(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    return ", ".join(f"`{name}`" for name in listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
