"""Groups of hosts with real files and programs."""

from __future__ import annotations

import os
import stat

import pytest

from inner.egress import groups
from inner.errors import ConfigError
from inner.host import RealHost
from inner.tools import Tools, run

pytestmark = pytest.mark.box


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    for name in (".local/bin", "project/.venv/bin", "elsewhere/bin"):
        (home / name).mkdir(parents=True)
    return home


def host(home, **more):
    path = f"{home}/project/.venv/bin:{home}/elsewhere/bin:{home}/.local/bin:./bin:bin"
    return RealHost({"HOME": str(home), "PATH": path, "SECRET": "s3cret", **more}, cwd=str(home / "project"))


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def test_the_tool_is_asked_outside_of_the_project_and_once(home):
    script(home / ".local/bin/npm", f'echo "$PWD $SECRET $*" >> {home}/asked; echo https://npm.example/\n')
    for folder in ("project/.venv/bin", "elsewhere/bin"):
        script(home / folder / "npm", f"echo https://evil.example/; touch {home}/evil\n")
    assert groups.group("npm", host(home)) == ("npm.example",)
    assert groups.group("npm", host(home)) == ("npm.example",)
    assert (home / "asked").read_text() == "/  config get registry\n"
    assert not (home / "evil").exists()
    (home / ".npmrc").write_text("registry=https://mine.example/\n//mine.example/:_authToken=t0ken\n")
    assert groups.group("npm", host(home)) == ("lan:mine.example",)
    assert groups.group("npm", host(home, npm_config_registry="https://env.example")) == ("lan:env.example", "lan:mine.example")
    (home / ".npmrc").unlink()
    script(home / ".local/bin/npm", f"echo again >> {home}/asked; echo https://other.example/    \n")
    assert groups.group("npm", host(home)) == ("other.example",)


def test_what_is_kept_holds_no_secret_and_is_nobody_else_s(home):
    (home / ".npmrc").write_text("registry=https://mine.example/\n//mine.example/:_authToken=t0ken\n")
    groups.group("npm", host(home))
    kept = home / ".cache/inner/groups/npm"
    assert b"t0ken" not in kept.read_bytes()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    forged = kept.read_bytes().replace(b"mine", b"evil")
    kept.write_bytes(forged)
    kept.chmod(0o666)
    assert groups.group("npm", host(home)) == ("lan:mine.example",)
    kept.unlink()
    (home / "forged").write_bytes(forged)
    kept.symlink_to(home / "forged")
    assert groups.group("npm", host(home)) == ("lan:mine.example",)


@pytest.mark.parametrize(
    "text", ["exit 3", "sleep 60", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", "kill -9 $$", "echo nothing"]
)
def test_a_tool_that_does_not_answer(home, text, monkeypatch):
    monkeypatch.setattr("inner.tools.run", lambda argv, env: run(argv, env, 1.0))
    script(home / ".local/bin/go", text + "\n")
    with pytest.raises(ConfigError, match="@go"):
        groups.group("go", host(home))


def test_trusted_folders(home):
    path = Tools(host(home)).path
    assert f"{home}/.local/bin" in path
    assert not [p for p in path if "project" in p or "elsewhere" in p or not p.startswith("/")]
    assert "SECRET" not in Tools(host(home)).environment()


def test_a_command_has_no_descriptors_of_ours():
    held = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(held, True)
    try:
        assert run(("/bin/sh", "-c", "ls /proc/$$/fd"), {"PATH": "/bin"}) == b"0\n1\n2\n"
    finally:
        os.close(held)
