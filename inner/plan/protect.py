"""Files of the project that steer programs outside: read-only in the box, whether they exist or not. And files it must not see.

Pure. What exists is mounted on itself; a name that does not exist needs a placeholder to mount on (`launch.placeholders`), and
names that are rare are looked for after the run instead (`launch.aftermath`). Every folder above a protected path is a mount
point, or it could be renamed away and replaced.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.gitconfig import wildmatch
from inner.host import kind, realpath
from inner.origin import INNER
from inner.paths import BoxPath, HostPath, ancestors, covers, normal, quoted
from inner.plan.model import Bind, Mask, Placeholder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inner.host import Host
    from inner.origin import Origin
    from inner.plan.model import Mount

# Programs that are open on the project act on these as soon as they appear: a placeholder where absent. Each costs the start 0.1 ms,
# so that there are no more.
ALWAYS = (".vscode/", ".idea/", ".zed/", ".devcontainer/", ".cursor/", ".claude/", ".codex/", ".gemini/", ".mcp.json", ".envrc",
          ".inner.toml", ".inner/")  # fmt: skip
# A socket that nobody listens to is nothing: it cannot be opened, direnv and inner look further up, and git does not see it. A folder
# would be nothing, too, but git cannot check out a branch that has a file there.
NOTHING = (".envrc", ".inner.toml")
# Protected where they exist, and put out of effect after a run in which they appeared.
LATE = (
    ".opencode",
    ".devcontainer.json", ".fleet", ".nova", ".vs", ".sublime-project", ".vim", ".vimrc", ".exrc", ".nvim", ".nvimrc", ".nvim.lua",
    ".lvimrc", ".dir-locals.el", ".dir-locals-2.el", "inner.toml", ".gdbinit", ".lldbinit", ".cursorrules",
    ".windsurf", ".windsurfrules", ".clinerules", ".roo", ".kiro", ".continue", ".aider.conf.yml", ".agents", ".qwen", ".amp",
    "opencode.json", "opencode.jsonc", ".config/inner.toml", ".config/inner", ".husky", ".githooks", ".lfsconfig",
    ".helix", ".lite_project.lua", ".theia", ".trae", ".hg/hgrc", ".hg/hgrc-not-shared", ".hg/sharedpath", ".jj/repo/config.toml", ".sl/config",
    ".amazonq", ".augment", ".crush.json", "crush.json", ".factory", ".junie", ".kilocode", ".rvmrc", ".tabnine", ".warp",
    ".mise.toml", "mise.toml", ".mise", ".config/mise", ".autoenv", ".autoenv.zsh", ".local.vimrc",
)  # fmt: skip
MOST_FOLDERS, MOST_DEPTH = 2000, 4  # that one `**` of a mask looks into
INDEX_BYTES = 1 << 25


class Protection:
    """The part of the plan: `mounts`, `placeholders`, `late`, `notices`. `taken`: destinations that a mount of the profile decides."""

    def __init__(self, host: Host, project: HostPath, taken: Iterable[str]) -> None:
        self.host, self.project = host, project
        self.taken = [dest for dest in taken if dest != project and covers(project, dest)]
        self.mounts: list[Mount] = []
        self.placeholders: list[Placeholder] = []
        self.late: list[str] = []
        self.existing: list[str] = []
        self._done: list[str] = []

    def add(self, names: Iterable[str], *, absent: str, origin: Origin = INNER) -> None:
        """Protect names below the project (a path with `/` at its end is a folder). `absent`: "placeholder" or "late"."""
        for name in names:
            path = self._path(name, origin)
            if any(covers(dest, path) for dest in (*self.taken, *self._done)):
                continue
            self._done.append(path)
            self._refuse_link(path, origin)
            found = self.host.lstat(path)
            if found is not None and not (absent == "placeholder" and self._is_placeholder(path, name)):
                self._mount(path, "dir" if found.kind == "dir" else "file" if found.kind == "file" else "other", origin)
                self.existing.append(path[len(self.project) + 1 :])
            elif absent == "placeholder" and self._parent_exists(path):
                made = placeholder(path, name)
                self.placeholders.append(made)
                self._mount(path, "dir" if made.kind == "dir" else "file", origin)
            elif found is None:
                self.late.append(path[len(self.project) + 1 :])
            else:
                self._mount(path, found.kind, origin)

    def without_pins(self, mounts: Iterable[Mount]) -> list[Mount]:
        """`mounts` without the writable ones that only keep something in its place, below what is read-only as a whole."""
        whole = [f"{self.project}/{name}" for name in self.existing] + [p.path for p in self.placeholders]
        return [
            m
            for m in mounts
            if not (
                isinstance(m, Bind) and m.mode == "rw" and m.src == HostPath(m.dest) and any(covers(p, m.dest) for p in whole)
            )
        ]

    def _path(self, name: str, origin: Origin) -> str:
        path = normal(name if name.startswith("/") else f"{self.project}/{name}")
        if path == self.project or not covers(self.project, path):
            raise ConfigError(
                f"`{name}` is not below the folder the box works in, `{self.project}`, and everything else is protected as it is",
                where=str(origin),
                hint="name a path relative to the project",
            )
        return path

    def _parent_exists(self, path: str) -> bool:
        return getattr(self.host.lstat(path.rpartition("/")[0]), "kind", "") == "dir"

    def _is_placeholder(self, path: str, name: str) -> bool:
        """What another box of this project may have put there: it goes when the last one ends, so each of them has to hold it."""
        made, found = placeholder(path, name), self.host.lstat(path)
        if found is not None and made.kind == found.kind == "socket":
            return not found.mode & 0o222
        if found is None or found.kind != ("file" if made.kind == "socket" else made.kind):
            return False
        if made.kind == "dir":
            return not self.host.listdir(path)
        return found.mode == 0o444 and found.size == len(made.content) and self.host.read(path) == made.content

    def _refuse_link(self, path: str, origin: Origin) -> None:
        for place in (path, *ancestors(path)):
            if place == self.project:
                return
            if getattr(self.host.lstat(place), "kind", "") == "link":
                name, shown = place[len(self.project) + 1 :], quoted(place)
                raise ConfigError(
                    f"`{name}` is a symbolic link, and cannot be protected: the box could put something of its own in its place",
                    where=str(origin) if origin is not INNER else place,
                    hint=f"put a copy there: `cp -rL {shown} {shown}.copy && mv -T {shown}.copy {shown}`, or move the link away",
                )

    def _mount(self, path: str, shape: str, origin: Origin) -> None:
        for place in ancestors(path):
            if place == self.project:
                break
            self.mounts.append(Bind(HostPath(place), BoxPath(place), "rw", why="keeps what is protected in it in its place"))
        self.mounts.append(
            Bind(HostPath(path), BoxPath(path), "ro", shape, why="protected: it steers programs outside", origin=origin)
        )


def placeholder(path: str, name: str) -> Placeholder:
    """What is put where nothing is: the smallest thing its readers take for nothing (an empty `.git` folder is looked past by git)."""
    last = path.rpartition("/")[2]
    if last in NOTHING:
        return Placeholder(HostPath(path), "socket", b"")
    folder = name.endswith("/") or "." not in last[1:]
    # Of no effect, and what its program can read: Aider takes no YAML that is no mapping.
    content = b"{}\n" if last.endswith((".json", ".jsonc", ".yml", ".yaml")) else b""
    return Placeholder(HostPath(path), "dir", b"") if folder else Placeholder(HostPath(path), "file", content)


def tracked(host: Host, gitdir: str, paths: Iterable[str]) -> list[str]:
    """Which of `paths`, relative to the work tree, the index names: by its bytes, without taking it apart."""
    wanted = list(paths)
    index = host.read(f"{gitdir}/index", INDEX_BYTES) or b"" if wanted else b""
    found = []
    for path in wanted:
        name = path.encode("utf-8", "surrogateescape")
        if name + b"/" in index or name + b"\0" in index:
            found.append(path)
    return found


# --- what the box must not see ------------------------------------------------------------------------------------------


def masks(host: Host, project: HostPath, patterns: Sequence[tuple[str, Origin]]) -> list[Mask]:
    """A mask for everything that exists and matches. A pattern is relative to the project, matched folder by folder; `**` stands
    for up to four folders. ConfigError when it would have to look into too many.
    """
    found: dict[str, Mask] = {}
    for pattern, origin in patterns:
        text = pattern[len(project) + 1 :] if pattern.startswith(f"{project}/") else pattern
        parts = [part for part in text.split("/") if part not in ("", ".")]
        if text.startswith("/") or ".." in parts or "[" in text or not parts:
            raise ConfigError(
                f"`{pattern}` is not a pattern for files of the project",
                where=str(origin),
                hint="`.env*`, `config/*.pem` or `**/*.key`: `*`, `?` and `**`, relative to the project",
            )
        for path in _matching(host, project, parts, pattern, origin):
            real = realpath(host, path)
            what = kind(host, real)
            if what and real != project and covers(project, real):
                found[real] = Mask(BoxPath(real), "dir" if what == "dir" else "file", why=f"hidden: `{pattern}`", origin=origin)
    return list(found.values())


def _matching(host: Host, project: str, parts: list[str], pattern: str, origin: Origin) -> list[str]:
    here, looked = [project], 0
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            level = here
            for _ in range(MOST_DEPTH):
                level = [
                    f"{p}/{name}" for p in level for name in host.listdir(p) if name != ".git" and _is_dir(host, f"{p}/{name}")
                ]
                looked += len(level)
                if looked > MOST_FOLDERS:
                    raise ConfigError(
                        f"`{pattern}` would have to look into more than {MOST_FOLDERS} folders before every start",
                        where=str(origin),
                        hint="name the folders: `config/**/*.pem`",
                    )
                here = here + level
            if last:
                return [f"{p}/{name}" for p in here for name in host.listdir(p)]
        elif "*" in part or "?" in part:
            here = [f"{p}/{name}" for p in here for name in host.listdir(p) if wildmatch(part, name)]
        else:
            here = [f"{p}/{part}" for p in here]
        if not last and part != "**":
            here = [p for p in here if _is_dir(host, p)]
    return here


def _is_dir(host: Host, path: str) -> bool:
    """A folder itself: links are not followed, they may lead anywhere."""
    return getattr(host.lstat(path), "kind", "") == "dir"
