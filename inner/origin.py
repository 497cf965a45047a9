"""Where a value comes from. Settings, profiles and plans all say it in the same words, so that explaining is a lookup."""

from __future__ import annotations

from inner.frozen import frozen

SOURCES = ("built-in", "remote", "system", "user", "project", "environment", "flag", "agent", "inner")


@frozen
class Origin:
    """Which layer set a value, and where: `source` is one of SOURCES; `line` counts from 1, 0 when there is none."""

    source: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        if not self.file:
            return "the command line" if self.source == "flag" else self.source
        return f"{self.file}:{self.line}" if self.line else self.file


INNER = Origin("inner")
"""Origin of what every box has, whatever the profile says."""
