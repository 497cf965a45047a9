"""What a writable project gets so that nothing in it runs code outside later: git's folder, protected names, masks.

Pure; the two halves are `plan.gitdir` and `plan.protect`.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen, replace
from inner.paths import BoxPath, HostPath, covers
from inner.plan.gitdir import GitDir
from inner.plan.identity import steering
from inner.plan.model import Bind, Guard, Variable
from inner.plan.project import settings
from inner.plan.protect import ALWAYS, LATE, Protection, masks, tracked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inner.host import Host
    from inner.plan.model import Mount, Shadow
    from inner.profile.model import Profile


ACROSS = "GIT_DISCOVERY_ACROSS_FILESYSTEM"


@frozen
class Guarded:
    """The part of the plan."""

    mounts: tuple[Mount, ...] = ()
    guard: Guard = Guard()
    notices: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()


def guard(
    profile: Profile,
    host: Host,
    *,
    project: HostPath,
    home: str,
    run_dir: str,
    mounts: Sequence[Mount],
    steered: Iterable[str],
    git: bool,
    review: bool = False,
) -> Guarded:
    """`mounts` so far include the project's own; `steered`: the names that steer the agent of this run; `git`: the host has one.

    A project that is not mounted writable, or as a copy, needs no protection; with `review` only git's folder does, so that commits
    can be applied later. ConfigError for what cannot be protected.
    """
    sandbox = profile.sandbox
    hidden = masks(host, project, [(pattern, profile.origin(f"sandbox.mask[{pattern}]")) for pattern in sandbox.mask])
    own = next((m for m in mounts if m.dest == BoxPath(project)), None)
    if not isinstance(own, Bind) or own.mode != "rw" or own.src != project:
        return Guarded(tuple(hidden))
    origin = profile.origin("sandbox.git_dir")
    if review:
        wanted = "ro" if sandbox.git_dir == "ro" else "protected"
        found = GitDir(host, project, wanted, origin, home=home, run_dir=run_dir, mounts=mounts, git=git)
        apart = Guard(project=project, shadows=tuple(found.shadows), apart=True)
        variables = (Variable(ACROSS, "1"),) if found.main is not None and found.main.top != project else ()
        return Guarded((*found.mounts, *hidden), apart, tuple(found.notices), variables)
    found = GitDir(host, project, sandbox.git_dir, origin, home=home, run_dir=run_dir, mounts=mounts, git=git)
    protection = Protection(host, project, [m.dest for m in mounts])
    for name in sandbox.protect:
        protection.add((name,), absent="placeholder", origin=profile.origin(f"sandbox.protect[{name}]"))
    if sandbox.git_dir != "rw":
        top = {repository.rstrip("/") for repository in found.repositories}
        if project not in top:
            protection.add((".git/",), absent="placeholder")
        protection.add(found.protect, absent="placeholder")
        protection.add(steering(host, project), absent="placeholder")
    protection.add(_settings(host, project), absent="placeholder")
    protection.add(ALWAYS, absent="placeholder")
    protection.add(steered, absent="placeholder")
    protection.add(LATE, absent="late")
    notices = [*found.notices]
    shadows = tuple(_finished(shadow, host, protection, [mask.dest for mask in hidden], notices) for shadow in found.shadows)
    result = Guard(
        project=project,
        shadows=shadows,
        placeholders=tuple(protection.placeholders),
        protected=tuple(protection.existing),
        late=tuple(protection.late),
        repositories=tuple(dict.fromkeys(found.repositories)) if sandbox.git_dir != "rw" else (project,),
    )
    above = found.main is not None and found.main.top != project
    variables = (Variable(ACROSS, "1"),) if above else ()
    return Guarded((*protection.without_pins((*found.mounts, *protection.mounts)), *hidden), result, tuple(notices), variables)


def _settings(host: Host, project: str) -> list[str]:
    """Inner's own, where the project is what they lead to: dotfiles that are worked on."""
    return [place for place in settings(host) if place != project and covers(project, place) and host.lstat(place) is not None]


def _finished(shadow: Shadow, host: Host, protection: Protection, hidden: Iterable[str], notices: list[str]) -> Shadow:
    """With what git in the box has to overlook, and a word about what it cannot change."""
    top = shadow.top
    if covers(top, protection.project):
        inside = [f"{protection.project}/{name}"[len(top) + 1 :] for name in protection.existing]
        known = tracked(host, shadow.gitdir, inside)
        if known:
            names = ", ".join(f"`{name}`" for name in known)
            notices.append(f"tracked by git and read-only in the box: {names}; a checkout there leaves them as they are")
    ignored = [f"/{p.path[len(top) + 1 :]}" for p in protection.placeholders if p.kind != "dir" and covers(top, p.path)]
    below = [path[len(top) + 1 :] for path in hidden if covers(top, path) and path != top]
    held = [*(p.path for p in protection.placeholders), *(f"{protection.project}/{name}" for name in protection.existing)]
    fixed = tuple(path[len(top) + 1 :] for path in held if covers(top, path) and path != top)
    return replace(shadow, exclude=tuple(ignored), hidden=tuple(tracked(host, shadow.gitdir, below)), fixed=fixed)
