"""`inner verify`: the box of a plain profile conforms, and every mistake is caught by the check that is there for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from apart import apart
from asked import World, listening, planned_as, told, without

from inner.checks import judge, questions
from inner.checks.suggest import profile_text
from inner.commands.verify import examine
from inner.frozen import replace
from inner.paths import BoxPath
from inner.plan.hide import KEYS
from inner.plan.model import Bind
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


def test_the_box_that_is_asked_has_the_etc_of_a_run(world):
    """Kept, and mounted as one, where a run has it so: not made file by file."""
    one = '{ name = "one", cmd = "grep -q \' /etc ro,\' /proc/self/mountinfo" }'
    assert world.failed(f"[verify.custom]\nchecks = [{one}]") == set()
    (kept,) = (path for path in (world.home / ".local/state/inner/etc").iterdir() if path.is_dir())
    assert (kept / "passwd").exists()


def test_a_folder_of_etc_that_is_neither_mounted_nor_copied_is_told(world):
    """What is copied into the /etc of a run counts as mounted; what is in neither way the machine's does not."""
    subject, folder = world.subject()
    copied = {m.dest: m for m in subject.plan.mounts if isinstance(m, Bind) and m.dest.startswith("/etc/") and m.mode == "ro"}
    assert copied
    answers = world.answers(subject, folder)
    assert not [f for f in judge(subject, answers) if f.check == "mounts" and f.state == "failed"]
    dest = min(dest for dest, mount in copied.items() if mount.kind == "dir")
    other = replace(copied[dest], dest=BoxPath("/etc/nowhere"))
    wrong = replace(subject, plan=replace(subject.plan, mounts=order((*subject.plan.mounts, other))))
    answers = [*world.answers(subject, folder)]
    asked = questions(wrong)
    at = next(at for at, question in enumerate(asked) if question == {"ask": "listing", "path": "/etc/nowhere", "most": 600})
    answers.insert(at, {"names": [], "errno": "ENOENT"})
    (found,) = (f for f in judge(wrong, answers) if f.check == "mounts")
    assert (found.state, "/etc/nowhere is not mounted" in found.text) == ("failed", True)


def test_the_whole_network_is_told_and_not_a_failure(world):
    found = world.findings('[sandbox]\nnetwork_mode = "full"')
    assert told(found, "network-policy")[:2] == ("told", "INFO")
    assert {f.check for f in found if f.state == "failed"} == set()


def test_an_allowlist_conforms(world):
    assert world.failed('[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["example.test", "git.example.test:22"]') == set()


CLAUDE = 'agents = ["claude"]\n[sandbox]\nnetwork_mode = "allowlist"\n'


def test_the_copy_of_a_login_is_told_and_the_one_of_another_agent_is_not_there(world):
    world.log_in(".claude/.credentials.json", ".codex/auth.json")
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


@pytest.mark.parametrize("name", [".vscode", ".mcp.json"])
def test_a_protected_file_that_is_not_mounted_is_seen(repository, name):
    subject, folder = repository.subject()
    place = f"{subject.plan.cwd}/{name}"
    assert place in {m.dest for m in subject.plan.mounts}
    open_ = planned_as(subject, mounts=without(subject, place))
    found = judge(subject, repository.answers(subject, folder, open_))
    assert {"mounts", "project-protected"} <= {f.check for f in found if f.state == "failed"}


# --- shims ----------------------------------------------------------------------------------------------------------------


COMMANDS = '[noop]\nblock = ["perl"]\nrewrite = { sed = "true" }'


def test_a_replaced_command_that_can_be_reached_by_its_path_is_seen(world):
    subject, folder = world.subject(COMMANDS)
    assert {f.check for f in judge(subject, world.answers(subject, folder)) if f.state == "failed"} == set()
    real = {m.dest for m in subject.plan.mounts if m.dest.startswith("/usr/bin/")}
    assert real == {"/usr/bin/perl", "/usr/bin/sed"}
    answers = world.answers(subject, folder, planned_as(subject, mounts=without(subject, *real)))
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
    other = planned_as(subject, env=(*(v for v in subject.plan.env if v.name != "PATH"), behind), mounts=without(subject, *real))
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
    report = apart(examine, subject, folder, world.features)
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
