"""The folders of the host's PATH: which are believed, which the box has, and what the programs in them need.

A folder is shown as a whole, read-only, so that nothing in the box can put a program into it; its programs' own places follow.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import covers, normal
from inner.plan.closure import unit

if TYPE_CHECKING:
    from inner.plan.closure.content import Programs
    from inner.plan.closure.walk import Walk

MOST_PROGRAMS = 400  # in one folder: what more there is, is shown and not followed
MOST_FOLDERS = 64  # on one PATH
ON_PATH = "on PATH"
# Programs there need a daemon of the host, or its privileges.
WITHOUT_HOST = (
    ("/snap", "programs of snap need snapd, which no box has"),
    ("/var/lib/snapd", "programs of snap need snapd, which no box has"),
    ("/var/lib/flatpak", "programs of flatpak need the host's session, which no box has"),
    ("/run/wrappers", ""),  # NixOS: set-user-id, which means nothing in a box
)
# Kinds of installations that bring all they need.
COMPLETE = (
    "conda environment",
    "java",
    "go",
    "maven",
    "homebrew",
    "package store",
    "ruby gems",
    "node",
    "one version",
    "version manager",
)


@frozen
class Folder:
    """`text` is how PATH names it, or its real path where that name means nothing in a box."""

    text: str
    real: str


def trusted(walk: Walk) -> tuple[Folder, ...]:
    """The host's PATH in its order, without what does not exist, is relative, is the project's, or can be written by others."""
    kept: dict[str, Folder] = {}
    listed = walk.host.env.get("PATH", "")
    for text in listed.split(":")[: 4 * MOST_FOLDERS] if listed else ():
        if not text.startswith("/"):
            walk.note("relative entries of PATH are left out")
            continue
        path = text if "/.." in text else normal(text)
        why = next((why for place, why in WITHOUT_HOST if covers(place, path)), None)
        if why is not None:
            if why:
                walk.note(f"`{path}` is not on the box's PATH: {why}")
            continue
        if path in kept or len(kept) >= MOST_FOLDERS:
            continue
        if len(path) > 6 and path.startswith("/mnt/") and path[6:7] == "/":
            walk.note("the folders of Windows are not on the box's PATH")
            continue
        real = walk.real(path)
        found = walk.stat(real) if real else None
        if found is None or found.kind != "dir":
            continue
        refused = _refused(walk, path, real)
        if refused:
            walk.note(f"`{path}` is not on the box's PATH: {refused}")
        else:
            kept[path] = Folder(real if _passing(walk, path) else path, real)
    walk.path_folders = frozenset(folder.real for folder in kept.values())
    return tuple(kept.values())


def _refused(walk: Walk, path: str, real: str) -> str:
    if walk.is_own(path) or walk.is_own(real) or walk.led_by_own(path):
        return "it belongs to the project"
    return walk.unsafe(real) or next((why for link in walk.links_of(path) if (why := walk.unsafe(link))), "")


def _passing(walk: Walk, path: str) -> bool:
    """Session folders: fnm and nix-shell put folders of one session on PATH; `..` is for people."""
    return "/.." in path or (walk.in_home(path) is None and path.startswith(("/run/user/", "/tmp/", "/var/tmp/", "/dev/shm/")))  # noqa: S108 - names, not files


def show(programs: Programs, folders: tuple[Folder, ...]) -> tuple[str, ...]:
    """Make every folder of PATH work in the box; the box's PATH."""
    programs.whole, programs.deep = True, False
    path: dict[str, None] = {}
    for folder in folders:
        for entry in _one(programs, folder):
            path.setdefault(entry)
    return tuple(path)


def _one(programs: Programs, folder: Folder) -> list[str]:
    from inner.plan.closure import managers

    walk, real = programs.walk, folder.real
    if walk.in_base(real):
        walk.use(folder.text)
        if real == "/usr/local/bin":
            _follow(programs, real, links_only=True)
        return [folder.text]
    root, _, last = real.rpartition("/")
    stand_ins = managers.replaces(walk, root, last) if last in managers.SHIM_NAMES else None
    if stand_ins is not None:
        return [entry for place in stand_ins for entry in _one_shown(programs, Folder(place, walk.real(place)))]
    return _one_shown(programs, folder)


def _one_shown(programs: Programs, folder: Folder) -> list[str]:
    walk, real = programs.walk, folder.real
    place = _place(walk, real)
    complete = False
    if place is not None:
        complete = walk.add(place.path, ON_PATH, public=place.public) and place.what in COMPLETE
    if not walk.shown(real) and not walk.add(real, ON_PATH):
        return []
    walk.use(folder.text)
    if place is None:
        _libraries(walk, real)
    elif place.what == "version manager":
        _versions(programs, place.path)
    if not complete:
        _follow(programs, real)
    return [folder.text]


def _place(walk: Walk, real: str) -> unit.Unit | None:
    """The installation a folder of programs belongs to, None when it is on its own."""
    tree = unit.of_tree(real + "/")
    if tree is not None:
        return tree
    manager, plugin, _ = real.partition("/plugins/")
    if plugin:  # ~/.pyenv/plugins/pyenv-virtualenv/shims
        found = unit.of_prefix(walk, manager)
        if found is not None and found.what == "version manager":
            return found
    prefix, _, last = real.rpartition("/")
    return unit.of_prefix(walk, prefix) if last in unit.BINS else None


def _libraries(walk: Walk, real: str) -> None:
    """~/.tool/bin, ~/dotfiles/bin: the libraries beside it, never ~/.tool itself."""
    prefix, _, last = real.rpartition("/")
    home = walk.in_home(prefix)
    if last in unit.BINS and home:
        for name in unit.LIBRARIES:
            place = f"{prefix}/{name}"
            found = walk.stat(place)
            if found is not None and found.kind == "dir" and not walk.refuses(place):
                walk.add(place, ON_PATH)


def _versions(programs: Programs, root: str) -> None:
    """A manager's versions can be links to elsewhere: jenv's always are."""
    walk = programs.walk
    for name in walk.names(f"{root}/versions"):
        place = f"{root}/versions/{name}"
        found = walk.stat(place)
        if found is not None and found.kind == "link" and walk.kind(place) == "dir" and not walk.led_by_own(place):
            real = walk.real(place)
            if not walk.shown(real):
                prefix = unit.of_prefix(walk, real)
                if prefix is not None and prefix.what != "installation" and walk.add(prefix.path, f"version {name}"):
                    walk.use(place)


def _follow(programs: Programs, real: str, *, links_only: bool = False) -> None:
    """Every program in a folder that is shown: where it leads, and what runs it."""
    walk = programs.walk
    names = walk.names(real)
    if len(names) > MOST_PROGRAMS:
        walk.note(f"`{real}` holds {len(names)} files: only the first {MOST_PROGRAMS} were followed to what they need")
    programs.environment(f"{real}/", ON_PATH)
    for name in names[:MOST_PROGRAMS]:
        path = f"{real}/{name}"
        found = walk.stat(path)
        if found is None:
            continue
        if found.kind == "file" and not links_only and found.mode & 0o111:
            programs.file(path, f"toolchain of {name}")
        elif found.kind == "link" and "/" in walk.text(path) and walk.runs(path):  # one to a neighbour is followed there
            programs.program(path, f"toolchain of {name}")
    if any(name == "rustup" or walk.real(f"{real}/{name}").endswith("/rustup") for name in ("rustup", "cargo") if name in names):
        from inner.plan.closure import managers

        managers.show_rustup(walk)
