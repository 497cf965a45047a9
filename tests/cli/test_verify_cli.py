"""`inner verify`: what it prints, which profile it takes, and its exit status."""

from __future__ import annotations

import json
import os
import tomllib

import pytest
from program import inner

HEAD = 'schema_version = "1"\n'
GOOD = HEAD + 'description = "nothing but the box"\n'
BAD = HEAD + '[sandbox]\nroot = "host-ro"\n[env]\npassthrough = ["DEPLOY_TOKEN"]\n'


@pytest.fixture
def place(tmp_path):
    """A project, and a home with two profiles of the user's."""
    profiles = tmp_path / "home/.config/inner/profiles"
    profiles.mkdir(parents=True)
    (profiles / "good.toml").write_text(GOOD)
    (profiles / "bad.toml").write_text(BAD)
    (tmp_path / "project").mkdir()

    def call(*words, **env):
        given = {**os.environ, "HOME": str(tmp_path / "home"), "DEPLOY_TOKEN": "hunter2-hunter2", **env}
        return inner("verify", *words, cwd=tmp_path / "project", env=given)

    call.home, call.project = tmp_path / "home", tmp_path / "project"
    return call


def test_a_box_that_is_as_it_was_meant(place):
    done = place("-p", "good")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"profile good in {place.project}, network off"
    assert lines[-1] == "[ok] sandbox conformant"
    told = [line for line in lines[2:-3] if not line.startswith("[ok] ")]
    assert lines[-2].endswith(f" hold, {len(told)} told")
    assert all(line.startswith("[--] limits ") for line in told)  # a host without control groups for this user


def test_what_failed_is_marked_with_its_severity_and_counted(place):
    done = place("-p", "bad")
    assert done.returncode == 1
    marked = [line for line in done.stdout.splitlines() if line.startswith("[!!]")]
    assert [line.split()[1] for line in marked[:-1]] == ["root-minimal", "env-secrets"]
    assert all(" MEDIUM: " in line for line in marked[:-1])
    assert done.stdout.splitlines()[-2].endswith("failed: 2 MEDIUM")
    assert marked[-1] == "[!!] sandbox not conformant"
    assert "hunter2" not in done.stdout + done.stderr


def test_without_a_name_the_configured_default_is_checked(place):
    assert place().stdout.startswith("profile shell ")
    (place.home / ".config/inner/config.toml").write_text('default_profile = "good"\n')
    assert place().stdout.startswith("profile good ")
    assert place(INNER_DEFAULT_PROFILE="bad").stdout.startswith("profile bad ")


def test_a_suggestion_is_a_profile_that_conforms(place):
    done = place("-p", "bad", "--suggest")
    assert done.returncode == 1
    assert tomllib.loads(done.stdout)["extends"] == "bad"
    (place.home / ".config/inner/profiles/mended.toml").write_text(done.stdout)
    assert place("-p", "mended").returncode == 0
    nothing = place("-p", "good", "--suggest")
    assert (nothing.returncode, nothing.stdout) == (0, "# nothing to mend in `good`\n")


def test_json_says_every_check(place):
    data = json.loads(place("-p", "bad", "--json").stdout)
    assert (data["schema"], data["kind"], data["data"]["profile"], data["data"]["conformant"]) == (1, "verify", "bad", False)
    failed = {f["check"] for f in data["data"]["findings"] if f["state"] == "failed"}
    assert failed == {"root-minimal", "env-secrets"}
    assert "hunter2" not in json.dumps(data)


def test_all_is_a_table_of_every_profile_that_can_be_used(place):
    done = place("--all")
    rows = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith("[")}
    assert done.returncode == 1
    assert rows["good"].startswith("[ok]") and rows["bad"].startswith("[!!]")
    assert "root-minimal (MEDIUM), env-secrets (MEDIUM)" in rows["bad"]
    assert rows["shell"].startswith("[ok]"), rows["shell"]
    reports = json.loads(place("--all", "--json").stdout)["data"]
    assert {report["profile"] for report in reports} == set(rows)


def test_a_profile_that_cannot_be_read_fails_them_all(place):
    (place.home / ".config/inner/profiles/bad.toml").write_text("schema_version = 1\n")
    done = place("--all")
    assert done.returncode == 1
    assert "cannot be used: " in next(line for line in done.stdout.splitlines() if " bad " in line)


def test_names_of_a_profile_cannot_write_to_the_terminal(place):
    (place.home / ".config/inner/profiles/good.toml").write_text(
        HEAD + '[verify.custom]\nchecks = [{ name = "a\\u001b[31m", cmd = "printf \'\\\\033[2J\'; exit 1" }]\n'
    )
    done = place("-p", "good")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x1b" not in place("-p", "good", "--suggest").stdout


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("-p", "no-such-profile"), 3, "does not exist"),
        (("-p", "good", "--all"), 2, "contradict"),
        (("--all", "--suggest"), 2, "one profile"),
        (("--attack", "--all"), 2, "one profile"),
        (("--colour",), 2, "there is no option `--colour`"),
        (("-w", "/"), 3, "/"),
        (("-w", "/nowhere"), 3, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_status(place, words, status, text):
    done = place(*words)
    assert done.returncode == status
    assert done.stderr.startswith("error: ") and text in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_a_host_without_bubblewrap_cannot(place, tmp_path):
    done = place("-p", "good", PATH=str(tmp_path))
    assert done.returncode in (0, 4)  # one of the usual places has it all the same
    broken = tmp_path / "project/bwrap"
    broken.write_text("#!/bin/sh\nexit 1\n")
    assert place("-p", "good", PATH=f"{place.project}:/usr/bin:/bin").returncode == 0  # never one of the project


def test_a_box_that_keeps_changes_apart_is_checked_as_it_is_run(place):
    """Where bubblewrap makes no overlays, inner makes them: `inner verify` does as `inner run` does, and leaves no review."""
    kept = place.home / "kept"
    kept.mkdir()
    (place.home / ".config/inner/profiles/apart.toml").write_text(
        HEAD + f'[mounts]\n"{kept}" = {{ dest = "/kept", mode = "overlay" }}\n'
    )
    done = place("-p", "apart")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("[ok] sandbox conformant\n")
    assert not [name for name in os.listdir(place.home / ".local/state/inner/reviews") if name[:1].isdigit()]
