"""Logins of agents on their way into a box, and back out of it where the profile says so.

What is read here is in the box's memory (or, to be given back, in the run's folder, 0700) and nowhere else. What comes back was
in the hands of the box: it replaces a file of the host only when that file is as it was, and only by something of its shape.
"""

from __future__ import annotations

import os
import stat

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, replace
from inner.paths import ancestors, covers
from inner.plan.model import Data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from inner.agents.base import Login
    from inner.host import Host
    from inner.plan.model import Plan, Private

LIMIT = 16 * 1024 * 1024  # Claude Code keeps the history of all projects beside the account
TOKENS = 256 * 1024
NOTE = "logins"
SOON = 600.0  # seconds


def fill(plan: Plan, host: Host, warn: Callable[[str], None]) -> Plan:
    """The plan with the contents that it left out. It is for `bwrap.words` alone: never shown, never kept."""
    if not plan.private:
        return plan
    made = {private.dest: content(private, host, warn) for private in plan.private}
    mounts = tuple(
        replace(mount, content=made[mount.dest]) if isinstance(mount, Data) and mount.dest in made else mount
        for mount in plan.mounts
    )
    full = tuple(replace(private, content=made[private.dest], logins=private.logins) for private in plan.private)
    return replace(plan, mounts=mounts, private=full)


def content(private: Private, host: Host, warn: Callable[[str], None]) -> bytes:
    """What the file begins with: the plan's own text, and of each login the part that goes along."""
    text = private.content
    for source, login in private.logins:
        data = _read(source, str(host.home), warn, private.agent)
        if data is None:
            continue
        if not login.keep:
            text = data
            continue
        parsed = _object(data)
        if parsed is None:
            warn(f"`{_short(source, host)}` is not what {private.agent} writes: it does not go along")
            continue
        _tell_expiry(parsed, login, f"{_short(source, host)}", private.agent, warn)
        text = _dump({**(_object(text) or {}), **{key: parsed[key] for key in login.keep if key in parsed}})
    for place, variable in private.approved:
        value = host.env.get(variable.name, "") if variable.value is None else variable.value
        text = _dump(_approve(_object(text) or {}, place.split("."), value[-20:]))
    return text


def _short(path: str, host: Host) -> str:
    return path.replace(f"{host.home}/", "~/", 1)


def _read(path: str, home: str, warn: Callable[[str], None], agent: str) -> bytes | None:
    """The bytes of a login. A link is followed as long as it stays in the home folder; None, with a warning, when it may not be."""
    real, top = os.path.realpath(path), os.path.realpath(home)
    try:
        if real == top or not covers(top, real):
            raise OSError(0, "a link leads out of your home folder")
        fd = _open_below(top, real)
    except OSError as problem:
        warn(f"the login of {agent} cannot be read: `{path}`: {problem.strerror}")
        return None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.getuid() or info.st_size > LIMIT:
            warn(f"the login of {agent} does not go along: `{path}` is not a file of yours")
            return None
        pieces = []
        while piece := os.read(fd, 1 << 20):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)


def _open_below(top: str, path: str, flags: int = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) -> int:
    """Opens `path`, below `top`, without following a link."""
    *folders, name = path[len(top.rstrip("/")) + 1 :].split("/")
    fd = os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = below
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    finally:
        os.close(fd)


def _object(data: bytes) -> dict[str, Any] | None:
    import json

    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _dump(value: Mapping[str, Any]) -> bytes:
    import json

    return json.dumps(value).encode("utf-8", "surrogateescape") + b"\n"


def _approve(text: dict[str, Any], place: list[str], tail: str) -> dict[str, Any]:
    """Puts `tail` into the list at `place`."""
    first, *rest = place
    if rest:
        below = text.get(first)
        text[first] = _approve(below if isinstance(below, dict) else {}, rest, tail)
    else:
        text[first] = [tail]
    return text


# --- expiry -------------------------------------------------------------------------------------------------------------


def expiry(parsed: Mapping[str, Any], place: str) -> float:
    """Seconds since 1970 at the dotted path `place`; 0 when nothing there can be read as a time."""
    value: Any = parsed
    for part in place.split(".") if place else ():
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str):
        from datetime import UTC, datetime

        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return 0
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1 << 53:
        return 0
    return value / 1000 if value > 1e11 else float(value)


def _tell_expiry(parsed: Mapping[str, Any], login: Login, shown: str, agent: str, warn: Callable[[str], None]) -> None:
    import time

    at = expiry(parsed, login.expires)
    if at and at < time.time() + SOON:
        when = "has expired" if at < time.time() else "expires within minutes"
        warn(
            f"the login of {agent} in `{shown}` {when}: renewed in the box, it may be worth nothing outside afterwards;"
            f' start {agent} once outside, or say `login = "sync"`'
        )


# --- given back ---------------------------------------------------------------------------------------------------------


def place(plan: Plan, folder: str) -> None:
    """Write the files that come back to where the box will see them, below `folder`, and note how they were."""
    kept = [private for private in plan.private if private.into]
    if not kept:
        return
    notes: list[dict[str, object]] = []
    try:
        for private in kept:
            for above in reversed([p for p in ancestors(private.into) if covers(folder, p) and p != folder]):
                if not os.path.isdir(above):
                    os.mkdir(above, 0o700)
            if private.content:
                _write(private.into, private.content)
            for source, login in private.logins:
                if login.rotates:
                    real = os.path.realpath(source)
                    notes.append(
                        {
                            "into": private.into,
                            "home": real,
                            "keep": login.keep,
                            "expires": login.expires,
                            "agent": private.agent,
                            "was": _digest(_bytes(real)),
                            "given": _digest(private.content),
                        }
                    )
        _write(f"{folder}/{NOTE}", _dump({"logins": notes}))
    except OSError as problem:
        raise RunError(f"cannot keep the login for this run: {problem.strerror}", where=str(problem.filename or folder)) from None


def give_back(folder: str, warn: Callable[[str], None] | None = None) -> None:
    """Bring rotated logins of the run of `folder` home: at its end, and by the next run when it was killed."""
    noted = _object(_bytes(f"{folder}/{NOTE}") or b"")
    say = warn or (lambda _text: None)
    for note in noted.get("logins", ()) if noted else ():
        new = _from_box(str(note["into"]), folder)
        if new is None or _digest(new) == note["given"]:
            continue
        old = _bytes(note["home"])
        if old is None or _digest(old) != note["was"]:
            say(f"the login of {note['agent']} was renewed in the box, and `{note['home']}` has changed since: it stays as it is")
            continue
        text = merged(old, new, tuple(note["keep"]), str(note["expires"]))
        if text is None:
            say(f"what the box left of the login of {note['agent']} is none: `{note['home']}` stays as it is")
            continue
        _replace(note["home"], text, note["was"])


def merged(old: bytes, new: bytes, keep: tuple[str, ...], expires: str) -> bytes | None:
    """`old` with the login out of `new`; None when that has not the same shape, or ends earlier."""
    before, after = _object(old), _object(new)
    if before is None or after is None:
        return None
    names = keep or tuple(before)
    if not keep and set(after) != set(before):
        return None
    for name in names:
        if name in before and not _alike(before[name], after.get(name)):
            return None
    if expires and expiry(after, expires) <= expiry(before, expires):
        return None
    return _dump({**before, **{name: after[name] for name in names if name in before}})


def _alike(before: object, after: object) -> bool:
    """The same kind of value, and for tables the same keys: tokens may change, nothing may come or go."""
    if isinstance(before, dict):
        return isinstance(after, dict) and set(before) == set(after) and all(_alike(before[key], after[key]) for key in before)
    if isinstance(before, list):
        return before == after  # scopes and the like are no tokens
    if isinstance(before, bool) or before is None:
        return before is after
    if isinstance(before, str):
        return isinstance(after, str) and bool(after) == bool(before) and after.isprintable() and len(after) <= TOKENS
    return isinstance(after, (int, float)) and not isinstance(after, bool)


def _from_box(path: str, folder: str) -> bytes | None:
    """A file that the box could write: no link is followed, nothing but a regular file is opened for long."""
    try:
        fd = _open_below(folder, path)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        return os.read(fd, TOKENS) if stat.S_ISREG(info.st_mode) and info.st_size < TOKENS else None
    except OSError:
        return None
    finally:
        os.close(fd)


def _bytes(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    with open(fd, "rb") as file:
        return file.read(LIMIT) if stat.S_ISREG(os.fstat(fd).st_mode) else None


def _digest(data: bytes | None) -> str:
    from hashlib import sha256

    return sha256(data).hexdigest() if data is not None else ""


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(data)


def _replace(path: str, data: bytes, was: str) -> None:
    """Atomically, with the mode it had and no more; looked at once more at the last moment."""
    draft = f"{path}.{os.getpid()}.inner"
    try:
        _write(draft, data)
        os.chmod(draft, stat.S_IMODE(os.lstat(path).st_mode) & 0o600)
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        if _digest(_bytes(path)) == was:
            os.rename(draft, path)
        else:
            os.unlink(draft)
    except OSError:
        try:
            os.unlink(draft)
        except OSError:
            pass
