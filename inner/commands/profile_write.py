"""`inner profile new`, `edit`, `clone`: the user's own profiles, as text with its comments."""

from __future__ import annotations

from inner.errors import CheckFailed, ConfigError, InnerError, UsageError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.profile.find import Place, Shelf

TEMPLATE = """
# What is left out is as in the profile above. Every key: `inner profile schema`, docs/reference/profile.md

[sandbox]
# network_mode = "allowlist"            # "off", "allowlist" or "full"
# network_allow = ["example.org"]       # more hosts
# home_allow = ["~/.config/tool"]       # shown read-only in the empty home
# mask = [".env"]                       # hidden in the project

[mounts]
# "~/data" = "ro"                       # or "rw", "safe-rw", "overlay"

[env]
# passthrough = ["LANG"]                # variables of yours that pass, by name
# set = { LOG_LEVEL = "debug" }

[entrypoint]
# cmd = "bash"
"""


def new(name: str, shelf: Shelf, *, base: str, description: str) -> int:
    """Write a profile to start from. One that is there already is left alone."""
    import tomli_w

    from inner import ui
    from inner.commands.dry_run import short
    from inner.config.write import replace
    from inner.profile.find import is_path

    path = free(name, shelf)
    if not is_path(base):
        shelf.below(base)
    head = {"schema_version": "1", "name": name, "description": description or f"My own {base}", "extends": base}
    text = tomli_w.dumps(head) + TEMPLATE
    check(text.encode(), path)
    replace(path, text.encode(), expected=None)
    ui.note(f"made: `{short(path, shelf.host)}`; `inner profile edit {name}` opens it")
    return 0


def edit(name: str, shelf: Shelf) -> int:
    """The profile's file in the editor; what is not valid is not put in place."""
    from inner import ui
    from inner.commands import editor
    from inner.commands.dry_run import short, typed
    from inner.config.document import read
    from inner.profile.find import Shelf
    from inner.profile.inherit import chain

    place = shelf.find(name)
    if place.scope in ("built-in", "system"):
        where = "inner itself" if place.scope == "built-in" else "the system"
        raise CheckFailed(
            f"`{place.name}` belongs to {where}",
            where=place.path,
            hint=f"`inner profile clone {place.name} my-{place.name}`, and edit that",
        )
    root = str(shelf.project.root) if place.scope == "project" else ""
    before = shelf.read(place).content if root else read(place.path, uid=shelf.host.uid)

    def valid(content: bytes) -> None:
        (_check_project if place.table else check)(content, place.path)

    if not editor.edit(place.path, before, before, valid, shelf.host, root=root):
        ui.note(f"nothing was changed: `{short(str(place), shelf.host)}`")
        return 0
    ui.note(f"saved: `{short(place.path, shelf.host)}`")
    try:
        chain(Shelf(shelf.host, shelf.settings), place)
    except InnerError as problem:  # the file is right, and what it builds on is not there: it may come later
        ui.warning(f"it cannot be used yet: {problem.message}")
    if root:
        ui.note(f"a changed file is not trusted: `inner trust {typed(place.path, shelf.host)}`")
    return 0


def clone(source: str, name: str, shelf: Shelf) -> int:
    """A copy of any profile that is trusted, as one of the user's own."""
    from inner import ui
    from inner.commands.dry_run import short
    from inner.config.write import replace

    place = shelf.find(source)
    document = shelf.read(place)
    if not document.trusted:
        raise ConfigError(
            f"profile `{place.name}` is not trusted, and a copy of yours would be",
            where=document.file,
            hint=f"`inner profile trust {place.name}` first",
        )
    path = free(name, shelf)
    if place.table:
        raise ConfigError(
            f"profile `{place.name}` is a part of another file",
            where=str(place),
            hint=f"`inner profile new {name} --extends {place.name}`",
        )
    content = renamed(document.content, name, shelf, place)
    check(content, path)
    replace(path, content, expected=None)
    ui.note(f"made: `{short(path, shelf.host)}`, a copy of `{short(str(place), shelf.host)}`")
    return 0


def renamed(content: bytes, name: str, shelf: Shelf, place: Place) -> bytes:
    """The same text with another `name`; a relative `extends` becomes the path that it means. Comments stay."""
    from inner.paths import normal
    from inner.profile.find import is_path

    changes = {"name": name}
    base = shelf.source(place).extends
    if is_path(base) and not base.startswith(("/", "~/")):
        changes["extends"] = normal(f"{shelf.folder(place)}/{base}")
    for key, value in changes.items():
        content = with_line(content, key, value)
    return content


def with_line(content: bytes, key: str, value: str) -> bytes:
    """The text with another value on the line of a top-level `key`; as it is when there is no such line of its own."""
    import tomllib

    import tomli_w

    from inner.config.locate import lines

    text = content.decode().replace("\r\n", "\n")
    number = lines(text).get((key,), 0)
    rows = text.split("\n")
    if not number or not rows[number - 1].lstrip().startswith(key):
        return content
    row, replaced = rows[number - 1], tomli_w.dumps({key: value}).rstrip("\n")
    comment = row.partition("#")[2] if row.count('"') == 2 and row.rfind("#") > row.rfind('"') else ""
    rows[number - 1] = replaced + (f"  #{comment}" if comment else "")
    made = "\n".join(rows)
    before, after = tomllib.loads(text), tomllib.loads(made)
    if after != {**before, key: value}:
        raise ConfigError(f"the line of `{key}` cannot be changed by itself", hint="write it as one short line")
    return made.encode()


def free(name: str, shelf: Shelf) -> str:
    """Where a new profile of the user goes."""
    from inner.profile.values import NAME

    if not NAME.fullmatch(name):
        raise UsageError(f"`{ascii(name)[1:-1]}` is no name for a profile", hint="lower-case letters, digits, `.`, `_` and `-`")
    path = f"{shelf.settings.user}/profiles/{name}.toml"
    if shelf.host.lstat(path) is not None:
        raise CheckFailed(f"you have a profile `{name}`", where=path, hint=f"`inner profile edit {name}`, or another name")
    hidden = [place for place in shelf.candidates(name) if place.scope in ("system", "built-in")]
    if hidden:
        message = f"it would hide the {hidden[0].scope} profile `{name}`, also from profiles that extend it"
        raise CheckFailed(message, hint=f"another name, such as `my-{name}`")
    return path


def check(content: bytes, path: str) -> None:
    """ConfigError for what is wrong with a profile."""
    from inner.config.document import parse
    from inner.profile.source import source

    source(parse(content, file=path, source="user"))


def _check_project(content: bytes, path: str) -> None:
    from inner.config.document import parse
    from inner.profile.source import source
    from inner.settings import check

    document = parse(content, file=path, source="project")
    check(document, project=True)
    for name in document.data.get("profiles", {}):
        source(document, ("profiles", name))


def check_settings(content: bytes, path: str, *, project: bool) -> None:
    """ConfigError for what is wrong with a settings file."""
    from inner.config.document import parse
    from inner.settings import check

    if project:
        _check_project(content, path)
    else:
        check(parse(content, file=path, source="user"), project=False)
