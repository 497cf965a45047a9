"""`inner profile`: which profiles there are, what one says with all its layers, and whether it is right."""

from __future__ import annotations

import os

import typer

from inner.errors import CheckFailed, InnerError
from inner.frozen import TYPE_CHECKING, fields
from inner.guard import guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inner.host import RealHost
    from inner.profile.find import Place, Shelf
    from inner.profile.model import Profile
    from inner.profile.resolve import Entry
    from inner.settings import Settings


def add(app: typer.Typer) -> None:
    """Add `profile` with its commands to the application."""
    from inner.commands.help import Commands

    group = typer.Typer(
        name="profile",
        cls=Commands,
        help="Profiles: list, explain, make, check, compare them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )

    @group.command("list", help="List the profiles that can be used, and where each comes from.")
    def list_(
        wide: bool = typer.Option(False, "--wide", "-w", help="Also the path of each file."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        raise typer.Exit(guard(lambda: listing(wide=wide, as_json=as_json)))

    @group.command("show", help="Show a profile: its file, or with --resolved what all its layers come to.")
    def show_(
        name: str = typer.Argument("", metavar="[NAME|PATH]", help="A profile (default: the one `inner run` would use)."),
        resolved: bool = typer.Option(False, "--resolved", help="Every value with the line that set it."),
        as_json: bool = typer.Option(False, "--json", help="The resolved profile as JSON."),
    ) -> None:
        raise typer.Exit(guard(lambda: show(name, resolved=resolved, as_json=as_json)))

    @group.command("validate", help="Check a profile, or all of them, and say what is wrong and where.")
    def validate_(
        name: str = typer.Argument("", metavar="[NAME|PATH]", help="A profile (default: the one `inner run` would use)."),
        everything: bool = typer.Option(False, "--all", help="Every profile that can be used."),
    ) -> None:
        raise typer.Exit(guard(lambda: validate(name, everything=everything)))

    @group.command("install", help="Make a profile from a URL or a file your own, after you have read it.")
    def install_(
        source: str = typer.Argument(metavar="URL|FILE", help="Where it is: https only, or a file."),
        name: str = typer.Option("", "--name", help="Its name (default: the file's)."),
        sha256: str = typer.Option("", "--sha256", metavar="HEX", help="The digest of exactly this file: no question is asked."),
        force: bool = typer.Option(False, "--force", help="Replace a profile of yours, or hide one of the same name."),
        yes: bool = typer.Option(False, "--yes", "-y", help="Install a FILE without the question; a URL is always asked about."),
    ) -> None:
        from inner.commands.install import install

        def work() -> int:
            settings, host = _load()
            return install(source, settings, host, name=name, sha256=sha256, force=force, yes=yes)

        raise typer.Exit(guard(work))

    @group.command("trust", help="Show a project's profile and what it would grant, and ask whether to trust its file.")
    def trust_(
        name: str = typer.Argument(metavar="NAME|PATH", help="A profile of the project here."),
        yes: bool = typer.Option(False, "--yes", "-y", help="Trust without the question, once you have read it."),
    ) -> None:
        from inner.commands.trust import trust_place

        raise typer.Exit(guard(lambda: trust_place(*_place(name), yes=yes)))

    @group.command("new", help="Make a profile of your own to start from.")
    def new_(
        name: str = typer.Argument(metavar="NAME", help="Lower-case letters, digits, `.`, `_` and `-`."),
        base: str = typer.Option("shell", "--extends", metavar="NAME|PATH", help="The profile it builds on."),
        description: str = typer.Option("", "--description", metavar="TEXT", help="One line about it."),
    ) -> None:
        from inner.commands.profile_write import new

        raise typer.Exit(guard(lambda: new(name, _shelf(), base=base, description=description)))

    @group.command("edit", help="Open a profile in your editor ($VISUAL, $EDITOR); what is not valid is not saved.")
    def edit_(name: str = typer.Argument(metavar="NAME|PATH", help="A profile of yours, or of the project here.")) -> None:
        from inner.commands.profile_write import edit

        raise typer.Exit(guard(lambda: edit(name, _shelf())))

    @group.command("clone", help="Copy a profile to one of your own, with its comments.")
    def clone_(
        source: str = typer.Argument(metavar="SRC", help="Any profile that is trusted."),
        name: str = typer.Argument(metavar="DST", help="The name of the copy."),
    ) -> None:
        from inner.commands.profile_write import clone

        raise typer.Exit(guard(lambda: clone(source, name, _shelf())))

    @group.command("diff", help="Show what is different between two profiles, each with all its layers.")
    def diff_(
        first: str = typer.Argument(metavar="A", help="A profile."),
        second: str = typer.Argument(metavar="B", help="Another one."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        raise typer.Exit(guard(lambda: diff(first, second, as_json=as_json)))

    @group.command("explain", help="Draw the box of a profile: what it sees, writes, reaches and knows, and which line says so.")
    def explain_(
        name: str = typer.Argument("", metavar="[NAME|PATH]", help="A profile (default: the one `inner run` would use)."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
        as_svg: bool = typer.Option(False, "--svg", help="As a picture."),
    ) -> None:
        from inner.commands.explain import explain

        def work() -> int:
            settings, host = _load()
            form = "json" if as_json else "svg" if as_svg else "text"
            return explain(_resolve(name, settings, host), settings, host, form=form)

        raise typer.Exit(guard(work))

    @group.command("suggest", help="Show what a run was denied as lines for its profile, or write them.")
    def suggest_(
        wanted: str = typer.Argument("", metavar="[RUN]", help="The run, or the first letters of it (default: the newest)."),
        apply: bool = typer.Option(
            False, "--apply", help="Write them: to your own profile, or to a new one on top of another's."
        ),
        name: str = typer.Option("", "--name", metavar="NAME", help="Make a new profile of this name (default: my-PROFILE)."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        from inner.commands.suggest import suggest

        raise typer.Exit(guard(lambda: suggest(wanted, name=name, apply=apply, as_json=as_json)))

    @group.command("schema", help="Print the JSON schema of profile files, for editors that check TOML.")
    def schema_() -> None:
        raise typer.Exit(guard(schema))

    app.add_typer(group)


def listing(*, wide: bool, as_json: bool) -> int:
    """A table: `*` marks the default; a shadowed profile has the same name as one above it."""
    from inner import ui
    from inner.commands.place import place
    from inner.profile.find import is_path
    from inner.profile.resolve import available, examined

    settings, host = _load()
    entries = examined(available(settings, host), settings, host)
    if as_json:
        ui.json("profiles", entries)
        return 0
    rows = [
        ("*" if entry.default else " ", entry.name, entry.scope, *((_short(entry.path, host),) if wide else ()), _remark(entry))
        for entry in entries
    ]
    ui.table(rows, (" ", "name", "from", *(("file",) if wide else ()), "description"))
    if not any(entry.default for entry in entries) and not is_path(settings.default_profile):
        where = place(str(settings.origin("default_profile")), host)
        ui.note(f"the default is `{ui.safe(settings.default_profile)}` ({where}), which is none of them")
    broken = [entry.name for entry in entries if entry.problem and not entry.shadowed]
    if broken:
        which = broken[0] if len(broken) == 1 else "--all"
        ui.note(f"{len(broken)} cannot be used: `inner profile validate {which}` says where and what mends it")
    return 0


def _remark(entry: Entry) -> str:
    marks = [
        mark
        for mark, holds in (
            ("broken: " + entry.problem, bool(entry.problem)),
            ("shadowed", entry.shadowed),
            ("experimental", entry.experimental),
            ("not trusted", not entry.trusted),
        )
        if holds
    ]
    return " ".join([f"[{mark}]" for mark in marks] + ([entry.description] if entry.description else []))


def show(name: str, *, resolved: bool, as_json: bool) -> int:
    """The text of the file, as it is but for control characters; or every value with its origin."""
    from inner import ui
    from inner.commands.place import place as at
    from inner.profile.find import Shelf

    settings, host = _load()
    if resolved or as_json:
        profile = _resolve(name, settings, host)
        if as_json:
            ui.json("profile", profile)
            return 0
        ui.out(f"# profile {ui.safe(profile.name)}")
        for layer in profile.layers:
            where = at(str(layer), host)
            ui.out("# layer: " + ui.safe(where if where.startswith("built-in ") else f"{layer.source} {where}".rstrip()))
        rows = [(key, value, "" if origin == "inner" else at(origin, host)) for key, value, origin in leaves(profile)]
        ui.table(rows, ("key", "value", "set by"))
        for notice in profile.notices:
            ui.note(notice)
        return 0
    shelf = Shelf(host, settings)
    place = shelf.find(name or settings.default_profile)
    ui.out(f"# {ui.safe(_short(str(place), host))}")
    content = shelf.content(place)
    for line in content.decode("utf-8", "surrogateescape").rstrip("\n").split("\n"):
        ui.out(ui.safe(line.expandtabs(4)))
    return 0


def leaves(profile: Profile) -> Iterator[tuple[str, str, str]]:
    """Every value of a profile: dotted key, value as text, origin as text."""
    for name in fields(profile):
        if name in ("origins", "layers", "notices", "name"):
            continue
        yield from _leaves(profile, name, getattr(profile, name))


def _leaves(profile: Profile, key: str, value: object) -> Iterator[tuple[str, str, str]]:
    if hasattr(type(value), "__match_args__") and not isinstance(value, tuple):
        for name in fields(value):
            yield from _leaves(profile, f"{key}.{name}", getattr(value, name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(profile, f"{key}.{name}", item)
    elif isinstance(value, tuple) and value and not isinstance(value[0], str):
        for item in value:
            label = getattr(item, "src", getattr(item, "name", ""))
            yield (
                key + f".{label}",
                ", ".join(str(getattr(item, n)) for n in fields(item)[1:] if getattr(item, n)),
                str(profile.origin(f"{key}.{label}")),
            )
    elif isinstance(value, tuple):
        if not value:
            yield key, "[]", str(profile.origin(key))
        for item in value:
            yield key, str(item), str(profile.origin(f"{key}[{item}]"))
    else:
        text = "found from the host" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        yield key, text, str(profile.origin(key))


def validate(name: str, *, everything: bool) -> int:
    """`ok` for each profile, or its error; status 1 when one is wrong."""
    from inner import ui
    from inner.profile.resolve import available

    settings, host = _load()
    names = [e.name for e in available(settings, host) if not e.shadowed] if everything else [name]
    wrong, told = 0, set[str]()
    for one in names:
        try:
            profile = _resolve(one, settings, host)
        except InnerError as problem:
            wrong += 1
            ui.error(problem)
            continue
        ui.out(f"ok  {ui.safe(profile.name)}")
        for notice in profile.notices:
            if notice not in told:  # what is said of a project's settings, each profile would say
                told.add(notice)
                ui.note(notice)
    if wrong:
        raise (
            CheckFailed(f"{wrong} of {len(names)} profiles cannot be used", hint="mend the lines named above")
            if len(names) > 1
            else CheckFailed("the profile cannot be used", hint="mend the line named above")
        )
    return 0


def _load() -> tuple[Settings, RealHost]:
    from inner.host import RealHost
    from inner.settings import load

    host = RealHost(dict(os.environ))
    return load(host), host


def diff(first: str, second: str, *, as_json: bool) -> int:
    """`-` what the first has alone, `+` the second, with the lines that say so."""
    from inner import ui
    from inner.commands.place import place

    settings, host = _load()
    sides = [[leaf for leaf in leaves(_resolve(name, settings, host)) if leaf[0] != "description"] for name in (first, second)]
    pairs = [{(key, value) for key, value, _ in side} for side in sides]
    found = [
        (mark, key, value, place(origin, host, root=settings.project.root))
        for mark, side, others in (("-", sides[0], pairs[1]), ("+", sides[1], pairs[0]))
        for key, value, origin in side
        if (key, value) not in others
    ]
    order: dict[str, int] = {}
    for key, _, _ in (*sides[0], *sides[1]):
        order.setdefault(key, len(order))
    found.sort(key=lambda row: (order[row[1]], row[0] == "+"))
    if as_json:
        names = ("side", "key", "value", "set_by")
        ui.json(
            "difference", [dict(zip(names, ("first" if row[0] == "-" else "second", *row[1:]), strict=True)) for row in found]
        )
        return 0
    ui.table(found)
    if not found:
        ui.note("the two describe the same box")
    return 0


def schema() -> int:
    """JSON schema, draft 2020-12."""
    import json

    from inner import ui
    from inner.profile.schema import json_schema

    ui.out(json.dumps(json_schema(), indent=2))
    return 0


def _shelf() -> Shelf:
    from inner.profile.find import Shelf

    settings, host = _load()
    return Shelf(host, settings)


def _place(name: str) -> tuple[Shelf, Place]:
    shelf = _shelf()
    return shelf, shelf.find(name)


def _resolve(name: str, settings: Settings, host: RealHost) -> Profile:
    from inner.profile.resolve import resolve
    from inner.request import Request

    return resolve(Request(profile=name), settings, host)


def _short(path: str, host: RealHost) -> str:
    from inner.commands.dry_run import short

    return short(path, host)
