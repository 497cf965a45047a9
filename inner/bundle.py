"""The modules of a start in one file: finding fifty files takes longer than running what is in them.

The file lies in the cache, which is ours alone and which no box sees, and holds the code that Python itself compiled of each
module (`inner.linker` makes it). It counts only for this interpreter and this installation, and a module only as long as its
source is the file that it was. One is read when it is imported: what a start does without costs nothing. What this module
imports is found on disk at every start, so it is little, and none of it names `__future__`.
"""

import marshal
import os
import sys
from _frozen_importlib_external import ExtensionFileLoader  # that of importlib.machinery, which is dear

from inner import __version__, kept
from inner.paths import cache_dir, own_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType, ModuleType
    from typing import Any, TypeAlias

    Module: TypeAlias = tuple[str, str | None, tuple[int, int, int], bool, int, int]
    Block: TypeAlias = tuple[tuple[str, ...], int, int]

Spec: "Any" = type(__spec__)  # importlib.machinery.ModuleSpec, without importing importlib
HERE = os.path.dirname(os.path.abspath(__file__))
ARCHIVE: "Any" = next((finder for finder in sys.meta_path if hasattr(finder, "keep")), None)  # `inner.archive`: it keeps its own

FORMAT = 1
INDEX = 1 << 15  # bytes at the beginning of the file that the list of its modules may take


class Finder:
    """A meta path finder and loader (importlib.abc) of the modules in a bundle, the open file `fd`. `modules`: for each its source,
    where Python itself would keep its code, the source's state, whether it is a package, and where its code lies here (nowhere: a shared library). `first`: those that every run needs, each after what it
    imports, in blocks, and where the code of each block lies. `kept`: all that was asked for so far is in it."""

    def __init__(self, fd: int, modules: "dict[str, Module]", first: "tuple[Block, ...]") -> None:
        self.fd, self.modules, self.first = fd, modules, first
        self.file = os.fstat(fd)
        self.kept = True

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> "Any":
        found = self.modules.get(name)
        if found is None or state(found[0]) != found[2] or not self._open():
            self.kept = self.kept and not name.startswith("inner.")
            return None
        return self._spec(name)

    def _spec(self, name: str) -> "Any":
        file, cached, _, package, _, size = self.modules[name]
        spec = Spec(name, self if size else ExtensionFileLoader(name, file), origin=file, is_package=package)
        spec.has_location, spec.cached = True, cached
        if package:
            spec.submodule_search_locations = [os.path.dirname(file)]
        return spec

    def early(self) -> "Iterator[tuple[Any, CodeType]]":
        """The specifications and the code of those that every run needs; none when one of them has changed."""
        found = [self.modules[name] for names, _, _ in self.first for name in names]
        if all(state(file) == was for file, _, was, *_ in found):
            for names, start, size in self.first:
                codes = marshal.loads(os.pread(self.fd, size, start))  # noqa: S302 - see kept.opened
                yield from zip(map(self._spec, names), codes, strict=True)

    def _open(self) -> bool:
        """A fork may have closed all descriptors, and then opened others."""
        try:
            return os.path.samestat(os.fstat(self.fd), self.file)
        except OSError:
            return False

    def create_module(self, _spec: object) -> None:
        """The usual kind."""
        return

    def exec_module(self, module: "ModuleType") -> None:
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - what an import is

    def get_code(self, name: str) -> "CodeType":
        *_, start, size = self.modules[name]
        return marshal.loads(os.pread(self.fd, size, start))  # type: ignore[no-any-return]  # noqa: S302 - see kept.opened

    def get_data(self, path: str) -> bytes:
        """What lies beside a package: the programs that are handed to the box, or to a process of their own, as text (pkgutil)."""
        with open(path, "rb") as file:
            return file.read()

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        with open(self.modules[name][0], encoding="utf-8") as file:
            return file.read()


def use(env: "Mapping[str, str]") -> "Any":
    """Import from the bundle from now on. What is returned says whether it has all (`kept`); None when there is none that holds."""
    if ARCHIVE is not None:
        return ARCHIVE
    if foreign(env):
        return None
    fd = kept.opened(place(env))
    try:
        of, modules, first = marshal.loads(os.pread(fd, INDEX, 0))  # noqa: S302 - see kept.opened
        if of == key() and os.fstat(fd).st_size == sum(first[-1][1:]):  # a machine that stopped may have left a part of it
            finder = Finder(fd, modules, first)
            sys.meta_path.insert(0, finder)
            return finder
    except (OSError, EOFError, TypeError, ValueError):
        pass
    if fd >= 0:
        os.close(fd)
    return None


def ready(finder: "Any") -> None:
    """Import what every run needs. The import system would do the same one by one, and take as long as all that is in them."""
    for spec, code in finder.early():
        name = spec.name
        if name in sys.modules:
            continue
        module = sys.modules[name] = type(sys)(name)
        names = module.__dict__  # what importlib.util.module_from_spec sets, one by one and with care
        names["__spec__"], names["__loader__"], names["__package__"] = spec, finder, spec.parent
        names["__file__"], names["__cached__"] = spec.origin, spec.cached
        if spec.submodule_search_locations is not None:
            names["__path__"] = spec.submodule_search_locations
        exec(code, names)  # noqa: S102 - what an import is
        package, _, own = name.rpartition(".")
        if package:
            setattr(sys.modules[package], own, module)


def place(env: "Mapping[str, str]") -> str:
    """Where the bundle is kept."""
    home = env.get("HOME", "")
    return f"{cache_dir(env, home if home.startswith('/') else '/nonexistent')}/modules-{sys.implementation.cache_tag}"


def foreign(env: "Mapping[str, str]") -> bool:
    """Whether that lies in the folder we are in: what a project brings along is no code of ours."""
    try:
        return bool(own_below(os.getcwd(), env, env.get("HOME", "")))
    except OSError:
        return False  # a folder that is gone


def key() -> tuple[object, ...]:
    """Whose it is."""
    return (FORMAT, __version__, HERE, sys.version, sys.flags.optimize)


def state(file: str) -> tuple[int, int, int] | None:
    """What changes with a source."""
    try:
        info = os.stat(file)
    except OSError:
        return None
    return (info.st_size, info.st_mtime_ns, info.st_ctime_ns)
