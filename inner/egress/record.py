"""What the network did, one JSON line per decision (`time host port verdict reason`, bytes at the end of a connection).

Names come out of the box and are hostile: everything but printable ASCII is escaped. The reader may be slow or gone: lines wait
in bounded memory, and what does not fit is counted instead. JSON is written by hand; the `json` module costs 13 ms.
"""

from __future__ import annotations

import errno
import os

from inner.frozen import frozen

WAITING = 1 << 18  # bytes
BURST, RATE = 1000, 100.0  # lines at once, lines a second afterwards
SAFE = frozenset(range(32, 127)) - {34, 92}


def quoted(text: str) -> str:
    """`text` as a JSON string of printable ASCII."""
    if SAFE.issuperset(text.encode("utf-8", "surrogatepass")):
        return f'"{text}"'
    parts = []
    for char in text:
        code = ord(char)
        if code in SAFE:
            parts.append(char)
        elif code < 0x10000:
            parts.append(f"\\u{code:04x}")
        else:
            code -= 0x10000
            parts.append(f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}")
    return '"' + "".join(parts) + '"'


@frozen
class Done:
    """What went over a connection: the bytes that the box sent and received, and how long it took."""

    sent: int
    received: int
    seconds: float


class Record:
    """Lines to a descriptor that does not block us; -1 for nobody. `waiting` tells whether it should be polled for writing."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._held = bytearray()
        self._left = float(BURST)
        self._when = 0.0
        self._lost = 0
        self._lost_at = 0.0
        if fd >= 0:
            os.set_blocking(fd, False)

    @property
    def waiting(self) -> bool:
        return bool(self._held) and self.fd >= 0

    def write(self, now: float, event: str, where: tuple[str, int], verdict: tuple[str, str], done: Done | None = None) -> None:
        """`now` in seconds since 1970; `event` is "dns", "connect" or "close"; `where` host and port; `verdict` "allow", "deny"
        or "fail", with the reason in a few words."""
        if self.fd < 0:
            return
        self._left = min(float(BURST), self._left + max(0.0, now - self._when) * RATE)
        self._when = now
        if self._left < 1 or len(self._held) > WAITING:
            self._lost += 1
            self._lost_at = now
            return
        self._left -= 1
        self._count_lost()
        end = f',"sent":{done.sent},"received":{done.received},"seconds":{done.seconds:.3f}' if done else ""
        self._held += (
            f'{{"time":{now:.3f},"event":"{event}","host":{quoted(where[0][:255])},"port":{where[1]},"verdict":"{verdict[0]}",'
            f'"reason":{quoted(verdict[1][:400])}{end}}}\n'
        ).encode("ascii")
        self.flush()

    def _count_lost(self) -> None:
        if self._lost:
            self._held += f'{{"time":{self._lost_at:.3f},"event":"lost","count":{self._lost}}}\n'.encode("ascii")
            self._lost = 0

    def flush(self) -> None:
        """Writes what the reader takes now."""
        while self._held and self.fd >= 0:
            try:
                del self._held[: os.write(self.fd, self._held)]
            except OSError as problem:
                if problem.errno != errno.EAGAIN:  # the reader is gone: nobody wants to know any more
                    self.fd = -1
                    self._held.clear()
                return

    def finish(self) -> None:
        """The last words: waits a little for a reader that is behind."""
        self._count_lost()
        if self.fd >= 0:
            import select

            self.flush()
            poll = select.poll()
            poll.register(self.fd, select.POLLOUT)
            while self.waiting and poll.poll(500):
                self.flush()
