"""A run under review: its layers are made before the box starts, and what changed in them is looked at when it has ended."""

from __future__ import annotations

import os

from inner.errors import ConfigError, InnerError, RunError
from inner.frozen import TYPE_CHECKING, replace
from inner.launch import removal, rundir
from inner.paths import BoxPath, HostPath, covers
from inner.plan.model import Bind, Overlay
from inner.progress import Busy
from inner.review import overlay, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.launch.outcome import Outcome
    from inner.plan.model import Mount, Plan
    from inner.review.changes import Change
    from inner.words import Features


def wanted(plan: Plan) -> list[Overlay]:
    """The mounts of a plan whose changes are kept."""
    return [mount for mount in plan.mounts if isinstance(mount, Overlay) and mount.upper]


def folder_of(mount: Overlay) -> str:
    """The folder of its layer: `STATE/reviews/ID/N` for what a plan calls `STATE/runs/ID/review/N/upper`."""
    run, _, number = mount.upper.rpartition("/upper")[0].rpartition("/review/")
    state, _, name = run.rpartition("/runs/")
    return f"{state}/reviews/{name}/{number}"


def shown(mount: Mount, kind: str) -> Mount:
    """The mount that bubblewrap is told of."""
    if not isinstance(mount, Overlay) or not mount.upper:
        return mount
    place = folder_of(mount)
    if kind == "bwrap":
        return replace(mount, upper=HostPath(f"{place}/upper"), work=HostPath(f"{place}/work"))
    return Bind(HostPath(f"{place}/{'copy' if kind == 'copy' else 'root'}"), mount.dest, "rw", why=mount.why, origin=mount.origin)


class Kept:
    """A context: `wanted` is what INNER_REVIEW says. `plan` is what to start, `enter` what its process does first (None for nothing). Once the run is over `review`
    is the review, with `changes`, or None when nothing was changed."""

    def __init__(
        self,
        plan: Plan,
        features: Features,
        state: str,
        *,
        warn: Callable[[str], None],
        progress: Callable[[str], None] | None = None,
        wanted: str = "",
    ) -> None:
        if wanted not in ("", "copy"):
            raise ConfigError(f"`INNER_REVIEW` is `{wanted}`: the one thing it can be is `copy`", hint="`unset INNER_REVIEW`")
        self._copy = wanted == "copy"
        self.plan = plan
        self.enter: Callable[[], None] | None = None
        self.review: record.Review | None = None
        self.changes: list[Change] = []
        self._state, self._features, self._warn, self._progress = state, features, warn, progress
        self._lock = -1
        self._folder = ""

    def __enter__(self) -> Kept:
        mounts = wanted(self.plan)
        if not mounts:
            return self
        recover(self._state, self._warn)
        self._folder = folder_of(mounts[0]).rpartition("/")[0]
        if any(covers(mount.src, self._folder) for mount in mounts):
            raise RunError("a folder that holds inner's own state cannot be kept for review", where=self._folder)
        self._lock = rundir.create(self._folder)
        try:
            self._make(mounts)
        except BaseException as problem:
            self._leave(remove=True)
            if isinstance(problem, OSError):
                hint = "`df -h` shows whether the disk is full"
                raise RunError(f"cannot prepare the review: {problem.strerror}", where=self._folder, hint=hint) from None
            raise
        return self

    def _make(self, mounts: list[Overlay]) -> None:
        kinds, layers = {}, []
        for number, mount in enumerate(mounts):
            place = folder_of(mount)
            os.mkdir(place, 0o700)
            for name in ("upper", "work", "root"):
                os.mkdir(f"{place}/{name}", 0o755)
            kinds[mount.dest], reason = (
                ("copy", "INNER_REVIEW says so") if self._copy else overlay.kind(mount.src, place, self._features)
            )
            info = os.lstat(mount.src)
            os.chmod(f"{place}/upper", info.st_mode & 0o7777)  # it is the box's own view of the folder itself
            if kinds[mount.dest] == "copy":
                from inner.review.copy import make

                self._warn(f"`{mount.src}` is copied for the review: {reason}")
                make(mount.src, place, self._progress)
            points = tuple(_points(mount, self.plan))
            layers.append(record.Layer(number, mount.src, mount.dest, kinds[mount.dest], info.st_dev, info.st_ino, points))
        name = self._folder.rpartition("/")[2]
        command = " ".join(self.plan.command[:1])
        self.review = record.write(record.Review(name, self._folder, self.plan.project, command, 0, 0, tuple(layers)))
        self.plan = replace(self.plan, mounts=tuple(shown(m, kinds.get(m.dest, "")) for m in self.plan.mounts))
        own = [(layer.src, f"{self._folder}/{layer.number}") for layer in layers if layer.kind == "own"]
        if own:
            self.enter = overlay.enter(own, f"{record.home(self._state)}/{overlay.KNOWN}")

    def __exit__(self, *_: object) -> None:
        if self.review is None:
            return
        try:
            with Busy(self._progress, "looking at what is changed"):
                self.changes = settle(self.review)
        except (InnerError, OSError) as problem:  # the run has ended, and its status is what counts
            reason = problem.message if isinstance(problem, InnerError) else str(problem)
            self._warn(f"what was changed could not be looked at ({reason}); it is kept: `inner diff {self.review.id}`")
        finally:
            self._leave(remove=False)
        if not os.path.lexists(self._folder):
            self.review = None

    def _leave(self, *, remove: bool) -> None:
        if remove:
            removal.remove(self._folder)
        os.close(self._lock)


def settle(review: record.Review) -> list[Change]:
    """What changed, with the host's side of it written down; a review of nothing is removed. The caller has its lock."""
    from inner.review import base
    from inner.review.changes import Comparison

    changes = []
    for layer in review.layers:
        with Comparison(review, layer) as comparison:
            found = comparison.changes()
            place = f"{review.folder}/{layer.number}"
            if not os.path.lexists(f"{place}.seal"):
                base.seal(comparison.host, place, found)
        changes += found
    if not changes and not _commits(review):
        removal.remove(review.folder)
    return changes


def _commits(review: record.Review) -> bool:
    if not any(name.startswith("git-") for name in os.listdir(review.folder)):
        return False
    from inner.review.git import repositories

    return bool(repositories(review))


def recover(state: str, warn: Callable[[str], None]) -> None:
    """What runs that were killed have left: their copies of git folders go to their reviews, and reviews of nothing go."""
    from inner.launch.recovery import recover as undo

    rundir.sweep(state, lambda folder: undo(folder, warn))
    record.sweep(state, _idle)


def _idle(review: record.Review) -> bool:
    """Whether nothing is in a review. One that was not closed by its run is closed now; `settle` removes it where that is so."""
    if any(not os.path.lexists(f"{review.folder}/{layer.number}.seal") for layer in review.layers):
        settle(review)
    return False


def review(
    plan: Plan,
    features: Features,
    folder: str,
    begin: Callable[..., Outcome],
    *,
    warn: Callable[[str], None],
    note: Callable[[str], None],
    wanted: str,
) -> Outcome:
    """What `begin` makes of the plan, and of what is to be done in the process that becomes bubblewrap, with changes kept apart.
    `folder` is the run's own; for `wanted` see `Kept`."""
    with Kept(plan, features, folder.rpartition("/runs/")[0], warn=warn, progress=note, wanted=wanted) as kept:
        outcome = begin(kept.plan, kept.enter)
    for text in told(kept):
        note(text)
    return outcome


def told(kept: Kept) -> list[str]:
    """What to say when the run is over."""
    if kept.review is None:
        return ["nothing was changed that would be kept for review"]
    from inner.review.hosted import runs

    number, code = len(kept.changes), sum(bool(runs(change)) for change in kept.changes)
    what = [f"{number} change{'s' if number > 1 else ''}" + (f" ({code} may run code outside)" if code else "")] if number else []
    what += ["what was done in git"] if _commits(kept.review) else []
    name = "" if os.getcwd() == kept.review.project else f" {kept.review.id}"  # without, the latest of this folder is meant
    return [f"for review: {', and '.join(what)}", f"`inner diff{name}`, then `inner apply{name}` or `inner discard{name}`"]


def _points(mount: Overlay, plan: Plan) -> list[str]:
    """Where bubblewrap makes mount points in the layer, and folders on the way to them."""
    found: dict[str, None] = {}
    for other in plan.mounts:
        dest: BoxPath = other.dest
        if dest != mount.dest and covers(mount.dest, dest):
            rest = dest[len(mount.dest) :].strip("/").split("/")
            found.update({"/".join(rest[:n]): None for n in range(1, len(rest) + 1)})
    return list(found)
