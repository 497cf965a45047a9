"""The record of a run while it runs: `record` in the run's folder, one JSON object a line, each appended with a single write(2).

On the path of every run, so JSON is written by hand. No value of a variable of the host is ever in it. A record that cannot be
written is no reason to end a run: what is missing is told at the end (`lost`).
"""

from __future__ import annotations

import os
import sys
import time

from inner.frozen import TYPE_CHECKING, fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inner.launch.outcome import Outcome
    from inner.plan.model import Plan

RECORD, OUTPUT = "record", "output"
SCHEMA = 1
MOST_WORDS = 8192  # characters of a command line that are kept


class Record:
    """Appends to the record in `folder`; "" for a run that has none. `fd` may be given to others that append whole lines."""

    def __init__(self, folder: str = "") -> None:
        self.lost = ""
        self.fd = -1
        self._over = not folder
        if folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self.fd = os.open(f"{folder}/{RECORD}", flags, 0o600)

    def write(self, event: str, **fields: object) -> None:
        """One event, now."""
        if self.fd < 0:
            return
        body = "".join(f',"{name}":{json(value)}' for name, value in fields.items())
        begin = "\n" if self.lost else ""  # after a line that a full disk has cut short
        data = f'{begin}{{"time":{time.time():.3f},"event":"{event}"{body}}}\n'.encode("ascii")
        try:
            if os.write(self.fd, data) != len(data):
                self.lost = "no space left on device"
        except OSError as problem:
            self.lost = (problem.strerror or "").lower()

    def starting(self, plan: Plan, **more: object) -> None:
        """Before anything has started, and so in few words."""
        from inner import __version__

        self.write(
            "starting", schema=SCHEMA, inner=__version__, pid=os.getpid(), profile=plan.profile, project=plan.project, **more
        )

    def planned(self, plan: Plan, env: Mapping[str, str], folder: str, known: str = "") -> None:
        """What was decided, and its `outline` if that is known. Written while bubblewrap is busy, which costs the start nothing."""
        self.write(
            "plan",
            digest=digest(plan, folder, known),
            layers=[f"{layer.source} {layer}" if layer.file else layer.source for layer in plan.layers],
            command=_line(plan.command, env),
            cwd=plan.cwd,
            network=plan.network.mode,
            ask=plan.network.ask,
            env=[variable.name for variable in plan.env],
            terminal=plan.terminal,
            timeout=plan.timeout,
            log=plan.log,
        )

    def ended(self, outcome: Outcome, **more: object) -> None:
        """How it ended; the last line."""
        self._over = True
        self.write(
            "ended",
            status=outcome.status,
            reason=outcome.reason,
            signal=outcome.signal,
            seconds=round(outcome.duration, 3),
            memory=outcome.memory,
            processes=outcome.processes,
            oom=outcome.oom,
            lost=outcome.lost,
            **more,
        )

    def failed(self, problem: BaseException) -> None:
        """It never came to run the command, or to its end."""
        if not self._over:
            self._over = True
            from inner.records import secret

            message = secret.hidden(str(problem)) or type(problem).__name__
            self.write("ended", status=max(getattr(problem, "status", 0), 125), reason="failed", message=message)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def digest(plan: Plan, folder: str = "", known: str = "") -> str:
    """A name for exactly this plan: the same words, mounts, contents and names of variables give the same one, in every run
    (`folder` is the run's own). Where a line came from does not matter, and values that a variable has outside are not known.
    `known`: its `outline`."""
    return _sha256(f"{known or outline(plan, folder)} {plan.command!r}".encode("utf-8", "surrogatepass"))


def outline(plan: Plan, folder: str = "") -> str:
    """A name for all of a plan but its command."""
    import marshal

    data = marshal.dumps(_plain(plan), 0)  # type: ignore[arg-type]  # version 0: nothing of the interpreter's own is in it
    return _sha256(data.replace(os.fsencode(folder), b"") if folder else data)


def _sha256(data: bytes) -> str:
    try:  # `hashlib` loads OpenSSL first
        if sys.version_info >= (3, 12):
            from _sha2 import sha256  # type: ignore[import-not-found]
        else:
            from _sha256 import sha256  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha256
    return str(sha256(data).hexdigest())


_LEFT_OUT = ("why", "origin", "layers", "notices", "log", "summary", "command")


_LARGE = 1024  # bytes


def _plain(value: object) -> object:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        if len(value) < _LARGE:
            return value
        from _imp import source_hash  # SipHash: contents are inner's own, and there may be 100K of them

        return (len(value), source_hash(0, value))
    if isinstance(value, (tuple, list)):
        return tuple(map(_plain, value))
    if isinstance(value, dict):
        return tuple((key, _plain(item)) for key, item in value.items())
    return (type(value).__name__, *(_plain(getattr(value, key)) for key in fields(value) if key not in _LEFT_OUT))


def _line(command: tuple[str, ...], env: Mapping[str, str]) -> list[str]:
    from inner.records import secret

    kept, room = [], MOST_WORDS
    for word in secret.words(command, secret.values(env)):
        if len(word) > room:
            kept.append(word[:room] + "...")
            break
        kept.append(word)
        room -= len(word)
    return kept


def json(value: object) -> str:
    """`value` as JSON of printable ASCII: None, numbers, strings, lists, tuples and dicts with plain keys."""
    if isinstance(value, str):
        if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
            return f'"{value}"'
        from inner.egress.record import quoted

        return quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json(str(key))}:{json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(json, value)) + "]"
    return json(str(value))
