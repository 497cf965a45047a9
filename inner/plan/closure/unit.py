"""The smallest place that makes one program work: its file, its installation prefix, its package tree or its store.

Decided by the shape of the path and one listing of the prefix; nothing is read. Which places may be shown at all is `walk`'s.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import covers
from inner.plan.closure.walk import NEVER

if TYPE_CHECKING:
    from inner.plan.closure.walk import Walk

STORES = ("/nix/store", "/gnu/store")
# Roots of installations, each made by one tool for all its programs: one mount for all of them. A trailing slash: only below.
ROOTS = ("/pipx/venvs/", "/uv/tools/", "/uv/python/", "/mise/installs/", "/rtx/installs/", "/.asdf/installs/",
         "/.sdkman/candidates/", "/.volta/tools/image/", "/fnm/node-versions/", "/.fnm/node-versions/")  # fmt: skip
# Folders of installations that each stand alone: only the one in question.
VERSIONS = (
    "/.rustup/toolchains/",
    "/.pyenv/versions/",
    "/.rbenv/versions/",
    "/.nodenv/versions/",
    "/.goenv/versions/",
    "/.nvm/versions/node/",
)
BINS = frozenset(("bin", "sbin", "libexec", "Scripts", "shims", "condabin"))
LOOSE = ("single file", "application folder")  # what may have its libraries elsewhere
UNPACKED = ("LICENSE", "COPYING", "NOTICE", "VERSION", "README", "release")  # at the top of what was one archive
LIBRARIES = ("lib", "lib64", "libexec", "share")
# Prefixes of many programs, relative to home: a program there brings itself, and its package, never the prefix.
SHARED = frozenset(
    ("", ".local", ".cargo", "go", ".npm-global", ".npm-packages", ".npm", ".yarn", ".bun", ".deno", ".config", ".cache",
     ".local/share", ".local/state", ".cabal", ".luarocks", ".dotnet", ".ghcup", ".krew", ".proto", ".opt", "opt", "Applications",
     "src", "work", "dev")
)  # fmt: skip
ROOT_SHARED = frozenset(("/usr", "/usr/local", "/opt", "/var/lib/flatpak/exports"))


@frozen
class Unit:
    """`path` is real; `what` says its kind in a word or two; `public`: a clone of a public repository."""

    path: str
    what: str
    public: bool = False


def of_file(walk: Walk, real: str) -> Unit:
    """What has to be shown for the real file `real`, which is not in the base."""
    tree = of_tree(real)
    if tree is None:
        tree = _vendor(walk, real)
    if tree is not None:
        return tree
    folder, _, name = real.rpartition("/")
    if folder.rpartition("/")[2] in BINS:
        found = of_prefix(walk, folder.rpartition("/")[0])
        return found or Unit(real, "single file")
    # An application's own folder (VERSION/app, /opt/app/app) unless it is shared by nature, or holds nothing else.
    home = walk.in_home(folder)
    inside = walk.names(folder)
    shared = folder in NEVER or home in SHARED or (home is not None and "/" not in home and not home.startswith("."))
    if shared or len(inside) <= 1 or folder.endswith("/versions") or folder in walk.path_folders:
        return Unit(real, "single file")
    if name.endswith(".AppImage"):
        return Unit(real, "single file")
    return Unit(folder, "application folder")


def of_tree(real: str) -> Unit | None:
    """The package tree that a path lies in, by its text alone: a store, a tool's root, node_modules."""
    for store in STORES:
        if covers(store, real) and real != store:
            return Unit(store, "package store")
    for root in ROOTS:
        at = real.find(root)
        if at >= 0:
            return Unit(real[: at + len(root) - 1], "installed by " + root.split("/")[1].lstrip("."))
    parts = real.split("/")
    if ".pnpm" in parts:  # packages are links into .pnpm: the folder that holds both
        above = parts[: parts.index(".pnpm")]
        return Unit("/".join(above[:-1] if above[-1] == "node_modules" else above), "pnpm packages")
    if "node_modules" in parts:  # the outermost one: npm, yarn and bun lift what packages share up to it
        return Unit("/".join(parts[: parts.index("node_modules") + 1]), "node packages")
    for brew in ("/.linuxbrew/", "/homebrew/"):
        at = real.find(brew)
        if at >= 0:
            return Unit(real[: at + len(brew) - 1], "homebrew", public=True)
    for versions in VERSIONS:
        at = real.find(versions)
        if at >= 0:
            end = real.find("/", at + len(versions))
            return Unit(real[:end] if end > 0 else real, "one version")
    return None


def of_prefix(walk: Walk, prefix: str) -> Unit | None:
    """`prefix` itself when it is one installation that belongs together; None when it is shared by many programs."""
    home = walk.in_home(prefix)
    if prefix in NEVER or prefix in ROOT_SHARED or home in SHARED:
        return None
    names = frozenset(walk.names(prefix))
    found = _marked(walk, prefix, names)
    if found is not None:
        return found
    if home is not None and home.startswith(".") and "/" not in home:
        return None  # ~/.tool: a program's state, tokens and all; its libraries are shown one by one
    if home is not None and (".git" in names or ("/" not in home and not any(name.startswith(UNPACKED) for name in names))):
        return None  # ~/dotfiles, ~/tools: more than programs
    return Unit(prefix, "installation") if any(name in names for name in LIBRARIES) else None


def _marked(walk: Walk, prefix: str, names: frozenset[str]) -> Unit | None:
    """An installation that says by its files what it is."""
    if "pyvenv.cfg" in names:
        return Unit(prefix, "python environment")
    if "conda-meta" in names:
        return Unit(prefix, "conda environment")
    if "shims" in names and "versions" in names:
        return Unit(prefix, "version manager", public=True)
    if "release" in names and "lib" in names:
        return Unit(prefix, "java")
    if "VERSION" in names and ("pkg" in names or "src" in names):
        return Unit(prefix, "go")
    if "packages" in names and walk.stat(f"{prefix}/bin/flutter") is not None:
        return Unit(prefix, "flutter", public=True)
    if "boot" in names and "lib" in names and "conf" in names:
        return Unit(prefix, "maven")
    if "Cellar" in names and "Homebrew" in names:
        return Unit(prefix, "homebrew", public=True)
    if "gems" in names and "specifications" in names:
        return Unit(prefix, "ruby gems")
    if "global" in names and prefix.endswith("/pnpm"):
        return Unit(prefix, "pnpm packages")
    if "lib" in names and is_python(walk, prefix):
        return Unit(prefix, "python")
    if "lib" in names and walk.stat(f"{prefix}/lib/node_modules") and walk.stat(f"{prefix}/bin/node"):
        return Unit(prefix, "node")
    return None


def is_python(walk: Walk, prefix: str) -> bool:
    """Whether `prefix` is where an interpreter of Python was installed."""
    return any(
        name.startswith(("python3.", "python2.", "pypy")) and walk.stat(f"{prefix}/lib/{name}/os.py") is not None
        for name in walk.names(f"{prefix}/lib")
    )


def _vendor(walk: Walk, real: str) -> Unit | None:
    """PHP's composer: `vendor` holds all packages, and their loader."""
    at = real.find("/vendor/")
    if at >= 0 and walk.stat(f"{real[:at]}/vendor/autoload.php") is not None:
        return Unit(f"{real[:at]}/vendor", "composer packages")
    return None
