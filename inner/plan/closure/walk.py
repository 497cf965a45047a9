"""The walk over the host's links and folders from which a closure is made, and the rules no toolchain can lift.

What is remembered here (folders, links, listings) is asked once. `add` is the only way to a mount: it refuses secrets, the home
folder and all above it, what others can write, and whatever belongs to the project. No knowledge of any toolchain lives here.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.host import realpath
from inner.paths import ancestors, cache_dir, covers, normal, state_dir
from inner.plan.hide import ALWAYS, KEYS

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from inner.host import Host, Stat

# Below these nothing is mounted or linked by a closure: the system part of the box decides, or the kernel.
SYSTEM = ("/etc", "/proc", "/sys", "/dev", "/boot", "/run/wrappers")
MERGED = frozenset(("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/var/run"))  # links that every box has
# Too wide to be one program's folder, wherever it is named.
NEVER = frozenset(
    ("/", "/home", "/root", "/usr", "/var", "/var/lib", "/var/tmp", "/etc", "/opt", "/srv", "/mnt", "/media", "/tmp", "/run",  # noqa: S108
     "/nix", "/gnu", "/nix/var", "/var/guix", "/snap")
)  # fmt: skip
HOME_NEVER = frozenset(
    ("Desktop", "Documents", "Downloads", "Music", "Pictures", "Videos", "Public", ".config", ".cache", ".local", ".local/share",
     ".local/state", ".cargo", ".npm", ".m2", ".gradle", ".docker", ".gem", ".mozilla", ".var", ".thunderbird", "snap", ".vscode")
)  # fmt: skip
# Places that `hide` names as a whole and that hold programs all the same.
PROGRAMS_IN_HIDDEN = (".config/yarn/global/node_modules",)
# In a folder that is shown: names under which people and package managers keep tokens. Each is covered by a mask.
PRIVATE = frozenset(
    (".git", ".hg", ".svn", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".npmrc", ".pypirc", ".condarc",
     ".git-credentials", ".yarnrc.yml", ".envrc", ".vault-token", ".bash_history", ".zsh_history", ".config", "pip.conf",
     "credentials", "credentials.toml", "auth.json", "corefx", "id_rsa", "id_ed25519", "upload_config.lua")
)  # fmt: skip
PRIVATE_BELOW = {"etc": ("npmrc", "pip.conf")}  # npm's global configuration: PREFIX/etc/npmrc

MOST_LINKS = 40  # ELOOP, path_resolution(7)
MOST_DEEP = 64  # folders above what is shown
MOST_PARTS = 128  # of a path that is followed
MOST_BINDS = 48  # bubblewrap's start is quadratic in mounts
MOST_QUESTIONS = 4000  # of lstat and read: some ten milliseconds at the worst
MOST_FOLDER = 1 << 20  # bytes of a folder itself: one with tens of thousands of names is not a folder of programs

_HIDDEN = frozenset(path for paths in (*KEYS.values(), ALWAYS) for path in paths if not path.startswith(("/", "{")))
_ABOVE_HIDDEN = frozenset(above[1:] for path in _HIDDEN for above in ancestors("/" + path) if above != "/")


class Walk:
    """One closure in the making: `binds` maps a real path to (kind, why), `links` a link's place to its text."""

    def __init__(self, host: Host, base: Sequence[str], writable: Iterable[str] | None) -> None:
        self.host = host
        self.home = realpath(host, host.home)
        self.base = frozenset(normal(path) for path in base)
        self.writable = frozenset(realpath(host, path) for path in ((host.cwd,) if writable is None else writable))
        self.binds: dict[str, tuple[str, str]] = {}
        self.links: dict[str, str] = {}
        self.masks: dict[str, str] = {}
        self.notes: dict[str, None] = {}
        self.path_folders: frozenset[str] = frozenset()  # real folders of the host's PATH
        self.questions = MOST_QUESTIONS
        self._stats: dict[str, Stat | None] = {}
        self._texts: dict[str, str] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._reals: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._safe: dict[str, str] = {}
        self._based: dict[str, bool] = {}
        self._owned: dict[str, bool] = {}
        self.own = self.writable | {self._checkout(path) for path in self.writable}
        self._inner = (state_dir(host.env, self.home), cache_dir(host.env, self.home))

    # --- what is there ---------------------------------------------------------------------------------------------------

    def stat(self, path: str) -> Stat | None:
        """lstat(2), once for each path, and "not there" once the work is enough."""
        try:
            return self._stats[path]
        except KeyError:
            self.questions -= 1
            found = self.host.lstat(path) if self.questions > 0 else None
            self._stats[path] = found
            return found

    def real(self, path: str) -> str:
        """The path with all links followed, "" when that ends nowhere. The links on the way are kept for `use`."""
        known = self._reals.get(path)
        if known is None:
            known = self._reals[path] = self._follow(path)
        return known[0]

    def _follow(self, path: str) -> tuple[str, tuple[str, ...]]:
        above, _, name = path.rpartition("/")
        known = self._reals.get(above)
        if known is not None and known[0] and name not in ("", ".", ".."):
            done, todo, passed = known[0].rstrip("/"), [name], list(known[1])
        else:
            done, todo, passed = "", [part for part in path.split("/") if part], []
            todo.reverse()
        links = len(passed)
        while todo:
            if len(todo) > MOST_PARTS:
                return "", ()
            part = todo.pop()
            if part == ".":
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            here = f"{done}/{part}"
            found = self._stats[here] if here in self._stats else self.stat(here)
            if found is None:
                return "", ()
            if found.kind != "link":
                done = here
                continue
            links += 1
            if links > MOST_LINKS:
                return "", ()
            target = self.text(here)
            passed.append(here)
            if target.startswith("/"):
                done = ""
            todo.extend(part for part in reversed(target.split("/")) if part)
        return done or "/", tuple(passed)

    def text(self, link: str) -> str:
        """Where the link says it leads."""
        known = self._texts.get(link)
        if known is None:
            known = self._texts[link] = self.host.readlink(link)
        return known

    def links_of(self, path: str) -> tuple[str, ...]:
        """The links that `real` followed."""
        self.real(path)
        return self._reals[path][1]

    def kind(self, path: str) -> str:
        """What is there after symlinks: "dir", "file", "socket", "other", or ""."""
        real = self.real(path)
        found = self.stat(real) if real else None
        return found.kind if found is not None else ""

    def names(self, path: str) -> tuple[str, ...]:
        """The names in a real folder, sorted; none of one that is too big to be listed at every start."""
        known = self._names.get(path)
        if known is None:
            found = self.stat(path)
            small = found is not None and found.kind == "dir" and found.size <= MOST_FOLDER and self.questions > 0
            known = self._names[path] = self.host.listdir(path) if small else ()
        return known

    def read(self, path: str, limit: int = 4096, offset: int = 0) -> bytes:
        """The start of a file, b"" for what cannot be read."""
        self.questions -= 2
        return (self.host.read(path, limit, offset) or b"") if self.questions > 0 else b""

    def runs(self, path: str) -> bool:
        """Whether `path` leads to a file that somebody may execute."""
        real = self.real(path)
        found = self.stat(real) if real else None
        return found is not None and found.kind == "file" and bool(found.mode & 0o111)

    # --- where things are ------------------------------------------------------------------------------------------------

    def in_base(self, path: str) -> bool:
        """Whether the box shows `path` in any case."""
        known = self._based.get(path)
        if known is None:
            known = self._based[path] = _under(path, self.base)
        return known

    def is_own(self, path: str) -> bool:
        """Whether `path` is in the project or its repository: nothing there is believed."""
        known = self._owned.get(path)
        if known is None:
            known = self._owned[path] = _under(path, self.own)
        return known

    def led_by_own(self, path: str) -> bool:
        """Whether a link of the project decides where `path` ends: whoever writes there may have chosen any place."""
        return any(self.is_own(link) for link in self.links_of(path))

    def shown(self, path: str) -> bool:
        """Whether the box will show the real `path`."""
        return self.in_base(path) or _under(path, self.binds) or (self.is_own(path) and _under(path, self.writable))

    def in_home(self, path: str) -> str | None:
        """`path` relative to home, "" for home itself, None outside."""
        if path == self.home:
            return ""
        return path[len(self.home) + 1 :] if path.startswith(self.home + "/") else None

    def _checkout(self, path: str) -> str:
        """The top of the repository that holds the project, the project itself when there is none."""
        for above in (path, *ancestors(path)):
            if covers(above, self.home) or above in NEVER:
                break
            if self.stat(f"{above}/.git") is not None:
                return above
        return path

    # --- what is taken ---------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Something the user should know, once."""
        self.notes.setdefault(text)

    def use(self, path: str) -> str:
        """`real`, and the links on the way become links of the box."""
        real = self.real(path)
        for link in self.links_of(path) if real else ():
            if link in self.links or link in MERGED or self.in_base(link) or self.is_own(link):
                continue
            # NixOS and home-manager: links into the store, part of no package.
            if covers("/etc/profiles", link) or not any(covers(place, link) for place in SYSTEM):
                self.links[link] = self._texts[link]
        return real

    def add(self, real: str, why: str, *, public: bool = False) -> bool:
        """Show the real path `real`, read-only. False, with a note, where that must not be. `public`: a clone of a public
        repository, whose .git is of no interest to anyone."""
        if self.shown(real):
            return True
        found = self.stat(real)
        if found is None or found.kind not in ("dir", "file"):
            return False
        refused = self.refuses(real)
        if not refused and len(self.binds) >= MOST_BINDS:
            refused = f"{MOST_BINDS} places are shown already"
        if refused:
            self.note(f"`{real}` is not shown ({why}): {refused}")
            return False
        self.binds[real] = (found.kind, why)
        if found.kind == "dir" and real not in ("/nix/store", "/gnu/store"):
            self._hide(real, public=public)
        return True

    def refuses(self, real: str) -> str:
        """Why the real path `real` must not be shown, "" when it may."""
        home = self.in_home(real)
        if real in NEVER or covers(real, self.home) or home in HOME_NEVER:
            return "it holds far more than programs"
        if home is not None and _hides(home):
            return "it holds what is hidden from every box"
        if any(covers(place, real) or covers(real, place) for place in self._inner):
            return "it is inner's own"
        if any(covers(place, real) for place in SYSTEM):
            return "it belongs to the system"
        if real.count("/") > MOST_DEEP:
            return "it lies too deep"
        if self.is_own(real) or any(covers(real, own) for own in self.own):
            return "the project is there"
        return self.unsafe(real)

    def unsafe(self, real: str) -> str:
        """Why somebody else could have put `real` there, "" when nobody could. A folder all can write to is believed only
        when it is sticky, and then only what belongs to this user or to root."""
        known = self._safe.get(real)
        if known is not None:
            return known
        above = real.rpartition("/")[0]
        answer = self.unsafe(above) if above else ""
        found = self.stat(real)
        if found is None:
            answer = answer or "it does not exist"
        elif not answer:
            parent = self.stat(above or "/")
            if parent is not None and parent.mode & 0o1002 == 0o1002 and found.uid not in (0, self.host.uid):
                answer = "it belongs to another user, in a folder that all can write"
            elif found.mode & 0o002 and found.kind != "link" and not (found.kind == "dir" and found.mode & 0o1000):
                answer = "everybody can write there"
        self._safe[real] = answer
        return answer

    def _hide(self, real: str, *, public: bool) -> None:
        names = self.names(real)
        for name in names:
            if (name in PRIVATE and not (public and name == ".git")) or name == ".env" or name.startswith(".env."):
                self._mask(f"{real}/{name}")
        for folder, inside in PRIVATE_BELOW.items():
            if folder in names:
                for name in inside:
                    self._mask(f"{real}/{folder}/{name}")

    def _mask(self, path: str) -> None:
        found = self.stat(path)
        if found is not None and found.kind in ("dir", "file"):
            self.masks[path] = found.kind


def _under(path: str, places: Container[str]) -> bool:
    """Whether `path`, normal and absolute, is one of `places` or lies below one."""
    while path:
        if path in places:
            return True
        path = path.rpartition("/")[0]
    return "/" in places


def _hides(home: str) -> bool:
    """Whether a path below home is, holds, or lies in a place that `hide` names."""
    if any(covers(place, home) for place in PROGRAMS_IN_HIDDEN):
        return False
    return home in _HIDDEN or home in _ABOVE_HIDDEN or any(above[1:] in _HIDDEN for above in ancestors("/" + home))
