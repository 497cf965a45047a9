"""`inner run --trace`: what was looked for and not got is told, with what helps; the command is the same command as without."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time

import pytest
from asked import World
from program import INNER
from screens import Screen

pytestmark = pytest.mark.box


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    for place, text in (("home/.toolrc", "mine"), ("home/.ssh/id_rsa", "s3cret"), ("data/set", "x"), ("other/a", "x")):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    return world


def run(world, *words, **more):
    options = {"cwd": world.project, "capture_output": True, "text": True, "timeout": 60, "stdin": subprocess.DEVNULL, **more}
    return subprocess.run([*INNER, *words], env={**os.environ, **world.env}, **options)


def traced(world, *words, flags=()):
    """The rows that the run's record has, and the run."""
    done = run(world, "run", "--trace", *flags, "--", *words)
    data = json.loads(run(world, "log", "show", "--json").stdout)["data"]
    return {row["subject"]: row for row in data["missed"]}, done


def test_what_is_on_the_host_and_not_in_the_box_is_told_by_program_with_what_helps(world):
    found, done = traced(world, "sh", "-c", "cat ~/.toolrc; ls ~/.toolrc; cat /nowhere/at/all; exit 7")
    assert done.returncode == 7
    assert list(found) == [f"{world.home}/.toolrc"]
    [row] = found.values()
    assert (row["kind"], row["want"], row["state"]) == ("path", "read", "absent")
    assert set(row["programs"]) == {"cat", "ls"}
    assert f"{world.home}/.toolrc: absent, read" in done.stderr
    assert 'to have it readable: `home_allow = ["~/.toolrc"]` under `[sandbox]`' in done.stderr
    assert "this run is traced, and slower for it" in done.stderr
    assert f"missed   cat, ls: {world.home}/.toolrc" in run(world, "log", "show").stdout


def test_what_is_offered_lets_the_same_command_find_it(world):
    found, _ = traced(world, "cat", f"{world.place}/data/set", f"{world.home}/.toolrc")
    for path in (f"{world.place}/data/set", f"{world.home}/.toolrc"):
        [change, *_] = found[path]["changes"]
        profile = world.profile(f'extends = "shell"\n{change["toml"]}\n')
        assert run(world, "run", "--", "cat", path).returncode == 1
        assert run(world, "run", "-p", profile, "--", "cat", path).returncode == 0
        again, done = traced(world, "cat", path, flags=("-p", profile))
        assert (again, done.returncode) == ({}, 0)
        assert "nothing that is on the host and not in the box" in done.stderr


def test_a_box_in_which_nothing_is_missing_says_so_of_usual_programs(world):
    script = 'import json, ssl, sqlite3, locale; locale.setlocale(locale.LC_ALL, "")'
    found, done = traced(world, "sh", "-c", f"git --version; ls; /usr/bin/python3 -c {shlex.quote(script)}")
    assert done.returncode == 0
    assert found == {}


def test_what_is_guarded_is_named_as_such(world):
    found, done = traced(world, "cat", f"{world.home}/.ssh/id_rsa")
    [row] = found.values()
    assert "it is guarded: only `ssh-keys` shows it, read-only" in row["reasons"]
    assert "guarded" in done.stderr
    assert "s3cret" not in done.stderr + json.dumps(found)


def test_what_was_to_be_written_is_told(world):
    shown = f"{world.place}/data:{world.place}/data"
    found, done = traced(
        world, "sh", "-c", 'echo y > "$0/data/set"; mkdir "$0/other/new"; touch /usr/x', str(world.place), flags=("-m", shown)
    )
    assert done.returncode != 0
    assert {path: (row["state"], row["want"]) for path, row in found.items()} == {
        f"{world.place}/data/set": ("readable", "write"),
        f"{world.place}/other": ("absent", "write"),
    }
    for path, row in found.items():
        assert [row["changes"][0]["to"], row["changes"][0]["toml"]] == ["writable", f'[mounts]\n"{path}" = "rw"']


def test_many_files_of_one_folder_are_that_folder(world):
    (world.home / ".config/tool").mkdir(parents=True)
    for name in "abcdef":
        (world.home / ".config/tool" / name).write_text("x")
    found, _ = traced(world, "sh", "-c", "ls ~/.config; cat ~/.config/tool/[a-f] ~/.config/tool/a ~/.config/tool/b"
                      " ~/.config/tool/c ~/.config/tool/d ~/.config/tool/e")  # fmt: skip
    assert list(found) == [f"{world.home}/.config/tool"]


def test_an_address_that_no_network_reaches_is_told(world):
    script = "import socket; socket.socket().connect(('192.168.1.5', 81))"
    found, _ = traced(world, "/usr/bin/python3", "-c", script)
    assert found["192.168.1.5:81"]["changes"][0]["flags"] == ["--allow-host", "192.168.1.5:81"]


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 1", 1), ("exit 200", 200), ("kill -TERM $$", 143), ("kill -SEGV $$", 139)]
)
def test_the_status_is_the_commands_own(world, script, status):
    done = run(world, "run", "--trace", "--", "sh", "-c", script)
    assert done.returncode == status


def test_a_command_that_cannot_be_executed_is_told_as_without(world):
    for name, text, mode, status in (("lost", "#!/nowhere\n", 0o755, 127), ("plain", "#!/bin/sh\n", 0o644, 126)):
        (world.project / name).write_text(text)
        (world.project / name).chmod(mode)
        for flags in ((), ("--trace",)):
            done = run(world, "run", *flags, "--", f"./{name}")
            assert done.returncode == status
            assert f"error: `./{name}` cannot be" in done.stderr


def test_time_and_signals_end_it(world):
    began = time.monotonic()
    assert run(world, "run", "--trace", "--timeout", "1", "--", "sleep", "100").returncode == 124
    assert time.monotonic() - began < 20
    with subprocess.Popen(
        [*INNER, "run", "--trace", "--", "sh", "-c", "trap 'exit 9' TERM; echo on; while :; do sleep 0.05; done"],
        cwd=world.project, env={**os.environ, **world.env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as started:  # fmt: skip
        assert started.stdout.read(3) == b"on\n"
        started.terminate()
        assert started.wait(30) == 9


def test_input_and_output_are_the_commands_own(world):
    done = run(world, "run", "--trace", "--", "sh", "-c", "cat; echo err >&2", stdin=None, input="a\nb\n")
    assert done.stdout == "a\nb\n"
    assert "err\n" in done.stderr


def test_an_interactive_shell_has_its_terminal_and_its_jobs(world, tmp_path):
    screen = Screen(tmp_path, world.home)
    try:
        screen.line(shlex.join([*INNER, "run", "--trace", "--", "bash", "--norc", "--noprofile"]))
        screen.wait("bash-")
        screen.line("stty size; tty")
        screen.wait("30 90")
        screen.line("sleep 70.25")
        screen.front("sleep", "70.25")
        screen.key("C-z")
        screen.wait("Stopped")
        screen.line("fg")
        screen.front("sleep", "70.25")
        screen.key("C-c")
        screen.line("cat ~/.toolrc; exit 5")
        screen.wait("missed  cat:")
        screen.line("echo status $?")
        screen.wait("status 5")
    finally:
        screen.tmux("kill-server")


def test_with_a_review_and_with_an_allowlist_it_is_the_same(world):
    found, _ = traced(world, "sh", "-c", "cat ~/.toolrc; touch made", flags=("--review",))
    assert list(found) == [f"{world.home}/.toolrc"]
    assert not (world.project / "made").exists()
    found, _ = traced(world, "cat", f"{world.home}/.toolrc", flags=("--allow-host", "ok.test"))
    assert list(found) == [f"{world.home}/.toolrc"]


def test_what_a_hostile_program_writes_into_the_trace_does_no_harm(world):
    """It can lie about itself, and no more: escapes are escaped, its bytes are bounded, the run ends as it would have."""
    script = (
        "import os\n"
        "fd = os.open('/run/inner/trace', os.O_WRONLY)\n"
        f"os.write(fd, b'\\n9<x\\x1b[31m> stat(\"{world.home}/.toolrc\", 0) = -1 ENOENT (No)\\n')\n"
        "for lie in (b'0', b'99999', b'65536'):\n"
        "    for address in (b'....', b'1.2.3', b'::', b'1:2:3'):\n"
        "        os.write(fd, b'9<x> connect(3, {sa_family=AF_INET, sin_port=htons(' + lie +\n"
        "                 b'), sin_addr=inet_addr(\"' + address + b'\")}, 16) = -1 ENETUNREACH (No)\\n')\n"
        "        os.write(fd, b'9<x> connect(3, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr(\"' +\n"
        "                 address + b'\")}, 16) = -1 ENETUNREACH (No)\\n')\n"
        "for n in range(300):\n"
        "    os.write(fd, os.urandom(60000) + b'9<x> stat(\"/' + b'x' * 60000)\n"
        "raise SystemExit(3)\n"
    )
    found, done = traced(world, "/usr/bin/python3", "-c", script)
    assert done.returncode == 3
    assert "\x1b" not in done.stderr and all(
        row["kind"] == "host" or path == f"{world.home}/.toolrc" for path, row in found.items()
    )


def test_a_link_that_the_box_lays_leads_to_no_advice_but_for_what_it_leads_to(world):
    found, _ = traced(world, "sh", "-c", f"ln -s {world.home}/.toolrc link; cat link; ln -s /etc/shadow other; cat other")
    if os.getuid() == 0:
        assert found.pop("/etc/shadow")["changes"] == []
    assert list(found) == [f"{world.home}/.toolrc"]


def test_nothing_is_left_of_it(world):
    run(world, "run", "--trace", "--", "true")
    [folder] = (world.home / ".local/state/inner/runs").iterdir()
    assert [path.name for path in folder.iterdir()] == ["record"]


def test_a_killed_run_is_cleared_away(world):
    with subprocess.Popen(
        [*INNER, "run", "--trace", "--", "sh", "-c", "echo on; sleep 100"],
        cwd=world.project, env={**os.environ, **world.env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as started:  # fmt: skip
        assert started.stdout.read(3) == b"on\n"
        [folder] = (world.home / ".local/state/inner/runs").iterdir()
        assert (folder / "trace").exists()
        started.kill()
    assert run(world, "run", "--", "true").returncode == 0
    assert not (folder / "trace").exists()


def test_without_strace_or_with_an_old_one_it_is_refused_with_the_remedy(world):
    """On a machine that has none: a mount namespace in which the program is another."""
    old = world.place / "strace"
    old.write_text("#!/bin/sh\necho strace -- version 4.26\n")
    old.chmod(0o755)
    none = world.place / "none"
    none.write_text("")
    for stand_in, text in ((none, "needs strace, which is not here"), (old, "needs strace 5.12 or later, and this one is 4.26")):
        done = run(world, "run", "--trace", "--dry-run", "--", "true")
        assert done.returncode == 0, done.stderr
        script = 'mount --bind "$0" /usr/bin/strace && exec "$@"'
        start = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, str(stand_in), *INNER]
        done = subprocess.run(
            [*start, "run", "--trace", "--dry-run", "--", "true"],
            cwd=world.project, env={**os.environ, **world.env}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 125
        assert text in done.stderr
        assert "hint: sudo " in done.stderr


def test_the_dry_run_shows_what_is_put_before_the_command(world):
    shown = run(world, "run", "--trace", "--dry-run", "--", "true").stdout
    assert "-o /run/inner/trace -- true" in shown
    assert "/run/inner/trace" in shown.partition("what the box sees")[2].partition("environment")[0]
