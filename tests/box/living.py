"""Runs that live while a test looks at them."""

from __future__ import annotations

import json
import time

from program import inner


def living():
    """What `inner ps` lists."""
    return json.loads(inner("ps", "--json").stdout)["data"]


def wait(for_it, seconds=20):
    """What `for_it` returns, once that is something."""
    until = time.monotonic() + seconds
    while not (found := for_it()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def profile(home, text, name="p"):
    """The path of a profile on top of `shell`."""
    path = home / f"{name}.toml"
    path.write_text(f'schema_version = "1"\nname = "{name}"\nextends = "shell"\n{text}')
    return str(path)
