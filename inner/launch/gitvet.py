"""What of an unfinished operation of git may come out of a box: nothing that `git rebase --continue` and its kin would run, or that
would make them write elsewhere (sequencer.c, builtin/am.c, builtin/bisect.c). Pure.

A rebase's list can say `exec`, its strategy is the name of a program, and `am` has options for `git apply`. What is as it was at the
start passes as it is; what is not known is no file of git's.
"""

from __future__ import annotations

import re

from inner import gitconfig
from inner.frozen import TYPE_CHECKING
from inner.launch.gitobjects import is_name
from inner.launch.shadow import is_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inner.launch.gitstate import Files

COMMANDS = ("pick", "p", "reword", "r", "edit", "e", "squash", "s", "fixup", "f", "drop", "d", "break", "b", "noop", "label", "l", "reset", "t",
            "merge", "m", "update-ref", "u", "revert")  # fmt: skip
STRATEGIES = (b"ort", b"recursive", b"resolve", b"octopus", b"ours", b"subtree")
QUOTED = rb"'(?:[^'\n\0]|'\\['!]')*'"  # quote.c


def _lines(test: Callable[[str], bool]) -> Callable[[bytes], bool]:
    return lambda text: all(test(line) for line in text.decode("utf-8", "surrogateescape").splitlines())


def _like(pattern: bytes) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _hex(line: str) -> bool:
    return is_hash(line.encode("utf-8", "surrogateescape"))


def _branch(text: str) -> bool:
    return text.startswith("refs/heads/") and is_name(text)


HASHES = _lines(_hex)
TEXT = _like(rb"[^\0]*")
WORD = _like(rb"[\w.-]{0,60}\n?")
OPTIONS = _like(rb"[ '\na-z0-9=%_-]*")
AUTHOR = _like(rb"(?:GIT_AUTHOR_(?:NAME|EMAIL|DATE)=" + QUOTED + rb"\n){3}")
BRANCH = _lines(lambda line: _branch(line) or line == "detached HEAD")
APPLY = _like(rb"(?: ?'(?:-C\d+|-p\d+|--whitespace=[a-z-]+|--ignore-whitespace|--ignore-space-change|--reject)')*\n?")
COMMON = {
    "onto": HASHES, "orig-head": HASHES, "head-name": BRANCH, "author-script": AUTHOR, "autostash": HASHES, "strategy_opts": OPTIONS,
    "strategy": lambda text: text.strip() in STRATEGIES, "allow_rerere_autoupdate": WORD, "patch": TEXT, "quiet": WORD, "verbose": WORD,
}  # fmt: skip
KNOWN: Mapping[str, Callable[[bytes], bool]] = {
    **dict.fromkeys(("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "ORIG_HEAD", "MERGE_AUTOSTASH", "AUTO_MERGE", "REBASE_HEAD"), HASHES),
    **dict.fromkeys(("MERGE_MSG", "SQUASH_MSG"), TEXT), "MERGE_MODE": WORD,
    "BISECT_LOG": _lines(lambda line: line.startswith(("#", "git bisect ", "git-bisect ")) and line.isprintable()),
    "BISECT_START": _lines(lambda line: _hex(line) or is_name(f"refs/heads/{line}")), "BISECT_TERMS": _like(rb"(?:[\w-]+\n?){0,2}"),
    "BISECT_NAMES": _like(rb"(?: ?" + QUOTED + rb")*\n?"), "BISECT_EXPECTED_REV": HASHES, "BISECT_HEAD": HASHES,
    "BISECT_ANCESTORS_OK": WORD, "BISECT_FIRST_PARENT": WORD,
    **{f"rebase-merge/{name}": test for name, test in COMMON.items()},
    **{f"rebase-merge/{name}": HASHES for name in ("stopped-sha", "amend", "squash_onto")},
    **{f"rebase-merge/{name}": TEXT for name in ("message", "message-fixup", "message-squash", "current-fixups")},
    **{f"rebase-merge/{name}": WORD for name in ("msgnum", "end", "interactive", "signoff", "drop_redundant_commits", "keep_redundant_commits",
       "reschedule-failed-exec", "no-reschedule-failed-exec", "cdate_is_adate", "ignore_date", "committer_date_is_author_date")},
    **{f"rebase-merge/{name}": _like(rb"[0-9a-f \n]*") for name in ("rewritten-list", "rewritten-pending")},
    "rebase-merge/update-refs": _lines(lambda line: _hex(line) or _branch(line)),
    "rebase-merge/refs-to-delete": _lines(lambda line: line.startswith("refs/rewritten/") and is_name(line)),
    "sequencer/head": HASHES, "sequencer/abort-safety": HASHES,
    **{f"rebase-apply/{name}": test for name, test in COMMON.items()},
    **{f"rebase-apply/{name}": HASHES for name in ("abort-safety", "original-commit")},
    **{f"rebase-apply/{name}": TEXT for name in ("final-commit", "info", "msg", "msg-clean")},
    **{f"rebase-apply/{name}": WORD for name in ("next", "last", "applying", "rebasing", "utf8", "keep", "sign", "messageid", "threeway", "scissors",
       "quoted-cr", "dirtyindex", "no_inbody_headers", "keepcr")},
    "rebase-apply/rewritten": _like(rb"[0-9a-f \n]*"), "rebase-apply/apply-opt": APPLY,
}  # fmt: skip
LISTS = ("rebase-merge/git-rebase-todo", "rebase-merge/git-rebase-todo.backup", "rebase-merge/done", "sequencer/todo")
SCRATCH = ("rebase-apply/patch-merge-index",)  # an index for one patch, made anew for the next (builtin/am.c)
SIGNING = ("rebase-merge/gpg_sign_opt", "rebase-apply/gpg_sign_opt")  # the key is yours to choose
SETTINGS: Mapping[str, Callable[[bytes], bool]] = {  # of sequencer/opts (sequencer.c, populate_opts_cb)
    **dict.fromkeys(("no-commit", "edit", "allow-empty", "allow-empty-message", "drop-redundant-commits", "keep-redundant-commits", "signoff",
                     "record-origin", "allow-ff", "mainline", "allow-rerere-auto", "default-msg-cleanup"), WORD),
    "strategy-option": OPTIONS, "strategy": lambda text: text in STRATEGIES,
}  # fmt: skip


def objects(files: Mapping[str, bytes]) -> list[str]:
    """The objects that these files name."""
    lines = [line for name, text in files.items() if KNOWN.get(name) is HASHES for line in text.split(b"\n")]
    return [line.decode() for line in lines if is_hash(line)]


def judged(now: Files, was: Files, there: set[str]) -> tuple[Files, list[str], str]:
    """What may come of one operation, what was left out of it, and why it cannot come, "" when it can."""
    want: Files = {}
    left: list[str] = []
    for name, text in now.items():
        last = name.rpartition("/")[2]
        if name in SCRATCH:
            continue
        if was.get(name) == text:
            want[name] = text
        elif name in LISTS:
            ours = {line for known in LISTS for line in was.get(known, b"").splitlines()}
            want[name] = b"".join(line + b"\n" for line in text.splitlines() if line in ours or _harmless(line))
            left += [_shown(line) for line in text.splitlines() if not (line in ours or _harmless(line)) and _says(line)]
        elif name == "sequencer/opts":
            entries = gitconfig.parse(text)[0]
            kept = [
                e
                for e in entries
                if e.section == "options" and SETTINGS.get(e.key, _no)((e.value or "").encode("utf-8", "replace"))
            ]
            want[name] = gitconfig.render(kept)
            left += [_shown(f"{e.key}={e.value}".encode("utf-8", "replace")) for e in entries if e not in kept]
        elif name in SIGNING:
            left.append(last)
        elif not KNOWN.get(name, TEXT if name.startswith("rebase-apply/") and last.isdigit() else _no)(text):
            return {}, [], f"its `{_shown(last.encode('utf-8', 'replace'))}` is not what git writes"
        elif missing := [sha for sha in objects({name: text}) if sha not in there]:
            return {}, [], f"its `{last}` names {missing[0][:12]}, which is not there"
        else:
            want[name] = text
    return want, list(dict.fromkeys(left)), ""


def _no(_text: bytes) -> bool:
    return False


def _says(line: bytes) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(b"#")


def _harmless(line: bytes) -> bool:
    """A line of a list of commands that runs nothing but git's own."""
    return line.split(b" ")[0].decode("ascii", "replace") in COMMANDS


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace")[:100]
