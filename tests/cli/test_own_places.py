"""What inner itself is run from, keeps and reads its settings from: no box writes any of it, and none of it is a project's."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from program import INNER, ROOT, inner

pytestmark = pytest.mark.box


def test_no_box_may_write_where_inner_keeps_its_own(tmp_path):
    """Nor above it: another folder could be put in its place, and code for the next start comes from the cache."""
    above = tmp_path / "above"
    (tmp_path / "project").mkdir()
    (above / "project").mkdir(parents=True)
    plant = ("sh", "-c", 'mv "$0/.cache" "$0/old" 2>/dev/null; mkdir -p "$0/.cache/inner" && echo x > "$0/.cache/inner/planted"')
    for name in ("CACHE", "STATE", "CONFIG"):
        env = {**os.environ, "HOME": str(tmp_path / "home"), f"XDG_{name}_HOME": str(above / ".cache")}
        for words, place in (((), above), (("-m", f"{above}:{above}:rw"), tmp_path / "project")):
            done = inner("run", *words, "--", *plant, str(above), cwd=place, env=env)
            assert done.returncode == 125
            assert f"cannot be writable in a box: `{above}/.cache/inner` is inner's own" in done.stderr
            assert f"hint: `export XDG_{name}_HOME=...`" in done.stderr
        assert inner("run", "--", "true", cwd=above / "project", env=env).returncode == 0
        assert not (above / ".cache/inner/planted").exists()
    env = {**os.environ, "HOME": str(tmp_path / "home")}
    assert inner("run", "-m", f"{above}:{above}:rw", "--", *plant, str(above), cwd=tmp_path / "project", env=env).returncode == 0
    assert (above / ".cache/inner/planted").exists()  # nothing of inner's is there now


def test_what_inner_keeps_outside_of_home_is_seen_in_no_box(tmp_path):
    above, linked = tmp_path / "above", tmp_path / "home/.local/state"
    for folder in (tmp_path / "project", above, linked):
        folder.mkdir(parents=True)
    env = {**os.environ, "HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(above / "cache")}
    env.pop("XDG_STATE_HOME", None)
    (above / "state").mkdir(mode=0o700)
    (linked / "inner").symlink_to(above / "state")
    agent = above / "agent"
    agent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(agent / "s"))
        env["SSH_AUTH_SOCK"] = str(agent / "s")
        for _ in range(2):
            done = inner(
                "run", "-m", f"{above}:/opt/x", "--", "find", "/opt/x", "-type", "s,f,d", cwd=tmp_path / "project", env=env
            )
            assert done.returncode == 0, done.stderr
        seen = {line.removeprefix("/opt/x") for line in done.stdout.split()}
    assert {line for line in seen if "/cache/inner/" in line or "/state/" in line} == set()
    assert {"", "/cache/inner", "/state"} <= seen
    done = inner("run", "-m", f"{above}/state:/opt/x", "--", "ls", "/opt/x", cwd=tmp_path / "project", env=env)
    assert "is hidden from every box" in done.stderr


def test_settings_that_are_worked_on_as_a_project_are_not_the_box_s_to_change(tmp_path):
    dots = tmp_path / "dots"
    (dots / "deep/inner").mkdir(parents=True)
    (tmp_path / "home/.config").mkdir(parents=True)
    (tmp_path / "home/.config/inner").symlink_to(dots / "deep/inner")
    env = {**os.environ, "HOME": str(tmp_path / "home")}
    env.pop("XDG_CONFIG_HOME", None)
    script = (
        "touch other; echo x > deep/inner/config.toml; mv deep gone; mkdir -p deep/inner; echo x > deep/inner/config.toml; true"
    )
    done = inner("run", "--", "sh", "-c", script, cwd=dots, env=env)
    assert done.returncode == 0, done.stderr
    assert (dots / "other").exists()
    assert not (dots / "deep/inner/config.toml").exists()


def test_no_box_writes_what_inner_reads_its_settings_from(tmp_path):
    """Below its folder of settings, and where links in it lead: a profile that lies there is used by the next start, anywhere."""
    config, dots, project = tmp_path / "home/.config/inner", tmp_path / "dots", tmp_path / "project"
    for folder in (config / "profiles", dots / "linked", project):
        folder.mkdir(parents=True)
    (dots / "mine.toml").write_text('schema_version = "1"\n')
    env = {name: value for name, value in os.environ.items() if name != "XDG_CONFIG_HOME"} | {"HOME": str(tmp_path / "home")}
    plant = ("sh", "-c", 'cd "$0" && echo x > shell.toml && echo x > mine.toml')

    def refused(*words: str, cwd: Path) -> None:
        done = inner("run", *words, "--", *plant, "/opt/x" if words else str(cwd), cwd=cwd, env=env)
        assert done.returncode == 125
        assert "cannot be writable in a box: inner " in done.stderr
        assert done.stderr.count("hint: ") == 1

    refused(cwd=config / "profiles")
    refused("-m", f"{config}/profiles:/opt/x:rw", cwd=project)
    (config / "profiles/mine.toml").symlink_to(dots / "mine.toml")
    refused("-m", f"{dots}:/opt/x:rw", cwd=project)
    assert inner("run", "--", *plant, str(dots), cwd=dots, env=env).returncode != 0
    assert (dots / "mine.toml").read_text() == 'schema_version = "1"\n'
    (dots / "mine.toml").rename(dots / "other.toml")
    (dots / "mine.toml").symlink_to("other.toml")
    done = inner("run", "--", *plant, str(dots), cwd=dots, env=env)
    assert "`mine.toml` is a symbolic link, and cannot be protected" in done.stderr
    (config / "profiles/mine.toml").unlink()
    (config / "profiles").rmdir()
    (config / "profiles").symlink_to(dots / "linked")
    refused(cwd=dots / "linked")
    (config / "profiles").unlink()
    assert inner("run", "--", *plant, str(dots), cwd=dots, env=env).returncode == 0  # nothing leads there now
    assert (dots / "other.toml").read_text() == "x\n"


def test_no_box_writes_the_inner_that_made_it(tmp_path):
    """One that a project has among its tools, in an environment of its own: what is changed there would run at the next start."""
    project, other = tmp_path / "project", tmp_path / "other"
    packages = project / ".venv/lib/packages"
    shutil.copytree(ROOT / "inner", packages / "inner", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "profiles", packages / "inner/profiles")
    other.mkdir()
    env = {**os.environ, "HOME": str(tmp_path / "home")}
    start = (sys.executable, "-I", "-c", INNER[-1].replace(str(ROOT), str(packages)))
    plant = ("sh", "-c", 'echo \'os.write(2, b"PLANTED")\' >> "$0/inner/__main__.py"')

    def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*start, "run", *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)

    for words, place in (((), project), (("-m", f"{project}:/opt/x:rw"), other), ((), packages / "inner/launch")):
        for _ in range(2):
            done = run(*words, "--", *plant, str(packages), cwd=place)
            assert done.returncode == 125
            assert f"inner runs what lies in `{packages}/inner`" in done.stderr
    assert run("--", *plant, str(packages), cwd=other).returncode == 2  # it is not there
    assert "PLANTED" not in run("--", "true", cwd=other).stderr
    assert inner("run", "--", *plant, str(packages), cwd=project, env=env).returncode == 0  # another inner's box may
    assert "PLANTED" in run("--", "true", cwd=other).stderr


def test_no_box_writes_the_bubblewrap_that_makes_it(tmp_path):
    (tmp_path / "project/tools").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    shutil.copy(shutil.which("bwrap"), tmp_path / "project/tools/bwrap")
    env = {**os.environ, "HOME": str(tmp_path / "home"), "PATH": f"{tmp_path}/project/tools:{os.environ['PATH']}"}
    for place in ("project", "project/tools"):
        done = inner("run", "--", "true", cwd=tmp_path / place, env=env)
        assert done.returncode == 125
        assert f"inner runs what lies in `{tmp_path}/project/tools/bwrap`" in done.stderr
    assert inner("run", "--", "true", cwd=tmp_path / "other", env=env).returncode == 0


def test_code_that_a_project_brings_along_is_not_run(tmp_path):
    """A box has put it where inner would keep the code of its own modules, were that folder named."""
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    for _ in range(3):
        assert inner("run", "--", "true", cwd=project, env=env).returncode == 0
    bundle = next((home / ".cache/inner").glob("modules-*"))
    planted = project / "cache/inner" / bundle.name
    planted.parent.mkdir(parents=True)
    shutil.copy(bundle, planted)
    told = "lambda event, words: event == 'open' and 'modules-' in str(words[0]) and os.write(2, b'OPENED')"
    words = [sys.executable, "-I", "-c", f"import os, sys; sys.addaudithook({told}); {INNER[-1]}", "run", "--", "true"]
    env["XDG_CACHE_HOME"] = str(project / "cache")
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert "OPENED" in done.stderr  # from elsewhere it is a folder like any other
    done = subprocess.run(words, cwd=project, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 125
    assert "is inner's own" in done.stderr
    assert "OPENED" not in done.stderr
