"""The modules of a start in one file: finding fifty files takes longer than running what is in them.

The file lies in the cache, which is ours alone and which no box sees, and holds the code that Python itself compiled of each
module, without what its functions say of themselves. It counts only for this interpreter and this installation, and a module
only as long as its source is the file that it was. One is read when it is imported: what a start does without costs nothing.
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import module_from_spec  # that of importlib.util, which is dear

from inner import __version__, kept
from inner.paths import cache_dir, own_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import CodeType, ModuleType
    from typing import Any, TypeAlias

    Module: TypeAlias = tuple[str, tuple[int, int, int], bool, int, int]
    Block: TypeAlias = tuple[tuple[str, ...], int, int]

Spec: Any = type(__spec__)  # importlib.machinery.ModuleSpec, without importing importlib
HERE = os.path.dirname(os.path.abspath(__file__))
ARCHIVE: Any = next((finder for finder in sys.meta_path if hasattr(finder, "keep")), None)  # `inner.archive`: it keeps its own


INDEX = 1 << 15  # bytes at the beginning of the file that the list of its modules may take
BLOCK = 1 << 16  # bytes of code that are read at once
MOST = 1 << 22  # of the file
LAST = "inner.launch.session"  # what a run imports after that one it does without until bubblewrap is busy


class Finder:
    """A meta path finder and loader (importlib.abc) of the modules in a bundle, the open file `fd`. `modules`: for each its source,
    that file's state, whether it is a package, and where its code lies. `first`: those that every run needs, each after what it
    imports, in blocks, and where the code of each block lies. `kept`: all that was asked for so far is in it."""

    def __init__(self, fd: int, modules: dict[str, Module], first: tuple[Block, ...]) -> None:
        self.fd, self.modules, self.first = fd, modules, first
        self.file = os.fstat(fd)
        self.kept = True

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        found = self.modules.get(name)
        if found is None or _state(found[0]) != found[1] or not self._open():
            self.kept = self.kept and not name.startswith("inner.")
            return None
        return self._spec(name)

    def _spec(self, name: str) -> Any:
        file, _, package, _, _ = self.modules[name]
        spec = Spec(name, self, origin=file, is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [os.path.dirname(file)]
        return spec

    def early(self) -> Iterator[tuple[Any, CodeType]]:
        """The specifications and the code of those that every run needs; none when one of them has changed."""
        found = [self.modules[name] for names, _, _ in self.first for name in names]
        if all(_state(file) == state for file, state, *_ in found):
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

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - what an import is

    def get_code(self, name: str) -> CodeType:
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


def use(env: Mapping[str, str]) -> Any:
    """Import from the bundle from now on. What is returned says whether it has all (`kept`); None when there is none that holds."""
    if ARCHIVE is not None:
        return ARCHIVE
    if _foreign(env):
        return None
    fd = kept.opened(_place(env))
    try:
        key, modules, first = marshal.loads(os.pread(fd, INDEX, 0))  # noqa: S302 - see kept.opened
        if key == _key() and os.fstat(fd).st_size == sum(first[-1][1:]):  # a machine that stopped may have left a part of it
            finder = Finder(fd, modules, first)
            sys.meta_path.insert(0, finder)
            return finder
    except (OSError, EOFError, TypeError, ValueError):
        pass
    if fd >= 0:
        os.close(fd)
    return None


def ready(finder: Any) -> None:
    """Import what every run needs. The import system would do the same one by one, and take as long as all that is in them."""
    for spec, code in finder.early():
        if spec.name not in sys.modules:
            module = sys.modules[spec.name] = module_from_spec(spec)
            exec(code, module.__dict__)  # noqa: S102 - what an import is
            package, _, own = spec.name.rpartition(".")
            setattr(sys.modules[package], own, module)


def first(names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that a run had imported when it was about to start bubblewrap. Their order is that of `sys.modules`, in
    which the import system puts a module when it has been executed, and so each after those that it needs."""
    return tuple(names[: names.index(LAST) + 1]) if LAST in names else ()


def make(env: Mapping[str, str]) -> None:
    """Keep the modules of inner that have been imported, and those that were kept before, for the next start. What changed a moment
    ago is left for later."""
    if ARCHIVE is not None:
        ARCHIVE.keep(_bare, first)
        return
    if _foreign(env):
        return
    import time

    found: dict[str, Any] = {name: module.__loader__ for name, module in sys.modules.items() if name.startswith("inner.")}
    early = first(list(found))
    for finder in sys.meta_path:
        if isinstance(finder, Finder):
            before = tuple(name for names, _, _ in finder.first for name in names)
            all_needed = tuple(name for name in before if name in found) or early
            early = all_needed if LAST in found else before  # else the run came to nothing
            found = {**dict.fromkeys(finder.modules, finder), **found}
    modules: dict[str, Module] = {}
    codes: dict[str, bytes] = {}
    at = INDEX
    for name, loader in found.items():
        spec = loader.find_spec(name) if isinstance(loader, Finder) else sys.modules[name].__spec__
        if spec is None or spec.origin is None or not hasattr(loader, "get_code"):
            continue
        state = _state(spec.origin)
        if not state or max(state[1:]) >= time.time_ns() - kept.SETTLED:
            return
        codes[name] = marshal.dumps(_bare(loader.get_code(name)))
        modules[name] = (spec.origin, state, spec.submodule_search_locations is not None, at, len(codes[name]))
        at += len(codes[name])
    blocks: list[Block] = []
    together = b""
    for names in _blocks([name for name in early if name in codes], codes):
        data = marshal.dumps(tuple([marshal.loads(codes[name]) for name in names]))  # noqa: S302 - made above
        blocks.append((names, at + len(together), len(data)))
        together += data
    index = marshal.dumps((_key(), modules, tuple(blocks)))  # type: ignore[arg-type]
    if len(index) <= INDEX:
        kept.write(_place(env), index.ljust(INDEX, b"\0") + b"".join(codes.values()) + together, most=MOST)


def _blocks(names: Iterable[str], codes: Mapping[str, bytes]) -> Iterator[tuple[str, ...]]:
    """Of some 64 KiB each: a large one would be read into memory that is the kernel's to give, page by page (mallopt(3))."""
    block: list[str] = []
    for name in names:
        if block and sum(len(codes[one]) for one in (*block, name)) > BLOCK:
            yield tuple(block)
            block = []
        block.append(name)
    yield tuple(block)


def _bare(code: CodeType) -> CodeType:
    """The same code, its functions without docstrings: a function keeps its own as the first of its constants (CPython, funcobject.c)."""
    constants = [_bare(item) if isinstance(item, type(code)) else item for item in code.co_consts]
    if sys.version_info >= (3, 14):
        documented = code.co_flags & 0x4000000  # CO_HAS_DOCSTRING
    else:
        documented = code.co_flags & 1 and not code.co_name.startswith("<")  # CO_OPTIMIZED: a function, no class and no module
    if documented and isinstance(constants[0], str):
        constants[0] = None
    return code.replace(co_consts=tuple(constants))


def _place(env: Mapping[str, str]) -> str:
    home = env.get("HOME", "")
    return f"{cache_dir(env, home if home.startswith('/') else '/nonexistent')}/modules-{sys.implementation.cache_tag}"


def _foreign(env: Mapping[str, str]) -> bool:
    """Whether that lies in the folder we are in: what a project brings along is no code of ours."""
    try:
        return bool(own_below(os.getcwd(), env, env.get("HOME", "")))
    except OSError:
        return False  # a folder that is gone


def _key() -> tuple[object, ...]:
    return (__version__, HERE, sys.version, sys.flags.optimize)


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        info = os.stat(file)
    except OSError:
        return None
    return (info.st_size, info.st_mtime_ns, info.st_ctime_ns)
