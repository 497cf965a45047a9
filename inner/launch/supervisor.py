"""Starts bubblewrap and says how the box ended: `watch` stays beside it until the last process of it is gone.

Main thread only: the parent-death signal belongs to the thread that forks (prctl(2)), and Python handles signals in that one.
What is needed beside the box alone is imported when bubblewrap has been forked: it is busy then, and that costs the start no time.
"""

from __future__ import annotations

import os
import time

from inner.frozen import TYPE_CHECKING, replace
from inner.launch import fds, signals, syscall, tree
from inner.launch.start import Start
from inner.launch.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inner.launch.outcome import Outcome
    from inner.launch.watch import Watch
    from inner.words import Word

    Beside = tuple[int, int, Callable[[Callable[[str], object]], bool]]

GRACE = 2.0  # seconds between SIGTERM and SIGKILL when time is up


def run(
    bwrap: str,
    words: Iterable[Word],
    command: Sequence[str],
    *,
    terminal: str = "none",
    timeout: float = 0.0,
    grace: float = GRACE,
    clipboard: bool = False,
    setuid: bool = False,
    meanwhile: Callable[[], Beside | None] | None = None,
    on_started: Callable[[int], object] | None = None,
    on_running: Callable[[], object] | None = None,
    enter: Callable[[], None] | None = None,
    given: Mapping[str, int] | None = None,
    log: int = -1,
    stdio: tuple[int, int, int] = (0, 1, 2),
    starter: Callable[..., Start] = Start,
) -> Outcome:
    """Runs `command` in the box that `words` describe, to its end.

    `terminal`: "private" gives the box a pty of its own, when one of `stdio` is a terminal; "none" a session without one.
    `timeout`, `grace`: seconds, 0 for no limit. `meanwhile` is called once bubblewrap has been forked, and `on_started(pid)` with the
    host's number of pid 1 of the box, both before anything in the box runs (`--block-fd`); an error that they raise ends the run. What
    `meanwhile` has begun beside the box it returns: a child of ours, a descriptor, and what is called whenever that can be read while the
    command runs, with a way to say a line to the user (`Pumps.say`), until it returns False. `on_running` is called when something may
    run. `enter` is called in the process that becomes bubblewrap, before it does. `given`: descriptors for the words that name one;
    `status` and `block` are ours. `log`: a descriptor that gets every byte of output, as it was written. `starter` makes the start, when it is
    not bubblewrap that starts. Raises RunError when bubblewrap cannot be started at all.
    """
    began = time.monotonic()
    fds.hold_processes()
    made = fds.Descriptors()
    streams = Streams(made)
    start: Start | None = None
    heard: signals.Signals | None = None
    watch: Watch | None = None
    others: frozenset[int] = frozenset()
    try:
        streams.connect(stdio, private=terminal == "private", clipboard=clipboard, logged=log >= 0)
        start = starter(
            made,
            bwrap,
            words,
            command,
            given or {},
            session=streams.terminal is None,
            gate=on_started is not None,
            setuid=setuid,
            enter=enter,
        )
        others = frozenset(tree.children(os.getpid()))
        syscall.subreaper(True)
        heard = signals.Signals()
        if streams.terminal is not None:
            streams.terminal.raw()
        start.fork(streams.stdio, streams.terminal)
        beside = meanwhile() if meanwhile is not None else None
        if beside is not None:
            others |= {beside[0]}
        from inner.launch.watch import Watch

        watch = Watch(
            made, start, streams, heard, others, grace=grace, log=log, beside=beside[1:] if beside is not None else None
        )
        watch.begin()
        watch.stay(began + timeout if timeout > 0 else 0.0, on_started, on_running)
        ended = watch.finish()
    finally:
        if watch is not None:
            watch.close()
        else:
            if start is not None:
                start.abandon(others)
            streams.close()
        if heard is not None:
            heard.close()
            syscall.subreaper(False)
        made.close()
    return replace(ended, duration=time.monotonic() - began)
