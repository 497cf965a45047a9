"""What the doctor concludes from what it was told, and how probes are bounded."""

from __future__ import annotations

import errno
import os
import time

import pytest

from inner import doctor
from inner.doctor import kernel, person
from inner.doctor.box import container, missing
from inner.doctor.finding import FATAL, GOOD, NOTE, PROBLEM, Asked, Finding
from inner.errors import ConfigError, HostError
from inner.facts import Facts
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


def told(probe, tree=None, **more):
    """What a probe finds on a machine with these files."""
    asked = Asked(Facts(tree or {}, **{"env": {}, **more}))
    return [(one.name, one.state, one.remedy) for one in probe(asked)]


@pytest.mark.parametrize(
    ("release", "tree", "systemd", "found"),
    [
        ("6.12.0-amd64", {}, True, []),
        ("4.4.0-19041-Microsoft", {}, False, [("wsl", FATAL, "`wsl --set-version DISTRIBUTION 2`, in Windows")]),
        ("6.6.87.2-microsoft-standard-WSL2", {}, True, [("wsl", GOOD, "")]),
        (
            "6.6.87.2-own-microsoft",
            {"/run/WSL": "dir"},
            False,
            [("wsl", NOTE, "`[boot] systemd=true` in /etc/wsl.conf, then `wsl --shutdown` in Windows")],
        ),
    ],
)
def test_windows_subsystem_for_linux_is_told_by_its_kernel(monkeypatch, release, tree, systemd, found):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "here", release, "", "x86_64")))
    monkeypatch.setattr(os.path, "isdir", lambda path: systemd)
    assert told(kernel.wsl, tree) == found


@pytest.mark.parametrize(
    ("tree", "env", "engine"),
    [
        ({}, {}, ""),
        ({"/.dockerenv": "file"}, {}, "docker"),
        ({"/run/.containerenv": "file"}, {}, "podman"),
        ({}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
    ],
)
def test_a_container_is_known_by_what_its_engine_leaves(tree, env, engine):
    assert container(Asked(Facts(tree, env=env))) == engine


def test_a_tracer_that_is_not_there_is_told_with_this_distributions_command():
    fedora = {"/etc/os-release": ("file", b"ID=fedora\n")}
    assert told(person.tracer, fedora, env={"PATH": "/usr/bin"}) == [("strace", NOTE, "`sudo dnf install strace`")]
    assert told(person.tracer, {"/usr/bin/strace": ("file", b"")}, env={"PATH": "/usr/bin"}) == []


def test_a_clipboard_that_would_come_by_x11_is_told():
    wayland = {"/run/user/1000/wayland-0": "socket"}
    env = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": "/run/user/1000"}
    x11 = {"/tmp/.X11-unix/X0": "socket"}
    assert told(person.clipboard, x11, env=env) == [("clipboard", NOTE, "")]
    assert told(person.clipboard, {**x11, **wayland}, env=env) == [("clipboard", GOOD, "")]
    assert told(person.clipboard) == []


def test_on_a_desktop_it_says_that_no_portal_is_in_a_box():
    env = {"DISPLAY": ":0", "XDG_RUNTIME_DIR": "/run/user/1000"}
    bus = {"/run/user/1000/bus": "socket"}
    assert told(person.portals, bus, env=env) == [("portals", GOOD, "")]
    named = {**env, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/other,guid=1"}
    assert told(person.portals, {"/run/other": "socket"}, env=named) == [("portals", GOOD, "")]
    assert told(person.portals, env=env) == []
    assert told(person.portals, bus, env={"XDG_RUNTIME_DIR": "/run/user/1000"}) == []


def test_groups_that_are_root_by_another_name_are_told_with_the_way_out(monkeypatch):
    import grp

    names = {5: "tty", 20: "docker", 1000: "user"}
    monkeypatch.setattr(os, "getgroups", lambda: [1000, 20, 5])
    monkeypatch.setattr(grp, "getgrgid", lambda number: grp.struct_group((names[number], "x", number, [])))
    assert told(person.groups) == [("groups", NOTE, "`sudo gpasswd -d user docker`, if you can do without")]
    assert told(person.groups, uid=0)[-1] == ("groups", NOTE, "run inner as an ordinary user")


def test_apparmors_restriction_is_told():
    place = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
    assert told(kernel.apparmor, {place: ("file", b"1\n")}) == [("apparmor", GOOD, "")]
    assert told(kernel.apparmor, {place: ("file", b"0\n")}) == []
