"""What container engines inside the box are told: which way they may make control groups (containers.conf(5)). Pure."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.paths import BoxPath
from inner.plan.model import Data, Variable

if TYPE_CHECKING:
    from inner.profile.model import Profile


def engines(profile: Profile, runtime: str) -> tuple[tuple[Data, ...], tuple[Variable, ...]]:
    """Mounts and variables for `sandbox.cgroup_manager`; nothing when the profile leaves it open."""
    manager, origin = profile.sandbox.cgroup_manager, profile.origin("sandbox.cgroup_manager")
    if not manager:
        return (), ()
    place = BoxPath(f"{runtime}/containers.conf")
    text = f'[engine]\ncgroup_manager = "{manager}"\n'.encode()
    file = Data(place, text, 0o600, "rw", "settings of container engines", origin)
    return (file,), (Variable("CONTAINERS_CONF_OVERRIDE", place, origin),)
