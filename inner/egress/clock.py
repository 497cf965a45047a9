"""Who must have done something by when."""

from __future__ import annotations

import time

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Who must be finished when. All who have the same time stand in one queue, so that its head is always the next."""

    def __init__(self) -> None:
        self._queues: dict[float, dict[object, float]] = {}
        self._where: dict[object, float] = {}
        self.now = 0.0

    def set(self, who: object, seconds: float) -> None:
        """`late` will be called after `seconds`, instead of what was set before."""
        self.clear(who)
        self._where[who] = seconds
        self._queues.setdefault(seconds, {})[who] = self.now + seconds

    def start(self, who: object, seconds: float) -> None:
        """The same, unless just that is running already."""
        if self._where.get(who) != seconds:
            self.set(who, seconds)

    def left(self) -> float:
        """Seconds until somebody is late, -1 when nobody's time runs."""
        heads = [next(iter(queue.values())) for queue in self._queues.values() if queue]
        return max(0.0, min(heads) - time.monotonic()) if heads else -1

    def clear(self, who: object) -> None:
        seconds = self._where.pop(who, None)
        if seconds is not None:
            del self._queues[seconds][who]

    def due(self) -> Iterator[object]:
        """Those whose time is over, each once."""
        for queue in list(self._queues.values()):
            while queue:
                who, when = next(iter(queue.items()))
                if when > self.now:
                    break
                self.clear(who)
                yield who

    def oldest(self, seconds: float) -> object | None:
        """Of those who were given `seconds`, the one who was first."""
        return next(iter(self._queues.get(seconds, ())), None)
