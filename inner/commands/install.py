"""`inner profile install`: a profile from the network or from a file becomes the user's own, unchanged, after it was read."""

from __future__ import annotations

from inner.errors import CheckFailed, ConfigError, UsageError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.config.document import Document
    from inner.host import Host
    from inner.profile.find import Shelf
    from inner.settings import Settings


def install(text: str, settings: Settings, host: Host, *, name: str, sha256: str, force: bool, yes: bool) -> int:
    """Show, ask, write. What was there is replaced only with `force`."""
    from inner import ui
    from inner.commands.dry_run import short
    from inner.commands.remote import agree, show
    from inner.config.write import replace
    from inner.profile.find import Shelf

    document, agreed = _read(text, sha256, host)
    shelf = Shelf(host, settings, (document,))
    name = name or _name(text)
    path = f"{settings.user}/profiles/{name}.toml"
    before = _before(name, path, shelf, force=force)
    show(document, shelf)
    if not agreed and not (yes and "://" not in text):
        agree(f"Install this as your own profile `{name}`?", text)
    replace(path, document.content, expected=before)
    ui.note(f"installed: `{short(path, host)}`; use it with `inner run -p {name}`")
    return 0


def _read(text: str, sha256: str, host: Host) -> tuple[Document, bool]:
    from inner.commands.remote import fetched
    from inner.config.document import parse, read
    from inner.config.trust import digest
    from inner.paths import normal

    if "://" in text:
        return fetched(text, sha256, host, trusted=True)
    path = normal(text if text.startswith("/") else f"{host.cwd}/{text}")
    content = read(path)
    if sha256 and digest(content) != sha256.lower():
        raise ConfigError(f"the file is not the one that was asked for: its sha256 is {digest(content)}", where=path)
    return parse(content, file=path, source="remote"), bool(sha256)


def _name(text: str) -> str:
    from inner.profile.find import stem
    from inner.profile.values import NAME

    found = stem(text)
    if not NAME.fullmatch(found) or found == "downloaded":
        raise UsageError("this address says no name for the profile", where=text, hint="add `--name NAME`")
    return found


def _before(name: str, path: str, shelf: Shelf, *, force: bool) -> bytes | None:
    """What is at `path` now; None when nothing is."""
    from inner.config.document import read
    from inner.profile.values import NAME

    if not NAME.fullmatch(name):
        raise UsageError(f"`{ascii(name)[1:-1]}` is no name for a profile", hint="lower-case letters, digits, `.`, `_` and `-`")
    there = shelf.host.lstat(path) is not None
    if force:
        return read(path, uid=shelf.host.uid) if there else None
    if there:
        raise CheckFailed(f"you have a profile `{name}`", where=path, hint="`--name OTHER`, or `--force` to replace it")
    hidden = [place.scope for place in shelf.candidates(name) if place.scope in ("system", "built-in")]
    if hidden:
        message = f"it would hide the {hidden[0]} profile `{name}`, also from profiles that extend it"
        raise CheckFailed(message, hint="`--name OTHER`, or `--force` to hide it")
    return None
