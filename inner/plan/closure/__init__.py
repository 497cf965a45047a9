"""From a program's name to what makes it start in a box with an empty home: read-only mounts, links, and the box's PATH.

Pure over `Host`: nothing is run, nothing is written, a few KiB of each file are read, and the work has bounds. Programs that
the system part of the box shows cost a few questions; all else is imported when it is first met.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import BoxPath, HostPath, ancestors, normal
from inner.plan.closure import folders as path_folders
from inner.plan.closure.content import Programs
from inner.plan.closure.walk import Walk
from inner.plan.model import Bind, Mask, Symlink

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inner.host import Host

__all__ = ["Closure", "closure", "path_entries", "toolchains"]

# Variables by which a toolchain is found. Those that name a folder can be passed when the box has that folder; the first
# group is worth a mount of its own.
OWN_MOUNT = ("JAVA_HOME", "GOROOT", "DOTNET_ROOT", "ANDROID_HOME", "ANDROID_SDK_ROOT", "FLUTTER_ROOT")
WHEN_SHOWN = (
    "RUSTUP_HOME", "PYENV_ROOT", "RBENV_ROOT", "NODENV_ROOT", "GOENV_ROOT", "PLENV_ROOT", "JENV_ROOT", "VIRTUAL_ENV",
    "CONDA_PREFIX", "PNPM_HOME", "BUN_INSTALL", "HOMEBREW_PREFIX", "MAVEN_HOME", "M2_HOME", "GRADLE_HOME", "N_PREFIX",
)  # fmt: skip


@frozen
class Closure:
    """`path`: folders of the box's PATH, in the host's order. `masks` hide files in `binds` that may hold a token. `env`: names
    of variables that say where one of the toolchains lies. `missing`: names that were not found."""

    binds: tuple[Bind, ...] = ()
    links: tuple[Symlink, ...] = ()
    path: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    env: tuple[str, ...] = ()


def closure(names: Sequence[str], *, host: Host, base: Sequence[str], writable: Iterable[str] | None = None) -> Closure:
    """What the programs `names` need, and nothing else.

    `base`: folders that the box shows at their own place anyhow; `writable`: folders of the host that the box may write (the
    working directory when None): they are visible, and nothing in them is believed.
    """
    walk = Walk(host, base, writable)
    programs = Programs(walk, [folder.text for folder in path_folders.trusted(walk)])
    missing = _named(programs, names)
    ordered = sorted(programs.path, key=programs.path.__getitem__)
    return _finish(programs, tuple(folder for folder in ordered if not walk.in_base(walk.real(folder))), missing)


def path_entries(host: Host, base: Sequence[str], writable: Iterable[str] | None = None) -> Closure:
    """What makes every folder of the host's PATH usable; `path` has those of the base in their places too."""
    return toolchains((), host=host, base=base, writable=writable)


def toolchains(names: Sequence[str], *, host: Host, base: Sequence[str], writable: Iterable[str] | None = None) -> Closure:
    """`path_entries`, and what the programs `names` need beyond that."""
    walk = Walk(host, base, writable)
    believed = path_folders.trusted(walk)
    programs = Programs(walk, [folder.text for folder in believed])
    path = path_folders.show(programs, believed)
    _variables(programs)
    _environment_of_project(programs)
    kept = frozenset(path)
    missing: list[str] = []
    for name in names:
        found = next((place for folder in path if walk.runs(place := f"{folder}/{name}")), "") if "/" not in name else ""
        programs.again()
        if found:
            programs.program(found, f"toolchain of {name}")
        else:
            programs.whole = False
            missing += _named(programs, (name,))
            programs.whole = True
    extra = tuple(folder for folder in programs.path if folder not in kept and walk.shown(walk.real(folder)))
    return _finish(programs, (*path, *extra), tuple(missing))


def _named(programs: Programs, names: Sequence[str]) -> tuple[str, ...]:
    walk = programs.walk
    missing = []
    for name in names:
        why = f"toolchain of {name.rpartition('/')[2]}"
        if "/" in name:
            path = normal(name if name.startswith("/") else f"{walk.host.cwd}/{name}")
            if walk.runs(path):
                programs.program(path, why)
            else:
                missing.append(name)
            continue
        found = programs.find(name)
        if not found:
            missing.append(name)
            continue
        if walk.real(found).endswith("/bin/snap"):
            walk.note(f"`{found}` is a snap: it needs snapd, which no box has")
        programs.named(found, why)
    return tuple(missing)


def _variables(programs: Programs) -> None:
    """JAVA_HOME and its like may name an installation that PATH does not."""
    from inner.plan.closure import unit

    walk = programs.walk
    for name in OWN_MOUNT:
        value = walk.host.env.get(name, "")
        if not value.startswith("/") or walk.kind(value) != "dir" or walk.led_by_own(value):
            continue
        real = walk.real(value)
        place = unit.of_tree(real + "/")
        if walk.shown(real) or walk.add(place.path if place else real, f"named by {name}"):
            walk.use(value)


def _environment_of_project(programs: Programs) -> None:
    """A virtual environment in the project is visible there; the Python it was made of may not be."""
    walk = programs.walk
    for own in walk.own:
        for name in (".venv", "venv"):
            if walk.stat(f"{own}/{name}/bin") is not None:
                programs.program_of_project(f"{own}/{name}/bin/python", f"toolchain of {name}")


def _finish(programs: Programs, path: tuple[str, ...], missing: tuple[str, ...]) -> Closure:
    """Without what other mounts show; sorted, so that one host gives one answer."""
    walk = programs.walk

    def inside(place: str) -> bool:
        return any(above in walk.binds for above in ancestors(place))

    binds = {place: what for place, what in walk.binds.items() if not inside(place)}
    links = {
        place: text
        for place, text in walk.links.items()
        if not inside(place) and not any(a in walk.writable for a in ancestors(place))
    }
    masks = {place: kind for place, kind in walk.masks.items() if inside(place)}
    if walk.questions <= 0:
        walk.note("PATH leads to more programs than inner follows at a start: some may miss what they need")
    return Closure(
        binds=tuple(Bind(HostPath(place), BoxPath(place), "ro", kind, why=why) for place, (kind, why) in sorted(binds.items())),
        links=tuple(Symlink(text, BoxPath(place), why="on the way to a program") for place, text in sorted(links.items())),
        path=path,
        notes=tuple(walk.notes),
        missing=missing,
        masks=tuple(Mask(BoxPath(place), kind, why="may hold a token") for place, kind in sorted(masks.items())),
        env=tuple(
            name
            for name in (*OWN_MOUNT, *WHEN_SHOWN)
            if (value := walk.host.env.get(name, "")).startswith("/") and (real := walk.real(value)) and walk.shown(real)
        ),
    )
