"""What a start costs: which modules it imports, what it keeps for the next one, and that a start from what is kept is the same.

Counts, not milliseconds: those are the business of `nox -s bench`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from program import INNER, ROOT, inner

from inner import kept
from inner.host import RealHost
from inner.plan import store, writer
from inner.plan.build import build
from inner.profile.model import Entrypoint, Env, Profile, Sandbox
from inner.request import Request

# Beside inner's own modules a start may import these, which cost nothing or are there anyhow.
STANDARD = {
    "__future__", "_blake2", "_collections_abc", "_ctypes", "_imp", "_sha2", "_sha256", "_signal", "_socket", "_stat", "errno", "fcntl", "gc", "genericpath", "marshal", "math",
    "os", "posix", "posixpath", "pwd", "resource", "select", "stat", "termios", "time",
}  # fmt: skip
DEAR = {
    "argparse", "asyncio", "collections", "contextlib", "ctypes", "dataclasses", "enum", "functools", "inspect", "json", "logging", "pathlib",
    "pydantic", "pydantic_settings", "re", "shutil", "signal", "socket", "subprocess", "tempfile", "threading", "tomllib", "typer", "typing",
}  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project, and a home of its own."""
    home, project = tmp_path / "home", tmp_path / "project"
    for folder in (".cache/inner", ".local/state/inner/runs"):
        (home / folder).mkdir(parents=True, mode=0o700)
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(kept, "SETTLED", -(1 << 62))  # for what runs in this process files are old enough at once
    return project


TOLD = """
import os, sys
ours, leave, fork = os.getpid(), os._exit, os.fork
def tell(when):
    print(when, *sys.modules, file=sys.stderr, flush=True)
def left(status):
    if os.getpid() == ours:
        tell("end")
    leave(status)
def forked():
    if os.getpid() == ours:
        tell("start")
    return fork()
os._exit, os.fork = left, forked
"""


def imported(project, *words, when="end"):
    """Modules that a run has imported beyond those of the bare interpreter, at its end or when bubblewrap was about to be started."""

    def modules(code, *argv):
        done = subprocess.run([sys.executable, "-ISc", code, *argv], capture_output=True, text=True, cwd=project, timeout=60)
        assert done.returncode == 0, done.stderr
        return next(set(line.split()[1:]) for line in done.stderr.splitlines() if line.startswith(f"{when} "))

    bare = modules("import sys; print('start', *sys.modules, file=sys.stderr); print('end', *sys.modules, file=sys.stderr)")
    return modules(TOLD + INNER[-1], "run", *words) - bare


# What makes anew what a usual start finds kept, and what tells why a start came to nothing.
MAKERS = {
    "inner.commands.anew", "inner.commands.failure", "inner.draft", "inner.facts", "inner.launch.etcmade", "inner.launch.installed",
    "inner.launch.refusal", "inner.launch.wordsmade", "inner.linker", "inner.plan.build", "inner.plan.writer", "inner.profile.expand",
    "inner.profile.writer", "inner.programs", "inner.settings", "inner.snapshot", "inner.surprise", "inner.trace", "inner.ui",
}  # fmt: skip
# What stays beside the box, and looks at what it left: loaded while bubblewrap is busy.
BESIDE = {
    "inner.launch.aftermath", "inner.launch.cgroup", "inner.launch.inspection", "inner.launch.job", "inner.launch.limits",
    "inner.launch.outcome", "inner.launch.pumps", "inner.launch.reach", "inner.launch.relay", "inner.launch.removal",
    "inner.launch.watch", "inner.records.write",
}  # fmt: skip
# What few runs need: a log, a terminal, mount points on the host, a repository; one before them that was killed.
RARE = {
    "inner.gitconfig", "inner.launch.logfile", "inner.launch.lost", "inner.launch.pty", "inner.launch.recovery", "inner.launch.scaffold",
    "inner.launch.shadow", "inner.launch.termfilter",
}  # fmt: skip


def test_a_usual_start_imports_little(project):
    time.sleep(2.1)
    inner("run", "--", "true", cwd=project)
    inner("run", "--", "true", cwd=project)
    for when, most in (("start", 46), ("end", 68)):
        for _ in range(2):  # from their own files, or from the bundle of them
            found = imported(project, "--", "true", when=when)
            ours = {name for name in found if name.split(".")[0] == "inner"}
            assert not found & DEAR
            assert {name.split(".")[0] for name in found - ours} <= STANDARD
            assert not ours & (MAKERS | RARE)
            assert ours & BESIDE == (BESIDE if when == "end" else set())
            assert 30 < len(ours) <= most


def test_a_list_of_hosts_loads_nothing_before_bubblewrap_has_been_started(project):
    hosts = ("--allow-host", "example.test", "--", "true")
    for words in (("--", "true"), hosts):
        time.sleep(2.1)
        inner("run", *words, cwd=project)
        inner("run", *words, cwd=project)
    assert imported(project, *hosts, when="start") == imported(project, "--", "true", when="start")
    more = imported(project, *hosts) - imported(project, "--", "true") - STANDARD
    listed = ("", ".address", ".kernel", ".listing", ".names", ".netns", ".process", ".rules", ".start")
    assert more == {
        *(f"inner.egress{name}" for name in listed),
        "inner.commands.denied",
        "inner.launch.network",
        "inner.plan.network",
    }


def test_a_start_that_had_to_read_a_profile_makes_none_of_the_next_ones_slow(project):
    profiles = Path(os.environ["HOME"], ".config/inner/profiles")
    profiles.mkdir(parents=True)
    (profiles / "own.toml").write_text('schema_version = "1"\nname = "own"\nextends = "shell"\n')
    for pause in (0, 0, 2.2, 0):  # at first it is too new to be kept, while the plan is not
        time.sleep(pause)
        inner("run", "-p", "own", "--", "true", cwd=project)
    assert not imported(project, "-p", "own", "--", "true") & DEAR


def test_what_is_kept_is_used_and_belongs_to_us(project):
    time.sleep(2.1)
    for _ in range(3):
        assert inner("run", "--", "true", cwd=project).returncode == 0
    cache = Path(os.environ["HOME"], ".cache/inner")
    assert {path.name for path in cache.iterdir()} == {"bwrap", "profiles", "plans", f"modules-{sys.implementation.cache_tag}"}
    for path in (cache, *cache.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0 or path == cache
    before = {path: path.stat().st_ino for path in cache.rglob("*") if path.is_file()}
    assert inner("run", "--", "true", cwd=project).returncode == 0
    assert before == {path: path.stat().st_ino for path in cache.rglob("*") if path.is_file()}


def test_the_box_sees_nothing_of_it(project):
    for words in ((), ("-p", "shell", "-m", f"{os.environ['HOME']}/.cache:/cache:ro")):
        done = inner("run", *words, "--", "sh", "-c", "ls -R ~ /cache 2>/dev/null", cwd=project)
        assert "plans" not in done.stdout
        assert "modules-" not in done.stdout


# --- plans ----------------------------------------------------------------------------------------------------------------


TEST = Profile("test")


def planned(project, env, profile=TEST, *, run_dir="/state/runs/1", **request):
    """The plan of a start, that of `build`, and whether the first was kept."""
    host = RealHost(env, cwd=str(project))
    words = Request(**request)
    known = store.find(profile, words, host, terminal=False, run_dir=run_dir)
    plan = known[0] if known is not None else writer.made(profile, words, host, terminal=False, run_dir=run_dir)
    return plan, build(profile, words, host, terminal=False, run_dir=run_dir), known is not None


@pytest.fixture
def env(project):
    return {"HOME": os.environ["HOME"], "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "TERM": "xterm"}


REQUESTS = (
    {"words": ("true",)},
    {"words": ("sh", "-c", "a prompt that nobody should keep")},
    {"words": ("-c", "true")},
    {"words": ("cat",), "arg": ("one", "two")},
    {"words": ("ls",), "mount": ("/usr/share:/data:ro",), "block": ("make",)},
    {"entrypoint": "/usr/bin/env", "words": ("-i", "true")},
)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_kept_plan_is_the_plan(project, env, request_):
    for expected in (False, True):
        plan, fresh, hit = planned(project, env, **request_)
        assert plan == fresh
        assert hit is expected


def test_a_kept_plan_speaks_of_the_folder_of_this_run(project, env):
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    first, _, _ = planned(project, env, words=("true",), run_dir="/state/runs/20260101-000000-aaaaaa")
    assert "/state/runs/20260101-000000-aaaaaa" in repr(first)
    for run_dir, kept_ in (("/state/runs/20260101-000000-bbbbbb", True), ("/other/runs/20260101-000000-bbbbbb", False)):
        plan, fresh, hit = planned(project, env, words=("true",), run_dir=run_dir)
        assert plan == fresh
        assert hit is kept_
        assert "aaaaaa" not in repr(plan)


def test_the_words_of_the_command_are_not_kept(project, env):
    planned(project, env, words=("sh", "-c", "INNERCANARY"))
    plan, _, hit = planned(project, env, words=("sh", "-c", "another"))
    assert hit
    assert plan.command == ("sh", "-c", "another")
    assert not any(b"INNERCANARY" in path.read_bytes() for path in Path(env["HOME"]).rglob("*") if path.is_file())


def test_a_plan_with_a_secret_is_not_kept(project, env):
    env["TOKEN"] = "INNERCANARY-secret"
    profile = Profile("test", env=Env(set={"COPY": "$TOKEN"}))
    for _ in range(2):
        plan, fresh, hit = planned(project, env, profile, words=("true",))
        assert (plan, hit) == (fresh, False)
    assert not any(b"INNERCANARY" in path.read_bytes() for path in Path(env["HOME"]).rglob("*") if path.is_file())


def test_a_variable_that_only_passes_may_change_its_value(project, env):
    profile = Profile("test", env=Env(passthrough=("TOKEN",)))
    env["TOKEN"] = "INNERCANARY-1"
    planned(project, env, profile, words=("true",))
    env["TOKEN"] = "INNERCANARY-2"
    assert planned(project, env, profile, words=("true",))[2]
    del env["TOKEN"]
    plan, fresh, hit = planned(project, env, profile, words=("true",))
    assert (plan, hit) == (fresh, False)
    assert not any(b"INNERCANARY" in path.read_bytes() for path in Path(env["HOME"]).rglob("*") if path.is_file())


CHANGES = {
    "a hidden file appears": lambda home, project: (home / ".netrc").write_text(""),
    "git is set up": lambda home, project: (home / ".gitconfig").write_text("[user]\nname = N\n"),
    "a program of the home": lambda home, project: ((home / "bin").mkdir(), (home / "bin/true").symlink_to("/usr/bin/false")),
    "the project becomes a link": lambda home, project: (project.rename(home / "moved"), project.symlink_to(home / "moved")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_host_is_seen(project, env, change):
    env["PATH"] = f"{env['HOME']}/bin:/usr/bin:/bin"
    profile = Profile("test", sandbox=Sandbox(home="host-ro"), entrypoint=Entrypoint(workdir=str(project)))
    for _ in range(2):
        _, _, hit = planned(project, env, profile, words=("true",))
    assert hit
    CHANGES[change](Path(env["HOME"]), project)
    plan, fresh, hit = planned(project, env, profile, words=("true",))
    assert plan == fresh


def test_the_versions_of_typer_that_are_allowed_are_the_light_ones():
    """0.29 imports pydantic for every command."""
    assert re.search(r'"typer>=[\d.]+,<0\.29"', (ROOT / "pyproject.toml").read_text())


def test_what_it_takes_to_read_configuration_does_not_stay_beside_the_box(project):
    time.sleep(2.1)
    process = subprocess.Popen([*INNER, "run", "--", "sh", "-c", "echo up; sleep 30"], cwd=project, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"up\n"
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "python" in maps
        assert "pydantic" not in maps
        beside = int(re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)[1])
        bare = subprocess.run(
            [sys.executable, "-I", "-c", "print(open('/proc/self/status').read())"], capture_output=True, text=True, check=True
        )
        assert beside < int(re.search(r"^VmRSS:\s+(\d+)", bare.stdout, re.MULTILINE)[1]) + 6000
    finally:
        process.terminate()
        process.wait(20)


def test_arguments_from_a_pipe_are_read_once(project):
    time.sleep(2.1)
    words = ("run", "--args-file", "/dev/stdin", "--", "printf", "%s")
    assert inner(*words, cwd=project, stdin=None, input="text").stdout == "text"
