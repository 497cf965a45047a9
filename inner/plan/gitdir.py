"""The project's git folder in the box: a copy to commit to (`protected`), the real one to look at (`ro`) or to change (`rw`).

Git runs programs that its folder names, so a box that may write there runs code outside at the next `git status`. A copy has
everything git writes (HEAD, index, refs, new objects); the real objects lie beside it, read-only, and settings made in it stay in
it. `launch.shadow` makes the copy, `launch.bringback` takes over what was committed.
"""

from __future__ import annotations

from inner import gitconfig, gitpolicy
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.gitconfig import Entry
from inner.gitpolicy import LOCAL
from inner.host import kind, realpath
from inner.paths import BoxPath, HostPath, covers, normal, quoted
from inner.plan import repository
from inner.plan.model import Bind, Data, Mask, Shadow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inner.host import Host
    from inner.plan.model import Mount
    from inner.plan.repository import Repository
    from inner.profile.model import Origin

OBJECTS = "/run/inner/objects"
BROUGHT_BACK = "git, a copy: commits are brought back"  # why: what tells such a mount from others
MOST = 12  # repositories in the project that get a copy; more would make the start slow
# What says which programs see the content of a file first: without it a commit would store something else than outside.
DRIVERS = ("filter",)
LINKED = ("hooks", "config", "config.worktree", "info", "modules")
READ_ONLY = "git, read-only"
DEEPEST = 8  # folders in the name of a submodule, and submodules of submodules
MOST_NAMED = 200  # files of a project that git's settings may name


class GitDir:
    """The part of the plan. `wanted` is `sandbox.git_dir`; `mounts` are those so far; `git`: the host has one to bring commits
    back with. After the call: `mounts`, `shadows`, `notices`; `protect`: paths of the project that git would run or read;
    `repositories`: work trees that are taken care of.
    """

    def __init__(
        self,
        host: Host,
        project: HostPath,
        wanted: str,
        origin: Origin,
        *,
        home: str,
        run_dir: str,
        mounts: Iterable[Mount],
        git: bool,
    ) -> None:
        self.host, self.project, self.wanted, self.origin, self.run_dir = host, project, wanted, origin, run_dir
        self.shown = [m for m in mounts if isinstance(m, Bind) and m.src == HostPath(m.dest)]
        self.within = tuple(m.src for m in self.shown if m.mode == "rw" and m.kind == "dir")
        self.mounts: list[Mount] = []
        self.shadows: list[Shadow] = []
        self.notices: list[str] = []
        self.protect: list[str] = []
        self.repositories: list[HostPath] = []
        if ".git" in project.split("/"):
            raise ConfigError(f"`{project}` is part of a git folder: what lies there runs code", hint="start in the work tree")
        self.main, reason = repository.find(host, project, home=home)
        if reason == "is a symbolic link" and wanted != "rw":
            link = f"{project}/.git"
            raise ConfigError(
                f"`{link}` is a symbolic link: the box could put a folder of its own in its place",
                where=link,
                hint='a file that says `gitdir: PATH` can be protected; `git_dir = "rw"` under `[sandbox]` starts without protection',
            )
        if self.main is None and not reason and repository.is_gitdir(host, project) and wanted != "rw":
            raise ConfigError(
                f"`{project}` is a bare git repository: what lies there runs code",
                where=project,
                hint='clone it and start in the clone; `git_dir = "rw"` under `[sandbox]` starts without protection',
            )
        if wanted == "protected" and not git and self.main is not None:
            self.wanted = "ro"
            self.notices.append(
                "git is not installed outside of the box, and commits could not be brought back: `.git` is read-only"
            )
        if reason:
            self.notices.append(f"git will not work in the box: `{project}/.git` {reason}")
        if self.main is not None:
            self._add(self.main)
        self._others()
        if self.wanted == "ro":
            self._hide()

    def _others(self) -> None:
        """Submodules, and repositories directly in the project."""
        if self.wanted == "rw":
            if self.main is not None:
                self.notices.append(
                    'git_dir = "rw": hooks and settings in `.git` can be changed in the box, and run code outside'
                )
            return
        modules = repository.submodules(self.host, self.main.top) if self.main is not None else []
        trees = repository.worktrees(self.host, self.main.common) if self.main is not None else []
        found_below = dict.fromkeys([*modules, *trees, *repository.children(self.host, self.project)])
        places = [p for p in found_below if p != self.project and covers(self.project, p)]
        for place in places:
            found, _reason = repository.at(self.host, place)
            if getattr(self.host.lstat(f"{place}/.git"), "kind", "") == "link":
                raise ConfigError(f"`{place}/.git` is a symbolic link, which cannot be protected", where=place)
            self._pin(place)
            many = len(self.shadows) > MOST
            if found is None or many:
                self._dotgit(place)
                self.repositories.append(HostPath(place))
                if many:
                    self.notices.append(f"`{place}` cannot be committed to in the box: {MOST} repositories below a project can")
            else:
                self._add(found, below=True)

    def _hide(self) -> None:
        """Settings that no git in the box reads, of work trees and of submodules that are not in the project: they may hold a token, too."""
        there = {mount.dest for mount in self.mounts}
        commons = dict.fromkeys(m.src for m in self.mounts if isinstance(m, Bind) and m.why == READ_ONLY)
        for place in dict.fromkeys(place for common in commons for place in self._settings(common)):
            if place not in there and getattr(self.host.lstat(place), "kind", "") == "file":
                self.mounts.append(Mask(BoxPath(place), "file", why="git's settings, which may hold what is secret"))

    def _settings(self, gitdir: str) -> Iterator[str]:
        yield f"{gitdir}/config.worktree"
        yield from (f"{gitdir}/worktrees/{name}/config.worktree" for name in self.host.listdir(f"{gitdir}/worktrees"))
        todo = [(f"{gitdir}/modules", 0)]
        while todo:  # the name of a submodule is often a path
            folder, depth = todo.pop()
            for name in self.host.listdir(folder):
                below = f"{folder}/{name}"
                if repository.is_gitdir(self.host, below):
                    yield from (f"{below}/config", f"{below}/config.worktree")
                    todo.append((f"{below}/modules", depth + 1))
                elif depth < DEEPEST and getattr(self.host.lstat(below), "kind", "") == "dir":
                    todo.append((below, depth + 1))

    def real(self, path: str) -> HostPath:
        """A link of the git folder into the project is followed, any other is not."""
        real = realpath(self.host, path)
        return real if covers(self.project, real) else HostPath(path)

    def _pin(self, place: str) -> None:
        """A mount point cannot be renamed, and so all the folders above something protected are mount points."""
        while place != self.project and covers(self.project, place):
            self.mounts.append(Bind(HostPath(place), BoxPath(place), "rw", why="keeps what is protected in it in its place"))
            place = place.rpartition("/")[0]

    def _dotgit(self, top: str) -> None:
        what = kind(self.host, f"{top}/.git")
        path = f"{top}/.git"
        self.mounts.append(Bind(HostPath(path), BoxPath(path), "ro", "dir" if what == "dir" else "file", why=READ_ONLY))

    def _add(self, found: Repository, *, below: bool = False) -> None:
        self.repositories.append(found.top)
        self._programs(found)
        if found.dotgit != found.gitdir and self.wanted != "rw":
            self._dotgit(found.top)
        if covers(self.project, found.gitdir) and not any(covers(copy.gitdir, found.gitdir) for copy in self.shadows):
            self._pin(found.gitdir.rpartition("/")[0])
        borrowed = self._borrowed(found)
        if self.wanted == "protected":
            repository.supported(found)
            self._shadow(found, borrowed, below=below)
        elif self.wanted == "ro":
            for place in dict.fromkeys((found.common, found.gitdir)):
                self.mounts.append(Bind(place, BoxPath(place), "ro", why=READ_ONLY, origin=self.origin))
            text = self._config(found)
            self.mounts.append(Data(BoxPath(f"{found.common}/config"), text, why="git's settings without what is secret"))
        elif not covers(self.project, found.common):
            self.mounts.append(Bind(found.common, BoxPath(found.common), "rw", why="git, writable", origin=self.origin))

    def _shadow(self, found: Repository, borrowed: list[str], *, below: bool) -> None:
        number = len(self.shadows)
        into, gitdir = f"{self.run_dir}/git-{number}", found.gitdir
        objects = f"{OBJECTS}/{number}"
        copy = HostPath(f"{into}/shadow")
        self.mounts.append(Bind(copy, BoxPath(gitdir), "rw", why=BROUGHT_BACK, origin=self.origin))
        self.mounts.append(Bind(HostPath(f"{found.common}/objects"), BoxPath(objects), "ro", why="git's objects"))
        if borrowed:  # their own list of others is in terms of the host, and ours has them all
            self.mounts.append(Data(BoxPath(f"{objects}/info/alternates"), b"", why="named by the copy"))
        hooks = str(self.real(f"{found.common}/hooks"))
        if getattr(self.host.lstat(hooks), "kind", "") == "dir" and any(
            not n.endswith(".sample") for n in self.host.listdir(hooks)
        ):
            self.mounts.append(Bind(HostPath(hooks), BoxPath(f"{gitdir}/hooks"), "ro", why="git's hooks, read-only"))
        elif not below:
            self.mounts.append(Mask(BoxPath(f"{gitdir}/hooks"), "dir", why="no hooks"))
        if not below and kind(self.host, f"{gitdir}/modules") == "dir":
            modules = f"{gitdir}/modules"
            self.mounts.append(Bind(HostPath(f"{copy}/modules"), BoxPath(modules), "rw", why="keeps submodules in their place"))
        part = self.project[len(found.top) + 1 :] if covers(found.top, self.project) else ""
        self.shadows.append(
            Shadow(
                top=found.top,
                gitdir=gitdir,
                common=found.common,
                into=HostPath(into),
                alternates=(objects, *borrowed),
                config=self._config(found),
                hash=found.hash,
                part=part,
                within=self.within,
            )
        )

    def _borrowed(self, found: Repository) -> list[str]:
        """Objects of other repositories: shown where a mount shows them already. A `.git` folder may name any other."""
        places = repository.borrowed(self.host, f"{found.common}/objects")
        seen = [p for p in places if any(covers(m.src, p) for m in self.shown)]
        for place in places:
            if place not in seen:
                from inner.profile.expand import literal

                self.notices.append(
                    f"`{found.top}` borrows objects from `{place}`, which is not in the box: git may not work there; `-m {quoted(literal(f'{place}:{place}'))}` shows it"
                )
        return [str(place) for place in seen]

    def _config(self, found: Repository) -> bytes:
        """The repository's own settings, without what is secret, what names places outside, and what would have to write here."""
        kept = gitpolicy.harmless(found.entries, LOCAL)
        kept = [e for e in kept if not (e.section == "extensions" and e.key in ("worktreeconfig", "relativeworktrees"))]
        kept += [e for e in found.entries if e.section in DRIVERS]
        for entry in found.entries:
            place = self._place(found, entry, str(found.common))
            if place and covers(self.project, place):
                kept.append(entry)
        if found.option("core.hooksPath") and not any(e.key == "hookspath" for e in kept):
            self.notices.append("the repository's hooks lie outside of the project and do not run in the box")
        kept.append(Entry("core", None, "bare", "false"))
        if self.host.uid == 0:  # whose files are somebody else's in the box: git would take all of them for changed
            kept.append(Entry("core", None, "checkstat", "minimal"))
        if not found.option("core.repositoryFormatVersion"):
            kept.append(Entry("core", None, "repositoryformatversion", "0"))
        if covers(found.top, self.project) and found.top != self.project and self.wanted == "protected":
            kept += [Entry("core", None, "sparsecheckout", "true"), Entry("core", None, "sparsecheckoutcone", "false")]
            kept.append(Entry("sparse", None, "expectfilesoutsideofpatterns", "true"))
        return gitconfig.render(kept)

    def _place(self, found: Repository, entry: Entry, base: str) -> str:
        """The path that an entry of a file in `base` names, when it is one whose content git runs or reads as settings."""
        if (entry.section, entry.sub, entry.key) == ("core", None, "hookspath"):
            named, base = entry.value or "", str(found.top)
        else:
            named = (gitconfig.included(entry) or ("", ""))[1]
        if not named or named.startswith("~"):
            return ""
        path = normal(named if named.startswith("/") else f"{base}/{named}")
        return path if covers(self.project, path) else realpath(self.host, path)  # home may be a link itself

    def _programs(self, found: Repository) -> None:
        """Files of the project that git outside would run or read: named by the repository's settings, by those that these include,
        or by links in its folder.
        """
        places: list[str] = []
        todo = [(entry, str(found.common)) for entry in found.entries]
        while todo:
            entry, base = todo.pop()
            place = self._place(found, entry, base)
            if entry.section not in ("remote", "branch", "user", "submodule"):
                places += self._named(found.top, entry.value or "")
            if place and place not in places:
                places.append(place)
                if gitconfig.included(entry) is not None and covers(self.project, place):
                    more = gitconfig.parse(self.host.read(place, gitconfig.MOST_BYTES) or b"")[0]
                    todo += [(one, place.rpartition("/")[0]) for one in more]
            if len(places) > MOST_NAMED:
                raise ConfigError(f"git's settings name more than {MOST_NAMED} files", where=str(found.gitdir))
        folder = f"{found.common}/hooks"
        for link in (*(f"{found.common}/{name}" for name in LINKED), *(f"{folder}/{name}" for name in self.host.listdir(folder))):
            if getattr(self.host.lstat(link), "kind", "") == "link":
                target = self.host.readlink(link)
                places.append(normal(target if target.startswith("/") else f"{link.rpartition('/')[0]}/{target}"))
        for place in dict.fromkeys(places):
            if place != self.project and covers(self.project, place) and not covers(f"{found.top}/.git", place):
                self.protect.append(place)

    def _named(self, top: str, command: str) -> list[str]:
        """Words of a command line that are files below `top`."""
        words = [word.strip("!\"'();&|") for word in command.split()]
        paths = [
            normal(word if word.startswith("/") else f"{top}/{word}") for word in words if "/" in word[1:] or word.endswith(".sh")
        ]
        return [path for path in paths if covers(top, path) and kind(self.host, path) == "file"]
