"""A review on the disk: `STATE/reviews/ID/`, 0700, never seen by a box.

lock     held (flock) by the run while it lives, then by whoever applies or discards
review   what it is about, written last, before the box starts: a folder without it is refuse of a start that failed
N/       layer N: `upper`, `work` and `root` of an overlay, or `copy` and `base`
seal     what the host had at each changed place when the run ended;  done, modes, journal   see their modules
"""

from __future__ import annotations

import fcntl
import os
import time

from inner.errors import HostError, InnerError, UsageError
from inner.frozen import TYPE_CHECKING, frozen
from inner.launch import removal, rundir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

VERSION = "1"


@frozen
class Layer:
    """One folder of the host under review. `kind`: "bwrap" or "own" (who mounts the overlay), or "copy". `points`: mount points of
    the box in it, relative, which bubblewrap may have made there. `device`, `inode`: those of `src` at the start."""

    number: int
    src: str
    dest: str
    kind: str
    device: int
    inode: int
    points: tuple[str, ...] = ()


@frozen
class Review:
    """`began`: this machine's file time (ns) when it started; `clock`: how far wall-clock time was ahead of the time since boot."""

    id: str
    folder: str
    project: str
    command: str
    began: int
    clock: int
    layers: tuple[Layer, ...]


def home(state: str) -> str:
    """The folder of all reviews."""
    return f"{state}/reviews"


def create(state: str, name: str) -> tuple[str, int]:
    """A new folder for a review and the descriptor that keeps it locked."""
    folder = f"{home(state)}/{name}"
    return folder, rundir.create(folder)


def write(review: Review) -> Review:
    """Puts the record in its place, with the time of this moment."""
    path = f"{review.folder}/review"
    stamp = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(stamp, "wb") as file:
        began = os.fstat(stamp).st_ctime_ns  # the clock that stamps files is a little behind the one that is read
        fields = [VERSION, review.id, review.project, review.command, str(began), str(ahead()), str(len(review.layers))]
        for layer in review.layers:
            fields += [
                layer.src,
                layer.dest,
                layer.kind,
                str(layer.device),
                str(layer.inode),
                str(len(layer.points)),
                *layer.points,
            ]
        file.write("\0".join(fields).encode("utf-8", "surrogateescape"))
    os.rename(f"{path}.new", path)
    return read(review.folder)


def read(folder: str) -> Review:
    """The review in `folder`. InnerError when it is not one, or of a version that is not known."""
    try:
        fd = os.open(f"{folder}/review", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            fields = file.read().decode("utf-8", "surrogateescape").split("\0")
        if fields[0] != VERSION:
            raise ValueError
        name, project, command = fields[1:4]
        began, clock, count = map(int, fields[4:7])
        layers, at = [], 7
        for number in range(count):
            src, dest, kind = fields[at : at + 3]
            device, inode, points = map(int, fields[at + 3 : at + 6])
            at += 6 + points
            layers.append(Layer(number, src, dest, kind, device, inode, tuple(fields[at - points : at])))
    except (OSError, ValueError):
        raise InnerError(f"`{folder}` cannot be read as a review", where=f"{folder}/review") from None
    return Review(name, folder, project, command, began, clock, tuple(layers))


def ahead() -> int:
    """Wall-clock time minus the time since boot, in ns: it falls when somebody sets the clock back."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def pending(state: str) -> list[Review]:
    """Every review there is, newest first."""
    try:
        names = os.listdir(home(state))
    except OSError:
        return []
    found = []
    for name in names:
        try:
            found.append(read(f"{home(state)}/{name}"))
        except InnerError:
            continue
    return sorted(found, key=lambda review: -review.began)


def choose(state: str, words: Sequence[str], cwd: str) -> tuple[Review, tuple[str, ...]]:
    """The review that is meant, and the words that are paths: the first may be an ID or the beginning of one, else the latest
    review of the project that holds `cwd` is meant."""
    import re

    reviews = pending(state)
    if words and re.fullmatch(r"\d{8}(-[0-9a-f-]*)?", words[0]):
        found = [review for review in reviews if review.id.startswith(words[0])]
        if len(found) == 1:
            return found[0], tuple(words[1:])
        if found or re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", words[0]):
            what = f"`{words[0]}` is the beginning of {len(found)} reviews" if found else f"there is no review `{words[0]}`"
            raise UsageError(what, hint="`inner diff --list` lists them")
    here = [r for r in reviews if any(cwd == layer.src or cwd.startswith(layer.src + "/") for layer in r.layers)]
    if not here:
        hint = "`inner diff --list` lists those of other folders" if reviews else "`inner run --review` makes one"
        raise UsageError("nothing of this folder waits for review", where=cwd, hint=hint)
    return here[0], tuple(words)


def lock(review: Review, what: str) -> int:
    """Takes the review for ourselves. UsageError while its run, or another command, has it."""
    fd = os.open(f"{review.folder}/{rundir.LOCK}", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise UsageError(f"review `{review.id}` cannot be {what} now: its run, or another command, is using it") from None
    return fd


def busy(review: Review) -> bool:
    """Whether its run, or a command, has it now."""
    try:
        os.close(lock(review, "used"))
    except (UsageError, OSError):
        return True
    return False


def sweep(state: str, idle: Callable[[Review], bool]) -> None:
    """Removes what starts that failed have left, and reviews of runs that were killed and of which `idle` says that nothing is in
    them."""
    try:
        names = os.listdir(home(state))
    except OSError:
        return
    for name in names:
        folder = f"{home(state)}/{name}"
        try:
            fd = os.open(f"{folder}/{rundir.LOCK}", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.lexists(f"{folder}/review") or idle(read(folder)):
                removal.remove(folder)
        except (OSError, InnerError):
            continue
        finally:
            os.close(fd)


def lines(items: Iterable[str]) -> bytes:
    """Names for a file: any byte but NUL may be in one."""
    return b"".join(os.fsencode(item) + b"\0" for item in items)


def names(path: str) -> list[str]:
    """What `lines` has written to a file; a last one that was cut short does not count."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    with open(fd, "rb") as file:
        return [os.fsdecode(item) for item in file.read().split(b"\0")[:-1]]


def append(path: str, items: Iterable[str]) -> None:
    """Adds names to a file. HostError when the disk is full."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(lines(items))
    except OSError as problem:
        raise HostError(f"cannot write: {problem.strerror}", where=path, hint="`df -h` shows whether the disk is full") from None
