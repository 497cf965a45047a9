"""What is shown before somebody is asked to trust a file, and the question, which only a person at a terminal can answer.

All of it goes to standard error: what was not seen cannot be agreed to, wherever standard output leads.
"""

from __future__ import annotations

import os

from inner import ui
from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inner.host import Host
    from inner.profile.layer import Layer


def terminal() -> bool:
    """Whether somebody is there: standard input and standard error are terminals."""
    return os.isatty(0) and os.isatty(2)


def ask(question: str) -> bool:
    """Yes or no; no is the default, and what a closed terminal says. Keys that were pressed before the question do not count."""
    import termios

    ui.prompt(f"{question} [y/N] ")
    try:
        termios.tcflush(0, termios.TCIFLUSH)
        answer = os.read(0, 1024)
    except (OSError, termios.error):
        return False
    if not answer.endswith(b"\n"):
        ui.err()
    return answer.strip().lower() in (b"y", b"yes")


@frozen
class Change:
    """Something that trust would grant: about what, `key = value`, and the line that says it."""

    subject: str
    text: str
    where: str


def grants(subject: str, layers: Iterable[Layer], base: Iterable[Layer]) -> list[Change]:
    """What a profile of these layers, all trusted, grants over `base`."""
    from inner.profile.wider import wider

    found = wider(layers, base)
    return [Change(subject, f"{one.key} = {one.value}", str(one.origin)) for one in found]


def show_text(name: str, content: bytes) -> None:
    """A file as it is, but for control characters, each line with its number; on standard error, where the question is."""
    from inner.config.trust import digest

    ui.err(f"{ui.safe(name)}  sha256 {digest(content)}")
    lines = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        ui.err(f"{number:>4}  {ui.safe(line.expandtabs(4))}".rstrip())
    ui.err()


def show_changes(found: Sequence[Change], host: Host, *, root: str = "") -> None:
    """What would be granted, a paragraph for the settings and for each profile; every line with the place that says so."""
    from inner.commands.place import place

    for number, change in enumerate(found):
        if change.subject not in [earlier.subject for earlier in found[:number]]:
            ui.err(f"{ui.safe(change.subject)}:")
        ui.err(f"  {ui.safe(change.text)}")
        ui.err(f"      {ui.safe(place(change.where, host, root=root))}")
    if not found:
        ui.err("it grants nothing of its own: it only narrows")
