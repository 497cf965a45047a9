"""The fixture `machine`: see `configured`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from configured import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    os.umask(0o022)
    root = tmp_path / "machine"
    root.mkdir(mode=0o755)
    return Machine(root.resolve())
