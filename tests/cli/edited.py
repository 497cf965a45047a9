"""A user's profile with comments in it, where it lies, and an editor for it."""

from __future__ import annotations

from pathlib import Path

from configured import Machine

COMMENTED = """\
# Mine.
schema_version = "1"
name = "mine"  # the name
extends = "shell"

[sandbox]
# why npm
allow = ["npmrc"]
"""


def editor(machine: Machine, script: str) -> dict[str, str]:
    """$EDITOR as a shell script; the draft is "$1"."""
    path = machine.root / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"EDITOR": str(path)}


def user(machine: Machine, name: str) -> Path:
    return machine.home / f".config/inner/profiles/{name}.toml"
