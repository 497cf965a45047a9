"""Programs that lie beside a package are found as text, also when the package itself came from the bundle of modules."""

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
