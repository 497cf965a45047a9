"""`inner.pyz`, built once for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packages_build import build


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    """What was downloaded; PACKAGE_WHEELS names a folder that has it from before."""
    return Path(os.environ.get("PACKAGE_WHEELS") or tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session")
def pyz(tmp_path_factory, wheels) -> Path:
    os.umask(0o022)
    return build(tmp_path_factory.mktemp("built"), wheels, SOURCE_DATE_EPOCH="1750000000")
