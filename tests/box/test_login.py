"""The login of an agent in a box: what of it goes in, that it leaves no trace, and what may come back.

The agents here are shell scripts that look at the files of the real ones; `tests/agents` runs the real ones.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from program import INNER, inner, killed, wait_for

pytestmark = pytest.mark.box

LATER = int(time.time() * 1000) + 3_600_000
TOKENS = {"claudeAiOauth": {"accessToken": "old-access", "refreshToken": "old-refresh", "expiresAt": LATER, "scopes": ["a", "b"]}}
ACCOUNT = {
    "oauthAccount": {"emailAddress": "user@example.test"}, "userID": "u1", "theme": "light",
    "projects": {"/secret/project": {"history": ["secret words"]}}, "mcpServers": {"evil": {"command": "touch"}},
}  # fmt: skip
CREDENTIALS = ".claude/.credentials.json"
ROTATE = f"sed -i 's/old-/new-/; s/old-/new-/; s/{LATER}/{LATER + 9}/' ~/.claude/.credentials.json"


class World:
    """A home with a `claude` in it that is a script, a login, and a project."""

    def __init__(self, root: Path) -> None:
        self.home, self.project = root / "home", root / "home" / "project"
        self.project.mkdir(parents=True)
        (self.home / ".local/bin").mkdir(parents=True)
        self.put(CREDENTIALS, json.dumps({**TOKENS, "organizationKey": "not to be seen"}), 0o600)
        self.put(".claude.json", json.dumps(ACCOUNT))
        self.put(".claude/settings.json", '{"hooks": {"SessionStart": "evil"}}')
        self.put(".claude/history.jsonl", "secret words\n")
        self.agent("true")
        self.env = {"HOME": str(self.home), "PATH": f"{self.home}/.local/bin:/usr/bin:/bin", "SHELL": "/bin/bash"}

    def put(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def agent(self, script: str) -> None:
        self.put(".local/bin/claude", f"#!/bin/bash\n{script}\n", 0o755)

    def profile(self, text: str) -> None:
        base = 'schema_version = "1"\nextends = "shell"\nagents = ["claude"]\n[sandbox]\nnetwork_mode = "allowlist"\n'
        self.put(".config/inner/profiles/test.toml", base + text)

    def run(self, *words: str, **more):
        env = {**self.env, **more.pop("env", {})}
        return inner("run", *words, cwd=self.project, env=env, **more)

    def host(self, name: str = CREDENTIALS):
        return json.loads((self.home / name).read_text())


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.profile("")
    return made


def test_the_agent_finds_its_login_and_nothing_else_of_its_state(world: World) -> None:
    world.agent("cat ~/.claude/.credentials.json ~/.claude.json; ls -A ~/.claude; stat -c %a ~/.claude/.credentials.json")
    done = world.run("-p", "test", "--", "claude")
    first, second, *rest = done.stdout.splitlines()
    assert json.loads(first) == TOKENS
    account = json.loads(second)
    assert account["oauthAccount"] == ACCOUNT["oauthAccount"]
    assert account["hasCompletedOnboarding"] is True
    assert not {"projects", "mcpServers", "history"} & set(account)
    assert rest == [".credentials.json", "CLAUDE.md", "settings.json", "600"]
    assert "secret" not in done.stdout
    assert "evil" not in done.stdout


def test_what_the_agent_writes_is_gone_with_the_box(world: World) -> None:
    before = world.host(), (world.home / ".claude.json").read_bytes()
    world.agent(f"{ROTATE} && mv ~/.claude.json ~/.c && mv ~/.c ~/.claude.json && cat ~/.claude/.credentials.json")
    done = world.run("-p", "test", "--", "claude")
    assert "new-access" in done.stdout
    assert (world.host(), (world.home / ".claude.json").read_bytes()) == before
    assert not found(world.home / ".local/state/inner", *ACCESS)


ACCESS = (b"old-access", b"new-access")  # a kept /etc has other words with `-access` in them


def found(folder: Path, *what: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and any(one in path.read_bytes() for one in what)]


def test_the_login_is_in_nobodys_command_line_and_in_no_dry_run(world: World) -> None:
    world.agent("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    done = world.run("-p", "test", "--", "claude")
    assert done.returncode == 0
    assert "old-access" not in done.stdout + done.stderr
    for form in ((), ("--json",)):
        shown = world.run("-p", "test", "--dry-run", *form, "--", "claude")
        assert ".credentials.json" in shown.stdout
        assert "old-access" not in shown.stdout + shown.stderr


def test_a_shell_in_the_same_profile_as_the_agent_gets_it_too_and_one_in_another_does_not(world: World) -> None:
    script = "cat ~/.claude/.credentials.json"
    assert "old-access" in world.run("-p", "test", "--", "bash", "-c", script).stdout
    assert "old-access" not in world.run("--", "bash", "-c", script).stdout


def test_a_program_of_the_project_does_not_get_it_by_its_name(world: World) -> None:
    evil = world.project / "claude"
    evil.write_text("#!/bin/bash\ncat ~/.claude/.credentials.json\n")
    evil.chmod(0o755)
    for words in (("./claude",), (str(evil),)):
        done = world.run("--allow-host", "example.test", "--", *words)
        assert "old-access" not in done.stdout
        assert "out of the project" in done.stderr
    world.agent("cat ~/.claude/.credentials.json")  # the same script in the user's own place
    assert "old-access" in world.run("--allow-host", "example.test", "--", "claude").stdout


@pytest.mark.parametrize("folder", [False, True])
def test_a_link_is_followed_within_home_and_not_out_of_it(world: World, tmp_path: Path, folder: bool) -> None:
    world.agent("cat ~/.claude/.credentials.json")
    name = ".claude" if folder else CREDENTIALS
    inside, outside = world.home / "dotfiles", tmp_path / "outside"
    (world.home / name).rename(inside)
    (world.home / name).symlink_to(inside)
    assert "old-access" in world.run("-p", "test", "--", "claude").stdout
    inside.rename(outside)
    (world.home / name).unlink()
    (world.home / name).symlink_to(outside)
    done = world.run("-p", "test", "--", "claude")
    assert "old-access" not in done.stdout
    assert "leads out of your home folder" in done.stderr


def test_what_is_not_a_login_does_not_go_along(world: World) -> None:
    world.agent("cat ~/.claude/.credentials.json")
    for text in ("not json", "[]", '{"other": "secret"}', "[" * 100_000):
        world.put(CREDENTIALS, text)
        done = world.run("-p", "test", "--", "claude")
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() in ("", "{}")


def test_a_fifo_in_its_place_holds_nobody(world: World) -> None:
    (world.home / CREDENTIALS).unlink()
    os.mkfifo(world.home / CREDENTIALS)
    assert world.run("-p", "test", "--", "claude", timeout=20).returncode == 0


@pytest.mark.parametrize("seconds, said", [(-100, "has expired"), (60, "expires within minutes"), (7200, "")])
def test_an_expired_login_is_told_before_the_start(world: World, seconds: int, said: str) -> None:
    tokens = {**TOKENS["claudeAiOauth"], "expiresAt": int((time.time() + seconds) * 1000)}
    world.put(CREDENTIALS, json.dumps({"claudeAiOauth": tokens}))
    done = world.run("-p", "test", "--", "claude")
    assert (said in done.stderr) if said else ("expire" not in done.stderr and "has expired" not in done.stderr)


def test_the_end_of_a_key_that_is_passed_is_approved(world: World) -> None:
    world.profile('[env]\npassthrough = ["ANTHROPIC_API_KEY"]\n')
    world.agent("cat ~/.claude.json; ls ~/.claude/.credentials.json")
    done = world.run("-p", "test", "--", "claude", env={"ANTHROPIC_API_KEY": "k" * 10 + "0123456789abcdefghij"})
    assert json.loads(done.stdout)["customApiKeyResponses"] == {"approved": ["0123456789abcdefghij"]}
    assert "oauthAccount" not in json.loads(done.stdout)


# --- given back -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sync(world: World) -> World:
    world.profile('login = "sync"\n')
    return world


def test_renewed_tokens_come_home_when_the_profile_says_so(sync: World) -> None:
    sync.agent(ROTATE + "; echo '{\"x\": 1}' > ~/.claude/settings.json; touch ~/.claude/new")
    assert sync.run("-p", "test", "--", "claude").returncode == 0
    after = sync.host()
    assert after["claudeAiOauth"] == {
        **TOKENS["claudeAiOauth"],
        "accessToken": "new-access",
        "refreshToken": "new-refresh",
        "expiresAt": LATER + 9,
    }
    assert after["organizationKey"] == "not to be seen"
    assert (sync.home / CREDENTIALS).stat().st_mode & 0o777 == 0o600
    assert (sync.home / ".claude/settings.json").read_text() == '{"hooks": {"SessionStart": "evil"}}'
    assert sorted(os.listdir(sync.home / ".claude")) == [".credentials.json", "history.jsonl", "settings.json"]
    assert not found(sync.home / ".local/state/inner", *ACCESS)


def test_an_agent_that_replaces_the_file_by_renaming_may(sync: World) -> None:
    sync.agent(
        f"cp ~/.claude/.credentials.json ~/.claude/t; {ROTATE.replace('.credentials.json', 't')}; mv ~/.claude/t ~/.claude/.credentials.json"
    )
    sync.run("-p", "test", "--", "claude")
    assert sync.host()["claudeAiOauth"]["accessToken"] == "new-access"


WORSE = {
    "earlier end": ("expiresAt", LATER - 9),
    "another kind": ("accessToken", {"a": 1}),
    "more scopes": ("scopes", ["a", "b", "c"]),
    "empty": ("refreshToken", ""),
    "control bytes": ("accessToken", "\x1b]0;x\x07"),
    "more keys": ("extra", "x"),
}


@pytest.mark.parametrize("what", [*WORSE, "nothing", "not json", "link", "fifo", "huge"])
def test_what_the_box_leaves_is_taken_only_when_it_has_the_shape_of_a_login(sync: World, what: str) -> None:
    before = (sync.home / CREDENTIALS).read_bytes()
    file = "~/.claude/.credentials.json"
    if what in WORSE:
        name, value = WORSE[what]
        text = json.dumps({"claudeAiOauth": {**TOKENS["claudeAiOauth"], "expiresAt": LATER + 9, name: value}})
        (sync.project / "new.json").write_text(text)
        script = f"cat new.json > {file}"
    else:
        secret = sync.put("other.json", json.dumps(TOKENS).replace("old", "other"))
        script = {
            "nothing": f"rm {file}", "not json": f"echo x > {file}", "link": f"ln -sf {secret} {file}", "fifo": f"rm {file}; mkfifo {file}",
            "huge": f"head -c 2000000 /dev/zero > {file}",
        }[what]  # fmt: skip
    sync.agent(script)
    assert sync.run("-p", "test", "--", "claude", timeout=30).returncode == 0
    assert (sync.home / CREDENTIALS).read_bytes() == before


def test_a_login_that_changed_meanwhile_outside_stays(sync: World) -> None:
    sync.agent(f"{ROTATE}; touch ready; while ! [ -e go ]; do sleep 0.05; done")
    with subprocess.Popen(
        [*INNER, "run", "-p", "test", "--", "claude"], cwd=sync.project, env=sync.env, stderr=subprocess.PIPE, text=True
    ) as running:
        wait_for(sync.project / "ready")
        mine = json.dumps(TOKENS).replace("old", "mine")
        sync.put(CREDENTIALS, mine, 0o600)
        (sync.project / "go").touch()
        _, said = running.communicate(timeout=30)
    assert (sync.home / CREDENTIALS).read_text() == mine
    assert "has changed since" in said


def test_after_a_kill_the_next_run_brings_it_home_and_leaves_no_copy(sync: World) -> None:
    sync.agent(f"{ROTATE}; touch ready; sleep 60")
    with subprocess.Popen([*INNER, "run", "-p", "test", "--", "claude"], cwd=sync.project, env=sync.env) as running:
        wait_for(sync.project / "ready")
        killed(running)
    assert sync.host()["claudeAiOauth"]["accessToken"] == "old-access"
    sync.run("--", "true")
    assert sync.host()["claudeAiOauth"]["accessToken"] == "new-access"
    assert not found(sync.home / ".local/state/inner", *ACCESS)


def test_after_a_kill_a_copy_in_memory_is_gone_too(world: World) -> None:
    world.agent("touch ready; sleep 60")
    with subprocess.Popen([*INNER, "run", "-p", "test", "--", "claude"], cwd=world.project, env=world.env) as running:
        wait_for(world.project / "ready")
        assert not found(world.home / ".local/state/inner", *ACCESS)
        running.send_signal(signal.SIGKILL)
