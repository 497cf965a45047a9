"""Each agent does a task in its built-in profile: the file is there, it is committed as the user, and nothing else is other than before."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess

import pytest
from agent_world import KEY
from model_api import DONE

# agent: the variable with its key, the one that moves its API, what follows the address, and more arguments
AGENTS = {
    "claude": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "", ()),
    "codex": ("CODEX_API_KEY", "OPENAI_BASE_URL", "/v1", ("-m", "gpt-5")),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "", ()),
    "opencode": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "/v1", ("-m", "anthropic/claude-sonnet-4-5")),
    "aider": ("OPENAI_API_KEY", "OPENAI_API_BASE", "/v1", ()),
}
TASK = "write a greeting into hello.txt"
WRITE = "echo hello from the box > hello.txt && git add hello.txt && git commit -qm 'the file is written'"
REACH = "{ cat ~/.ssh/id_ed25519 ~/.aws/credentials ~/.bash_history ~/.*/history.jsonl ~/other/notes; curl -sm 5 http://127.0.0.1:%d; } > reached 2>/dev/null"


@pytest.fixture
def bystander():
    """A service of this machine that is nobody's business in a box: its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def serve():
            while True:
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                one.recv(1000)
                one.sendall(b"HTTP/1.0 200 OK\r\n\r\nSECRET of a service")
                one.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def flags(agent: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Options of `inner run`, and variables outside, that let an agent talk to the model at `port`."""
    key, base, path, _ = AGENTS[agent]
    words = ["--allow-host", f"127.0.0.1:{port}", "-e", f"{base}=http://127.0.0.1:{port}{path}"]
    if agent == "aider":
        words += ["-e", "AIDER_MODEL=openai/test-model"]
    return words, {key: KEY}


@pytest.mark.parametrize("agent", AGENTS)
def test_it_does_its_task_and_leaves_the_host_alone(world, api, bystander, recorded, agent):
    (world.project / ".reach").write_text(f"{REACH % bystander}; env | sort > variables\n")
    model = api(f"{WRITE}; sh .reach")
    words, env = flags(agent, model.port)
    more = [word for argument in AGENTS[agent][3] for word in ("--arg", argument)]
    before, scratch = world.tree(), set(os.listdir("/tmp"))
    line = ["-p", f"{agent}-one-shot", *words, *more, "--arg", TASK]
    done = world.run(*line, OTHER_TOKEN="SECRET of the environment", **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (world.project / "hello.txt").read_text() == "hello from the box\n"
    log = world.git("log", "-1", "--format=%an <%ae>%n%s", "--", "hello.txt")
    assert log.splitlines()[0].removesuffix(" (aider)") == "A User <user@example.test>" or agent == "aider"
    assert world.tree() == before
    assert not [name for name in set(os.listdir("/tmp")) - scratch if agent in name]
    assert model.keys == {KEY}
    told = [one for one in model.seen if "/run/inner/box.md" in json.dumps(one["body"])]
    assert bool(told) == (agent != "aider")  # which reads no file of standing instructions
    if agent != "aider":  # it asks before it runs a command, and has none here
        assert (world.project / "reached").read_text() == ""
        assert "SECRET" not in (world.project / "variables").read_text()
    said = re.split(r"^(?:run +\d|inner: )", done.stderr, maxsplit=1, flags=re.MULTILINE)[0]  # without inner's own summary
    history = world.git("log", "--oneline", "--stat", "-1")
    shown = [f"$ inner run {shlex.join(line)}", done.stdout.strip(), said.strip(), "", "$ git log --oneline --stat -1", history]
    recorded(agent, "\n".join(shown))


def test_what_the_model_tries_succeeds_without_a_box(world, bystander):
    subprocess.run(["bash", "-c", REACH % bystander], cwd=world.project, env=world.env, check=False)
    reached = (world.project / "reached").read_text().splitlines()
    assert [
        f"SECRET of {what}" in reached for what in ("ssh", "aws", "bash", "claude", "codex", "another project", "a service")
    ] == [True] * 7


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_it_is_recognised_by_its_command_in_the_default_profile(world, api, agent):
    model = api(WRITE)
    words, env = flags(agent, model.port)
    own = {
        "claude": ("claude", "--dangerously-skip-permissions", "-p", TASK),
        "codex": ("codex", "exec", "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check", "-m", "gpt-5", TASK),
    }[agent]
    key = next(iter(env))
    done = world.run(*words, "-e", f"{key}={KEY}", "--", *own)
    assert (done.returncode, (world.project / "hello.txt").exists()) == (0, True), done.stdout + done.stderr


def test_without_network_it_is_said_what_to_type(world):
    done = world.run("--", "claude", "--version")
    assert done.returncode == 0
    assert "`inner run -p claude-interactive` is the box for it" in done.stderr


# --- the login ------------------------------------------------------------------------------------------------------------


def test_claude_uses_the_copy_of_its_login_and_none_of_the_users_hooks(world, api):
    import time

    tokens = {
        "accessToken": "sk-ant-oat01-of-the-test",
        "refreshToken": "r",
        "expiresAt": int(time.time() * 1000) + 10**8,
        "scopes": ["user:inference"],
    }
    (world.home / ".claude/.credentials.json").write_text(json.dumps({"claudeAiOauth": tokens}))
    model = api(WRITE)
    words, _ = flags("claude", model.port)
    before = world.tree()
    done = world.run("-p", "claude-one-shot", *words, "--arg", TASK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert DONE in done.stdout
    assert model.keys == {"sk-ant-oat01-of-the-test"}
    assert world.tree() == before
    left = set(os.listdir(world.project))
    assert left == {".git", "README", "hello.txt"}
    # the same home, without a box: the hook is run
    outside = {**world.env, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{model.port}", "DISABLE_AUTOUPDATER": "1"}
    subprocess.run(
        ["claude", "-p", TASK],
        cwd=world.project,
        env=outside,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert "hook-was-here" in os.listdir(world.project)


def test_codex_uses_the_copy_of_its_login_and_none_of_the_users_configuration(world, api):
    (world.home / ".codex/auth.json").write_text('{"OPENAI_API_KEY": "key-of-the-file", "other": "x"}')
    model = api(WRITE)
    words, _ = flags("codex", model.port)
    # the moved provider takes its key from a variable; the file is there all the same
    done = world.run(
        "-p", "codex-one-shot", *words, "--entrypoint", "bash", "--", "-c", "cat $CODEX_HOME/auth.json; ls -A $CODEX_HOME"
    )
    del model
    assert done.stdout.splitlines()[0] == '{"OPENAI_API_KEY": "key-of-the-file"}', done.stdout + done.stderr
    assert done.stdout.split()[2:] == ["AGENTS.md", "auth.json", "config.toml"]


def test_an_agent_that_a_profile_defines(world, api):
    """Not one that inner knows: the program is a script, and everything about it stands in the profile."""
    (world.home / "bin").mkdir()
    program = world.home / "bin/house"
    program.write_text(
        '#!/bin/sh\ncat ~/.house/settings.json ~/.house/auth.json\necho "$HOUSE_UPDATES"\nexec curl -sm 5 "$1"/models\n'
    )
    program.chmod(0o755)
    (world.home / ".house").mkdir()
    (world.home / ".house/auth.json").write_text('{"token": "t", "history": "not to be seen"}')
    model = api()
    world.profile(
        "house",
        f"""extends = "shell"
agents = ["house"]
[sandbox]
network_mode = "allowlist"
[agent.house]
env = {{ HOUSE_UPDATES = "0" }}
seeds = {{ ".house/settings.json" = "seeded " }}
logins = [{{ path = ".house/auth.json", keep = ["token"] }}]
hosts = ["127.0.0.1:{model.port}"]
[entrypoint]
cmd = "house"
""",
    )
    done = world.run("-p", "house", "--arg", f"http://127.0.0.1:{model.port}", PATH=f"{world.home}/bin:/usr/bin:/bin")
    assert done.stdout.startswith('seeded {"token": "t"}\n0\n{"object": "list"'), done.stdout + done.stderr
