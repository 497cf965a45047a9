"""Where the output of a run is kept, and what a run may be told to do without never."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.paths import HostPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.origin import Origin
    from inner.profile.model import Profile

REQUIRE = ("limits", "record")
"""The words of `sandbox.require`: a run is refused when its limits cannot be enforced, or its record not be written."""


def output_log(profile: Profile, run_dir: str, path: Callable[[str, Origin], str]) -> HostPath:
    """The file that gets every byte of output, "" for none. "auto" is a file for each run: in `log_dir`
    (the path ends in `/`: the run's id makes the name), else with its record."""
    wanted, origin = profile.output.log, profile.origin("output.log")
    if not wanted:
        return HostPath("")
    if wanted == "auto":
        if not profile.log_dir:
            return HostPath(f"{run_dir}/output")
        return HostPath(f"{path(profile.log_dir, origin)}/")
    if wanted.endswith("/"):
        raise ConfigError(f"the log `{wanted}` is a folder", where=str(origin), hint='`log = "auto"` names a file for each run')
    return HostPath(path(wanted, origin))
