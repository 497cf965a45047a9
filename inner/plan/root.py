"""A run started by root: its box has an unprivileged uid inside, but outside the box's files and processes are root's.

Capabilities are gone, ownership stays: a user namespace maps uid 0 to another number, and the kernel and file systems go by uid 0
wherever they ask for no capability (user_namespaces(7), fs/proc/proc_sysctl.c). So /proc is read-only there (`plan.system`), and
what would undo that, or show root's files by the way, is refused.
"""

from __future__ import annotations

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.profile.model import Profile

HINT = "run inner as an ordinary user, or leave the key out"


def refuse(profile: Profile) -> None:
    """Raise RunError for what a profile may say, and cannot be had in a box that root started."""
    sandbox = profile.sandbox
    if sandbox.root == "host-ro":
        raise RunError(
            "a box started by root cannot show the host's root: root's files on it would be the box's to read",
            hint=HINT,
            where=str(profile.origin("sandbox.root")),
        )
    if sandbox.seccomp == "off":
        raise RunError(
            "a box started by root needs the system call filter: it could leave set-user-ID programs of root's in the project",
            hint=HINT,
            where=str(profile.origin("sandbox.seccomp")),
        )
    if "nested-user-ns" in sandbox.allow:
        raise RunError(
            "a box started by root cannot make user namespaces: it could leave set-user-ID programs of root's in the project",
            hint=HINT,
            where=str(profile.origin("sandbox.allow[nested-user-ns]")),
        )
