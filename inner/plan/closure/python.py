"""What a Python program needs: the environment, the interpreter it was made of, editable installs, the user's site folder."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.paths import normal
from inner.plan.closure import unit

if TYPE_CHECKING:
    from inner.plan.closure.content import Programs

MOST_EDITABLE = 16


def environment(programs: Programs, root: str, why: str) -> None:
    """The virtual environment at `root`, a folder with a pyvenv.cfg, and the Python below it."""
    walk = programs.walk
    real = walk.real(root)
    own = walk.is_own(real) or walk.is_own(root) or walk.led_by_own(root)
    if not own:
        place = unit.of_tree(real) or unit.Unit(real, "python environment")
        if not walk.add(place.path, why):
            return
        walk.use(root)
    bins = f"{root}/bin"
    said_by = next(iter(walk.own)) if own else real
    for path in (f"{bins}/python", f"{bins}/python3", *_home(walk.read(f"{root}/pyvenv.cfg", 1024))):
        if walk.real(path):
            programs.interpreter(path, said_by, why)
    if not own and (programs.deep or place.path == real):  # not in each of a tool's many environments at every start
        editable(programs, f"{root}/lib", why)


def _home(config: bytes) -> tuple[str, ...]:
    """The interpreter that pyvenv.cfg names: there Python looks for its library (PEP 405)."""
    for line in config.decode("utf-8", "surrogateescape").splitlines():
        key, _, value = line.partition("=")
        folder = value.strip()
        if key.strip() == "home" and folder.startswith("/"):
            return (f"{normal(folder)}/python3", f"{normal(folder)}/python")
    return ()


def editable(programs: Programs, libraries: str, why: str) -> None:
    """The folders that `pip install -e` left a line about: in a .pth file, or in the finder that setuptools writes."""
    walk = programs.walk
    for version in walk.names(libraries):
        site = f"{libraries}/{version}/site-packages"
        if not version.startswith("python"):
            continue
        links = [n for n in walk.names(site) if n.endswith(".pth") or (n.startswith("__editable__") and n.endswith("_finder.py"))]
        for name in links[:MOST_EDITABLE]:
            text = walk.read(f"{site}/{name}", 4096).decode("utf-8", "surrogateescape")
            words = text.split("\n") if name.endswith(".pth") else text.replace('"', "'").split("'")
            for word in words[:256]:
                path = word.strip()
                if path.startswith("/") and walk.kind(path) == "dir" and not walk.led_by_own(path):
                    real = walk.real(path)
                    if walk.shown(real) or walk.add(real, why):
                        walk.use(path)


def user_site(programs: Programs, script: str, interpreter: str, why: str) -> None:
    """`pip install --user`: a script in ~/.local/bin, its modules in ~/.local/lib/pythonX.Y/site-packages."""
    walk = programs.walk
    folder = script.rpartition("/")[0]
    prefix = walk.real(interpreter).rpartition("/")[0].rpartition("/")[0]
    if walk.in_home(folder) != ".local/bin" or (prefix and walk.stat(f"{prefix}/pyvenv.cfg") is not None):
        return
    libraries = f"{walk.home}/.local/lib"
    version = walk.real(interpreter).rpartition("/")[2]
    names = [n for n in walk.names(libraries) if n.startswith("python3.")]
    for name in [version] if version in names else names:
        site = f"{libraries}/{name}/site-packages"
        if walk.kind(site) == "dir":
            walk.add(walk.real(site), why)
            walk.use(site)
    if programs.deep:
        editable(programs, libraries, why)
