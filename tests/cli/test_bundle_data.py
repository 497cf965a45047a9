"""What comes from the bundle of modules is what lies beside their sources: programs as text, and code from no other file."""

from __future__ import annotations

import subprocess
import sys

from program import ROOT

FROM_THE_BUNDLE = """
import os, pkgutil, sys
sys.path.insert(0, sys.argv[1])
from inner import bundle, kept
import inner.launch.canaries, inner.launch.inquiry, inner.inside
kept.SETTLED = 0
bundle.make(os.environ)
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
from inner import bundle, kept
import inner.launch.outcome, inner.launch.signals, inner.launch.relay
kept.SETTLED = 0
bundle.make(os.environ)
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
