"""What the doctor concludes from what it was told, and how probes are bounded."""

from __future__ import annotations

import errno
import time

import pytest

from inner import doctor
from inner.doctor.box import missing
from inner.doctor.finding import FATAL, GOOD, NOTE, PROBLEM, Asked, Finding
from inner.errors import ConfigError, HostError
from inner.host import RealHost

ALL = {"userns": 0, "bare": True, "fresh": True, "filtered": False, "confined": False}
SECCOMP, APPARMOR = "--security-opt seccomp=unconfined", "--security-opt apparmor=unconfined"


@pytest.mark.parametrize(
    ("engine", "found", "flags"),
    [
        ("docker", {}, ()),
        ("docker", {"fresh": False}, ("--security-opt systempaths=unconfined",)),
        ("podman", {"fresh": False}, ("--security-opt unmask=ALL",)),
        (
            "docker",
            {"userns": errno.EPERM, "bare": False, "fresh": False, "filtered": True},
            (SECCOMP, "--security-opt systempaths=unconfined"),
        ),
        (
            "docker",
            {"userns": errno.EPERM, "bare": False, "fresh": False, "filtered": True, "confined": True},
            (SECCOMP, APPARMOR, "--security-opt systempaths=unconfined"),
        ),
        ("docker", {"bare": False, "confined": True}, (APPARMOR,)),  # namespaces can be made, nothing can be mounted in them
    ],
)
def test_a_container_is_told_the_options_that_it_lacks_and_no_others(engine, found, flags):
    assert missing(engine, **{**ALL, **found}) == flags


@pytest.mark.parametrize(
    ("states", "status"), [((), 0), ((GOOD, NOTE), 0), ((GOOD, PROBLEM), 1), ((PROBLEM, FATAL), 4), ((FATAL, GOOD), 4)]
)
def test_the_worst_finding_decides_the_status(states, status):
    assert doctor.status([Finding("x", state, "") for state in states]) == status


def test_a_probe_that_hangs_or_fails_becomes_a_finding_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)

    def hangs(_):
        yield Finding("hangs", GOOD, "so far")
        time.sleep(30)

    def fails(_):
        raise ConfigError("broken", hint="`mend it`", where="file:3")

    def no_bubblewrap(_):
        raise HostError("bubblewrap is not installed", hint="`install`")

    def refused(_):
        raise PermissionError(errno.EACCES, "no")

    began = time.monotonic()
    probes = (("hangs", hangs), ("fails", fails), ("bubblewrap", no_bubblewrap), ("refused", refused))
    found = doctor.examine(Asked(RealHost({})), probes)
    assert time.monotonic() - began < 10
    assert [(one.name, one.state, one.text, one.remedy) for one in found] == [
        ("hangs", GOOD, "so far", ""),
        ("hangs", PROBLEM, "no answer within 0.2 s", ""),
        ("fails", PROBLEM, "broken (file:3)", "`mend it`"),
        ("bubblewrap", FATAL, "bubblewrap is not installed", "`install`"),
        ("refused", PROBLEM, "cannot be asked: [Errno 13] no", ""),
    ]
