"""`@on("trixie", "plain")`: the test runs on these machines of conftest.py, as its `machine`."""

from __future__ import annotations

import pytest


def on(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("machine", names, indirect=True, scope="session")
