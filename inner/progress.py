"""Tells people how far long work is: nothing in its first second, then a line now and then."""

from __future__ import annotations

import time

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST, NEXT = 1.0, 5.0  # seconds until the first line, and between two


class Progress:
    """To be called as often as one likes with what is counted; `say` gets the `text` of that. None: nobody listens."""

    def __init__(self, say: Callable[[str], None] | None, text: Callable[[int], str]) -> None:
        self.say, self.text = say, text
        self.next = time.monotonic() + FIRST
        self.told = False

    def __call__(self, count: int = 0) -> None:
        if self.say is not None and (now := time.monotonic()) >= self.next:
            self.next, self.told = now + NEXT, True
            self.say(self.text(count))
