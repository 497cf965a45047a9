"""Tells people how far long work is: nothing in its first second, then a line now and then."""

from __future__ import annotations

import time

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
else:
    import _signal

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


class Busy:
    """A context in which `say` gets `text` and how long it has been, by a timer: for work that cannot be counted. Main thread only;
    not one in another, unless nobody listens to it (None)."""

    def __init__(self, say: Callable[[str], None] | None, text: str) -> None:
        self.say, self.text = say, text

    def __enter__(self) -> None:
        if self.say is None:
            return
        self.began = time.monotonic()
        self.old = _signal.signal(_signal.SIGALRM, self._tell)
        _signal.setitimer(_signal.ITIMER_REAL, FIRST, NEXT)

    def __exit__(self, *_: object) -> None:
        if self.say is None:
            return
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        _signal.signal(_signal.SIGALRM, self.old)

    def _tell(self, _signum: int, _frame: object) -> None:
        if self.say is not None:
            try:
                self.say(f"{self.text}: {time.monotonic() - self.began:.0f} s so far")
            except RuntimeError:  # in the middle of a line of somebody else's
                pass
