"""What a run left in the project that could run code outside: put out of effect where that is certain, else told.

    set-id bits            taken away
    new git repositories   their HEAD and config are renamed: git looks past them until you rename them back
    names of `late`        renamed: an editor or an agent does not find them
    links out of the project, sockets, pipes, files that tools run     told

One walk without recursion, with one open folder at a time, so that neither depth nor the length of a path matters; links are not
followed. It may take `limit` seconds, and says so when it did not get to the end.
"""

from __future__ import annotations

import os
import stat
import time

from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import covers, normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inner.plan.model import Guard

HELD = ".held-by-inner"
LIMIT = 3.0  # seconds
REPOSITORY = "a repository that was made or changed in the box"
WORK_TREE = "a work tree of git that was made in the box"  # what git noted of it lies in the box's copy, and went with it
CLOCK = 20_000_000  # ns: a file's time is that of the last tick before it was written (4 to 10 ms, CONFIG_HZ)
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/nix/store", "/gnu/store", "/dev/null")  # links of a virtual environment lead there
OUTSIDE = ("node_modules", ".venv", "venv", "site-packages", "target", "dist")  # too many to tell one by one

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
SETTINGS = (".vscode", ".idea", ".zed", ".devcontainer", ".cursor", ".claude", ".codex", ".gemini", ".husky", ".githooks")
KINDS = {name: what for what, names in STEERS.items() for name in names}
TELLING = frozenset((".git", *KINDS, *SETTINGS))  # names that are looked at in a folder which did not change itself


@frozen
class Findings:
    """Paths relative to the project. `steers`: (path, kind) with a kind of `STEERS`; `held`: (where it is now, why)."""

    held: tuple[tuple[str, str], ...] = ()
    set_id: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    special: tuple[str, ...] = ()
    steers: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()
    whole: bool = True

    def lines(self) -> list[str]:
        """A few lines for people: not yet escaped."""
        together: dict[tuple[str, str], list[str]] = {}  # a repository is told once, not file by file
        for where, why in self.held:
            together.setdefault((where.rpartition("/")[0] if why == REPOSITORY else where, why), []).append(where)
        said = [_out_of_effect(names, why) for (_, why), names in list(together.items())[:10]]
        if len(together) > 10:
            said.append(f"{len(together) - 10} more have been put out of effect: `find . -name '*{HELD}'`")
        if self.set_id:
            said.append(f"set-id bits were taken away: {_some(self.set_id)}")
        if self.links:
            said.append(f"links lead out of the project: {_some([f'{path} -> {target}' for path, target in self.links])}")
        if self.special:
            said.append(f"sockets or pipes were left: {_some(self.special)}")
        if self.steers:
            said.append(f"changed, and run or obeyed by tools outside: {_some([path for path, _ in self.steers])}")
        if self.unread:
            said.append(f"could not be looked into: {_some(self.unread)}")
        if not self.whole:
            said.append("the project was not looked through to its end: it is too large; look for new `.git` folders yourself")
        return said


def _out_of_effect(names: Sequence[str], why: str) -> str:
    listed = " and ".join(f"`{name}`" for name in names)
    back = "its commits are in its branch, and `git worktree add` makes it anew"
    if why != WORK_TREE:
        back = f"to have it back: `{' && '.join(_undo(name) for name in names)}`"
    return f"{listed} {'are' if len(names) > 1 else 'is'} out of effect: {why}; {back}"


def _undo(where: str) -> str:
    from shlex import quote

    return f"mv {quote(where)} {quote(where.removesuffix(HELD))}"


def _some(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    return ", ".join(f"`{name}`" for name in listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def look(
    guard: Guard, began: int, *, made: Mapping[str, tuple[int, int]] | None = None, thorough: bool = True, limit: float = LIMIT
) -> Findings:
    """Look through the project after a run that began at `began` (time.time_ns). Raises nothing. `made`: device and inode of what was put in the
    place of missing names. Not `thorough`: files whose
    folder did not change are not asked for set-id bits, which is enough where the system call filter forbids to set them.
    """
    try:
        top = os.open(guard.project, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return Findings(unread=(guard.project,))
    walk = _Walk(guard, began - CLOCK, time.monotonic() + limit, thorough=thorough)
    walk.late(top, guard.late, "it appeared during the run, and steers programs outside")
    other = [path[len(guard.project) + 1 :] for path, was in (made or {}).items() if _identity(path) not in (was, None)]
    walk.late(top, other, "its placeholder was removed outside during the run, so that the box could make it")
    walk.steers += [(path, "protected") for path in guard.protected if _newer(f"{guard.project}/{path}", began - CLOCK)]
    walk.walk(top)
    return Findings(
        tuple(walk.held),
        tuple(walk.set_id),
        tuple(walk.links),
        tuple(walk.special),
        tuple(walk.steers),
        tuple(walk.unread),
        walk.whole,
    )


class _Walk:
    def __init__(self, guard: Guard, since: int, until: float, *, thorough: bool) -> None:
        self.guard, self.since, self.until, self.thorough = guard, since, until, thorough
        self.known = {place[len(guard.project) + 1 :] for place in guard.repositories if covers(guard.project, place)}
        self.protected = {p.path[len(guard.project) + 1 :] for p in guard.placeholders}
        self.held: list[tuple[str, str]] = []
        self.set_id: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.special: list[str] = []
        self.steers: list[tuple[str, str]] = []
        self.unread: list[str] = []
        self.whole = True

    def late(self, top: int, names: Iterable[str], why: str) -> None:
        """Names that steer programs and were not there at the start."""
        for name in names:
            folder, _, last = name.rpartition("/")
            try:
                at = _folder(top, folder)
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
        try:
            os.stat(name, dir_fd=top)
        except OSError:
            return
        parts = name.split("/")
        for depth in range(len(parts) - 1):
            above = "/".join(parts[:depth])
            at = _folder(top, above)
            try:
                if stat.S_ISLNK(os.lstat(parts[depth], dir_fd=at).st_mode):
                    self._hold(at, parts[depth], f"{above}/" if above else "", why)
                    return
            finally:
                os.close(at)

    def walk(self, fd: int) -> None:
        """Depth first, with one descriptor: down by name, up by `..`."""
        path: list[str] = []
        pending = [self._folder(fd, "")]
        while True:
            if time.monotonic() > self.until:
                self.whole = False
                break
            if pending[-1]:
                name = pending[-1].pop()
                try:
                    child = self._enter(fd, name)
                except OSError:
                    self.unread.append("/".join([*path, name]))
                    continue
                os.close(fd)
                fd = child
                path.append(name)
                pending.append(self._folder(fd, "/".join(path) if len(path) < 400 else f"{'/'.join(path[:3])}/.../{name}"))
                continue
            pending.pop()
            if not pending:
                break
            path.pop()
            try:
                parent = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
            except OSError:
                self.whole = False
                break
            os.close(fd)
            fd = parent
        os.close(fd)

    def _enter(self, fd: int, name: str) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(name, flags, dir_fd=fd)
        except PermissionError:
            info = os.lstat(name, dir_fd=fd)
            if info.st_ctime_ns < self.since or info.st_uid != os.getuid():
                raise
            os.chmod(name, stat.S_IMODE(info.st_mode) | 0o700, dir_fd=fd)  # shut during the run: so that nobody looks
            return os.open(name, flags, dir_fd=fd)

    def _folder(self, fd: int, path: str) -> list[str]:
        """Looks at the entries of one folder; returns the names of those to go into."""
        prefix = f"{path}/" if path else ""
        parts = path.split("/")
        quiet = any(part in OUTSIDE for part in parts)
        every = self.thorough or prefix == ".github/workflows/" or os.fstat(fd).st_ctime_ns >= self.since
        every = every or any(part in SETTINGS for part in parts)
        with os.scandir(fd) as found:
            entries = list(found)
        # Most folders of a large project end here: two passes that Python makes fast.
        folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name != ".git"]
        for entry in entries if every else [entry for entry in entries if entry.name in TELLING]:
            name = entry.name
            if name == ".git":
                if path not in self.known and ".git" not in self.protected.intersection((prefix + name,)):
                    self._dotgit(fd, entry, prefix)
                continue
            if entry.is_dir(follow_symlinks=False):
                if prefix and name in SETTINGS and entry.stat(follow_symlinks=False).st_ctime_ns >= self.since and not quiet:
                    self.steers.append((prefix + name, "settings"))
                continue
            if not every and name not in KINDS:
                continue  # a new link, socket or file would have changed the folder
            try:
                info = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if info.st_ctime_ns >= self.since:
                self._changed(fd, name, prefix, info, quiet=quiet)
        if any(entry.name == "HEAD" for entry in entries):
            names = {entry.name for entry in entries}
            if "commondir" in names or names >= {"objects", "refs"}:  # git follows links, and commondir, here (setup.c)
                self._bare(fd, prefix)
        return folders

    def _changed(self, fd: int, name: str, prefix: str, info: os.stat_result, *, quiet: bool) -> None:
        mode = info.st_mode
        if stat.S_ISREG(mode):
            if mode & 0o6000:
                self._take_bits(fd, name, prefix, mode)
            kind = KINDS.get(name) or ("pipelines" if prefix == ".github/workflows/" else "")
            kind = kind or ("settings" if any(part in SETTINGS for part in prefix.split("/")) else "")
            if kind and not quiet and prefix + name not in self.protected:
                self.steers.append((prefix + name, kind))
        elif stat.S_ISLNK(mode):
            target = os.readlink(name, dir_fd=fd)
            project = str(self.guard.project)
            leads = normal(target if target.startswith("/") else f"{project}/{prefix}{target}")
            if not covers(project, leads) and not any(covers(place, leads) for place in SYSTEM):
                self.links.append((prefix + name, target))
        else:
            self.special.append(prefix + name)

    def _take_bits(self, fd: int, name: str, prefix: str, mode: int) -> None:
        try:
            os.chmod(name, stat.S_IMODE(mode) & 0o1777, dir_fd=fd)
            self.set_id.append(prefix + name)
        except OSError:
            self.unread.append(prefix + name)

    # --- git ------------------------------------------------------------------------------------------------------------

    def _dotgit(self, fd: int, entry: os.DirEntry[str], prefix: str) -> None:
        if entry.is_dir(follow_symlinks=False):
            try:
                inside = self._enter(fd, ".git")
            except OSError:
                self.unread.append(f"{prefix}.git")
                return
            try:
                self._repository(inside, f"{prefix}.git/")
            finally:
                os.close(inside)
        elif entry.stat(follow_symlinks=False).st_ctime_ns >= self.since:
            self._hold(fd, ".git", prefix, WORK_TREE if _of_a_work_tree(fd) else "a repository that was made in the box")

    def _bare(self, fd: int, prefix: str) -> None:
        self._repository(fd, prefix)

    def _repository(self, fd: int, prefix: str) -> None:
        """A git folder that the box could write. It stays in effect when nothing that runs programs was touched."""
        from inner.launch.gitleft import ctime, newest_hook, newest_named, runs

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
        """Rename it, over nothing that is there."""
        for number in ("", *(f".{n}" for n in range(1, 100))):
            new = f"{name}{number}{HELD}"
            try:
                os.lstat(new, dir_fd=fd)
            except FileNotFoundError:
                try:
                    os.rename(name, new, src_dir_fd=fd, dst_dir_fd=fd)
                except OSError:
                    self.unread.append(prefix + name)
                    return
                self.held.append((prefix + new, why))
                return
        self.unread.append(prefix + name)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _newer(path: str, since: int) -> bool:
    """A protected path that was written or replaced all the same: by the user, or, where that undid its mount, by the box."""
    try:
        return os.lstat(path).st_ctime_ns >= since
    except OSError:
        return True


def _folder(top: int, path: str) -> int:
    """A folder below `top` through no links."""
    fd = os.dup(top)
    for part in path.split("/") if path else ():
        try:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        finally:
            os.close(fd)
        fd = deeper
    return fd


def _of_a_work_tree(fd: int) -> bool:
    """Whether `.git` is a file that leads to what git keeps of a linked work tree (gitrepository-layout(5))."""
    try:
        file = os.open(".git", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        with open(file, "rb") as content:
            return b"/.git/worktrees/" in content.read(8192)
    except OSError:
        return False


def _regular(fd: int, name: str) -> bool:
    return not stat.S_ISDIR(os.lstat(name, dir_fd=fd).st_mode)
