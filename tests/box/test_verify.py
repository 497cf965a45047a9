"""`inner verify`: the box of a plain profile conforms, and every mistake is caught by the check that is there for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from asked import World, listening, planned_as, told

from inner.checks import CHECKS, judge, questions
from inner.checks.suggest import profile_text
from inner.commands.verify import examine
from inner.frozen import replace
from inner.paths import BoxPath, HostPath
from inner.plan.hide import KEYS
from inner.plan.model import MIB, Bind, Mask, Namespaces, Network, Tmpfs, Variable
from inner.plan.mounts import order
from inner.profile.model import Limits

pytestmark = pytest.mark.box


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_plain_profile_conforms(world):
    assert world.failed() == set()


def test_what_is_asked_leaves_nothing_behind(world):
    (world.project / "file").write_text("as it was")
    world.failed()
    assert sorted(os.listdir(world.project)) == ["file"]
    assert sorted(os.listdir(world.home)) == [".cache", ".local"] or sorted(os.listdir(world.home)) == [".local"]
    assert os.listdir(world.home / ".local/state/inner/runs") == []


# --- what a profile gives away is told by the check that guards it --------------------------------------------------------

MISTAKES = {
    "seccomp": '[sandbox]\nseccomp = "off"',
    "home-isolated": '[sandbox]\nhome = "host-ro"',
    "root-minimal": '[sandbox]\nroot = "host-ro"',
    "inherit-all": "[env]\ninherit_all = true",
    "env-secrets": '[env]\npassthrough = ["DEPLOY_TOKEN"]',
    "env-code": '[env]\npassthrough = ["PERL5OPT"]',
    "custom:no": '[verify.custom]\nchecks = [{ name = "no", cmd = "false" }]',
}

if os.getuid() == 0:  # refused before there is a box to look at: test_root_box.py
    del MISTAKES["seccomp"], MISTAKES["root-minimal"]


@pytest.mark.parametrize("check", MISTAKES)
def test_a_mistake_in_the_profile_fails_its_check_and_no_other(world, check):
    world.env |= {"PERL5OPT": "-w", **({"DEPLOY_TOKEN": "x"} if check == "env-secrets" else {})}
    more = {"terminal"} if check == "seccomp" and Path("/proc/sys/dev/tty/legacy_tiocsti").read_text() == "1\n" else set()
    assert world.failed(MISTAKES[check]) == {check} | more


@pytest.mark.parametrize("check", [check for check in MISTAKES if check != "custom:no"])
def test_what_is_suggested_mends_it(world, check):
    world.env |= {"PERL5OPT": "-w", "DEPLOY_TOKEN": "x"}
    path = world.profile(MISTAKES[check])
    subject, folder = world.subject(name=path)
    findings = judge(subject, world.answers(subject, folder))
    mended = world.place / "mended.toml"
    mended.write_text(profile_text(subject.profile, path, findings))
    assert any(f.check == check and f.state == "failed" for f in findings)
    assert world.failed(name=str(mended)) == set()


def test_everything_at_once_is_mended_by_one_profile(world):
    world.env |= {"PERL5OPT": "-w", "DEPLOY_TOKEN": "x"}
    more = 'seccomp = "off"\nroot = "host-ro"\n' if "seccomp" in MISTAKES else ""
    path = world.profile(
        f'[sandbox]\n{more}home = "host-ro"\n'
        '[env]\ninherit_all = true\npassthrough = ["DEPLOY_TOKEN", "PERL5OPT"]\nset = { MY_SECRET = "x" }'
    )
    subject, folder = world.subject(name=path)
    findings = judge(subject, world.answers(subject, folder))
    expected = {"env-secrets", "env-code", "home-isolated", *({"seccomp"} & MISTAKES.keys())}
    assert expected <= {f.check for f in findings if f.state == "failed"}
    (world.place / "mended.toml").write_text(profile_text(subject.profile, path, findings))
    assert world.failed(name=str(world.place / "mended.toml")) == set()


def test_with_nothing_to_mend_nothing_is_suggested(world):
    subject, folder = world.subject()
    text = profile_text(subject.profile, "x", judge(subject, world.answers(subject, folder)))
    assert all(line.startswith("#") for line in text.splitlines())


SOCKET_KEYS = ("docker-socket", "podman-socket", "ssh-agent", "gpg-agent", "session-bus", "systemd-user")
FOLDER_KEYS = (
    "ssh-keys", "gpg-keys", "aws-credentials", "gcloud-credentials", "kube-config", "azure-credentials", "gh-config",
    "terraform-credentials", "helm-config", "password-store", "keyrings", "onepassword-config", "browser-profiles",
)  # fmt: skip


@pytest.mark.parametrize("key", [key for key in KEYS if key not in SOCKET_KEYS])
def test_a_granted_key_is_told_and_the_same_thing_without_the_grant_fails(world, key):
    """The same box, judged by a profile that grants what it shows, and by one that does not."""
    place = world.home / KEYS[key][0]
    place.parent.mkdir(parents=True, exist_ok=True)
    if key in FOLDER_KEYS:
        place.mkdir()
        place /= "id"
    place.write_text("s3cret")
    granted, folder = world.subject(f'[sandbox]\nallow = ["{key}"]')
    answers = world.answers(granted, folder)
    found = judge(granted, answers)
    assert told(found, key)[:2] == ("told", "INFO")
    assert {f.check for f in found if f.state == "failed"} == set()
    strict = replace(granted, profile=replace(granted.profile, sandbox=replace(granted.profile.sandbox, allow=())))
    assert {f.check for f in judge(strict, answers) if f.state == "failed"} == {key}
    assert told(judge(*_plain(world)), key)[0] == "ok"


@pytest.mark.parametrize("key", SOCKET_KEYS)
def test_the_key_of_a_socket_fails_when_somebody_answers(world, key):
    subject, answers = _plain(world)
    path = KEYS[key][0].replace("{run}", f"/run/user/{subject.host.uid}")
    open_ = {"kind": "socket", "read": True, "write": True, "entries": 0, "size": 0}
    deaf = {**open_, "read": False, "write": False}
    asked = questions(subject)
    for answer, expected in ((open_, {key}), (deaf, set())):
        given = [answer if q.get("path") == path else a for q, a in zip(asked, answers, strict=True)]
        assert {f.check for f in judge(subject, given) if f.state == "failed"} == expected


def test_an_agent_is_out_of_reach_until_it_is_granted(world):
    world.env["SSH_AUTH_SOCK"] = str(world.home / "agent.sock")
    with listening(world.home / "agent.sock"):
        assert world.failed() == set()
        granted = world.findings('[sandbox]\nallow = ["ssh-agent"]')
        assert told(granted, "ssh-agent")[:2] == told(granted, "sockets")[:2] == ("told", "INFO")
        assert {f.check for f in granted if f.state == "failed"} == set()


def _plain(world):
    subject, folder = world.subject()
    return subject, world.answers(subject, folder)


def test_a_key_that_is_allowed_and_whose_answer_is_missing_still_fails(world):
    subject, _ = world.subject('[sandbox]\nallow = ["ssh-keys"]')
    assert {f.check for f in judge(subject, []) if f.state == "ok"} == {
        "root-minimal",
        "writable",
        "logins",
        "shims-active",
    }  # nothing is asked
    assert told(judge(subject, []), "ssh-keys")[0] == "failed"


def test_an_existing_path_where_nothing_answers_is_no_socket(world):
    """A docker.sock that is hidden by an empty file, or whose daemon is gone, is not reachable."""
    folder = world.home / ".docker/run"
    folder.mkdir(parents=True)
    (folder / "docker.sock").write_text("")
    subject, run = world.subject(f'[mounts]\n"{world.home}/.docker" = "ro"')
    assert told(judge(subject, world.answers(subject, run)), "docker-socket")[0] == "ok"


def test_a_socket_that_answers_is_reachable(world):
    folder = world.home / ".docker/run"
    folder.mkdir(parents=True)
    subject, run = world.subject()
    hole = planned_as(subject, mounts=order((*subject.plan.mounts, Bind(str(folder), BoxPath(str(folder))))))
    with listening(folder / "docker.sock"):
        found = judge(subject, world.answers(subject, run, hole))
    assert {"docker-socket", "sockets"} <= {f.check for f in found if f.state == "failed"}
    assert told(found, "docker-socket")[1] == "CRITICAL"


def test_a_service_that_answers_in_the_project_is_told(world):
    with listening(world.project / "pg.sock"):
        assert world.failed() == {"sockets-project"}


def test_a_check_of_the_profile_has_the_severity_it_names(world):
    checks = ", ".join(f'{{ name = "{s}", cmd = "exit 1", severity = "{s}" }}' for s in ("info", "low", "CRITICAL"))
    findings = world.findings(
        f'[verify.custom]\nchecks = [{{ name = "d", cmd = "exit 1" }}, {{ name = "ok", cmd = "true" }}, {checks}]'
    )
    assert {f.check: (f.state, f.severity) for f in findings if f.check.startswith("custom:")} == {
        "custom:d": ("failed", "MEDIUM"), "custom:ok": ("ok", "MEDIUM"), "custom:info": ("told", "INFO"),
        "custom:low": ("failed", "LOW"), "custom:CRITICAL": ("failed", "CRITICAL"),
    }  # fmt: skip


def test_the_whole_network_is_told_and_not_a_failure(world):
    found = world.findings('[sandbox]\nnetwork_mode = "full"')
    assert told(found, "network-policy")[:2] == ("told", "INFO")
    assert {f.check for f in found if f.state == "failed"} == set()


def test_an_allowlist_conforms(world):
    assert world.failed('[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["example.test", "git.example.test:22"]') == set()


# --- a box that is not the one that was meant -----------------------------------------------------------------------------


def _without(subject, *dests):
    return tuple(m for m in subject.plan.mounts if m.dest not in dests)


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
        "a file of home": (order((*mounts, Bind(HostPath(f"{home}/notes"), BoxPath(f"{home}/notes"), kind="file"))), {"mounts", "unplanned", "home-isolated"}),
        "a password": (order((*mounts, Bind(HostPath(f"{home}/.netrc"), BoxPath(f"{home}/.netrc"), kind="file"))), {"mounts", "unplanned", "home-isolated", "netrc"}),
        "a history": (order((*mounts, Bind(HostPath(f"{home}/.bash_history"), BoxPath(f"{home}/.bash_history"), kind="file"))), {"mounts", "unplanned", "home-isolated", "hidden-always"}),
        "no project": (_swap(mounts, Tmpfs(subject.plan.cwd, MIB, mode="ro")), {"mounts", "project"}),
        "project read-only": (_swap(mounts, Bind(subject.plan.project, subject.plan.cwd, "ro")), {"mounts", "project"}),
        "a mask less": (_without(subject, mask.dest), {"mounts", "masks"}),
        "another passwd": (_swap(mounts, replace(passwd, content=b"root::0:0:::\n")), {"made-files"}),
        "unbounded": (_swap(mounts, replace(next(m for m in mounts if m.dest == "/tmp"), size=2048 * MIB)), {"bounded"}),
        "a device": (order((*mounts, Bind(HostPath("/dev/null"), BoxPath("/dev/kvm"), "rw", "other", dev=True))), {"devices"}),
    }  # fmt: skip


def _swap(mounts, new):
    return order((*(m for m in mounts if m.dest != new.dest), new))


HOLES = (
    "usr writable", "root writable", "a folder more", "a file of home", "a password", "a history", "no project", "project read-only",
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


CLAUDE = 'agents = ["claude"]\n[sandbox]\nnetwork_mode = "allowlist"\n'


def test_the_copy_of_a_login_is_told_and_the_one_of_another_agent_is_not_there(world):
    for place in (".claude/.credentials.json", ".codex/auth.json"):
        (world.home / place).parent.mkdir(parents=True, exist_ok=True)
        (world.home / place).write_text('{"claudeAiOauth": {"accessToken": "x", "expiresAt": 4000000000000}}')
        (world.home / place).chmod(0o600)
    found = world.findings(CLAUDE)
    state, severity, text = told(found, "hidden-always")
    assert (state, severity) == ("told", "INFO") and ".claude/.credentials.json" in text and "codex" not in text
    assert {f.check for f in found if f.state == "failed"} == set()


@pytest.mark.parametrize(
    ("until", "text"), [(1.7e12, "has expired"), (4e12, ""), ("2001-01-01T00:00:00Z", "has expired"), ("soon", ""), (None, "")]
)
def test_a_login_that_has_ended_is_told_and_no_failure(world, until, text):
    (world.home / ".claude").mkdir()
    (world.home / ".claude/.credentials.json").write_text(json.dumps({"claudeAiOauth": {"accessToken": "x", "expiresAt": until}}))
    (world.home / ".claude/.credentials.json").chmod(0o600)
    found = told(world.findings(CLAUDE), "logins")
    assert found[0] == ("told" if text else "ok") and text in found[2]


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


def test_what_is_writable_besides_the_project_is_told(world):
    (world.place / "data").mkdir()
    found = world.findings(f'[mounts]\n"{world.place}/data" = "rw"')
    assert told(found, "writable")[:2] == ("told", "INFO") and str(world.place / "data") in told(found, "writable")[2]
    assert {f.check for f in found if f.state == "failed"} == set()


# --- the project ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(world):
    for place in ("hooks", "objects", "refs/heads"):
        (world.project / ".git" / place).mkdir(parents=True)
    (world.project / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (world.project / ".git/config").write_text("[core]\n\trepositoryformatversion = 0\n")
    return world


@pytest.mark.parametrize("mode", ["protected", "ro"])
def test_a_repository_whose_git_folder_is_kept_conforms(repository, mode):
    assert repository.failed(f'[sandbox]\ngit_dir = "{mode}"') == set()


def test_a_repository_whose_git_folder_is_the_boxs_to_write_does_not_and_is_mended(repository):
    path = repository.profile('[sandbox]\ngit_dir = "rw"')
    subject, folder = repository.subject(name=path)
    findings = judge(subject, repository.answers(subject, folder))
    assert {f.check for f in findings if f.state == "failed"} == {"project-protected"}
    assert told(findings, "project-protected")[2].endswith("`.git/hooks`, `.git/config`")
    (repository.place / "mended.toml").write_text(profile_text(subject.profile, path, findings))
    assert repository.failed(name=str(repository.place / "mended.toml")) == set()


@pytest.mark.parametrize("name", [".vscode", ".envrc", ".mcp.json"])
def test_a_protected_file_that_is_not_mounted_is_seen(repository, name):
    subject, folder = repository.subject()
    place = f"{subject.plan.cwd}/{name}"
    assert place in {m.dest for m in subject.plan.mounts}
    open_ = planned_as(subject, mounts=_without(subject, place))
    found = judge(subject, repository.answers(subject, folder, open_))
    assert {"mounts", "project-protected"} <= {f.check for f in found if f.state == "failed"}


# --- shims ----------------------------------------------------------------------------------------------------------------


COMMANDS = '[noop]\nblock = ["perl"]\nrewrite = { sed = "true" }'


def test_a_replaced_command_that_can_be_reached_by_its_path_is_seen(world):
    subject, folder = world.subject(COMMANDS)
    assert {f.check for f in judge(subject, world.answers(subject, folder)) if f.state == "failed"} == set()
    real = {m.dest for m in subject.plan.mounts if m.dest.startswith("/usr/bin/")}
    assert real == {"/usr/bin/perl", "/usr/bin/sed"}
    answers = world.answers(subject, folder, planned_as(subject, mounts=_without(subject, *real)))
    failed = {f.check for f in judge(subject, answers) if f.state == "failed"}
    assert failed == {"shims-active", "made-files"}
    granted = replace(
        subject, profile=replace(subject.profile, sandbox=replace(subject.profile.sandbox, allow=("shims-active",)))
    )
    assert told(judge(granted, answers), "shims-active")[:2] == ("told", "INFO")


def test_a_replaced_command_that_is_found_on_path_is_seen(world):
    subject, folder = world.subject(COMMANDS)
    path = next(v for v in subject.plan.env if v.name == "PATH")
    behind = replace(path, value="/usr/bin:/bin")
    real = {m.dest for m in subject.plan.mounts if m.dest.startswith("/usr/bin/")}
    other = planned_as(subject, env=(*(v for v in subject.plan.env if v.name != "PATH"), behind), mounts=_without(subject, *real))
    assert "shims-active" in {f.check for f in judge(subject, world.answers(subject, folder, other)) if f.state == "failed"}


def test_a_command_whose_file_is_others_as_well_is_told(world):
    """Debian's awk is mawk, by two links."""
    (world.place / "bin").mkdir()
    (world.place / "bin/many").write_text("#!/bin/sh\n")
    (world.place / "bin/many").chmod(0o755)
    for name in ("one", "two"):
        (world.place / "bin" / name).symlink_to("many")
    found = world.findings(
        f'[mounts]\n"{world.place}/bin" = "ro"\n[env]\npath_prepend = ["{world.place}/bin"]\n[noop]\nblock = ["one"]'
    )
    state, severity, text = told(found, "shims-active")
    assert (state, severity) == ("told", "INFO") and f"{world.place}/bin/one" in text


# --- limits ---------------------------------------------------------------------------------------------------------------


def test_what_holds_the_limits_is_asked_of_the_start_and_of_the_box(world):
    subject, folder = world.subject()
    report = examine(subject, folder, world.features)
    assert report.conformant, report
    state, _, text = told(report.findings, "limits")
    assert state == "ok" or "not limited on this host" in text


@pytest.mark.parametrize(
    ("held", "text"),
    [
        ({}, "nothing is known"),
        ({"by": {"pids": "rlimit", "memory": "cgroup", "cpu": "cgroup"}, "missing": [], "reason": "", "pids": 1}, "may have"),
        (
            {"by": {"pids": "cgroup"}, "missing": ["memory", "cpu"], "reason": "no group", "pids": 9},
            "though the profile says so: `memory` (no group)",
        ),
    ],
)
def test_a_limit_that_does_not_hold_is_seen(world, held, text):
    subject, folder = world.subject('[sandbox.limits]\nmemory = "1G"')
    answers = world.answers(subject, folder)
    found = judge(replace(subject, held=held), answers)
    assert {f.check for f in found if f.state == "failed"} == {"limits"}
    assert text in told(found, "limits")[2]
    default = replace(
        subject, plan=replace(subject.plan, limits=Limits()), held={**held, "missing": ["memory"], "by": {}, "reason": "no group"}
    )
    assert told(judge(default, answers), "limits")[:2] == ("told", "INFO")
