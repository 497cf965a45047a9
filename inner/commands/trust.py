"""`inner trust`: read what a project's files say and what they would change, and then decide. A changed file is a new question."""

from __future__ import annotations

import os

import typer

from inner.errors import CheckFailed, ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.guard import guard

if TYPE_CHECKING:
    from inner.commands.consent import Change
    from inner.config.document import Document
    from inner.host import RealHost
    from inner.profile.find import Place, Shelf


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command("trust", help="Show a project's configuration, and ask whether to trust it. With what it would change.")
    def trust_(
        path: str = typer.Argument("", metavar="[PATH]", help="A project's folder or file (default: the project here)."),
        listing: bool = typer.Option(False, "--list", help="List what was trusted, and whether it still is."),
        revoke: bool = typer.Option(False, "--revoke", help="Take the decision back."),
        yes: bool = typer.Option(False, "--yes", "-y", help="Trust without the question, once you have read it."),
        as_json: bool = typer.Option(False, "--json", help="With --list: as JSON."),
    ) -> None:
        if listing:
            raise typer.Exit(guard(lambda: show(as_json=as_json)))
        if revoke:
            raise typer.Exit(guard(lambda: take_back(path)))
        raise typer.Exit(guard(lambda: trust(path, yes=yes)))


@frozen
class Decision:
    """A decision as it is listed: `state` is "trusted", "changed" (asked again) or "gone"."""

    path: str
    sha256: str
    state: str


def show(*, as_json: bool) -> int:
    """Every decision, and whether the file is still the one that was read."""
    from inner import ui
    from inner.commands.dry_run import short
    from inner.config.document import read
    from inner.config.trust import Trust, digest
    from inner.errors import InnerError

    host = _host()
    decisions = []
    for path, approved in Trust.of(host).decisions():
        try:
            state = "trusted" if digest(read(path, root=path.rpartition("/")[0] or "/")) == approved else "changed"
        except InnerError:
            state = "gone" if host.lstat(path) is None else "changed"
        decisions.append(Decision(path, approved, state))
    if as_json:
        ui.json("trust", decisions)
        return 0
    if not decisions:
        ui.note("no project's file is trusted")
    ui.table([(d.state, d.sha256[:12], short(d.path, host)) for d in decisions], ("state", "sha256", "file") if decisions else ())
    return 0


def take_back(text: str) -> int:
    """Forget the decision about a file, or about every file of a project."""
    from inner import ui
    from inner.commands.dry_run import short
    from inner.config.trust import Trust
    from inner.host import realpath
    from inner.paths import covers, normal

    host = _host()
    path = normal(text if text.startswith("/") else f"{host.cwd}/{text}")
    parent, _, name = path.rpartition("/")
    named = {realpath(host, path), f"{realpath(host, parent or '/').rstrip('/')}/{name}"}
    decisions = Trust.of(host)
    taken = [known for known, _ in decisions.decisions() if any(covers(place, known) for place in named)]
    for known in taken:
        decisions.revoke(known)
        ui.note(f"no longer trusted: `{short(known, host)}`")
    if not taken:
        raise ConfigError("nothing here is trusted", where=path, hint="`inner trust --list` shows what is")
    return 0


def trust(text: str, *, yes: bool) -> int:
    """Each file that is not trusted yet: its text, what it would change, the question. Status 1 when one was not trusted."""
    from inner import ui
    from inner.commands.dry_run import short
    from inner.profile.find import Shelf
    from inner.settings import load

    host = _host()
    workdir, wanted = _meant(text, host)
    settings = load(host, workdir=workdir)
    shelf = Shelf(host, settings)
    if wanted:
        documents = [shelf.read(place) for place in [shelf.at_path(wanted, str(host.cwd))] if place.scope == "project"]
        if not documents:
            raise ConfigError(
                "this is no project's file: it needs no trust",
                where=wanted,
                hint="`inner trust` alone asks about the project here",
            )
    else:
        documents = _all(shelf)
        for notice in settings.project.notices:
            ui.warning(notice)
        if not documents:
            raise ConfigError("there is no project configuration here", where=str(workdir or host.cwd), hint="`inner trust PATH`")
    open_questions = [document for document in documents if not document.trusted]
    for document in documents:
        if document.trusted:
            ui.note(f"trusted already: `{short(document.file, host)}`")
    return sum(not decide(document, shelf, yes=yes) for document in open_questions) and 1


def trust_place(shelf: Shelf, place: Place, *, yes: bool) -> int:
    """The same for one profile: the file it is in."""
    from inner import ui

    document = shelf.read(place)
    if document.trusted:
        ui.note(
            f"trusted already: `{place}`"
            if place.scope == "project"
            else f"`{place.name}` is not a project's profile: it needs no trust"
        )
        return 0
    return 0 if decide(document, shelf, yes=yes) else 1


def decide(document: Document, shelf: Shelf, *, yes: bool) -> bool:
    """Show, ask, keep the answer. CheckFailed with the remedy when there is nobody to ask."""
    from inner import ui
    from inner.commands.consent import ask, show_changes, show_text, terminal
    from inner.commands.dry_run import short, typed
    from inner.config.trust import Trust

    name = short(document.file, shelf.host)
    show_text(name, document.content)
    show_changes(changed(document, shelf), shelf.host, root=shelf.project.root)
    if not yes:
        if not terminal():
            raise CheckFailed(
                "whether to trust a file can only be asked at a terminal",
                where=document.file,
                hint=f"read it, then `inner trust --yes {typed(document.file, shelf.host)}`",
            )
        if not ask(f"Trust {ui.safe(name)}?"):
            ui.note("not trusted; it can still narrow what a box gets")
            return False
    Trust.of(shelf.host).approve(document.file, document.content)
    ui.note(f"trusted until it changes: `{name}`")
    return True


def changed(document: Document, shelf: Shelf) -> list[Change]:
    """What this file changes once it is trusted, over what the user has without the project."""
    from inner.commands.consent import Change
    from inner.settings import load, wider

    if document.file not in shelf.project.files:
        return _profile(document.file.rpartition("/")[2].removesuffix(".toml"), document, shelf, table="")
    own = load(shelf.host, no_project=True, system=shelf.settings.system)
    found = wider(document, own, str(shelf.project.root))
    changes = [Change("once trusted, the settings are", f"{key} = {value}", str(origin)) for key, value, origin in found]
    for name in sorted(document.data.get("profiles", {})):
        changes += _profile(name, document, shelf, table=name)
    return changes


def _profile(name: str, document: Document, shelf: Shelf, *, table: str) -> list[Change]:
    from inner.commands.consent import grants
    from inner.profile.find import Place
    from inner.profile.inherit import chain, users_choice

    known = [place for place in shelf.candidates(name) if (place.path, place.table) == (document.file, table)]
    place = known[0] if known else Place(name, "project", document.file, table, named=False)
    choice = users_choice(shelf, place)
    base = chain(shelf, choice[0]).layers if choice else ()
    own = choice[0].name if choice else ""
    subject = f"once trusted, profile `{name}` grants over your own" + (f" `{own}`" if own != name else "")
    return grants(subject, chain(shelf, place, trusting=True).layers, base)


def _all(shelf: Shelf) -> list[Document]:
    """Every file of the project: settings first, then its profiles by name."""
    from inner.profile.find import Place
    from inner.profile.values import NAME

    documents = {document.file: document for document in shelf.settings.documents}
    for folder in shelf.project.folders:
        for file in shelf.host.listdir(folder):
            name = file.removesuffix(".toml")
            if file.endswith(".toml") and NAME.fullmatch(name):
                document = shelf.read(Place(name, "project", f"{folder}/{file}"))
                documents[document.file] = document
    return list(documents.values())


def _meant(text: str, host: RealHost) -> tuple[str, str]:
    """(folder in which the project is looked for, path of a file or "")."""
    from inner.host import kind
    from inner.paths import normal

    path = normal(text if text.startswith("/") else f"{host.cwd}/{text}")
    if not text or kind(host, path) == "dir":
        return (path if text else ""), ""
    if host.lstat(path) is None:
        raise ConfigError("there is no such file or folder", where=path)
    return path.rpartition("/")[0] or "/", path


def _host() -> RealHost:
    from inner.host import RealHost

    return RealHost(dict(os.environ))
