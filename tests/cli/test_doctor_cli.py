"""`inner doctor`: findings of this very machine, of a home of the test's, and its exit status."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import stat
import struct
import termios

import pytest
from program import inner


@pytest.fixture
def place(tmp_path):
    """call(words, **env): in a fresh home."""
    home = tmp_path / "home"
    (home / ".local/bin").mkdir(parents=True)
    (tmp_path / "project").mkdir()

    def call(*words, before=(), stdout=None, **env):
        given = {"PATH": f"{home}/.local/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), **env}
        shown = {"capture_output": False, "stdout": stdout} if stdout is not None else {}
        return inner("doctor", *words, cwd=tmp_path / "project", env=given, before=list(before), **shown)

    call.home = home
    return call


def program(path, text="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def lines(done, name):
    """The lines of a finding, its remedies behind it. How wide the column of names is depends on what else is found."""
    flat = re.sub(r"(?m)^(\[..\] \S+) +", r"\1 ", re.sub(r"\n +-> ", " -> ", done.stdout))
    return [line for line in flat.splitlines() if line[5:].split(" ")[0] == name]


def test_a_machine_that_makes_boxes_is_good(place):
    done = place()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.splitlines()[-1] == "[ok] boxes can be made"
    assert lines(done, "namespaces") == ["[ok] namespaces a box with namespaces of its own can be made"]
    for name in ("bubblewrap", "seccomp", "profiles", "folders"):
        assert lines(done, name)[0].startswith("[ok] "), done.stdout


def test_a_remedy_can_be_pasted_from_a_narrow_terminal(place):
    """It is one line for the terminal, however many it takes there; what is said around it is wrapped."""
    (place.home / ".local/state/inner").mkdir(parents=True)
    (place.home / ".local/state/inner").chmod(0o777)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 40, 0, 0))
    done = place(stdout=theirs)
    os.close(theirs)
    seen = b""
    while piece := _read(ours):
        seen += piece
    os.close(ours)
    assert done.returncode == 1
    text = seen.decode().replace("\r\n", "\n")
    assert f"-> `chmod go-rwx {place.home}/.local/state/inner`\n" in text
    assert max(len(line) for line in text.splitlines() if "->" not in line) <= 40


def _read(fd):
    try:
        return os.read(fd, 65536)
    except OSError:  # EIO: nobody writes any more
        return b""


def test_json_has_what_the_text_has(place):
    text, data = place(), json.loads(place("--json").stdout)
    assert (data["schema"], data["kind"], data["data"]["status"]) == (1, "doctor", 0)
    assert [one["name"] for one in data["data"]["findings"]] == [
        line[5:].split(" ")[0] for line in text.stdout.splitlines()[:-2] if not line.startswith("     ")
    ]
    assert {one["state"] for one in data["data"]["findings"]} <= {"good", "note", "problem", "fatal"}


def test_without_bubblewrap_no_box_can_be_made(place):
    """In a mount namespace where /usr/bin/bwrap is an empty file: the package is not installed."""
    hide = 'for b in /usr/bin/bwrap /usr/local/bin/bwrap; do [ ! -e $b ] || mount --bind /dev/null $b; done; exec "$@"'
    done = place(
        before=["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", hide, "sh"], PATH="/usr/bin:/bin:/usr/sbin"
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert lines(done, "bubblewrap") == ["[!!] " + lines(done, "bubblewrap")[0][5:]]
    assert "bubblewrap is not installed" in done.stdout
    assert " -> install it: `sudo " in lines(done, "bubblewrap")[0]
    assert done.stdout.splitlines()[-1] == "[!!] no box can be made on this machine"


def test_user_namespaces_that_run_out_are_found_by_making_one(place):
    done = place(
        before=[
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"',
            "sh",
        ]
    )
    assert done.returncode == 4, done.stdout
    assert lines(done, "namespaces") == [
        "[!!] namespaces this kernel allows no user namespaces (/proc/sys/user/max_user_namespaces)"
        " -> `sudo sysctl -w user.max_user_namespaces=15000`"
    ]


def test_a_state_folder_that_others_can_read_is_a_problem_with_its_remedy(place):
    state = place.home / ".local/state/inner"
    state.mkdir(parents=True)
    state.chmod(0o755)
    done = place()
    assert (done.returncode, lines(done, "folders")) == (
        1, [f"[!!] folders {state} is open to others -> `chmod go-rwx {state}`"],
    )  # fmt: skip
    os.system(re.search(r"-> `(chmod .*)`", done.stdout)[1])  # what was said to type
    assert place().returncode == 0


def test_folders_that_inner_makes_are_good_whatever_the_umask(place):
    assert (
        inner(
            "run",
            "--",
            "true",
            cwd=place.home.parent / "project",
            env={"PATH": "/usr/bin:/bin", "HOME": str(place.home)},
            umask=0o002,
        ).returncode
        == 0
    )
    for folder in (".local/state/inner", ".cache/inner"):
        assert stat.S_IMODE((place.home / folder).stat().st_mode) == 0o700
    assert place().returncode == 0


def test_a_profile_that_cannot_be_used_is_named(place):
    profiles = place.home / ".config/inner/profiles"
    profiles.mkdir(parents=True)
    (profiles / "odd.toml").write_text('schema_version = "1"\nextends = "\\u001b[31mnowhere"\n')
    done = place()
    assert done.returncode == 1
    found = [line for line in lines(done, "profiles") if line.startswith("[!!]")]
    assert len(found) == 1
    assert "odd: " in found[0]
    assert found[0].endswith(" -> `inner profile validate odd`")
    assert "\x1b" not in done.stdout


def test_agents_are_told_by_program_and_login_and_no_secret_is_printed(place):
    program(place.home / ".local/bin/claude")
    program(place.home / ".local/bin/codex")
    program(place.home / ".local/bin/gemini")
    (place.home / ".codex").mkdir()
    (place.home / ".codex/auth.json").write_text('{"OPENAI_API_KEY": "sk-hunter2-hunter2"}')
    done = place(GEMINI_API_KEY="hunter2-hunter2")
    found = "\n".join(lines(done, "agents"))
    assert f"[ok] agents codex ({place.home}/.local/bin/codex): logged in (~/.codex/auth.json)" in found
    assert f"[ok] agents gemini ({place.home}/.local/bin/gemini): a key in GEMINI_API_KEY" in found
    assert f"[--] agents claude ({place.home}/.local/bin/claude) has no login -> `claude` logs in" in found
    assert "aider" not in found
    assert "hunter2" not in done.stdout + done.stderr


def test_inner_is_looked_for_on_the_path(place):
    assert lines(place(), "path")[0].startswith("[--] path inner is not on PATH")
    program(place.home / ".local/bin/inner")
    assert lines(place(), "path") == [f"[ok] path inner is {place.home}/.local/bin/inner"]
    elsewhere = lines(place(PATH="/usr/bin:/bin"), "path")
    assert elsewhere == [
        f'[--] path inner is not on PATH -> `export PATH={place.home}/.local/bin:"$PATH"`, in your shell\'s start file'
    ]


def test_a_bubblewrap_that_hangs_does_not_hang_the_doctor(place, tmp_path):
    bad = tmp_path / "hang"
    bad.write_text("#!/bin/sh\nexec sleep 100\n")
    bad.chmod(0o755)
    done = place(
        before=[
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            f'mount --bind {bad} /usr/bin/bwrap; exec "$@"',
            "sh",
        ],
        PATH="/usr/bin:/bin:/usr/sbin",
    )
    assert done.returncode == 4, done.stdout
    assert "does not say its version" in done.stdout
