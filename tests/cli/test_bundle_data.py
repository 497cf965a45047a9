"""What comes from the bundle of modules is what lies beside their sources: programs as text, and code from no other file."""

from __future__ import annotations

import os
import subprocess
import sys

from program import ROOT, inner

FROM_THE_BUNDLE = """
import os, pkgutil, sys
sys.path.insert(0, sys.argv[1])
from inner import bundle, kept, linker
import inner.launch.canaries, inner.launch.inquiry, inner.inside
kept.SETTLED = 0
linker.make(os.environ)
for name in [name for name in sys.modules if name.startswith("inner.") and name not in ("inner.bundle", "inner.kept", "inner.frozen", "inner.paths")]:
    del sys.modules[name]
assert bundle.use(os.environ)
import inner.launch.canaries
assert type(inner.launch.canaries.__loader__) is bundle.Finder
print(len(pkgutil.get_data("inner.launch", "canary.py")))
"""


def test_the_programs_of_an_attack_are_found_when_modules_come_from_the_bundle(tmp_path):
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", FROM_THE_BUNDLE, str(ROOT)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == (ROOT / "inner/launch/canary.py").stat().st_size


AFTER_A_FORK = """
import os, sys
sys.path.insert(0, sys.argv[1])
from inner import bundle, kept, linker
import inner.launch.outcome, inner.launch.signals, inner.launch.relay
kept.SETTLED = 0
linker.make(os.environ)
for name in [name for name in sys.modules if name.startswith("inner.launch") or name == "inner.frozen"]:
    del sys.modules[name]
finder = bundle.use(os.environ)
import inner.launch.outcome
assert type(inner.launch.outcome.__loader__) is bundle.Finder and finder.kept
os.close(finder.fd)
import inner.launch.signals
assert type(inner.launch.signals.__loader__) is not bundle.Finder and not finder.kept
other = os.open("/etc/passwd", os.O_RDONLY)
assert other == finder.fd
import inner.launch.relay
print(type(inner.launch.relay.__loader__).__name__)
"""


def test_code_is_never_read_from_another_file_that_has_the_number_of_the_bundle(tmp_path):
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", AFTER_A_FORK, str(ROOT)], env=env, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("SourceFileLoader\n", "")


def test_a_part_of_a_bundle_is_none(tmp_path):
    """A machine that stopped may have left the beginning of a file."""
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    (tmp_path / "project").mkdir()

    def run():
        return inner("run", "--", "echo", "hello", env=env, cwd=tmp_path / "project")

    for _ in range(3):
        assert run().stdout == "hello\n"
    [bundle] = (tmp_path / ".cache/inner").glob("modules-*")
    whole = bundle.stat().st_size
    os.truncate(bundle, whole - 100)
    done = run()
    assert (done.stdout, done.stderr) == ("hello\n", "")
    assert bundle.stat().st_size >= whole


A_SHARED_LIBRARY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from inner import bundle, kept, linker
kept.SETTLED = 0
from inner.launch import syscall
syscall.load()
import _ctypes
if _ctypes.__spec__.has_location:  # not built in
    linker.make(os.environ)
    was = _ctypes.__spec__
    finder = bundle.use(os.environ)
    del sys.modules["_ctypes"], sys.path[:]
    import _ctypes
    found = _ctypes.__spec__
    assert (found.origin, type(found.loader), found.has_location) == (was.origin, type(was.loader), True), found
    assert _ctypes.dlopen(None, 0)
    file, cached, state, *more = finder.modules["_ctypes"]
    finder.modules["_ctypes"] = (file, cached, (1, 2, 3), *more)
    assert finder.find_spec("_ctypes") is None
    assert finder.kept
    linker.make(os.environ)
print("done")
"""


def test_the_shared_library_that_a_start_needs_is_loaded_from_where_it_was_found(tmp_path):
    """As long as it is the file that it was."""
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", A_SHARED_LIBRARY, str(ROOT)], env=env, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


A_RUN_THAT_CAME_TO_NOTHING = """
import os, sys
sys.path.insert(0, sys.argv[1])
from inner import bundle, kept, linker
kept.SETTLED = 0
import inner.commands.run, inner.launch.session
linker.make(os.environ)
finder = bundle.use(os.environ)
first = [names for names, _, _ in finder.first]
for name in [name for name in sys.modules if name.startswith(("inner.launch", "inner.commands"))]:
    del sys.modules[name]
linker.make(os.environ)
sys.meta_path.remove(finder)
print(sum(map(len, first)), [names for names, _, _ in bundle.use(os.environ).first] == first)
"""


def test_a_run_that_comes_to_nothing_takes_nothing_from_the_modules_of_a_start(tmp_path):
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", A_RUN_THAT_CAME_TO_NOTHING, str(ROOT)], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith(" True\n"), done.stderr
    assert int(done.stdout.split()[0]) > 30


AS_THE_IMPORT_SYSTEM_MAKES_THEM = """
import os, sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
sys.path.insert(0, sys.argv[1])
from inner import bundle, kept, linker
kept.SETTLED = 0
import inner.commands.run, inner.launch.session
linker.make(os.environ)
finder = bundle.use(os.environ)
first = [name for names, _, _ in finder.first for name in names]
for name in first:
    del sys.modules[name]
bundle.ready(finder)
for name in first:
    module, parent = sys.modules[name], sys.modules.get(name.rpartition(".")[0])
    other = module_from_spec(PathFinder.find_spec(name, parent and parent.__path__))
    assert module.__loader__ is module.__spec__.loader is finder
    for key in vars(other).keys() - {"__loader__", "__spec__", "__doc__"}:
        assert vars(module)[key] == vars(other)[key], (name, key)
    for key in ("name", "origin", "cached", "parent", "has_location", "submodule_search_locations", "loader_state"):
        assert getattr(module.__spec__, key) == getattr(other.__spec__, key), (name, key)
    assert parent is None or getattr(parent, name.rpartition(".")[2]) is module
print(len(first), "__future__" in first, "inner.launch" in first, "inner.kept" in first)
"""


def test_a_module_from_the_bundle_has_what_the_import_system_gives_it(tmp_path):
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-ISc", AS_THE_IMPORT_SYSTEM_MAKES_THEM, str(ROOT)], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith(" True True False\n"), done.stderr
    assert int(done.stdout.split()[0]) > 30


WITHOUT_DOCSTRINGS = """
import sys
sys.path.insert(0, sys.argv[1])
from inner import linker
def told(): "word"; return "first"
def silent(): return "first"
for one, doc in ((told, None), (silent, None)):
    bare = type(one)(linker.bare(one.__code__), {})
    assert (bare.__doc__, bare()) == (doc, "first"), (one, bare.__doc__)
text = compile('class Kind:\\n    "word"\\n    def told(self): "more"', "x", "exec")
names = {}
exec(linker.bare(text), {"__name__": "x"}, names)
print(names["Kind"].__doc__, names["Kind"].told.__doc__)
"""


def test_functions_lose_what_they_say_of_themselves_and_nothing_else():
    done = subprocess.run(
        [sys.executable, "-I", "-c", WITHOUT_DOCSTRINGS, str(ROOT)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "word None\n", done.stderr


def test_the_one_file_build_takes_no_code_that_a_project_brings_along(tmp_path):
    look = "import sys; sys.path.insert(0, sys.argv[1]); from inner import archive; print(archive._cache())"
    env = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "project/cache")}
    (tmp_path / "project/cache/inner").mkdir(parents=True)
    (tmp_path / "home").mkdir()

    def cache(cwd):
        return subprocess.run(
            [sys.executable, "-I", "-c", look, str(ROOT)], env=env, cwd=cwd, capture_output=True, text=True
        ).stdout.strip()

    assert cache(tmp_path / "home") == f"{tmp_path}/project/cache/inner"
    assert not cache(tmp_path / "project").startswith(str(tmp_path))
    env["HOME"] = str(tmp_path / "project/home")  # no box works in a folder that holds home
    assert cache(tmp_path / "project") == f"{tmp_path}/project/cache/inner"
