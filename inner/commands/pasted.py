"""What inner makes for a run, and takes away after it, as lines for bash: around the command of `--dry-run` they make it one that
can be pasted. Copies are copies: nothing that the box does to git's folder is brought back by hand.
"""

from __future__ import annotations

from inner.bwrap import printed
from inner.frozen import TYPE_CHECKING
from inner.paths import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inner.plan.model import Plan


def before(plan: Plan) -> tuple[str, ...]:
    """Placeholders, private copies and copies of git folders."""
    folders = [p.path for p in plan.guard.placeholders if p.kind == "dir"]
    lines = [f"mkdir -- {_words(folders)}"] if folders else []
    lines += [f"printf -- '{printed(p.content)}' > {quoted(p.path)}" for p in plan.guard.placeholders if p.kind != "dir"]
    for copy in plan.copies:
        lines.append(f"mkdir -p -- {quoted(_above(copy.into))} && cp -a -- {_words([copy.src, copy.into])}")
        left_out = [copy.into + path[len(copy.src) :] for path in copy.without]
        lines += [f"rm -rf -- {_words(left_out)}"] if left_out else []
    for shadow in plan.guard.shadows:
        place = quoted(f"{shadow.into}/shadow")
        lines.append(f"mkdir -p -- {quoted(shadow.into)} && cp -a -- {quoted(shadow.common)} {place}")
        if shadow.gitdir != shadow.common:
            own = _words([f"{shadow.gitdir}/HEAD", f"{shadow.gitdir}/index"])
            lines.append(f"cp -a -- {own} {place}")
        lines.append(f"mkdir -p -- {place}/hooks {place}/info && printf -- '{printed(shadow.config)}' > {place}/config")
        ignored = "".join(f"{pattern}\n" for pattern in shadow.exclude).encode("utf-8", "surrogateescape")
        lines.append(f"printf -- '{printed(ignored)}' >> {place}/info/exclude")
    return tuple(lines)


def after(plan: Plan) -> tuple[str, ...]:
    """The way back. What is not empty stays."""
    folders = [p.path for p in plan.guard.placeholders if p.kind == "dir"]
    files = [p.path for p in plan.guard.placeholders if p.kind != "dir"]
    made = [*(copy.into for copy in plan.copies), *(shadow.into for shadow in plan.guard.shadows)]
    lines = [f"rmdir -- {_words(folders)}"] if folders else []
    lines += [f"rm -f -- {_words(files)}"] if files else []
    lines += [f"rm -rf -- {_words(made)}"] if made else []
    return tuple(lines)


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _words(paths: Iterable[str]) -> str:
    return " ".join(quoted(path) for path in paths)
