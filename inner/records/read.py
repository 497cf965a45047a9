"""The records there are, for those who ask later: `inner log`, `inner ps` and what finds a run by a few letters of its id.

A record may be cut short, by a kill or a full disk, and hold names that came out of a box: lines that are none are passed over,
and whoever prints escapes (`ui.safe`).
"""

from __future__ import annotations

import json
import os
import time

from inner.errors import UsageError
from inner.frozen import TYPE_CHECKING, frozen
from inner.records.write import OUTPUT, RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MOST = 64 << 20  # bytes of one record that are read
HEX = frozenset("0123456789abcdef-")


@frozen
class Run:
    """One run. `state` is "starting", "running", "ended" or "killed": inner itself was killed, or the machine went down."""

    id: str
    folder: str
    state: str
    events: tuple[dict[str, Any], ...] = ()

    def first(self, event: str) -> dict[str, Any]:
        """The first event of this kind, {} when there is none."""
        return next((e for e in self.events if e["event"] == event), {})

    @property
    def start(self) -> dict[str, Any]:
        return self.first("starting")

    @property
    def plan(self) -> dict[str, Any]:
        return self.first("plan")

    @property
    def end(self) -> dict[str, Any]:
        return self.first("ended")

    @property
    def began(self) -> float:
        """Seconds since 1970; from its id when the record says nothing."""
        when = self.start.get("time")
        if isinstance(when, (int, float)):
            return float(when)
        try:
            return time.mktime(time.strptime(self.id[:15], "%Y%m%d-%H%M%S"))
        except (ValueError, OverflowError):
            return 0.0

    @property
    def pid(self) -> int:
        """The process of inner itself."""
        return int(self.start.get("pid", 0))

    @property
    def init(self) -> int:
        """Pid 1 of the box, as the host numbers it; 0 when it has not been made yet."""
        return int(self.first("started").get("pid", 0))

    @property
    def output(self) -> str:
        """Where its output was kept, "" when it was not."""
        place = f"{self.folder}/{OUTPUT}"
        log = str(self.plan.get("log", ""))
        return place if os.path.isfile(place) else log


def runs(state: str, alive: Callable[[str], bool]) -> Iterator[Run]:
    """Every run with a folder, the newest first."""
    try:
        names = sorted(os.listdir(f"{state}/runs"), reverse=True)
    except OSError:
        return
    for name in names:
        if HEX.issuperset(name):
            yield load(f"{state}/runs/{name}", alive)


def load(folder: str, alive: Callable[[str], bool]) -> Run:
    """The run of a folder."""
    lives = alive(folder)  # asked first: it may end while we read, and has then said so
    events = tuple(_events(folder))
    kinds = {event["event"] for event in events}
    state = "ended" if "ended" in kinds else "killed" if not lives else "running" if "started" in kinds else "starting"
    return Run(folder.rpartition("/")[2], folder, state, events)


def _events(folder: str) -> Iterator[dict[str, Any]]:
    try:
        fd = os.open(f"{folder}/{RECORD}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    with open(fd, "rb") as file:
        for line in file.read(MOST).split(b"\n"):
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                yield event


def find(state: str, wanted: str, alive: Callable[[str], bool]) -> Run:
    """The run that `wanted` begins, or whose last part it begins; "" is the newest. UsageError when there is none, or several."""
    try:
        names = sorted(os.listdir(f"{state}/runs"), reverse=True)
    except OSError:
        names = []
    names = [name for name in names if HEX.issuperset(name)]
    found = matching(names, wanted) if wanted else newest(state, names, alive)
    if not names:
        raise UsageError("no run has been recorded yet", hint="`inner run` makes the first")
    if not found:
        raise UsageError(f"there is no run `{wanted}`", hint="`inner log list` shows all that are known")
    if len(found) > 1:
        some = ", ".join(found[:5])
        raise UsageError(
            f"{len(found)} runs match `{wanted}`", hint=f"say more of it: {some}; `inner log list` shows what they are"
        )
    return load(f"{state}/runs/{found[0]}", alive)


def newest(state: str, names: list[str], alive: Callable[[str], bool]) -> list[str]:
    """The run that began last, of `names`, latest first: ids tell the second, their records more."""
    candidates = [load(f"{state}/runs/{name}", alive) for name in names if name[:15] == names[0][:15]]
    return [max(candidates, key=lambda run: run.began).id] if candidates else []


def matching(names: list[str], wanted: str) -> list[str]:
    """Those that `wanted` abbreviates: the beginning of an id, or of its last part (`a1b2` for `20260101-120000-a1b2c3`); or is."""
    if wanted in names:
        return [wanted]
    return [name for name in names if name.startswith(wanted) or name.rpartition("-")[2].startswith(wanted)]
