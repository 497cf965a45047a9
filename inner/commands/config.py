"""`inner config`: the settings of inner itself, each with where it was set, and the files they come from."""

from __future__ import annotations

import os

import typer

from inner.frozen import TYPE_CHECKING
from inner.guard import guard

if TYPE_CHECKING:
    from inner.host import RealHost
    from inner.settings import Settings


def add(app: typer.Typer) -> None:
    """Add `config` with its commands to the application."""
    group = typer.Typer(
        name="config", help="Settings: show them, and the files they come from.", no_args_is_help=True, rich_markup_mode=None
    )

    @group.command("show", help="Show every setting, its value, and what set it.")
    def show_(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        raise typer.Exit(guard(lambda: show(as_json=as_json)))

    @group.command("path", help="Show the files that settings are read from, and which of them exist.")
    def path_(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        raise typer.Exit(guard(lambda: path(as_json=as_json)))

    app.add_typer(group)


def rows(settings: Settings) -> list[tuple[str, str, str]]:
    """(setting, value as text, where it was set)."""
    limits = settings.default_limits
    values: list[tuple[str, object]] = [
        ("default_profile", settings.default_profile),
        ("log_dir", settings.log_dir or "a folder of inner's own"),
        ("workspaces_path", settings.workspaces_path or "none"),
        ("keep_runs", settings.keep_runs),
        *(
            (f"default_limits.{name}", value if (value := getattr(limits, name)) is not None else "found from the host")
            for name in ("memory", "cpu", "pids")
        ),
        *((f"aliases.{name}", text) for name, text in sorted(settings.aliases.items())),
    ]
    return [
        (key, str(value), "default" if str(settings.origin(key)) == "inner" else str(settings.origin(key)))
        for key, value in values
    ]


def show(*, as_json: bool) -> int:
    """Print the table."""
    from inner import ui
    from inner.commands.dry_run import short

    settings, host = _load()
    if as_json:
        ui.json("settings", {key: {"value": value, "set_by": where} for key, value, where in rows(settings)})
        return 0
    ui.table([(key, value, short(where, host)) for key, value, where in rows(settings)], ("setting", "value", "set by"))
    for notice in settings.notices:
        ui.note(notice)
    return 0


def path(*, as_json: bool) -> int:
    """Print the files in the order in which they are read: a later one wins."""
    from inner import ui
    from inner.paths import cache_dir, state_dir

    settings, host = _load()
    files = [("system", f"{settings.system}/config.toml"), ("user", f"{settings.user}/config.toml")]
    files += [("project", document.file) for document in reversed(settings.documents)]
    found = [(source, file, "exists" if host.lstat(file) is not None else "absent") for source, file in files]
    folders = [
        ("profiles", f"{settings.user}/profiles"),
        ("state", state_dir(host.env, host.home)),
        ("cache", cache_dir(host.env, host.home)),
    ]
    if as_json:
        data = {"files": [dict(zip(("source", "file", "state"), row, strict=True)) for row in found], "folders": dict(folders)}
        ui.json("paths", data)
        return 0
    ui.table(found + [(name, folder, "exists" if host.lstat(folder) is not None else "absent") for name, folder in folders])
    return 0


def _load() -> tuple[Settings, RealHost]:
    from inner.host import RealHost
    from inner.settings import load

    host = RealHost(dict(os.environ))
    return load(host), host
