"""Where profiles are: names, scopes and files. Nothing is merged here.

A higher scope hides the profile of the same name in a lower one: project, user, system, built-in. What was downloaded has no
name that others could find; it sees the built-in profiles alone.
"""

from __future__ import annotations

import os

from inner.config.document import Document, parse, read
from inner.config.faults import did_you_mean
from inner.config.project import refuse_shared
from inner.config.trust import Trust
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.host import realpath
from inner.paths import HostPath, normal
from inner.profile.source import source
from inner.profile.values import NAME
from inner.ui import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inner.host import Host
    from inner.profile.source import Source
    from inner.settings import Settings

SCOPES = ("project", "user", "system", "remote", "built-in")
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILT_IN = (f"{_PACKAGE}/profiles", f"{os.path.dirname(_PACKAGE)}/profiles")  # in a wheel; in the source tree


@frozen
class Place:
    """One profile as it can be found. `table` names an inline one; `named` is False for a profile given by path."""

    name: str
    scope: str
    path: str
    table: str = ""
    named: bool = True

    def __str__(self) -> str:
        return f"{self.path} [profiles.{self.table}]" if self.table else self.path


def is_path(text: str) -> bool:
    """A profile is given by path only when it looks like one: a file in the working directory never stands for a name."""
    return "/" in text or text.endswith(".toml")


class Shelf:
    """All profiles that a user can name, for one host and one project."""

    def __init__(self, host: Host, settings: Settings, downloads: Iterable[Document] = ()) -> None:
        self.host, self.settings, self.project = host, settings, settings.project
        self._trust = Trust.of(host)
        for folder in (settings.user, settings.system):
            refuse_shared(host, f"{folder}/profiles", shared=folder == settings.system)
        self._downloads = {document.file: document for document in downloads}
        self._documents = {document.file: document for document in settings.documents} | self._downloads

    def places(self) -> Iterator[Place]:
        """Every profile of every scope, the one that wins first among those of a name."""
        for document in self.settings.documents:
            tables = document.data.get("profiles", {})
            for name in sorted(tables if isinstance(tables, dict) else ()):
                if NAME.fullmatch(name):
                    yield Place(name, "project", document.file, name)
        for scope, folder in self._folders():
            names = os.listdir(folder) if scope == "built-in" else self.host.listdir(folder)
            for file in sorted(names):
                name = file.removesuffix(".toml")
                if file.endswith(".toml") and NAME.fullmatch(name):
                    yield Place(name, scope, f"{folder}/{file}")

    def _folders(self) -> Iterator[tuple[str, str]]:
        for folder in self.project.folders:
            yield "project", folder
        yield "user", f"{self.settings.user}/profiles"
        yield "system", f"{self.settings.system}/profiles"
        yield "built-in", next(folder for folder in BUILT_IN if os.path.isdir(folder))

    def candidates(self, name: str) -> tuple[Place, ...]:
        """The profiles of this name, the one that wins first."""
        found = [Place(name, "project", d.file, name) for d in self.settings.documents if name in d.data.get("profiles", {})]
        for scope, folder in self._folders():
            path = f"{folder}/{name}.toml"
            if os.path.lexists(path) if scope == "built-in" else self.host.lstat(path) is not None:
                found.append(Place(name, scope, path))
        return tuple(found)

    def find(self, text: str, *, where: str = "", message: str = "") -> Place:
        """The profile that the user means by `text`: a name, or a path relative to the current folder."""
        if text in self._downloads:
            return Place(stem(text), "remote", text, named=False)
        if "://" in text:
            raise remote(text, where)
        if is_path(text):
            return self.at_path(text, str(self.host.cwd))
        return self.below(text, where=where, message=message)

    def below(self, name: str, *, above: Place | None = None, where: str = "", message: str = "") -> Place:
        """The profile called `name` as `above` may see it: in its own scope or a lower one, and not itself."""
        if not NAME.fullmatch(name):
            hint = "names have lower-case letters, digits, `.`, `_` and `-`; a path has a `/` in it or ends in `.toml`"
            raise ConfigError(f"`{safe(name)}` is not the name of a profile", where=where, hint=hint)
        found = self.candidates(name)
        if above is not None:
            if above in found:
                found = found[found.index(above) + 1 :]
            found = tuple(place for place in found if SCOPES.index(place.scope) >= SCOPES.index(above.scope))
        if found:
            return found[0]
        known = dict.fromkeys(place.name for place in self.places() if above is None or place.name != above.name)
        longer = min(
            (one for one in known if one.startswith(f"{name}-")), key=lambda one: not one.endswith("-interactive"), default=""
        )
        close = f"did you mean `{longer}`?" if longer else did_you_mean(name, known)
        hint = f"{close} `inner profile list` shows all profiles".strip()
        raise ConfigError(message or f"profile `{name}` does not exist", where=where, hint=hint)

    def at_path(self, text: str, folder: str, *, where: str = "") -> Place:
        """A profile given by path. One that lies in the project came with the project, whoever typed its path."""
        if text.startswith("~/"):
            text = f"{self.host.home}{text[1:]}"
        path = normal(text if text.startswith("/") else f"{folder}/{text}")
        parent, _, file = path.rpartition("/")
        real = realpath(self.host, path)
        path = f"{realpath(self.host, parent or '/').rstrip('/')}/{file}"  # of a link: where it is, not where it points to
        name = file.removesuffix(".toml")
        if NAME.fullmatch(name):
            for place in self.candidates(name):
                if place.path == path and not place.table:
                    return place  # it has a name: the path says the same
        if self.host.lstat(path) is None:
            raise ConfigError(
                "this profile does not exist", where=where or path, hint="a name without `/` and `.toml` is looked up"
            )
        if self.project.owns(path) or self.project.owns(real):
            return Place(name, "project", path, named=False)
        return Place(name, "user", path, named=False)

    def read(self, place: Place) -> Document:
        """The file of a profile, parsed, and whether it is trusted. ConfigError when it may not or cannot be read."""
        known = self._documents.get(place.path)
        if known is not None:
            return known
        content = self.content(place)
        trusted = place.scope != "project" or self._trust.is_trusted(place.path, content)
        document = parse(content, file=place.path, source=place.scope, trusted=trusted)
        self._documents[place.path] = document
        return document

    def content(self, place: Place) -> bytes:
        """The bytes of the file, whatever they say. ConfigError when it may not be read."""
        root = ""
        if place.scope == "project":
            inside = any(place.path.startswith(folder + "/") for folder in self.project.folders)
            root = self.project.root if inside else self.project.area
            if not place.path.startswith(root + "/"):  # a path that a link leads out of the project
                raise ConfigError("a project's configuration may not be, or lie behind, a symbolic link", where=place.path)
        uid = None if place.scope == "built-in" else self.host.uid
        return read(place.path, root=root, uid=uid, shared=place.scope == "system")

    def source(self, place: Place) -> Source:
        """The profile at `place`, checked."""
        return source(self.read(place), ("profiles", place.table) if place.table else ())

    def folder(self, place: Place) -> str:
        """What a relative `extends` of this profile is relative to."""
        return str(HostPath(place.path.rpartition("/")[0] or "/"))


def stem(url: str) -> str:
    """The last part of an address' path, as far as it can be a name; else `downloaded`."""
    name = url.partition("?")[0].partition("#")[0].rpartition("/")[2].lower().removesuffix(".toml")
    return name if NAME.fullmatch(name) else "downloaded"


def remote(text: str, where: str = "") -> ConfigError:
    """The one place that speaks of profiles from the network: they are not fetched by naming them."""
    if where:
        hint = 'download it, read it, and name the file: `extends = "./NAME.toml"`'
    else:
        hint = "`inner profile install URL` shows it, asks, and makes it yours; `inner run --allow-remote -p URL` takes it for one run"
    return ConfigError(
        f"`{safe(text)}` is a profile on the network, and those are only used after you have read them", where=where, hint=hint
    )
