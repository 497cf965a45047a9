"""Each attempt is made twice: in a box, where it must be stopped, and in the open, where the very same one must succeed."""

from __future__ import annotations

import os
from collections import Counter

import pytest
import tried_configuration
import tried_endings
import tried_environment
import tried_files
import tried_git
import tried_kernel
import tried_network
import tried_processes
import tried_records
import tried_sockets
import tried_spaces
import tried_terminal
import tried_writes
from attempt import Attempt

pytestmark = pytest.mark.box

TABLES = (
    tried_files,
    tried_git,
    tried_writes,
    tried_sockets,
    tried_processes,
    tried_terminal,
    tried_spaces,
    tried_kernel,
    tried_environment,
    tried_configuration,
    tried_endings,
    tried_network,
    tried_records,
)
ALL: list[Attempt] = [attempt for module in TABLES for attempt in module.ATTEMPTS]
HERE = [
    attempt for attempt in ALL if attempt.needs is None or attempt.needs()
]  # what this machine refuses everybody proves nothing


@pytest.mark.parametrize("attempt", ALL, ids=lambda attempt: attempt.id)
def test_in_a_box_it_is_stopped(lived_in, attempt):
    result = lived_in.box(attempt)
    assert not result.got, result.text
    assert result.begun or not attempt.begins, f"it was not made:\n{result.text}"


@pytest.mark.parametrize("attempt", HERE, ids=lambda attempt: attempt.id)
def test_in_the_open_it_succeeds(stage, attempt):
    result = stage.open(attempt)
    assert result.got, result.text


def test_there_are_many_in_every_group():
    count = Counter(attempt.group for attempt in ALL)
    assert len({attempt.id for attempt in ALL}) == len(ALL) >= 160
    assert min(count.values()) >= 5, count
    assert len(HERE) >= len(ALL) * 0.9
    assert os.access("/usr/bin/bwrap", os.X_OK)
