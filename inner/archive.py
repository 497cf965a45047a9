"""inner as one file, `inner.pyz`: its modules come from a block of source in that file, or, once it has been started, from code
that was kept of them in the cache; packages of others are unpacked when the first of them is asked for, and not before.

This module is the first that runs and imports nothing of inner. `packaging/pyz.py` writes the file and calls `start`.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import CodeType, ModuleType
    from typing import Any

Spec: Any = type(sys.__spec__)  # importlib.machinery.ModuleSpec, without importing importlib
MOST = 1 << 23  # bytes of kept code
STATUS = 125  # of `inner run`: nothing was started


class Archive:
    """A meta path finder and loader (importlib.abc) of inner's modules.

    `path` is the file, `facts` what the builder wrote of it: `id` (a digest of what is in it), `block` (where the sources are, and
    how many bytes, the id first), `packages` (import names of what is unpacked), `suffixes` (of compiled modules, for each interpreter and machine).
    """

    def __init__(self, path: str, facts: Mapping[str, Any]) -> None:
        self.path, self.facts = path, facts
        self.base = _cache()
        self.unpacked = f"{self.base}/pyz/{facts['id']}-{sys.implementation.cache_tag}-{os.uname().machine}"
        self.site = f"{self.unpacked}/site-packages"
        self.place = f"{self.base}/archive-{sys.implementation.cache_tag}"
        self.code: dict[
            str, tuple[bool, bytes]
        ] = {}  # unpacked when a module is imported: what a start does without costs nothing
        self.sources: dict[str, tuple[bool, str]] = {}
        self.first: tuple[str, ...] = ()  # of those, the ones that every run needs
        self.kept = False

    # --- modules of inner ---

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        """First in `sys.meta_path`: what was kept. `Rest` is the last."""
        found = self.code.get(name)
        return None if found is None else self.spec(name, found[0])

    def spec(self, name: str, package: bool) -> Any:
        spec = Spec(name, self, origin=self.file(name, package), is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [spec.origin.rpartition("/")[0]]
        return spec

    def early(self) -> Iterator[tuple[Any, CodeType]]:
        """The specifications and the code of those that every run needs (`bundle.ready`)."""
        return ((self.spec(name, self.code[name][0]), self.get_code(name)) for name in self.first)

    def create_module(self, _spec: object) -> None:
        """The usual kind."""
        return

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - what an import is

    def file(self, name: str, package: bool) -> str:
        return f"{self.site}/{name.replace('.', '/')}{'/__init__.py' if package else '.py'}"

    def get_code(self, name: str) -> CodeType:
        if name in self.code:
            return marshal.loads(self.code[name][1])  # type: ignore[no-any-return]  # noqa: S302 - see `load`
        package, text = self.source(name)
        return compile(text, self.file(name, package), "exec", dont_inherit=True)

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        return self.source(name)[1]

    def get_data(self, path: str) -> bytes:
        """The source of a module by its path: what runs in the box is handed over as text."""
        if not path.startswith(f"{self.site}/") or not path.endswith(".py"):
            raise FileNotFoundError(path)
        return self.source(path[len(self.site) + 1 : -3].removesuffix("/__init__").replace("/", "."))[1].encode()

    def source(self, name: str) -> tuple[bool, str]:
        if not self.sources:
            import zlib

            start, size = self.facts["block"]
            try:
                with open(self.path, "rb") as file:
                    file.seek(start)
                    data = file.read(size)
            except OSError:
                data = b""
            if not data.startswith(self.facts["id"].encode()):
                _stop(f"{self.path} was replaced or removed while it ran", "start it again")
            self.sources = marshal.loads(zlib.decompress(data[len(self.facts["id"]) :]))  # noqa: S302 - a part of this program
        try:
            return self.sources[name]
        except KeyError:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name) from None

    # --- code that is kept ---

    def load(self) -> None:
        """Take what an earlier start has kept, when only we could have written it and it is of this very file."""
        try:
            fd = os.open(self.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return
        try:
            info = os.fstat(fd)
            if _ours(info) and _ours(os.lstat(self.base)) and info.st_size <= MOST:
                key, code, first = marshal.loads(os.read(fd, MOST))  # noqa: S302 - nobody but us could write it
                if key == self._key():
                    self.code, self.first, self.kept = code, first, True
        except (OSError, ValueError, EOFError, TypeError):
            pass
        finally:
            os.close(fd)

    def keep(self, bare: Callable[[CodeType], CodeType], first: Callable[[list[str]], tuple[str, ...]]) -> None:
        """Keep the code of inner's modules that have been imported, for the next start, made smaller by `bare`; and which come `first`."""
        names = [name for name in sys.modules if name == "inner" or name.startswith("inner.")]
        code = {name: (hasattr(sys.modules[name], "__path__"), marshal.dumps(bare(self.get_code(name)))) for name in names}
        draft = f"{self.place}.{os.getpid()}"
        try:
            os.makedirs(self.base, mode=0o700, exist_ok=True)
            if not _ours(os.lstat(self.base)):
                return
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                with open(fd, "wb") as file:
                    file.write(marshal.dumps((self._key(), code, first(names))))  # type: ignore[arg-type]
                os.rename(draft, self.place)
            except BaseException:
                os.unlink(draft)
                raise
        except OSError:
            return

    def _key(self) -> tuple[object, ...]:
        return (self.facts["id"], self.site, sys.version, sys.flags.optimize)

    # --- packages of others ---

    def unpack(self) -> None:
        """Put the packages of others where they can be imported from; anew when somebody has removed them, or some of them."""
        if not self._whole():
            self._extract()
        if self.site not in sys.path:
            sys.path.append(self.site)

    def _whole(self) -> bool:
        """Whether all files are there that were unpacked: cleaners of caches remove what was not read for a while, one by one."""
        try:
            with open(f"{self.unpacked}/names", encoding="utf-8") as file:
                return all(os.path.exists(f"{self.unpacked}/{name}") for name in file.read().split("\n"))
        except OSError:
            return False

    def _extract(self) -> None:
        from _imp import extension_suffixes

        fitting = [suffix for suffix in extension_suffixes() if suffix in self.facts["suffixes"]]
        if not fitting:
            _stop(
                f"{self.path} has nothing compiled for {sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]} on this machine",
                f"it has: {', '.join(sorted(self.facts['suffixes']))}; INNER_PYTHON=PATH names another python",
            )
        sys.path.insert(0, self.path)
        try:
            import zipfile

            from _bootstrap import extract_site_packages  # type: ignore[import-not-found]

            class Part(zipfile.ZipFile):
                """What this interpreter can load: nothing that was compiled for another one."""

                def infolist(self) -> list[zipfile.ZipInfo]:
                    return [
                        one for one in super().infolist() if not one.filename.endswith(".so") or one.filename.endswith(fitting[0])
                    ]

            before = os.umask(0o077)
            try:
                os.makedirs(f"{self.base}/pyz", mode=0o700, exist_ok=True)
                if not _ours(os.lstat(self.base)) or not _ours(os.lstat(f"{self.base}/pyz")):
                    _stop(f"{self.base} is not yours alone", f"chmod go-w {self.base} {self.base}/pyz")
                from pathlib import Path

                with Part(self.path) as archive:
                    extract_site_packages(archive, Path(self.unpacked), force=os.path.isdir(self.unpacked))
                    names = [one.filename for one in archive.infolist() if one.filename.startswith("site-packages/")]
                with open(f"{self.unpacked}/names", "w", encoding="utf-8") as file:
                    file.write("\n".join(names))
            finally:
                os.umask(before)
        except OSError as problem:
            _stop(f"cannot unpack to {self.base}: {problem.strerror or problem}", "XDG_CACHE_HOME=FOLDER names another place")
        finally:
            sys.path.remove(self.path)
        sys.path_importer_cache.clear()


class Rest:
    """The last of `sys.meta_path`: modules of inner that were not kept, and packages that are not unpacked yet."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def find_spec(self, name: str, path: Any = None, _target: object = None) -> Any:
        top = name.partition(".")[0]
        if top == "inner":
            try:
                return self.archive.spec(name, self.archive.source(name)[0])
            except ModuleNotFoundError:
                return None
        if top not in self.archive.facts["packages"]:
            return None
        self.archive.unpack()
        return sys.meta_path[-2].find_spec(name, path)


def start(path: str, facts: Mapping[str, Any]) -> None:
    """Run the command line that follows `path` in `sys.argv`."""
    sys.argv[:] = ["inner", *sys.argv[2:]]
    archive = Archive(os.path.abspath(path), facts)
    archive.load()
    sys.meta_path.insert(0, archive)
    sys.meta_path.append(Rest(archive))
    from inner.__main__ import main

    main()


def _cache() -> str:
    """The cache folder of whoever this process runs as: with `sudo` HOME may still be another one's, and code is loaded from there."""
    given, home = os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("HOME", "")
    base = given if given.startswith("/") else f"{home}/.cache" if home.startswith("/") else ""
    place = f"{os.path.normpath(base)}/inner" if base else ""
    try:
        here = os.getcwd().rstrip("/") + "/"
    except OSError:  # a folder that is gone
        here = "\0"
    if place.startswith(here) and not f"{home}/".startswith(here):
        place = base = home = ""  # what a project brings along is no code of ours (`bundle`)
    for folder in (place, base, home):
        try:
            if folder and os.lstat(folder).st_uid == os.geteuid():
                return place
            if folder:
                break
        except OSError:
            continue
    import pwd

    try:
        return f"{pwd.getpwuid(os.geteuid()).pw_dir.rstrip('/')}/.cache/inner"
    except KeyError:
        return place or "/nonexistent"


def _ours(info: os.stat_result) -> bool:
    return info.st_uid == os.geteuid() and not info.st_mode & 0o022


def _stop(message: str, hint: str) -> None:
    sys.stderr.write(f"error: {message}\nhint: {hint}\n")
    sys.stderr.flush()
    os._exit(STATUS)
