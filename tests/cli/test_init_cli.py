"""`inner init`, `inner reset` and completion in real shells: what a first day with inner needs."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from program import INNER, inner

SHELLS = [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)]  # `sh tests/run` installs zsh and fish


@pytest.fixture
def place(tmp_path):
    """call(words, **env): in a fresh home; `call.bin` is first on PATH."""
    home, project = tmp_path / "home", tmp_path / "project"
    (home / "bin").mkdir(parents=True)
    project.mkdir()
    env = {"PATH": f"{home}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "TERM": "xterm"}

    def call(*words, **more):
        return inner(*words, cwd=project, env={**env, **more})

    def typed(*words, answers):
        """At a terminal: one answer for each question."""
        terminal, theirs = pty.openpty()
        child = subprocess.Popen(
            [*INNER, *words], stdin=theirs, stdout=theirs, stderr=theirs, cwd=project, env=env, start_new_session=True
        )
        os.close(theirs)
        seen, left = b"", list(answers)
        while select.select([terminal], [], [], 60)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            seen += piece
            if left and seen.endswith(b"] "):
                os.write(terminal, left.pop(0).encode() + b"\n")
        os.close(terminal)
        return child.wait(10), seen.decode()

    call.home, call.project, call.env, call.typed, call.bin = home, project, env, typed, home / "bin"
    call.profiles = home / ".config/inner/profiles"
    return call


def program(path: Path, text: str = "#!/bin/sh\n") -> None:
    path.write_text(text)
    path.chmod(0o755)


def read(path: Path) -> dict:
    return tomllib.loads(path.read_text())


def test_without_a_terminal_it_takes_what_is_installed_and_writes_a_profile_that_works(place):
    program(place.bin / "claude")
    done = place("init")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("inner: made: `~/.config/inner/profiles/my.toml`; `inner run -p my` uses it")
    made = read(place.profiles / "my.toml")
    assert (made["extends"], made["sandbox"]["network_mode"]) == ("claude-interactive", "allowlist")
    assert place("profile", "validate", "my").stdout == "ok  my\n"
    assert place("run", "-p", "my", "--entrypoint", "echo", "--", "in the box").stdout.startswith("in the box")


def test_flags_say_it_all_and_several_agents_share_a_box(place):
    assert place("init", "both", "--agent", "codex", "--agent", "gemini", "--network", "full").returncode == 0
    made = read(place.profiles / "both.toml")
    assert (made["extends"], made["agents"], made["sandbox"]["network_mode"]) == ("shell", ["codex", "gemini"], "full")
    assert place("profile", "validate", "both").returncode == 0
    assert place("init", "bare", "--agent", "none").returncode == 0
    assert read(place.profiles / "bare.toml")["sandbox"]["network_mode"] == "off"


def test_two_questions_at_most_and_enter_takes_what_is_proposed(place):
    program(place.bin / "codex")
    status, seen = place.typed("init", answers=["", "off"])
    assert status == 0, seen
    assert "Which agents: claude, aider, gemini, codex, opencode, cursor or none? [codex] " in seen
    assert "Which network: off, allowlist or full? [allowlist] " in seen
    assert seen.count("? ") == 2 or seen.count("] ") == 2
    made = read(place.profiles / "my.toml")
    assert (made["extends"], made["sandbox"]["network_mode"]) == ("codex-interactive", "off")


def test_a_slip_is_asked_about_again_and_what_is_not_installed_is_said(place):
    status, seen = place.typed("init", answers=["cluade", "claude", "on", "off"])
    assert status == 0, seen
    assert "error: there is no agent called `cluade`" in seen
    assert "error: `on` is no network" in seen
    assert "inner: `claude` is not installed here yet" in seen
    assert read(place.profiles / "my.toml")["extends"] == "claude-interactive"


def test_nothing_is_ever_overwritten(place):
    place.profiles.mkdir(parents=True)
    mine = place.profiles / "my.toml"
    mine.write_text('schema_version = "1"\n# mine\n')
    done = place("init", "--agent", "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: you have a profile `my`\n")
    assert mine.read_text() == 'schema_version = "1"\n# mine\n'
    done = place("init", "shell")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1, "error: it would hide the built-in profile `shell`, also from profiles that extend it",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--agent", "hal"),
            "error: there is no agent called `hal`\nhint: one of: claude, aider, gemini, codex, opencode, cursor, none\n",
        ),
        (("--agent", "none", "--agent", "codex"), "error: `none` goes with no agent\n"),
        (("--network", "lan"), "error: `lan` is no network\nhint: one of: off, allowlist, full\n"),
        (("../up",), "error: `../up` is no name for a profile\nhint: lower-case letters, digits, `.`, `_` and `-`\n"),
    ],
)
def test_what_is_wrong_is_a_usage_error_and_nothing_is_written(place, words, said):
    done = place("init", *words)
    assert (done.returncode, done.stderr) == (2, said)
    assert not place.profiles.exists()


# --- reset -------------------------------------------------------------------------------------------------------------


def test_reset_says_what_it_removes_asks_and_leaves_configuration(place):
    place("init", "--agent", "none")
    assert place("run", "--", "true").returncode == 0
    cache, state = place.home / ".cache/inner", place.home / ".local/state/inner"
    done = place("reset")
    assert (done.returncode, done.stderr) == (
        2, "error: there is nobody to ask whether to remove that\nhint: `inner reset --yes`\n",
    )  # fmt: skip
    assert done.stdout.startswith("~/.cache/inner  ")
    assert place("reset", "--dry-run").returncode == 0
    status, seen = place.typed("reset", answers=["n"])
    assert (status, "nothing was removed" in seen) == (1, True)
    assert cache.exists()
    done = place("reset", "--yes")
    assert (done.returncode, done.stderr) == (0, "inner: removed: `~/.cache/inner`\n")
    assert (cache.exists(), state.exists()) == (False, True)
    assert place("reset", "--state", "--yes").returncode == 0
    assert not state.exists()
    assert (place.profiles / "my.toml").exists()
    assert place("run", "--", "echo", "works").stdout == "works\n"


def test_reset_removes_no_changes_that_wait_for_a_review_and_no_run_that_lives(place):
    (place.project / "file").write_text("before\n")
    assert place("run", "--review", "--", "sh", "-c", "echo after > file").returncode == 0
    done = place("reset", "--state", "--yes")
    assert done.returncode == 1
    assert done.stderr.startswith("error: changes wait to be reviewed: ")
    assert place("apply", "--yes").returncode == 0
    assert (place.project / "file").read_text() == "after\n"
    with subprocess.Popen(
        [*INNER, "run", "--", "sh", "-c", "echo up; exec sleep 60"],
        cwd=place.project,
        env=place.env,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "up\n"
        assert place("reset", "--state", "--yes").stderr.startswith("error: runs live: ")
        child.terminate()
    assert place("reset", "--state", "--yes").returncode == 0


def test_reset_follows_no_link(place, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("")
    (place.home / ".cache").mkdir()
    (place.home / ".cache/inner").symlink_to(precious)
    done = place("reset", "--yes")
    assert (done.returncode, "this is not a folder of yours" in done.stderr) == (4, True)
    assert (precious / "file").exists()


def test_an_interrupt_ends_the_line_of_the_question(place):
    """The shell's prompt would go on behind it."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(INNER[0], [*INNER, "init", "mine"], place.env)
    seen = b""
    while not seen.endswith(b"[none] "):
        seen += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    while select.select([terminal], [], [], 30)[0]:
        try:
            seen += os.read(terminal, 4096)
        except OSError:
            break
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -2
    os.close(terminal)
    assert seen.endswith(b"[none] ^C\r\n")
    assert not list(place.profiles.glob("*"))


# --- completion --------------------------------------------------------------------------------------------------------


def completed(place, shell: str, line: str) -> set[str]:
    """What a shell of this machine offers for `line`, with the script that inner printed."""
    start = f'#!/bin/sh\nexec {INNER[0]} {INNER[1]} {INNER[2]} "{INNER[3]}" "$@"\n'
    program(place.bin / "inner", start)
    script = place.home / f"completion.{shell}"
    done = place("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    script.write_text(done.stdout)
    if shell == "fish":
        code = f"source {script}; complete -C '{line}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", code], cwd=place.project, env=place.env, capture_output=True, text=True, timeout=60
        )
        return {one.split("\t")[0] for one in done.stdout.splitlines()}
    words = line.split(" ")
    listed = " ".join(f"'{word}'" for word in words)
    if shell == "bash":
        code = (
            f"source {script}; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _inner; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", code], cwd=place.project, env=place.env, capture_output=True, text=True, timeout=60
        )
    else:
        code = (
            f"compdef() {{ :; }}; source {script}; compadd() {{ shift; print -rl -- $@; }}; _files() {{ print FILES; }}; _normal() {{ print COMMANDS; }};"
            f" words=({listed}); CURRENT={len(words)}; _inner"
        )
        done = subprocess.run(
            ["zsh", "-f", "-c", code], cwd=place.project, env=place.env, capture_output=True, text=True, timeout=60
        )
    assert done.stderr == ""
    return {one for one in done.stdout.splitlines() if one.startswith(words[-1])}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes_commands_options_profiles_and_runs(place, shell):
    place("init", "mine", "--agent", "none")
    odd = place.profiles / "$(touch stolen).toml"
    odd.write_text("")
    place("run", "--", "true")
    run = next((place.home / ".local/state/inner/runs").iterdir()).name
    assert {"run", "doctor", "profile"} <= completed(place, shell, "inner ")
    assert completed(place, shell, "inner doc") == {"doctor"}
    assert completed(place, shell, "inner clau") == {"claude"}
    for line in ("inner claude ", "inner verify "):
        assert not {"run", "doctor"} & completed(place, shell, line), line
    assert {"show", "explain", "validate"} <= completed(place, shell, "inner profile ")
    assert {"--profile", "--publish"} <= completed(place, shell, "inner run --p")
    for line in ("inner run -p ", "inner verify --profile ", "inner profile show ", "inner profile new x --extends "):
        found = completed(place, shell, line)
        assert {"mine", "shell", "claude-interactive"} <= found, line
        assert not any("stolen" in name for name in found)
    assert run in completed(place, shell, "inner log show ")
    assert not (place.project / "stolen").exists()


def test_bash_zsh_and_fish_are_all_tried():
    assert SHELLS == ["bash", "zsh", "fish"]


def test_after_two_dashes_bash_offers_commands(place):
    assert "true" in completed(place, "bash", "inner run -p shell -- tru")
    assert completed(place, "bash", "inner run --timeout ") <= {""}


def test_an_unknown_shell_is_told_which_there_are(place):
    done = place("completion", "csh")
    assert (done.returncode, done.stderr) == (2, "error: there is no script for `csh`\nhint: bash, zsh or fish\n")


def test_names_of_profiles_are_found_without_reading_configuration(place):
    place.profiles.mkdir(parents=True)
    (place.profiles / "torn.toml").write_text("= not toml")
    done = place("__complete", "profiles")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"torn", "shell"} <= set(done.stdout.split())
    assert place("__complete", "anything").stdout == ""
    assert place("__complete").stdout == ""
