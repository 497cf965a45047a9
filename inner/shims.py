"""Command shims as data -> the text of the scripts that stand in their place. Pure.

A shim is a signpost and no fence: a program that is shown can be copied and run under another name. What a box must not do is
kept from it by what the box does not have.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKED = 126  # "found and cannot be executed", as a shell says it (POSIX, XCU 2.8.2)
ABSENT = 127
HEAD = b"#!/bin/sh\n# This command is blocked in this box by its profile, "


def blocked(profile: str) -> bytes:
    """A script that refuses, whatever its name: one text for every blocked command. `$0` is the path that was executed."""
    return _script(
        HEAD.decode().partition("\n")[2] + f"{_shown(profile)}.",
        f"printf 'inner: `%s` is blocked in this box (profile %s)\\n' \"${{0##*/}}\" {quoted(_shown(profile))} >&2",
        f"exit {BLOCKED}",
    )


def rewritten(name: str, words: Sequence[str], program: str) -> bytes:
    """A script that runs `words` in the place of `name`, its arguments after them. `program` is where the first word is found,
    behind the shims, so that none of them is met again; empty when the box has no such program.
    """
    head = f"# `{name}` is `{_shown(' '.join(words))}` in this box."
    if not program:
        text = f"inner: `{name}` is `{_shown(' '.join(words))}` in this box, and `{_shown(words[0])}` is not in it"
        return _script(head, f"printf '%s\\n' {quoted(text)} >&2", f"exit {ABSENT}")
    return _script(head, f'exec {" ".join(quoted(word) for word in (program, *words[1:]))} "$@"')


def quoted(word: str) -> str:
    """`word` for a POSIX shell."""
    return "'" + word.replace("'", "'\\''") + "'"


def _script(*lines: str) -> bytes:
    return "\n".join(("#!/bin/sh", *lines, "")).encode("utf-8", "surrogateescape")


def _shown(text: str) -> str:
    """Printable ASCII on one line, for messages."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:200]
