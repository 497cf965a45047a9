"""The egress process and its parent: what one of them has to give back is not given back by the other."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.box

GONE = """\
import os
from inner.egress import process
from inner.egress.start import prepare
from inner.errors import RunError
from inner.plan.model import Network
del process.become
try:
    egress = prepare(Network("allowlist", ("allowed.test",)))
    egress.attach(os.getpid())
except RunError as problem:
    print(problem.message, flush=True)
finally:
    print("given back", flush=True)
egress.close()
"""


def test_a_child_that_cannot_begin_unwinds_nothing_of_its_parents():
    done = subprocess.run([sys.executable, "-c", GONE], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines() == ["the network process has ended", "given back"]
