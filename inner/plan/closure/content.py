"""What one program needs beside its own place, read from the first bytes of its file: interpreter, wrapped program, libraries.

Nothing is run. What lies in the project is not believed: a script there may name a program on PATH and a real Python, nothing
else. `Programs` is shared by all the names of one closure, so that each file is read once.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.paths import covers, normal
from inner.plan.closure import unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.plan.closure.walk import Walk

HEAD = 4096  # bytes of a script that are read
MOST_SHEBANG = 256  # BINPRM_BUF_SIZE, execve(2)
MOST_DEPTH = 8  # of a script that runs a script that runs a script
MOST_WORDS = 64  # absolute paths looked at in one wrapper
SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "busybox", "fish"))
SCRIPTS = (".js", ".mjs", ".cjs", ".py", ".pyz", ".jar", ".sh", ".pl", ".rb", ".phar")
ENV_WITH_VALUE = frozenset(("-u", "--unset", "-C", "--chdir", "-a", "--argv0"))
# The folder of the script itself, as wrappers write it; npm, pnpm and yarn write `$basedir`.
OWN_FOLDER = (
    '$(cd "$(dirname "$0")" && pwd)', '$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)',
    '$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null 2>&1 && pwd)',
    '$(dirname "$(readlink -f "$0")")', '$(dirname "$(realpath "$0")")', '$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")',
    '$(dirname "${BASH_SOURCE[0]}")', '$(dirname "$0")', "$(dirname $0)", "`dirname $0`", '`dirname "$0"`', "${0%/*}",
    "$basedir", "${basedir}", "$SCRIPT_DIR", "${SCRIPT_DIR}", "$SCRIPTDIR", "$DIR/", "${DIR}",
)  # fmt: skip
BREAKS = str.maketrans(dict.fromkeys("\"'`;|&()<>\n\t={},:", " "))


class Programs:
    """Programs and what they need. `folders` is the host's PATH as far as it is trusted; `path` collects what the box's needs."""

    def __init__(self, walk: Walk, folders: Sequence[str]) -> None:
        self.walk = walk
        self.folders = tuple(folders)
        self.path: dict[str, int] = {}  # folder -> its place on the host's PATH
        self.whole = False  # all folders of PATH are in the box: a program found by name needs no more
        self.deep = True  # look for editable installs too
        self._found: dict[str, str] = {}
        self._seen: set[str] = set()
        self._environments: set[str] = set()
        self._interpreters: set[str] = set()
        self._depth = 0

    def again(self) -> None:
        """Forget which files were read, to look deeper into those of a named program."""
        self.deep = True
        self._seen.clear()
        self._environments.clear()
        self._interpreters.clear()

    def _remark(self, text: str) -> None:
        """About a program that was asked for by name: what is wrong with others on PATH is no news at every start."""
        if self.deep:
            self.walk.note(text)

    # --- by name ---------------------------------------------------------------------------------------------------------

    def find(self, name: str, *, without: str = "") -> str:
        """Where PATH finds `name`, "" when nowhere. `without`: a folder to pass over."""
        key = f"{name}\0{without}"
        if key not in self._found:
            places = (f"{folder}/{name}" for folder in self.folders if folder != without)
            self._found[key] = next((place for place in places if self.walk.runs(place)), "") if name else ""
        return self._found[key]

    def place(self, folder: str) -> int:
        """Where `folder` stands on the host's PATH; the end for one that does not."""
        return self.folders.index(folder) if folder in self.folders else len(self.folders)

    def named(self, found: str, why: str) -> None:
        """A program that is started by its name: the folder it was found in goes on the box's PATH, never its target's (the
        folder of a program's private Python would put that in front of the user's)."""
        from inner.plan.closure import managers

        folder = found.rpartition("/")[0]
        shim = managers.resolve(self, found)
        if shim is None and found.endswith("/rustup"):
            managers.show_rustup(self.walk)
        if shim is None:
            self.path.setdefault(folder, self.place(folder))
            self.program(found, why)
        elif shim:
            self.path.setdefault(shim.rpartition("/")[0], self.place(folder))
            self.program(shim, why)

    # --- by path ---------------------------------------------------------------------------------------------------------

    def program(self, found: str, why: str) -> None:
        """A program that is started by its path: its place, its interpreter, and so on, to a bounded depth."""
        walk = self.walk
        real = walk.real(found)
        if not real:
            self._remark(f"`{found}` leads nowhere")
            return
        if walk.led_by_own(found) and not walk.is_own(real):
            self.program_of_project(found, why)
            return
        if self._depth >= MOST_DEPTH:
            return
        self._depth += 1
        try:
            loose = False
            if not walk.shown(real) and not walk.is_own(real):
                place = unit.of_file(walk, real)
                loose = place.what in unit.LOOSE
                if not walk.add(place.path, why, public=place.public) and place.path != real:
                    walk.add(real, why)
            if walk.shown(real):
                walk.use(found)
            self.environment(found, why)
            if real != found:
                self.environment(real, why)
            if real not in self._seen:
                self._seen.add(real)
                if self.deep or loose or not walk.in_base(real):
                    self._content(real, why, libraries=self.deep or loose)
        finally:
            self._depth -= 1

    def file(self, real: str, why: str) -> None:
        """A program that lies, itself and no link, in a folder of PATH that is shown. Libraries beside that folder are shown with
        it; to look for others in every binary would double the time of a start.
        """
        if real not in self._seen:
            self._seen.add(real)
            self._content(real, why, libraries=self.deep)

    def interpreter(self, path: str, of: str, why: str) -> None:
        """What a `#!` line or a wrapper names by its path."""
        walk = self.walk
        if walk.is_own(of):
            self.program_of_project(path, why)
            return
        if path in self._interpreters:
            return
        self._interpreters.add(path)
        if not walk.real(path):
            self._remark(f"`{of}` starts with `{path}`, which does not exist")
        else:
            self.program(path, why)

    def program_of_project(self, path: str, why: str) -> None:
        """The project's environment may bring a real Python, by a link; it may not name another place to be shown."""
        walk = self.walk
        real = walk.real(path)
        if not real or walk.is_own(real) or not real.rpartition("/")[2].startswith(("python", "pypy")):
            return
        if walk.shown(real):
            walk.use(path)
            return
        prefix = real.rpartition("/")[0].rpartition("/")[0]
        home = walk.in_home(prefix)
        if home in unit.SHARED or not unit.is_python(walk, prefix):
            return
        place = unit.of_tree(real) or unit.Unit(prefix, "python")
        if walk.add(place.path, why, public=place.public):
            walk.use(path)

    def environment(self, path: str, why: str) -> None:
        """The virtual environment around `bin/NAME`, and the Python it was made of."""
        folder = path.rpartition("/")[0]
        root, _, last = folder.rpartition("/")
        if last not in unit.BINS or root in self._environments:
            return
        self._environments.add(root)
        if self.walk.in_base(root) or self.walk.stat(f"{root}/pyvenv.cfg") is None:
            return
        from inner.plan.closure import python

        python.environment(self, root, why)

    # --- what is in a file -----------------------------------------------------------------------------------------------

    def _content(self, real: str, why: str, *, libraries: bool = True) -> None:
        """`libraries`: an ELF file's too; where a whole installation is shown they came with it."""
        walk = self.walk
        if self._depth > 1 and walk.in_base(real):
            return  # an interpreter of the system
        head = walk.read(real, HEAD)
        if head[:2] == b"#!":
            self._script(real, head, why)
        elif head[:4] == b"\x7fELF":
            if libraries and not walk.in_base(real) and not walk.is_own(real):
                self._binary(real, head, why)
        elif head and b"\0" not in head and not walk.in_base(real) and not walk.is_own(real):
            self._wrapper(real, head, why)  # no magic number: execvp(3) hands it to the shell

    def _script(self, real: str, head: bytes, why: str) -> None:
        line = head[2:MOST_SHEBANG].partition(b"\n")[0].decode("utf-8", "surrogateescape").strip()
        path, _, argument = line.partition(" ")
        name = path.rpartition("/")[2]
        if path.startswith("/") and not (self.walk.is_own(real) and name == "env"):
            self.interpreter(normal(path), real, why)
        if name == "env":
            name = _env_program(argument)
            self._by_name(name, real, why)
        if name in SHELLS:
            python = _exec_line(head)
            if python:
                self.interpreter(python, real, why)
            elif not self.walk.in_base(real) and not self.walk.is_own(real):
                self._wrapper(real, head, why)
        elif name.startswith("python"):
            from inner.plan.closure import python as user

            user.user_site(self, real, path, why)

    def _by_name(self, name: str, real: str, why: str) -> None:
        if not name or "/" in name or self.whole:
            return
        found = self.find(name)
        if found:
            self.named(found, why)
        else:
            self._remark(f"`{real}` is run by `{name}`, which is not on PATH")

    def _binary(self, real: str, head: bytes, why: str) -> None:
        from inner.plan.closure import elf

        walk = self.walk
        needs = elf.needs(lambda limit, offset: walk.read(real, limit, offset), head)
        if needs is None:
            return
        if needs.bits == 32:
            self._remark(f"`{real}` is a 32-bit program, which the box's system call filter may refuse")
        if head[8:10] == b"AI":
            self._remark(f"`{real}` is an AppImage: without FUSE it starts with `--appimage-extract-and-run` only")
        if needs.interpreter and not walk.real(needs.interpreter):
            self._remark(f"`{real}` needs `{needs.interpreter}`, which this machine does not have")
        elif needs.interpreter:
            self.program(needs.interpreter, why)
        origin = real.rpartition("/")[0]
        search = [normal(_origin(place, origin)) for place in needs.search if place.startswith(("/", "$"))]
        for library in needs.libraries:
            for folder in search:
                if walk.real(f"{folder}/{library}"):
                    self._library(f"{folder}/{library}", why)
                    break

    def _library(self, path: str, why: str) -> None:
        walk = self.walk
        real = walk.real(path)
        if walk.led_by_own(path):
            return
        if not walk.shown(real):
            folder = real.rpartition("/")[0]
            tree = unit.of_tree(real)
            place = tree.path if tree else folder if folder.rpartition("/")[2].startswith("lib") else real
            if not walk.add(place, why, public=tree is not None and tree.public):
                return
        walk.use(path)
        if real not in self._seen and self._depth < MOST_DEPTH:
            self._seen.add(real)
            self._depth += 1
            self._content(real, why)
            self._depth -= 1

    def _wrapper(self, real: str, head: bytes, why: str) -> None:
        """A shell script: programs that it names by an absolute path, and the one it becomes by name."""
        walk = self.walk
        words = _words(head.decode("utf-8", "surrogateescape"), str(walk.host.home), real.rpartition("/")[0])
        looked = 0
        for number, word in enumerate(words):
            if word.startswith("/") and len(word) > 1:
                path = normal(word)
                if looked >= MOST_WORDS or walk.in_base(path) or path == real or covers("/dev", path) or covers("/proc", path):
                    continue
                looked += 1
                if walk.runs(path) or (path.endswith(SCRIPTS) and walk.kind(path) == "file"):
                    self.program(path, why)
            elif word == "exec" and not self.whole:
                name = words[number + 1] if number + 1 < len(words) else ""
                found = self.find(name) if name[:1].isalpha() and "/" not in name else ""
                if found and not walk.in_base(found):
                    self.named(found, why)


def _origin(place: str, origin: str) -> str:
    """ld.so(8): dynamic string tokens."""
    return place.replace("${ORIGIN}", origin).replace("$ORIGIN", origin).replace("$LIB", "lib").replace("${LIB}", "lib")


def _env_program(argument: str) -> str:
    """The program in the argument of `env`: after options and assignments, `-S` or not."""
    words = argument.replace('"', " ").replace("'", " ").split()
    at = 0
    while at < len(words):
        word = words[at]
        if word in ENV_WITH_VALUE:
            at += 2
        elif word.startswith("-S") and len(word) > 2:
            words[at] = word[2:]
        elif word.startswith("-") or "=" in word:
            at += 1
        else:
            return word
    return ""


def _exec_line(head: bytes) -> str:
    """`'''exec' "/long path/python" "$0" "$@"`: how pip and uv write an interpreter that does not fit into a `#!` line."""
    _, found, rest = head.partition(b"\n'''exec' ")
    if not found:
        return ""
    line = rest.partition(b"\n")[0].decode("utf-8", "surrogateescape")
    quote = line[:1]
    path = line[1:].partition(quote)[0] if quote in ("'", '"') else line.partition(" ")[0]
    return path if path.startswith("/") else ""


def _words(text: str, home: str, folder: str) -> list[str]:
    """The words of a shell script with home, its own folder and its own absolute variables filled in."""
    for form in OWN_FOLDER:
        if form in text:
            text = text.replace(form, folder + "/" if form.endswith("/") else folder)
    text = text.replace("${HOME}", home).replace("$HOME", home).replace("~/", home + "/")
    for line in text.split("\n"):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        value = value.strip("\"' ")
        if equals and name.isidentifier() and value.startswith("/") and "$" not in value and len(value) < 1024:
            text = text.replace("${" + name + "}", value).replace("$" + name + "/", value + "/").replace(f'"${name}"', value)
    return text.replace('"/', "/").translate(BREAKS).split()  # "$HOME"/bin is one word
