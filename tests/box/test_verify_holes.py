"""`inner verify` in a box that is not the one that was meant: each hole is seen by the check that is there for it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from asked import World, listening, planned_as, told, without
from program import INNER
from test_verify import MISTAKES

from inner.checks import CHECKS, judge, questions
from inner.frozen import replace
from inner.paths import BoxPath, HostPath
from inner.plan.hide import KEYS
from inner.plan.model import MIB, Bind, Mask, Namespaces, Network, Tmpfs, Variable
from inner.plan.mounts import order

pytestmark = pytest.mark.box


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


# --- a box that is not the one that was meant -----------------------------------------------------------------------------


def _holes(world, subject):
    """check -> a plan that differs from the one that was meant in one point, and the checks that have to see it."""
    mounts = subject.plan.mounts
    (world.home / ".netrc").write_text("machine x password y")
    (world.home / "notes").write_text("mine")
    (world.home / ".bash_history").write_text("export TOKEN=x")
    home = BoxPath(str(world.home))
    usr = next(m for m in mounts if m.dest == "/usr")
    mask = next(m for m in mounts if isinstance(m, Mask) and m.dest.startswith("/proc"))
    passwd = next(m for m in mounts if m.dest == "/etc/passwd")
    return {
        "usr writable": (_swap(mounts, replace(usr, mode="rw")), {"mounts", "usr-readonly"}),
        "root writable": (_swap(mounts, replace(mounts[0], mode="rw")), {"mounts", "usr-readonly"}),
        "a folder more": (order((*mounts, Bind(HostPath("/usr/share"), BoxPath("/srv/data")))), {"mounts", "unplanned"}),
        "a folder more in the project": (order((*mounts, Bind(HostPath("/usr/share"), BoxPath(f"{subject.plan.cwd}/data")))), {"mounts"}),
        "a file of home": (order((*mounts, Bind(HostPath(f"{home}/notes"), BoxPath(f"{home}/notes"), kind="file"))), {"mounts", "unplanned", "home-isolated"}),
        "a password": (order((*mounts, Bind(HostPath(f"{home}/.netrc"), BoxPath(f"{home}/.netrc"), kind="file"))), {"mounts", "unplanned", "home-isolated", "netrc"}),
        "a history": (order((*mounts, Bind(HostPath(f"{home}/.bash_history"), BoxPath(f"{home}/.bash_history"), kind="file"))), {"mounts", "unplanned", "home-isolated", "hidden-always"}),
        "no project": (_swap(mounts, Tmpfs(subject.plan.cwd, MIB, mode="ro")), {"mounts", "project"}),
        "project read-only": (_swap(mounts, Bind(subject.plan.project, subject.plan.cwd, "ro")), {"mounts", "project"}),
        "a mask less": (without(subject, mask.dest), {"mounts", "masks"}),
        "another passwd": (_swap(mounts, replace(passwd, content=b"root::0:0:::\n")), {"made-files"}),
        "unbounded": (_swap(mounts, replace(next(m for m in mounts if m.dest == "/tmp"), size=2048 * MIB)), {"bounded"}),
        "a device": (order((*mounts, Bind(HostPath("/dev/null"), BoxPath("/dev/kvm"), "rw", "other", dev=True))), {"devices"}),
    }  # fmt: skip


def _swap(mounts, new):
    return order((*(m for m in mounts if m.dest != new.dest), new))


HOLES = (
    "usr writable", "root writable", "a folder more", "a folder more in the project", "a file of home", "a password", "a history", "no project", "project read-only",
    "a mask less", "another passwd", "unbounded", "a device",
)  # fmt: skip


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_in_the_mounts_is_seen(world, hole):
    subject, folder = world.subject()
    mounts, expected = _holes(world, subject)[hole]
    found = judge(subject, world.answers(subject, folder, planned_as(subject, mounts=mounts)))
    assert {f.check for f in found if f.state == "failed"} == expected


PLANS = {
    "network-policy": lambda plan: replace(plan, namespaces=Namespaces(net=False), network=Network("full")),
    "nested-user-ns": lambda plan: replace(plan, namespaces=Namespaces(nested_user=True)),
    "environment": lambda plan: replace(plan, env=(*plan.env, Variable("EXTRA", "1"))),
    "env-secrets": lambda plan: replace(plan, env=(*plan.env, Variable("PLAIN", "ghp_" + "a" * 36))),
    "seccomp": lambda plan: replace(plan, seccomp="off"),
}


@pytest.mark.parametrize("check", PLANS)
def test_another_plan_than_the_one_that_was_meant_is_seen(world, check):
    subject, folder = world.subject()
    found = judge(subject, world.answers(subject, folder, PLANS[check](subject.plan)))
    more = {"network-policy": {"namespaces", "sockets-abstract"}, "env-secrets": {"environment"}, "seccomp": {"terminal"}}
    failed = {f.check for f in found if f.state == "failed"}
    assert check in failed
    assert failed <= {check} | more.get(check, set())


def test_bubblewrap_alone_leaves_core_dumps_and_nothing_else(world):
    subject = world.bare()
    assert world.raw(subject) == {"core-dumps"}


WORDS = {
    "capabilities": lambda w: (*w, "--cap-add", "CAP_NET_RAW"),
    "namespaces": lambda w: tuple(x for x in w if x != "--unshare-ipc"),
    "hostname": lambda w: tuple("laptop" if x == "inner" and w[i - 1] == "--hostname" else x for i, x in enumerate(w)),
}


@pytest.mark.parametrize("check", WORDS)
def test_a_flag_more_or_less_is_seen(world, check):
    subject = world.bare()
    assert world.raw(subject, WORDS[check]) - {"core-dumps"} == {check}


def test_a_shared_pid_namespace_is_seen(world):
    subject = world.bare()
    found = world.raw(subject, lambda w: tuple(x for x in w if x != "--unshare-pid"))
    assert {"namespaces", "processes"} <= found


def test_no_filter_is_seen(world):
    subject = world.bare()
    assert "seccomp" in world.raw(subject, filtered=False)


def test_an_environment_that_bubblewrap_was_started_with_is_seen(world, monkeypatch):
    subject = world.bare()
    assert world.raw(subject, clean=False) - {"core-dumps"} == {"first-environment"}


def test_an_inherited_descriptor_is_seen(world):
    subject = world.bare()
    fd = os.open(world.home, os.O_RDONLY)
    try:
        assert world.raw(subject, leak=(fd,)) - {"core-dumps"} == {"descriptors"}
    finally:
        os.close(fd)


def test_an_abstract_socket_is_seen(world):
    subject, folder = world.subject()
    shared = replace(subject.plan, namespaces=Namespaces(net=False), network=Network("full"))
    with listening(b"\0inner-test-abstract"):
        found = judge(subject, world.answers(subject, folder, shared))
        assert told(found, "sockets-abstract")[0] == "failed"
        assert told(judge(subject, world.answers(subject, folder)), "sockets-abstract")[0] == "ok"


def test_every_check_has_been_seen_to_fail():
    """The cases above, and those of the pieces that have files of their own."""
    seen = {*MISTAKES, *KEYS, *PLANS, *WORDS, "mounts", "usr-readonly", "unplanned", "hidden-always", "project", "masks", "made-files",
            "bounded", "devices", "sockets", "sockets-project", "sockets-abstract", "core-dumps", "processes", "first-environment",
            "descriptors", "terminal"}  # fmt: skip
    elsewhere = {"no-root", "no-new-privs", "project-protected", "shims-active", "writable", "logins", "limits"}
    assert {check.name for check in CHECKS} == (seen - {"custom:no"}) | elsewhere | {"root-minimal"}


def test_an_answer_is_judged_and_not_believed(world):
    """What cannot be had in a box of bubblewrap's: uid 0 and a process without no_new_privs."""
    subject, folder = world.subject()
    asked, answers = questions(subject), world.answers(subject, folder)
    for change, check in (({"uid": 0}, "no-root"), ({"gid": 0}, "no-root"), ({"NoNewPrivs": "0"}, "no-new-privs")):
        wrong = [{**a, **change} if q["ask"] == "process" else a for q, a in zip(asked, answers, strict=True)]
        assert {f.check for f in judge(subject, wrong) if f.state == "failed"} == {check}
    assert json.loads(json.dumps(answers)) == answers


def test_a_box_without_python_is_refused_with_the_reason(world):
    from inner.errors import HostError
    from inner.launch.inquiry import interpreter
    from inner.plan.mounts import MountTable

    subject, _ = world.subject()
    bare = planned_as(subject, mounts=_swap(subject.plan.mounts, Mask(BoxPath("/usr"))))
    table = MountTable(bare.mounts, subject.host)
    with pytest.raises(HostError, match="no python3 can be seen"):
        interpreter(bare, table, RealNothing(subject.host))


class RealNothing:
    """The host, were its own interpreter out of sight."""

    def __init__(self, host):
        self.host = host

    def __getattr__(self, name):
        return getattr(self.host, name)


def test_a_python_of_the_project_is_never_asked(world):
    fake = world.project / "bin"
    fake.mkdir()
    (fake / "python3").write_text("#!/bin/sh\nexit 0\n")
    (fake / "python3").chmod(0o755)
    from inner.launch.inquiry import interpreter

    subject, _ = world.subject(f'[env]\npath_prepend = ["{fake}"]')
    assert interpreter(subject.plan, subject.table, subject.host).startswith("/usr/")


@pytest.mark.parametrize("answer", [{}, {"uid": "x"}, {"names": 7}, {"processes": None}, [], "x", None, 7])
def test_answers_that_are_none_are_failures_and_no_surprise(world, answer):
    subject, _ = world.subject('[sandbox]\nallow = ["ssh-keys"]')
    found = judge(subject, [answer] * len(questions(subject)))
    assert {f.check for f in found if f.state == "ok"} <= {
        "root-minimal",
        "writable",
        "logins",
        "shims-active",
        "inherit-all",
        "limits",
    }
    assert told(found, "ssh-keys")[0] == "failed"


def test_an_allowed_host_that_leads_elsewhere_is_seen(world):
    """Judged by a list with a host more than the box has; and a box that has none of it."""
    text = '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["one.test", "two.test"]'
    subject, folder = world.subject(text)
    less = planned_as(subject, network=Network("allowlist", ("one.test",)))
    found = judge(subject, world.answers(subject, folder, less))
    assert {f.check for f in found if f.state == "failed"} == {"network-policy"}
    assert told(found, "network-policy")[2].endswith("`two.test`")
    off = judge(subject, world.answers(subject, folder, planned_as(subject, network=Network("off"))))
    assert {f.check for f in off if f.state == "failed"} == {"network-policy"}


def test_a_file_system_of_the_hosts_below_the_project_comes_along_and_is_no_hole(world):
    (world.project / "with space" / "\u00fc").mkdir(parents=True)
    script = 'mount -t tmpfs none "$1" && shift && exec "$@"'
    inside = f"{world.project}/with space/\u00fc"
    done = subprocess.run(
        ["unshare", "-Ur", "-m", "sh", "-c", script, "sh", inside, *INNER, "verify", "-p", world.profile(), "--json"],
        cwd=world.project, env=world.env, capture_output=True, timeout=120,
    )  # fmt: skip
    findings = {f["check"]: f for f in json.loads(done.stdout)["data"]["findings"]}
    assert (findings["mounts"]["state"], findings["mounts"]["text"]) == ("ok", "")
