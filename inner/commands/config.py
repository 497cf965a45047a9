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
    from inner.commands.help import Commands

    group = typer.Typer(
        name="config",
        cls=Commands,
        help="Settings: show them, and the files they come from.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )

    @group.command("show", help="Show every setting, its value, and what set it.")
    def show_(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        raise typer.Exit(guard(lambda: show(as_json=as_json)))

    @group.command("path", help="Show the files that settings are read from, and which of them exist.")
    def path_(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        raise typer.Exit(guard(lambda: path(as_json=as_json)))

    @group.command("get", help="Print the value of one setting.")
    def get_(key: str = typer.Argument(metavar="KEY", help="For instance `default_profile` or `default_limits.memory`.")) -> None:
        raise typer.Exit(guard(lambda: get(key)))

    @group.command("edit", help="Open the settings in your editor ($VISUAL, $EDITOR); what is not valid is not saved.")
    def edit_(project: bool = typer.Option(False, "--project", help="The project's `.inner.toml` instead of your own.")) -> None:
        raise typer.Exit(guard(lambda: edit(project=project)))

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
    from inner.commands.help import GROUPS

    settings, host = _load()
    if as_json:
        ui.json("settings", {key: {"value": value, "set_by": where} for key, value, where in rows(settings)})
        return 0
    ui.table([(key, value, short(where, host)) for key, value, where in rows(settings)], ("setting", "value", "set by"))
    own = {name for names in GROUPS.values() for name in names}
    for name in sorted(own.intersection(settings.aliases)):
        ui.note(f"`aliases.{name}` is never used: `inner {name}` is a command of its own")
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


def get(key: str) -> int:
    """The value alone, on a line of its own; empty when it is not set."""
    from inner import ui
    from inner.config.faults import did_you_mean
    from inner.errors import ConfigError

    settings, _ = _load()
    table, _, name = key.partition(".")
    known = [one for one, _, _ in rows(settings)]
    if key not in known:
        hint = did_you_mean(key, known) or "`inner config show` shows all of them"
        raise ConfigError(f"there is no setting `{ui.safe(key)}`", hint=hint)
    value = getattr(settings, table)
    value = value.get(name) if isinstance(value, dict) else getattr(value, name) if name else value
    ui.out("" if value is None else ui.safe(value))
    return 0


USER = """\
# Settings of inner. Every key: docs/reference/settings.md; `inner config show` says what holds, and why.
# default_profile = "shell"
# workspaces_path = "~/work"
# keep_runs = 100

[default_limits]
# memory = "4G"
# cpu = 2
# pids = 512

[aliases]
# fix = "run -p claude-one-shot --arg"
"""
PROJECT = """\
# What this project asks of inner. Until somebody has read it and said `inner trust`, it can only narrow what a box gets.
# default_profile = "dev"

# [profiles.dev]
# extends = "shell"

# [profiles.dev.sandbox]
# mask = [".env"]
"""


def edit(*, project: bool) -> int:
    """The file in the editor, made when it is not there."""
    from inner import ui
    from inner.commands import editor
    from inner.commands.dry_run import short, typed
    from inner.commands.profile_write import check_settings
    from inner.config.document import read
    from inner.config.project import discover
    from inner.errors import ConfigError
    from inner.host import RealHost
    from inner.paths import config_dir

    host = RealHost(dict(os.environ))
    root = ""
    path = f"{config_dir(host.env, host.home)}/config.toml"
    if project:
        found = discover(host)
        root = str(found.root or found.area)
        if not root:
            raise ConfigError("there is no project here", where=str(host.cwd), hint="`cd` to one: your home folder is none")
        path = str(found.files[0]) if found.files else f"{root}/.inner.toml"
    before = read(path, root=root, uid=host.uid) if host.lstat(path) is not None else None
    text = before if before is not None else (PROJECT if project else USER).encode()
    saved = editor.edit(path, before, text, lambda content: check_settings(content, path, project=project), host, root=root)
    ui.note(f"{'saved' if saved else 'nothing was changed'}: `{short(path, host)}`")
    if saved and project:
        ui.note(f"a changed file is not trusted: `inner trust {typed(path, host)}`")
    return 0


def _load() -> tuple[Settings, RealHost]:
    from inner.host import RealHost
    from inner.settings import load

    host = RealHost(dict(os.environ))
    return load(host), host
