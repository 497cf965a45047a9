"""What waits for the user's answer in boxes that ask, and the answers."""

from __future__ import annotations

import json
import time


def until(found, seconds=30.0):
    """What `found` gives, when it is something."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return answer


def questions(world):
    """What waits in the boxes that run."""
    data = json.loads(world.inner("approvals", "--json")["out"])["data"]
    return [one for run in data for one in run["held"]]


def held(world):
    """The `HOST:PORT` that wait, as soon as something does."""
    return [f"{one['host']}:{one['port']}" for one in until(lambda: questions(world))]


def decide(world, *words, status=0):
    done = world.inner("approvals", *words)
    assert done["status"] == status, done
    return done["err"]
