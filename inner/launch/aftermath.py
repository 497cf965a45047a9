"""What a run left in the project that could run code outside: put out of effect where that is certain, else told.

    set-id bits            taken away
    new git repositories   their HEAD and config are renamed: git looks past them until you rename them back
    names of `late`        renamed: an editor or an agent does not find them
    links out of the project, sockets, pipes, files that tools run     told

It takes as long as it takes: a box that makes many folders must not get past it. Who ends it is told so.
"""

from __future__ import annotations

import os
import stat

from inner.frozen import TYPE_CHECKING, replace
from inner.launch.aside import aside
from inner.launch.dotgit import MODULES, TREES, is_below, names, names_of
from inner.launch.findings import MODULE, REPOSITORY, WORK_TREE, Findings
from inner.launch.folders import Walk
from inner.paths import HostPath, covers, normal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inner.launch.folders import Folder
    from inner.plan.model import Guard

LATE = "it appeared during the run, and steers programs outside"
SECOND = 1_000_000_000
CLOCK = 20_000_000  # ns: a file's time is that of the last tick before it was written (4 to 10 ms, CONFIG_HZ)
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/nix/store", "/gnu/store", "/dev/null")  # links of a virtual environment lead there
OUTSIDE = frozenset(("node_modules", ".venv", "venv", "site-packages", "target", "dist"))  # too many to tell one by one

# What tools run or obey without being asked twice, by name: changes are told, because ordinary work changes them, too.
STEERS = {
    "build": ("Makefile", "makefile", "GNUmakefile", "CMakeLists.txt", "build.rs", "build.gradle", "build.gradle.kts", "settings.gradle",
              "settings.gradle.kts", "pom.xml", "BUILD.bazel", "WORKSPACE", "Rakefile", "justfile", "Justfile", "Taskfile.yml",
              "meson.build", "SConstruct", "gradlew", "mvnw", "configure", "flake.nix", "shell.nix", "default.nix", "devenv.nix"),
    "packages": ("package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "setup.py", "pyproject.toml", "setup.cfg",
                 "Cargo.toml", "Gemfile", "composer.json", "deno.json", "go.mod", "tox.ini", "noxfile.py", "conftest.py",
                 "sitecustomize.py", "usercustomize.py"),
    "hooks": (".pre-commit-config.yaml", "lefthook.yml", ".lefthook.yml", ".gitattributes", ".gitmodules", ".lintstagedrc"),
    "containers": ("Dockerfile", "Containerfile", "docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml",
                   "Vagrantfile"),
    "pipelines": (".gitlab-ci.yml", "Jenkinsfile", ".travis.yml", "azure-pipelines.yml", "cloudbuild.yaml"),
    "settings": (".envrc", ".mcp.json", ".inner.toml", ".devcontainer.json", ".vimrc", ".exrc", ".nvim.lua", ".dir-locals.el", ".gdbinit"),
    "agents": ("CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", "GEMINI.md", "QWEN.md", "CONVENTIONS.md", "copilot-instructions.md"),
}  # fmt: skip
# What steers editors and agents; at the top of the project these are protected, further down they are told.
SETTINGS = frozenset(
    (".vscode", ".idea", ".zed", ".devcontainer", ".cursor", ".claude", ".codex", ".gemini", ".husky", ".githooks")
)
KINDS = {name: what for what, names in STEERS.items() for name in names}
TELLING = frozenset((".git", *KINDS, *SETTINGS))  # names that are looked at in a folder which did not change itself


def look(
    guard: Guard,
    began: int,
    *,
    made: Mapping[str, tuple[int, int]] | None = None,
    thorough: bool = True,
    cache: str = "",
    over: Callable[[int], bool] | None = None,
) -> Findings:
    """Look through the project after a run that began at `began` (time.time_ns). Raises nothing. `made`: device and inode of what
    was put in the place of missing names. Not `thorough`: files whose folder did not change are not asked for set-id bits, which is
    enough where the system call filter forbids to set them; then what was learned of folders is kept in `cache`. `over` is asked
    after each folder, with their number, whether to end it.
    """
    try:
        top = os.open(guard.project, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return Findings(unread=(guard.project,))
    seconds = (
        os.fstat(top).st_ctime_ns % SECOND == 0
    )  # the file system counts no less: ext4 with small inodes, vfat (two of them)
    since = began - (2 * SECOND if seconds else CLOCK)
    walk = _Look(guard, since, cache, over, thorough=thorough)
    try:
        walk.placed(top, made or {})
        walk.steers += [(path, "protected") for path in guard.protected if _newer(f"{guard.project}/{path}", since)]
        try:
            walk.through(top)
        except OSError:  # a folder that cannot be listed
            walk.whole = False
        if not walk.looked:
            walk.late(top, guard.late, LATE)
    finally:
        os.close(top)
    told = (tuple(walk.links), tuple(walk.special), tuple(walk.steers), tuple(walk.unread))
    return Findings(tuple(walk.held), tuple(walk.set_id), *told, walk.whole, began // SECOND, tuple(walk.trees))


def hold(guard: Guard, findings: Findings, trees: Iterable[str]) -> Findings:
    """Puts those of `findings.trees` out of effect that came to nothing."""
    top = os.open(guard.project, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    walk = _Look(guard, 0, "", None, thorough=False)
    try:
        for path in trees:
            named = names_of(f"{guard.project}/{path}".removesuffix("/.git"))
            walk.late(top, (path,), MODULE if f"/{MODULES}/" in named else WORK_TREE)
    finally:
        os.close(top)
    return replace(findings, held=(*findings.held, *walk.held), unread=(*findings.unread, *walk.unread), trees=())


def kept(guard: Guard) -> list[str]:
    """Where git keeps what it knows of the project's work trees and submodules: folders that the box could not write."""
    places = [place for one in guard.shadows for place in (one.gitdir, one.common)]
    places += [HostPath(f"{top}/.git") for top in guard.repositories]
    return [f"{place}/{name}" for place in places for name in (TREES, MODULES)]


class _Look(Walk):
    def __init__(self, guard: Guard, since: int, cache: str, over: Callable[[int], bool] | None, *, thorough: bool) -> None:
        super().__init__(guard.project, since, "" if thorough else cache, over)
        self.guard, self.thorough = guard, thorough
        self.known = {place[len(guard.project) + 1 :] for place in guard.repositories if covers(guard.project, place)}
        self.protected = {p.path[len(guard.project) + 1 :] for p in guard.placeholders}
        self.held: list[tuple[str, str]] = []
        self.set_id: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.special: list[str] = []
        self.steers: list[tuple[str, str]] = []
        self.unread: list[str] = []
        self.trees: list[str] = []
        self.kept = kept(guard)
        self.ours: set[str] = set()  # placeholders that are what they were, and which no box could write
        self.looked = False  # for `guard.late`
        self.lent = {
            os.fsencode(one.alternates[0]): os.fsencode(f"{one.common}/objects") for one in guard.shadows if one.alternates
        }

    def placed(self, top: int, made: Mapping[str, tuple[int, int]]) -> None:
        """What was put in the place of missing names: it has been left alone, or what came in its place is the box's."""
        other = []
        for path, was in made.items():
            name = path[len(self.project) + 1 :]
            found = _identity(name, top)
            if found == was:
                self.ours.add(name)
            elif found is not None:
                other.append(name)
        self.late(top, other, "its placeholder was removed outside during the run, so that the box could make it")

    def appeared(self, top: int, names: Sequence[str]) -> bool:
        """Of `guard.late`, given what there is in the project's own folder. Whether some of it has another name now."""
        self.looked = True
        before = len(self.held)
        # Some file systems take other names for the same: in another case, or with characters that are not seen (Unicode).
        there = {name.lower() for name in names} if "".join(names).isascii() else None
        self.late(top, [late for late in self.guard.late if there is None or late.partition("/")[0].lower() in there], LATE)
        return len(self.held) > before

    def late(self, top: int, names: Iterable[str], why: str) -> None:
        """Names that steer programs and were not there at the start."""
        for name in names:
            folder, _, last = name.rpartition("/")
            try:
                os.lstat(name, dir_fd=top)
            except (FileNotFoundError, NotADirectoryError):
                continue  # most are not, through whatever links
            except OSError:
                pass  # in a folder that was shut, maybe
            try:
                at = self.reach(top, folder)
            except OSError:
                self._link(top, name, why)
                continue
            try:
                os.lstat(last, dir_fd=at)
                self._hold(at, last, f"{folder}/" if folder else "", why)
            except OSError:
                continue
            finally:
                os.close(at)

    def _link(self, top: int, name: str, why: str) -> None:
        """A name whose folder is reached through a link: none was on the way at the start, or the run would have been refused."""
        parts = name.split("/")
        for depth in range(len(parts) - 1):
            above = "/".join(parts[:depth])
            try:
                os.stat(name, dir_fd=top)
                at = self.reach(top, above)
            except OSError:
                return
            try:
                if stat.S_ISLNK(os.lstat(parts[depth], dir_fd=at).st_mode):
                    self._hold(at, parts[depth], f"{above}/" if above else "", why)
                    return
            finally:
                os.close(at)

    def enter(self, fd: int, name: str) -> int:
        try:
            return super().enter(fd, name)
        except PermissionError:
            info = os.lstat(name, dir_fd=fd)
            if info.st_ctime_ns < self.since or info.st_uid != os.getuid():
                raise
            _change(fd, name, info, info.st_mode | 0o700)  # shut during the run: so that nobody looks
            return super().enter(fd, name)

    def shut(self, path: str) -> None:
        self.unread.append(path)

    def read(self, fd: int, path: str) -> tuple[list[str], Folder | None]:
        prefix = f"{path}/" if path else ""
        parts = path.split("/")
        quiet = not OUTSIDE.isdisjoint(parts)
        steering = prefix == ".github/workflows/" or not SETTINGS.isdisjoint(parts)
        info = os.fstat(fd)
        every = self.thorough or steering or info.st_ctime_ns >= self.since
        with os.scandir(fd) as found:
            entries = list(found)
        if not path:
            if not self.looked and self.appeared(fd, [entry.name for entry in entries]):
                return self.read(fd, path)
            entries = [entry for entry in entries if entry.name not in self.ours]
        # Most folders of a large project end here: two passes that Python makes fast.
        folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name != ".git"]
        telling = [entry.name for entry in entries if entry.name in TELLING]
        for name in [entry.name for entry in entries] if every else telling:
            self._entry(fd, name, prefix, quiet=quiet, every=every)
        bare = False
        if any(entry.name == "HEAD" for entry in entries):
            names = {entry.name for entry in entries}
            bare = "commondir" in names or names >= {"objects", "refs"}  # git follows links, and commondir, here (setup.c)
            if bare:
                self._bare(fd, prefix)
        if steering:
            return folders, None
        return folders, self.remember(info, [n for n in telling if n == ".git" or not quiet], len(entries), bare=bare)

    def unchanged(self, top: int, path: str, names: Iterable[str], *, bare: bool) -> None:
        prefix = f"{path}/" if path else ""
        touched = [name for name in names if name == ".git" or _newer(prefix + name, self.since, top)]
        if not touched and not bare:
            return
        try:
            fd = self.reach(top, path)
        except OSError:
            self.shut(path)
            return
        try:
            for name in touched:
                self._entry(fd, name, prefix, quiet=not OUTSIDE.isdisjoint(path.split("/")), every=False)
            if bare:
                self._bare(fd, prefix)
        finally:
            os.close(fd)

    def _entry(self, fd: int, name: str, prefix: str, *, quiet: bool, every: bool) -> None:
        """One name of a folder: of all that are there, or of `TELLING`. Another box, or the user, may take it away at any step."""
        try:
            self._one(fd, name, prefix, quiet=quiet, every=every)
        except OSError:
            self.unread.append(prefix + name)

    def _one(self, fd: int, name: str, prefix: str, *, quiet: bool, every: bool) -> None:
        try:
            info = os.lstat(name, dir_fd=fd)
        except OSError:
            return
        if name == ".git":
            if prefix[:-1] not in self.known and prefix + name not in self.protected:
                self._dotgit(fd, info, prefix)
        elif info.st_ctime_ns < self.since:
            return
        elif not stat.S_ISDIR(info.st_mode):
            if every or name in KINDS:  # a new link, socket or file would have changed the folder
                self._changed(fd, name, prefix, info, quiet=quiet)
        elif prefix and name in SETTINGS and not quiet:
            self.steers.append((prefix + name, "settings"))

    def _changed(self, fd: int, name: str, prefix: str, info: os.stat_result, *, quiet: bool) -> None:
        mode = info.st_mode
        if stat.S_ISREG(mode):
            if mode & 0o6000:
                self._take_bits(fd, name, prefix, info)
            kind = KINDS.get(name) or ("pipelines" if prefix == ".github/workflows/" else "")
            kind = kind or ("" if SETTINGS.isdisjoint(prefix.split("/")) else "settings")
            if kind and not quiet and prefix + name not in self.protected:
                self.steers.append((prefix + name, kind))
        elif stat.S_ISLNK(mode):
            target = os.readlink(name, dir_fd=fd)
            project = str(self.guard.project)
            leads = normal(target if target.startswith("/") else f"{project}/{prefix}{target}")
            if not covers(project, leads) and not any(covers(place, leads) for place in SYSTEM):
                self.links.append((prefix + name, target))
        elif prefix + name not in self.protected:
            self.special.append(prefix + name)

    def _take_bits(self, fd: int, name: str, prefix: str, info: os.stat_result) -> None:
        try:
            _change(fd, name, info, info.st_mode & 0o1777)
            self.set_id.append(prefix + name)
        except OSError:
            self.unread.append(prefix + name)

    # --- git ------------------------------------------------------------------------------------------------------------

    def _dotgit(self, fd: int, info: os.stat_result, prefix: str) -> None:
        if stat.S_ISDIR(info.st_mode):
            try:
                inside = self.enter(fd, ".git")
            except OSError:
                self.unread.append(f"{prefix}.git")
                return
            try:
                self._repository(inside, f"{prefix}.git/")
            finally:
                os.close(inside)
        elif info.st_ctime_ns >= self.since:
            named = names(fd, f"{self.guard.project}/{prefix}".rstrip("/"))
            if is_below(named, self.kept):
                self.trees.append(f"{prefix}.git")
            else:
                self._hold(fd, ".git", prefix, "a repository that was made in the box")

    def _bare(self, fd: int, prefix: str) -> None:
        try:
            self._repository(fd, prefix)
        except OSError:
            self.unread.append(prefix[:-1])

    def _repository(self, fd: int, prefix: str) -> None:
        """A git folder that the box could write. It stays in effect when nothing that runs programs was touched."""
        from inner.launch.gitclone import lend
        from inner.launch.gitleft import ctime, newest_hook, newest_named, runs

        try:
            info = self.reach(fd, "objects/info")
            try:
                lend(info, self.lent)
            finally:
                os.close(info)
        except OSError:
            pass  # not there, most of the time; or no folder, no file, or not ours

        times = {
            name: ctime(fd, name) for name in ("HEAD", "config", "commondir", "config.worktree", "hooks", "modules", "worktrees")
        }
        made = times["config"] >= self.since or not times["config"]
        newest = max(*times.values(), os.fstat(fd).st_ctime_ns, newest_hook(fd))
        touched = newest >= self.since or newest_named(fd, "../" if prefix.endswith(".git/") else "") >= self.since
        if times["HEAD"] and touched and (made or runs(fd)):
            for name in ("config", "HEAD"):
                if times[name] and _regular(fd, name):
                    self._hold(fd, name, prefix, REPOSITORY)

    def _hold(self, fd: int, name: str, prefix: str, why: str) -> None:
        try:
            self.held.append((prefix + aside(fd, name), why))
        except OSError:
            self.unread.append(prefix + name)


def _change(fd: int, name: str, info: os.stat_result, mode: int) -> None:
    """Another mode for what `info` says of `name`, and not for what a box that is still there puts in its place (a link, which chmod(2)
    follows)."""
    at = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        if not os.path.samestat(os.fstat(at), info):
            raise BlockingIOError(11, "it is being changed", name)
        os.chmod(f"/proc/self/fd/{at}", stat.S_IMODE(mode))
    finally:
        os.close(at)


def _identity(path: str, top: int) -> tuple[int, int] | None:
    try:
        info = os.lstat(path, dir_fd=top)
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _newer(path: str, since: int, top: int | None = None) -> bool:
    """Whether a path was written or replaced: a protected one by the user, or, where that undid its mount, by the box."""
    try:
        return os.lstat(path, dir_fd=top).st_ctime_ns >= since
    except OSError:
        return True


def _regular(fd: int, name: str) -> bool:
    return not stat.S_ISDIR(os.lstat(name, dir_fd=fd).st_mode)
