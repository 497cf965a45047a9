"""`inner version`: inner's version and bubblewrap's."""

from __future__ import annotations

import os
import platform

import typer


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command()
    def version(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        """Print the version of inner, Python and bubblewrap."""
        raise typer.Exit(show(as_json))


def show(as_json: bool) -> int:
    """Print; a missing bubblewrap is told, not an error."""
    from inner import __version__, ui
    from inner.errors import InnerError
    from inner.launch.features import probe

    try:
        features = probe(dict(os.environ))
        bwrap = f"{'.'.join(map(str, features.version))} ({features.path})"
    except InnerError as problem:
        bwrap = f"none: {problem.message}"
    data = {"inner": __version__, "python": platform.python_version(), "bubblewrap": bwrap, "kernel": platform.release()}
    if as_json:
        ui.json("version", data)
    else:
        ui.out(f"inner {__version__}")
        for name in ("bubblewrap", "python", "kernel"):
            ui.out(f"{name} {data[name]}")
    return 0
