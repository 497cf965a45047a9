"""What the list names works, with programs that know nothing of it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.box


def test_python_over_tls(world):
    done = world.python("print(fetch('allowed.test','allowed.test'))", ["allowed.test"])
    assert "GOOD GET / HTTP/1.1 host=allowed.test" in done["out"], done
