"""Which file a program's name means on a host, as execvp(3) finds it, but never one relative to the working directory. Nothing is
started here.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.host import realpath
from inner.paths import HostPath, normal

if TYPE_CHECKING:
    from inner.host import Host


def executable(host: Host, path: str) -> bool:
    """A regular file with an execute bit for somebody."""
    found = host.lstat(realpath(host, path))
    return found is not None and found.kind == "file" and bool(found.mode & 0o111)


def which(host: Host, name: str, path: str | None = None) -> HostPath | None:
    """The first executable called `name` on `path` ($PATH when None). Relative entries and `.` are never searched."""
    if "/" in name:
        full = name if name.startswith("/") else f"{host.cwd}/{name}"
        return HostPath(normal(full)) if executable(host, full) else None
    for folder in (host.env.get("PATH", "") if path is None else path).split(":"):
        if folder.startswith("/") and executable(host, f"{folder}/{name}"):
            return HostPath(normal(f"{folder}/{name}"))
    return None
