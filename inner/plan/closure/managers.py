"""Version managers: which program a shim of theirs stands for, from the files they keep. None of them is run.

A version that the project asks for is a name among the installed ones, never a path: `.python-version` and its like come with
a cloned repository. Formats: pyenv, rbenv, nodenv (`.X-version`, ROOT/version), asdf (.tool-versions, shim comments), mise
(mise.toml), volta (platform.json, bins/NAME.json), rustup (settings.toml, rust-toolchain).
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.paths import ancestors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inner.plan.closure.content import Programs
    from inner.plan.closure.walk import Walk

# manager -> (variable, file in a project, what people write before the number)
ENVS = {
    "pyenv": ("PYENV_VERSION", ".python-version", "python-"),
    "rbenv": ("RBENV_VERSION", ".ruby-version", "ruby-"),
    "nodenv": ("NODENV_VERSION", ".node-version", "v"),
    "goenv": ("GOENV_VERSION", ".go-version", "go"),
    "plenv": ("PLENV_VERSION", ".perl-version", "perl-"),
    "jenv": ("JENV_VERSION", ".java-version", ""),
}
BIN_FOLDERS = ("bin", "go/bin", "sbin", "libexec", "")  # of one installation of asdf's or mise's
SHIM_NAMES = ("shims", "bin")
ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")
MOST_PACKAGES = 64


def resolve(programs: Programs, found: str) -> str | None:
    """The program behind the shim `found`: None when it is none, "" (and a note) when it leads to nothing that is installed."""
    folder, _, name = found.rpartition("/")
    root, _, last = folder.rpartition("/")
    if last not in SHIM_NAMES:
        return None
    walk = programs.walk
    if last == "shims":
        manager = _env_manager(walk, root)
        if manager:
            return _env_program(programs, root, manager, folder, name)
        if walk.stat(f"{root}/installs") is not None:
            return _installed_program(programs, root, folder, name)
        return None
    target = walk.real(found).rpartition("/")[2]
    if target in ("volta-shim", "volta") and name not in ("volta", "volta-shim"):
        places = volta(walk, root)
        return _first(programs, places, name, f"`{found}`: volta has no `{name}`")
    if name not in ("rustup", "rustup-init") and _is_rustup(walk, found, folder):
        return _rust_program(programs, name)
    return None


def replaces(walk: Walk, root: str, last: str) -> list[str] | None:
    """The folders that stand for the PATH folder `root`/`last` in the box; None for one that can be shown as it is."""
    if last == "shims" and walk.stat(f"{root}/installs") is not None and not _env_manager(walk, root):
        return [folder for tool, versions in _tools(walk, root) for folder in _bins(walk, root, tool, versions)]
    if last == "bin" and root.endswith("/.volta"):
        return volta(walk, root)
    return None


def _first(programs: Programs, folders: list[str], name: str, otherwise: str) -> str:
    for folder in folders:
        if programs.walk.runs(f"{folder}/{name}"):
            return f"{folder}/{name}"
    programs.walk.note(otherwise)
    return ""


# --- pyenv and its family -------------------------------------------------------------------------------------------------


def _env_manager(walk: Walk, root: str) -> str:
    """Which of them keeps its versions at `root`: ~/.pyenv, /opt/pyenv, and plugins/pyenv-virtualenv below it."""
    name = root.rpartition("/")[2].lstrip(".")
    if name in ENVS:
        return name
    if walk.stat(f"{root}/versions") is None:
        return ""
    return next((manager for manager in ENVS if walk.stat(f"{root}/libexec/{manager}") is not None), "")


def _env_program(programs: Programs, root: str, manager: str, shims: str, name: str) -> str:
    walk = programs.walk
    wanted = env_versions(walk, root, manager)
    folders = []
    for version in wanted:
        if version == "system":
            other = programs.find(name, without=shims)
            if other:
                return other
        else:
            installed = pick(walk, f"{root}/versions", version, ENVS[manager][2])
            if installed:
                folders.append(f"{root}/versions/{installed}/bin")
            else:
                walk.note(f"{manager} has no version `{version}`")
    return _first(programs, folders, name, f"`{shims}/{name}`: none of {manager}'s chosen versions has `{name}`")


def env_versions(walk: Walk, root: str, manager: str) -> list[str]:
    """The versions chosen for the working directory, in order; `system` when nothing says anything."""
    variable, file, _ = ENVS[manager]
    chosen = walk.host.env.get(variable, "").replace(":", " ")
    if not chosen:
        text = next((text for text in _upwards(walk, file)), b"") or walk.read(f"{root}/version", 1024)
        lines = text.decode("utf-8", "replace").splitlines()
        chosen = " ".join(line.partition("#")[0] for line in lines)
    return [version for version in chosen.split()[:8] if _is_version(version)] or ["system"]


def pick(walk: Walk, folder: str, version: str, prefix: str = "") -> str:
    """The name in `folder` that `version` means: itself, or the highest that it is the beginning of (3.12 for 3.12.1)."""
    names = [n for n in walk.names(folder) if _is_version(n)]
    for wanted in (version, version.removeprefix(prefix), prefix + version):
        if wanted in names:
            return wanted
    begin = version.removeprefix(prefix)
    fitting = [n for n in names if n.removeprefix(prefix).startswith(begin + ".") or (begin == "latest" and n[:1].isdigit())]
    return max(fitting, key=_order, default="")


def _order(version: str) -> tuple[list[tuple[bool, int, str]], bool, str]:
    """1.9 < 1.10-rc1 < 1.10."""
    number, _, suffix = version.removeprefix("v").partition("-")
    parts = [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in number.split(".")]
    return parts, not suffix, suffix


def _is_version(text: str) -> bool:
    """A name that can be a version: one component of a path, without anything that means something to anybody."""
    return bool(text) and len(text) <= 80 and text[0] != "." and ALLOWED.issuperset(text)


def _upwards(walk: Walk, name: str) -> Iterator[bytes]:
    """What `name` says in the working directory and in each folder above it that has one, nearest first."""
    for folder in (walk.host.cwd, *ancestors(walk.host.cwd)):
        path = f"{folder.rstrip('/')}/{name}"
        if walk.stat(path) is not None:
            yield walk.read(path, 4096)


# --- asdf and mise --------------------------------------------------------------------------------------------------------


def _installed_program(programs: Programs, root: str, shims: str, name: str) -> str:
    """Shims of asdf say which tools have the program; those of mise are links to mise, so all its tools are asked."""
    walk = programs.walk
    head = walk.read(f"{shims}/{name}", 2048).decode("utf-8", "replace") if walk.runs(f"{shims}/{name}") else ""
    tagged = [line[15:].split() for line in head.splitlines() if line.startswith("# asdf-plugin: ")]
    offered = {words[0] for words in tagged if words and _is_version(words[0])}
    folders = [
        folder
        for tool, versions in _tools(walk, root)
        if not offered or tool in offered
        for folder in _bins(walk, root, tool, versions)
    ]
    return _first(programs, folders, name, f"`{shims}/{name}`: no version is chosen that has `{name}`")


def _tools(walk: Walk, root: str) -> list[tuple[str, list[str]]]:
    """Tools and their chosen versions, the nearest file first: a variable, the project's files, the user's own."""
    chosen: dict[str, list[str]] = {}
    for key in walk.host.env:
        if key.endswith("_VERSION") and key.startswith(("ASDF_", "MISE_")) and key != "MISE_VERSION":
            chosen.setdefault(key[5:-8].lower().replace("_", "-"), walk.host.env[key].split())
    home, env = walk.home, walk.host.env
    for folder in (walk.host.cwd, *ancestors(walk.host.cwd)):
        for name in ("mise.local.toml", "mise.toml", ".mise.toml", ".config/mise.toml", ".tool-versions"):
            _read_tools(walk, f"{folder.rstrip('/')}/{name}", chosen)
    for path in (
        f"{home}/.tool-versions",
        f"{env.get('XDG_CONFIG_HOME') or home + '/.config'}/mise/config.toml",
        f"{home}/.mise.toml",
    ):
        _read_tools(walk, path, chosen)
    for path in (f"{root}/.tool-versions",):
        _read_tools(walk, path, chosen)
    return list(chosen.items())


def _read_tools(walk: Walk, path: str, chosen: dict[str, list[str]]) -> None:
    if walk.stat(path) is None:
        return
    section = ""
    for line in walk.read(path, 4096).decode("utf-8", "replace").splitlines():
        text = line.partition("#")[0].strip()
        if path.endswith(".tool-versions"):
            name, *versions = text.split() or [""]
        elif text.startswith("["):
            section = text.strip("[] ")
            continue
        else:
            if section != "tools":
                continue
            name, _, value = text.partition("=")
            if value.strip().startswith("{"):
                value = value.partition("version")[2].partition("=")[2].partition(",")[0]
            versions = [v.strip(" \"'{}") for v in value.strip(" []").split(",")]
        tool = name.strip(" \"'").removeprefix("core:").replace(":", "-").replace("/", "-").replace("@", "").lower()
        if _is_version(tool) and versions:
            chosen.setdefault(tool, [v for v in versions if _is_version(v)])


def _bins(walk: Walk, root: str, tool: str, versions: list[str]) -> list[str]:
    folders = []
    base = next((t for t in (tool, {"node": "nodejs", "nodejs": "node", "go": "golang", "golang": "go"}.get(tool, tool))
                 if walk.stat(f"{root}/installs/{t}") is not None), "")  # fmt: skip
    for version in versions if base else ():
        installed = pick(walk, f"{root}/installs/{base}", version, "v")
        place = f"{root}/installs/{base}/{installed}"
        found = next((b for b in BIN_FOLDERS if walk.kind(f"{place}/{b}") == "dir"), None) if installed else None
        if found is not None:
            folders.append(f"{place}/{found}".rstrip("/"))
    return folders


# --- volta ----------------------------------------------------------------------------------------------------------------


def volta(walk: Walk, root: str) -> list[str]:
    """The folders of the default node, of its package managers and of each package that volta installed."""
    image = f"{root}/tools/image"
    pins = _json_strings(walk.read(f"{root}/tools/user/platform.json", 2048))
    folders = []
    for tool in ("node", "npm", "yarn", "pnpm"):
        wanted = pins.get("runtime" if tool == "node" else tool, "")
        if _is_version(wanted) and walk.kind(f"{image}/{tool}/{wanted}/bin") == "dir":
            folders.append(f"{image}/{tool}/{wanted}/bin")
    for name in walk.names(f"{image}/packages")[:MOST_PACKAGES]:
        inside = [f"{name}/{n}" for n in walk.names(f"{image}/packages/{name}")] if name.startswith("@") else [name]
        folders += [f"{image}/packages/{n}/bin" for n in inside if walk.kind(f"{image}/packages/{n}/bin") == "dir"]
    return folders


def _json_strings(text: bytes) -> dict[str, str]:
    """`"key": "value"` pairs wherever they stand, the first of each: all that these small files are asked for."""
    words = text.decode("utf-8", "replace").split('"')
    pairs: dict[str, str] = {}
    for at in range(1, len(words) - 2, 2):
        if words[at + 1].strip() == ":":
            pairs.setdefault(words[at], words[at + 2])
    return pairs


# --- rustup ---------------------------------------------------------------------------------------------------------------


def rustup_home(walk: Walk) -> str:
    """$RUSTUP_HOME, or where it is by default."""
    home = walk.host.env.get("RUSTUP_HOME", "")
    return home.rstrip("/") if home.startswith("/") else f"{walk.home}/.rustup"


def show_rustup(walk: Walk) -> None:
    """All toolchains, with the settings by which rustup's proxies choose one."""
    home = rustup_home(walk)
    if walk.kind(home) == "dir" and not walk.led_by_own(home):
        walk.add(walk.real(home), "toolchain of rustup")
        walk.use(home)


def _is_rustup(walk: Walk, found: str, folder: str) -> bool:
    """A proxy is a link to rustup, or the same file (rustup made hard links for years)."""
    real = walk.real(found)
    if real.rpartition("/")[2] in ("rustup", "rustup-init"):
        return True
    other, this = walk.stat(f"{folder}/rustup"), walk.stat(real)
    return other is not None and this is not None and other.ino != 0 and (other.dev, other.ino) == (this.dev, this.ino)


def _rust_program(programs: Programs, name: str) -> str:
    walk = programs.walk
    home = rustup_home(walk)
    wanted = _rust_version(walk, home)
    toolchain = _toolchain(walk.names(f"{home}/toolchains"), wanted)
    if not toolchain:
        walk.note(f"rustup has no toolchain `{wanted}`" if wanted else "rustup has no default toolchain")
        return ""
    return _first(programs, [f"{home}/toolchains/{toolchain}/bin"], name, f"the rust toolchain `{toolchain}` has no `{name}`")


def _toolchain(names: tuple[str, ...], wanted: str) -> str:
    """`nightly` is nightly-x86_64-unknown-linux-gnu, not nightly-2024-01-01-x86_64-unknown-linux-gnu."""
    if wanted in names:
        return wanted
    return next(
        (n for n in names if wanted and n.startswith(wanted + "-") and n[len(wanted) + 1 : len(wanted) + 2].isalpha()), ""
    )


def _rust_version(walk: Walk, home: str) -> str:
    """The order of rustup: the variable, the nearest folder with an override or a file, the default."""
    if _is_version(walk.host.env.get("RUSTUP_TOOLCHAIN", "")):
        return walk.host.env["RUSTUP_TOOLCHAIN"]
    default, overrides, section = "", {}, ""
    for line in walk.read(f"{home}/settings.toml", 8192).decode("utf-8", "replace").splitlines():
        key, _, value = (part.strip(" \t\"'") for part in line.partition("="))
        if line.startswith("["):
            section = line.strip("[] \t")
        elif section == "overrides":
            overrides[key] = value
        elif not section and key == "default_toolchain":
            default = value
    for folder in (walk.host.cwd, *ancestors(walk.host.cwd)):
        if folder in overrides:
            return overrides[folder] if _is_version(overrides[folder]) else default
        for name in ("rust-toolchain", "rust-toolchain.toml"):
            path = f"{folder.rstrip('/')}/{name}"
            if walk.stat(path) is not None:
                return _channel(walk.read(path, 2048).decode("utf-8", "replace"), walk) or default
    return default


def _channel(text: str, walk: Walk) -> str:
    """`channel = "1.79"` of the TOML form, or the one line of the old form. A `path` is not followed."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    for line in lines:
        key, equals, value = (part.strip(" \t\"'") for part in line.partition("="))
        if equals and key == "channel":
            return value if _is_version(value) else ""
        if equals and key == "path":
            walk.note("the project's rust-toolchain names a folder, which is not followed")
    first = next((line for line in lines if line), "")
    return first if _is_version(first) else ""
