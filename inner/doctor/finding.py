"""A finding, and what the probes may ask."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from inner.host import RealHost
    from inner.words import Features

GOOD, NOTE, PROBLEM, FATAL = "good", "note", "problem", "fatal"


@frozen
class Finding:
    """`state`: "good"; "note" (works, and you should know); "problem" (mend it); "fatal" (no box can be made here). `remedy` says
    what to type, "" when there is nothing to do."""

    name: str
    state: str
    text: str
    remedy: str = ""


class Asked:
    """The machine, and what one probe has found for those after it."""

    def __init__(self, host: RealHost) -> None:
        self.host = host
        self.features: Features | None = None

    def line(self, path: str) -> str:
        """The text of a small file of the kernel's, "" when there is none."""
        return (self.host.read(path, 4096) or b"").decode("utf-8", "replace").strip()
