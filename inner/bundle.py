"""The modules of a start in one file: finding fifty files takes longer than running what is in them.

The file lies in the cache, which is ours alone and which no box sees, and holds the code that Python itself compiled of each
module, without what its functions say of themselves. It counts only for this interpreter and this installation, and as long as
every source is the file that it was. A module is unpacked when it is imported: what a start does without costs nothing.
"""

from __future__ import annotations

import marshal
import os
import sys

from inner import __version__, kept
from inner.frozen import TYPE_CHECKING
from inner.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, ModuleType
    from typing import Any

Spec: Any = type(__spec__)  # importlib.machinery.ModuleSpec, without importing importlib
HERE = os.path.dirname(os.path.abspath(__file__))
ARCHIVE: Any = next((finder for finder in sys.meta_path if hasattr(finder, "keep")), None)  # `inner.archive`: it keeps its own


class Finder:
    """A meta path finder and loader (importlib.abc) of the modules in a bundle."""

    def __init__(self, modules: dict[str, tuple[str, bool, bytes]]) -> None:
        self.modules = modules

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        found = self.modules.get(name)
        if found is None:
            return None
        file, package, _ = found
        spec = Spec(name, self, origin=file, is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [os.path.dirname(file)]
        return spec

    def create_module(self, _spec: object) -> None:
        """The usual kind."""
        return

    def exec_module(self, module: ModuleType) -> None:
        file, package, code = self.modules[module.__name__]
        self.modules[module.__name__] = (file, package, b"")  # as long as the box runs we hold what we need, and no more
        exec(marshal.loads(code), module.__dict__)  # noqa: S102, S302 - what an import is

    def get_data(self, path: str) -> bytes:
        """What lies beside a package: the programs that are handed to the box, or to a process of their own, as text (pkgutil)."""
        with open(path, "rb") as file:
            return file.read()

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        with open(self.modules[name][0], encoding="utf-8") as file:
            return file.read()


def use(env: Mapping[str, str]) -> bool:
    """Import from the bundle from now on. False when there is none that still holds."""
    if ARCHIVE is not None:
        return bool(ARCHIVE.kept)
    try:
        key, states, modules = kept.load(_place(env))
    except (TypeError, ValueError):
        return False
    if key != _key() or any(_state(file) != state for file, state in states):
        return False
    sys.meta_path.insert(0, Finder(modules))
    return True


def make(env: Mapping[str, str]) -> None:
    """Keep the modules of inner that have been imported, for the next start. What changed a moment ago is left for later."""
    if ARCHIVE is not None:
        ARCHIVE.keep(_bare)
        return
    import time

    modules = {
        name: (str(module.__file__), hasattr(module, "__path__"), marshal.dumps(_bare(module.__loader__.get_code(name))))  # type: ignore[union-attr]
        for name, module in sorted(sys.modules.items())
        if name.startswith("inner.") and hasattr(module.__loader__, "get_code")
    }
    states = tuple((file, _state(file)) for file, _, _ in modules.values())
    if all(state and max(state[1:]) < time.time_ns() - kept.SETTLED for _, state in states):
        kept.save(_place(env), (_key(), states, modules))


def _bare(code: CodeType) -> CodeType:
    """The same code, its functions without docstrings: a function keeps its own as the first of its constants (CPython, funcobject.c)."""
    constants = [_bare(item) if isinstance(item, type(code)) else item for item in code.co_consts]
    if sys.version_info >= (3, 13):
        documented = code.co_flags & 0x4000000  # CO_HAS_DOCSTRING
    else:
        documented = code.co_flags & 1 and not code.co_name.startswith("<")  # CO_OPTIMIZED: a function, no class and no module
    if documented and isinstance(constants[0], str):
        constants[0] = None
    return code.replace(co_consts=tuple(constants))


def _place(env: Mapping[str, str]) -> str:
    home = env.get("HOME", "")
    return f"{cache_dir(env, home if home.startswith('/') else '/nonexistent')}/modules-{sys.implementation.cache_tag}"


def _key() -> tuple[object, ...]:
    return (__version__, HERE, sys.version, sys.flags.optimize)


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        info = os.stat(file)
    except OSError:
        return None
    return (info.st_size, info.st_mtime_ns, info.st_ctime_ns)
