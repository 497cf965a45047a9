"""Git in the box: the user's own configuration, sanitised, as the system's `/etc/gitconfig`.

There it is out of nobody's way: `git config --global` writes to the box's own home, a repository's configuration wins as it does
outside, and an agent with another HOME still finds who the user is. Nothing is read from the project but its branch, its remotes
and its identity, which decide what the user's `includeIf` mean and what git would say outside.
"""

from __future__ import annotations

from inner import gitconfig, gitpolicy
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING, frozen
from inner.gitconfig import Entry
from inner.host import realpath
from inner.paths import BoxPath, HostPath, ancestors, covers, normal
from inner.plan.model import Bind, Data, Mask, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inner.host import Host
    from inner.plan.hide import Secrets
    from inner.plan.model import Mount
    from inner.profile.model import Profile

SYSTEM = BoxPath("/etc/gitconfig")
ELSEWHERE = BoxPath("/run/inner/gitconfig")  # where the host's /etc is shown and has no such file
IGNORED = BoxPath("/run/inner/gitignore")
MOST_FILES, MOST_DEPTH = 40, 10  # includes; git's own limit of depth is 10 (config.c, MAX_INCLUDE_DEPTH)

# Agents whose tool shell hides the user's configuration, wherever it is: who the user is has to be in the environment as well.
HIDES_CONFIGURATION = frozenset(("gemini",))
# A signature needs the user's key, which is outside: the one setting that must win over the repository's own.
UNSIGNED = (("commit.gpgsign", "false"), ("tag.gpgsign", "false"))
# Editors that are no more than an editor: what `git commit` opens is the one that the user has outside.
EDITORS = frozenset(("vi", "vim", "nvim", "nano", "micro", "hx", "helix", "emacs", "mg", "joe", "jed", "ne", "kak", "ed"))
NAMES = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")


@frozen
class Git:
    """What git needs: mounts, variables, and notices."""

    mounts: tuple[Mount, ...] = ()
    variables: tuple[Variable, ...] = ()
    notices: tuple[str, ...] = ()


def git(profile: Profile, host: Host, *, project: str, mounts: Sequence[Mount], secrets: Secrets, program: str = "") -> Git:
    """The part of the plan; `mounts` are those so far, `program` is the command. ConfigError for an override that git cannot read."""
    writable = (project, *(mount.src for mount in mounts if isinstance(mount, Bind) and mount.mode == "rw"))
    found = _Configuration(host, project, writable)
    entries = gitpolicy.harmless(found.entries)
    strip = {name.lower() for name in profile.git.strip_sections}
    entries = [entry for entry in entries if entry.section not in strip]
    made: list[Mount] = []
    ignored = _ignored(host, found.entries, writable, secrets)
    if ignored:
        made.append(Data(IGNORED, ignored, why="files that git ignores everywhere"))
        entries.append(Entry("core", None, "excludesfile", IGNORED))
    entries += [Entry("safe", None, "directory", place) for place in _safe(found.entries, project)]
    overrides = [
        _override(name, value, str(profile.origin(f"git.overrides.{name}"))) for name, value in profile.git.overrides.items()
    ]
    content = gitconfig.render([*_moved(profile), *entries, *overrides])

    shown = any(isinstance(mount, Bind) and mount.dest == "/" for mount in mounts)
    place = ELSEWHERE if shown and getattr(host.lstat(SYSTEM), "kind", "") != "file" else SYSTEM
    made.insert(0, Data(place, content, why="your git configuration, sanitised"))
    made += _hidden(found.files, mounts, host)
    variables = [Variable("GIT_CONFIG_SYSTEM", place)]
    variables += [Variable(name, None) for name in NAMES if host.env.get(name)]
    for name in ("EDITOR", "VISUAL"):
        editor = host.env.get(name, "").rpartition("/")[2]
        if editor in EDITORS:  # a word of the list above, never the variable's own text
            variables.append(Variable(name, editor))
    forced = list(UNSIGNED)
    if HIDES_CONFIGURATION & {*profile.agents, program.rpartition("/")[2]}:
        known = {key: found.own(key) for key in ("user.name", "user.email")}
        forced += [(key, value) for key, value in known.items() if value]
        for name, value in zip(NAMES, (known["user.name"], known["user.email"]) * 2, strict=True):
            if value and not host.env.get(name):
                variables.append(Variable(name, value))
    forced = [(key, value) for key, value in forced if key not in profile.git.overrides]
    variables.append(Variable("GIT_CONFIG_COUNT", str(len(forced))))
    for number, (key, value) in enumerate(forced):
        variables += [Variable(f"GIT_CONFIG_KEY_{number}", key), Variable(f"GIT_CONFIG_VALUE_{number}", value)]
    return Git(tuple(made), tuple(variables), tuple(found.notices))


def _moved(profile: Profile) -> Iterator[Entry]:
    """Where a credential is put on requests outside, git goes by the plain address, like every other program."""
    for host in dict.fromkeys(host.removesuffix(":443") for one in profile.credentials.values() for host in one.hosts):
        if not host.startswith("*."):  # git knows no patterns here
            yield Entry("url", f"http://{host}/", "insteadof", f"https://{host}/")


def steering(host: Host, project: str) -> list[str]:
    """Paths in the project that git reads or runs because the user's own settings say so, whichever repository it is in: dotfiles
    that are worked on, and hooks in a folder of every work tree.
    """
    home = [f"{host.home}/.gitconfig", f"{host.env.get('XDG_CONFIG_HOME') or host.home + '/.config'}/git/config"]
    texts = [(host.read(realpath(host, path), gitconfig.MOST_BYTES) or b"").lower() for path in home]
    linked = any(covers(project, realpath(host, path)) for path in home)
    if not linked and not any(b"hookspath" in text or b"include" in text for text in texts):
        return []
    found = _Configuration(host, project, ())
    hooks = gitconfig.value_of(found.entries, "core.hooksPath") or ""
    named = [normal(hooks if hooks.startswith("/") else f"{project}/{hooks}")] if hooks and not hooks.startswith("~") else []
    return [place for place in (*named, *found.files) if place != project and covers(project, place)]


class _Configuration:
    """Every entry that git would read outside for this project but its own configuration, in order, and the files it is from."""

    def __init__(self, host: Host, project: str, writable: Sequence[str]) -> None:
        self._host, self._project, self._writable = host, project, writable
        self.entries: list[Entry] = []
        self.files: list[HostPath] = []
        self.notices: list[str] = []
        self._repository: _Repository | None = None
        for path in self._places():
            self._read(path, 0)

    def _places(self) -> Iterator[str]:
        """System, XDG and home, as git-config(1) orders them (FILES, ENVIRONMENT)."""
        env = self._host.env
        if env.get("GIT_CONFIG_NOSYSTEM", "0").lower() in ("", "0", "false", "no", "off"):
            yield env.get("GIT_CONFIG_SYSTEM", "") or SYSTEM
        if "GIT_CONFIG_GLOBAL" in env:
            yield env["GIT_CONFIG_GLOBAL"]
            return
        xdg = env.get("XDG_CONFIG_HOME", "")
        yield (xdg if xdg.startswith("/") else f"{self._host.home}/.config") + "/git/config"
        yield f"{self._host.home}/.gitconfig"

    def _read(self, path: str, depth: int) -> None:
        if not path.startswith("/") or len(self.files) >= MOST_FILES or depth > MOST_DEPTH:
            return
        real = realpath(self._host, normal(path))
        theirs = any(covers(folder, real) for folder in self._writable)  # written by whoever is in the box
        content = None if theirs and depth else self._host.read(real, gitconfig.MOST_BYTES)
        if content is None:
            return
        entries, bad = gitconfig.parse(content)
        if theirs:  # dotfiles, worked on: their say is who the user is, and no more
            self.notices.append(f"`{path}` leads to `{real}`, which the box may write: it is git's configuration outside")
            self.entries += [entry for entry in entries if (entry.section, entry.sub) == ("user", None)]
            return
        self.files.append(real)
        if bad:
            self.notices.append(f"git's configuration is read up to line {bad} of `{path}`, which git itself would refuse")
        for entry in entries:
            found = gitconfig.included(entry)
            if found is None:
                self.entries.append(entry)
            elif self._applies(found[0], real):
                wanted = found[1]
                wanted = f"{self._host.home}{wanted[1:]}" if wanted.startswith("~/") else wanted
                self._read(wanted if wanted.startswith("/") else f"{path.rpartition('/')[0]}/{wanted}", depth + 1)

    def _applies(self, condition: str, path: str) -> bool:
        if not condition:
            return True
        here = self.repository
        return gitconfig.condition_holds(
            condition, git_dirs=here.folders, home=str(self._host.home), folder=path.rpartition("/")[0], branch=here.branch, urls=here.urls
        )  # fmt: skip

    @property
    def repository(self) -> _Repository:
        if self._repository is None:
            self._repository = _Repository(self._host, self._project)
        return self._repository

    def own(self, name: str) -> str:
        """What git says outside: the repository's own value, else the user's."""
        value = gitconfig.value_of(self.repository.entries, name) or gitconfig.value_of(self.entries, name) or ""
        return value if value.isprintable() and len(value) <= 200 else ""


class _Repository:
    """The repository that the project is, or is part of, seen from outside: text alone is compared with what it says."""

    def __init__(self, host: Host, project: str) -> None:
        self.folders: tuple[str, ...] = ()
        self.branch = ""
        self.entries: list[Entry] = []
        for place in (project, *ancestors(project)):
            found = host.lstat(f"{place.rstrip('/')}/.git")
            if found is None:
                continue
            folder = f"{place.rstrip('/')}/.git"
            if found.kind == "file":
                line = (host.read(folder, 4096) or b"").decode("utf-8", "surrogateescape").partition("\n")[0]
                folder = (
                    normal(f"{place}/{line[8:]}" if not line[8:].startswith("/") else line[8:])
                    if line.startswith("gitdir: ")
                    else ""
                )
            elif found.kind != "dir":
                folder = ""
            self._look(host, folder)
            break

    def _look(self, host: Host, folder: str) -> None:
        if not folder:
            return
        self.folders = tuple(dict.fromkeys((folder, realpath(host, folder))))
        head = _regular(host, f"{folder}/HEAD").partition(b"\n")[0].decode("utf-8", "surrogateescape")
        self.branch = head[16:] if head.startswith("ref: refs/heads/") else ""
        common = _regular(host, f"{folder}/commondir").partition(b"\n")[0].decode("utf-8", "surrogateescape")
        base = normal(common if common.startswith("/") else f"{folder}/{common}")
        self.entries = gitconfig.parse(_regular(host, f"{base}/config"))[0]

    @property
    def urls(self) -> list[str]:
        return [e.value for e in self.entries if e.section == "remote" and e.sub is not None and e.key == "url" and e.value]


def _regular(host: Host, path: str) -> bytes:
    """A file of the project's, never through a link at its end."""
    found = host.lstat(path)
    return (host.read(path, gitconfig.MOST_BYTES) or b"") if found is not None and found.kind == "file" else b""


def _ignored(host: Host, entries: Sequence[Entry], writable: Sequence[str], secrets: Secrets) -> bytes:
    """The patterns of the user's own ignore file (gitignore(5)): `core.excludesFile`, or its default place."""
    path = gitconfig.value_of(entries, "core.excludesFile")
    if path is None:
        xdg = host.env.get("XDG_CONFIG_HOME", "")
        path = (xdg if xdg.startswith("/") else f"{host.home}/.config") + "/git/ignore"
    path = f"{host.home}{path[1:]}" if path.startswith("~/") else path
    real = realpath(host, path) if path.startswith("/") else HostPath("")
    if not real or any(covers(folder, real) for folder in writable) or secrets.key_of(real) is not None:
        return b""
    content = host.read(real, gitconfig.MOST_BYTES) or b""
    return b"" if b"\0" in content else content


def _safe(entries: Sequence[Entry], project: str) -> list[str]:
    """The project, when the user said that it may belong to somebody else; of other folders the box need not know."""
    said = False
    for entry in entries:
        if (entry.section, entry.sub, entry.key) == ("safe", None, "directory"):
            place = entry.value or ""
            if not place:
                said = False  # an empty value starts the list anew
            elif place == "*" or normal(place) == project or (place.endswith("/*") and covers(normal(place[:-2]), project)):
                said = True
    return [project] if said else []


def _override(name: str, value: str, where: str) -> Entry:
    section, _, rest = name.partition(".")
    sub, dot, key = rest.rpartition(".")
    plain = section.replace("-", "")
    if not (plain.isascii() and plain.isalnum() and key[:1].isalpha() and key.replace("-", "").isalnum() and key.isascii()):
        raise ConfigError(f"`{name}` is not a key of git", where=where, hint="for instance `push.default`")
    if any(ord(char) < 0x20 and char not in "\t\n" for char in value) or "\n" in sub:
        raise ConfigError(f"the value of `{name}` holds control characters", where=where)
    return Entry(section.lower(), sub if dot else None, key.lower(), value)


def _hidden(files: Sequence[HostPath], mounts: Sequence[Mount], host: Host) -> list[Mount]:
    """Masks over the files themselves where a mount shows them: what was left out of them is left out of the box."""
    folders = [m for m in mounts if isinstance(m, Bind) and m.kind == "dir" and m.dest != "/" and covers(m.src, host.home)]
    why = "git's, sanitised elsewhere"
    return [
        Mask(BoxPath(folder.dest.rstrip("/") + real[len(folder.src.rstrip("/")) :]), "file", why=why)
        for real in files
        for folder in folders
        if covers(folder.src, real)
    ]
