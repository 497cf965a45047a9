"""Makes the bundle (`inner.bundle`) of the modules that a run has imported, at its end: the next start is the one that gains.

Code is what Python itself compiled, without what its functions say of themselves. What every run needs before bubblewrap is
started is put together once more, in blocks, each module after those that it imports.
"""

from __future__ import annotations

import marshal
import sys
import time
from _frozen_importlib_external import ExtensionFileLoader

from inner import bundle, kept
from inner.bundle import Finder
from inner.draft import write
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import CodeType
    from typing import Any

    from inner.bundle import Block, Module

# Nearly every module names the second; both are otherwise looked for in three folders.
NAMES = ("inner.", "__future__", "_ctypes")
BLOCK = 1 << 16  # bytes of code that are read at once
MOST = 1 << 22  # of the file
LAST = "inner.launch.session"  # what a run imports after that one it does without until bubblewrap is busy


def first(names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that a run had imported after `inner.bundle`, when it was about to start bubblewrap. Their order is that of
    `sys.modules`, in which the import system puts a module when it has been executed, and so each after those that it needs."""
    return tuple(names[names.index(bundle.__name__) + 1 : names.index(LAST) + 1]) if LAST in names else ()


def make(env: Mapping[str, str]) -> None:
    """Keep the modules of inner that have been imported, and those that were kept before, for the next start. What changed a moment
    ago is left for later."""
    if bundle.ARCHIVE is not None:
        bundle.ARCHIVE.keep(bare, first)
        return
    if bundle.foreign(env):
        return
    found: dict[str, Any] = {name: module.__loader__ for name, module in sys.modules.items() if name.startswith(NAMES)}
    early = first(list(found))
    for finder in sys.meta_path:
        if isinstance(finder, Finder):
            before = tuple(name for names, _, _ in finder.first for name in names)
            all_needed = tuple(name for name in before if name in found) or early
            early = all_needed if LAST in found else before  # else the run came to nothing
            found = {**dict.fromkeys(finder.modules, finder), **found}
    modules: dict[str, Module] = {}
    codes: dict[str, bytes] = {}
    at = bundle.INDEX
    for name, loader in found.items():
        spec = loader.find_spec(name) if isinstance(loader, Finder) else sys.modules[name].__spec__
        if spec is None or spec.origin is None or not hasattr(loader, "get_code"):
            continue
        state = bundle.state(spec.origin)
        if state is None:
            continue  # in an archive of the standard library's
        if max(state[1:]) >= time.time_ns() - kept.SETTLED:
            return
        size = 0
        if not isinstance(spec.loader, ExtensionFileLoader):
            codes[name] = marshal.dumps(bare(loader.get_code(name)))
            size = len(codes[name])
        modules[name] = (spec.origin, spec.cached, state, spec.submodule_search_locations is not None, at, size)
        at += size
    blocks: list[Block] = []
    together = b""
    for names in _blocks([name for name in early if name in codes], codes):
        data = marshal.dumps(tuple([marshal.loads(codes[name]) for name in names]))  # noqa: S302 - made above
        blocks.append((names, at + len(together), len(data)))
        together += data
    index = marshal.dumps((bundle.key(), modules, tuple(blocks)))  # type: ignore[arg-type]
    if len(index) <= bundle.INDEX:
        write(bundle.place(env), index.ljust(bundle.INDEX, b"\0") + b"".join(codes.values()) + together, most=MOST)


def _blocks(names: Iterable[str], codes: Mapping[str, bytes]) -> Iterator[tuple[str, ...]]:
    """Of some 64 KiB each: a large one would be read into memory that is the kernel's to give, page by page (mallopt(3))."""
    block: list[str] = []
    for name in names:
        if block and sum(len(codes[one]) for one in (*block, name)) > BLOCK:
            yield tuple(block)
            block = []
        block.append(name)
    yield tuple(block)


def bare(code: CodeType) -> CodeType:
    """The same code, its functions without docstrings: a function keeps its own as the first of its constants (CPython, funcobject.c)."""
    constants = [bare(item) if isinstance(item, type(code)) else item for item in code.co_consts]
    if sys.version_info >= (3, 14):
        documented = code.co_flags & 0x4000000  # CO_HAS_DOCSTRING
    else:
        documented = code.co_flags & 1 and not code.co_name.startswith("<")  # CO_OPTIMIZED: a function, no class and no module
    if documented and isinstance(constants[0], str):
        constants[0] = None
    return code.replace(co_consts=tuple(constants))
