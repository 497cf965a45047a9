"""A profile from the network: fetched when that was allowed, shown, and asked about. `--yes` is no answer here; the digest of
exactly these bytes is.
"""

from __future__ import annotations

from inner.errors import CheckFailed, ConfigError, UsageError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.config.document import Document
    from inner.host import Host
    from inner.profile.find import Shelf
    from inner.profile.remote import Download
    from inner.request import Request
    from inner.settings import Settings

DIGEST = 64  # hexadecimal digits of a SHA-256


def documents(request: Request, settings: Settings, host: Host) -> tuple[Document, ...]:
    """The downloaded profile of a request, agreed to; () when it names none. Trusted only with `trust_remote`."""
    text = request.profile
    if "://" not in text:
        if request.sha256:
            raise UsageError("a digest belongs to a profile that is downloaded", hint="leave out `--sha256`")
        return ()
    from inner import ui
    from inner.profile.find import Shelf, remote

    if not (request.allow_remote or request.trust_remote):
        raise remote(text)
    document, agreed = fetched(text, request.sha256, host, trusted=request.trust_remote)
    if agreed:
        ui.note(f"profile {text}, sha256 {request.sha256.lower()}")
        return (document,)
    show(document, Shelf(host, settings, (document,)))
    agree(f"Use this profile{'' if request.trust_remote else ', narrowed,'} for this run?", text)
    return (document,)


def fetched(url: str, sha256: str, host: Host, *, trusted: bool) -> tuple[Document, bool]:
    """The document, and whether its digest was named beforehand. ConfigError when another one was."""
    from inner import ui
    from inner.config.document import parse
    from inner.profile.remote import fetch
    from inner.progress import Busy

    wanted = sha256.lower()
    if wanted and (len(wanted) != DIGEST or not set(wanted) <= set("0123456789abcdef")):
        raise UsageError("this is not a SHA-256", hint=f"{DIGEST} hexadecimal digits, as `sha256sum FILE` prints them")
    with Busy(ui.note, f"fetching `{url}`"):
        download: Download = fetch(url, env=host.env)
    if wanted and wanted != download.sha256:
        raise ConfigError(f"the file is not the one that was asked for: its sha256 is {download.sha256}", where=url)
    if download.content.lstrip()[:1] == b"<":
        raise ConfigError("this is a web page, not a profile", where=url, hint="use the address of the raw file")
    return parse(download.content, file=url, source="remote", trusted=trusted), bool(wanted)


def show(document: Document, shelf: Shelf) -> None:
    """The text, and what it grants over the default box (trusted) or over the profile it builds on (narrowed)."""
    from inner import ui
    from inner.commands.consent import grants, show_changes, show_text
    from inner.profile.find import Place, stem
    from inner.profile.inherit import chain
    from inner.profile.merge import fold

    place = Place(stem(document.file), "remote", document.file, named=False)
    base = chain(shelf, next(place for place in shelf.candidates("shell") if place.scope == "built-in"))
    layers = chain(shelf, place).layers
    show_text(document.file, document.content)
    if document.trusted:
        show_changes(grants("it grants, over the built-in `shell`", layers, base.layers), shelf.host)
        return
    own = layers[:-1]
    show_changes(grants("it builds on a profile that grants, over the built-in `shell`", own, base.layers), shelf.host)
    for item in sorted(fold(layers).refused, key=lambda item: item.origin.line):
        ui.err(f"not taken, for it is not trusted: {ui.safe(item.key)}  ({ui.safe(str(item.origin))})")


def agree(question: str, where: str) -> None:
    """Return when a person said yes. CheckFailed otherwise, with the remedy when there is nobody to ask."""
    from inner.commands.consent import ask, terminal

    if not terminal():
        raise CheckFailed(
            "whether to use a downloaded profile can only be asked at a terminal",
            where=where,
            hint="read it, then name its digest: `--sha256 HEX`",
        )
    if not ask(question):
        raise CheckFailed("not used", where=where)
