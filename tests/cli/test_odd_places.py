"""Where people start inner by accident: a folder that is gone, a home that cannot be written, no terminal, a box."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from configured import Done, Machine
from edited import editor
from program import INNER, ROOT, inner

from inner.commands.dry_run import short, typed
from inner.launch.placeholders import _mend
from inner.paths import quoted
from inner.profile.amend import quoted as toml
from inner.profile.expand import literal

pytestmark = pytest.mark.box

GONE = "error: the folder you are in does not exist any more\nhint: `cd` into one that does\n"


@pytest.mark.parametrize(("words", "status"), [(("run", "--", "true"), 125), (("profile", "list"), 4), (("why", "PATH"), 4)])
def test_a_folder_that_is_gone_is_said_and_no_surprise(tmp_path, words, status):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *INNER, *words], capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": str(tmp_path)}
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (status, "", GONE)


def test_a_state_folder_that_cannot_be_made_has_a_remedy_and_doctor_knows(tmp_path):
    env = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": "/proc/inner-state"}  # nobody makes a folder in /proc
    (tmp_path / "project").mkdir()
    done = inner("run", "--", "true", cwd=tmp_path / "project", env=env)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("error: cannot make a folder for this run: ")
    assert "\nhint: `" in done.stderr
    examined = inner("doctor", cwd=tmp_path / "project", env={**env, "XDG_STATE_HOME": "/proc/1/fdinfo/inner"})
    assert examined.returncode == 1 or os.getuid() == 0
    assert "cannot be made" in examined.stdout or os.getuid() == 0


def test_no_hint_tells_to_change_what_is_somebody_elses(tmp_path, monkeypatch):
    read_only = f"mount it read-only: `-m {tmp_path}:{tmp_path}`"
    assert _mend(str(tmp_path)) == f"`chmod u+w {tmp_path}`, or {read_only}"
    assert _mend(str(tmp_path), errno.ENOSPC) == f"make room: `df -h {tmp_path}`"
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert _mend(str(tmp_path)) == f"{read_only}, or work on a copy: `cp -r {tmp_path} ~/`"


def test_without_a_path_there_is_nothing_to_complain_of(tmp_path):
    (tmp_path / "project").mkdir()
    done = inner("run", "--", "/bin/echo", "hello", cwd=tmp_path / "project", env={"HOME": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_what_a_caller_left_closed_is_none_of_the_files_that_a_start_opens(tmp_path):
    """The first descriptor that inner opens is the bundle of its own modules, which stays open as long as the run."""
    (tmp_path / "project").mkdir()
    started = {"cwd": tmp_path / "project", "env": {"HOME": str(tmp_path)}}
    look = ("run", "--", "sh", "-c", "wc -c; readlink /proc/self/fd/0 | cut -d: -f1; echo talk >&2")
    end = time.monotonic() + 60
    while not list(
        (tmp_path / ".cache/inner").glob("modules-*")
    ):  # made by a run whose plan was kept, of what is two seconds old
        assert time.monotonic() < end, "nothing would be open"
        assert inner(*look, **started).returncode == 0
    for closed in ("0<&-", "0<&- 2>&-"):
        done = inner(*look, before=["bash", "-c", f'"$@" {closed}', "bash"], **started)
        assert (done.stdout, done.returncode) == ("0\n/dev/null\n", 0)


def test_a_shell_that_allows_few_open_files_is_told_so(tmp_path):
    """Not that a file had changed, or could not be mounted: one more would be one too many."""
    (tmp_path / "project").mkdir()
    env = {**os.environ, "HOME": str(tmp_path / "home")}
    inner("run", "--", "true", cwd=tmp_path / "project", env=env)
    for most in range(24, 72, 4):
        done = inner(
            "run", "--", "true", cwd=tmp_path / "project", env=env, before=["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh"]
        )
        if done.returncode:
            assert done.returncode == 125
            assert done.stderr.startswith("error: more files would be open than this shell allows\n"), (most, done.stderr)
            assert done.stderr.endswith("hint: `ulimit -n 1024`\n")


def test_a_python_without_what_inner_needs_is_named(tmp_path):
    """A tree that somebody unpacked and started as it is."""
    shutil.copytree(ROOT / "inner", tmp_path / "inner", ignore=shutil.ignore_patterns("__pycache__"))
    bare = [sys.executable, "-ISc", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from inner.__main__ import main; main()"]
    for words, status in ((("profile", "list"), 4), (("run", "--", "true"), 125)):
        done = subprocess.run(
            [*bare, *words], capture_output=True, text=True, timeout=60, cwd=tmp_path, env={"HOME": str(tmp_path)}
        )
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr.startswith("error: this Python has no `")
        assert done.stderr.endswith(
            "\nhint: `sh packaging/install.sh` in inner's own folder gives it a Python that has all of it\n"
        )


def test_a_program_of_the_projects_own_is_found_by_what_the_hint_says(tmp_path):
    """As after `activate`: the first folder of PATH is the project's, which no box searches."""
    bin_ = tmp_path / "project/.venv/bin"
    bin_.mkdir(parents=True)
    (bin_ / "mine").write_text("#!/bin/sh\necho mine\n")
    (bin_ / "mine").chmod(0o755)
    profiles = tmp_path / ".config/inner/profiles"
    profiles.mkdir(parents=True)
    (profiles / "own.toml").write_text(f'schema_version = "1"\n[env]\npath_prepend = ["{bin_}"]\n')
    env = {**os.environ, "HOME": str(tmp_path), "PATH": f"{bin_}:/usr/bin:/bin"}

    def told(*words):
        done = inner("run", *words, cwd=tmp_path / "project", env=env)
        return done.returncode, done.stdout, done.stderr

    assert told("--", "mine") == (
        127, "", f"error: `mine` is in a folder that is not on the box's PATH\n  --> {bin_}/mine\n"
        f'hint: `inner run -- {bin_}/mine`, or `path_prepend = ["{bin_}"]` under `[env]` of a profile\n',
    )  # fmt: skip
    assert told("--", f"{bin_}/mine")[:2] == (0, "mine\n")
    assert told("-p", "own", "--", "mine")[:2] == (0, "mine\n")


# --- names ----------------------------------------------------------------------------------------------------------------

ODD = 'it\'s $HOME\tor `x` "y"'


def test_what_a_hint_says_can_be_pasted_whatever_the_folders_are_called(tmp_path):
    """Each command between the last quotes of a hint is given to bash as it stands there."""
    machine = Machine(tmp_path / ODD)
    env = {**machine.environ(), "LANG": "C.UTF-8"}
    program = tmp_path / "bin/inner"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(map(quoted, INNER))} "$@"\n')
    program.chmod(0o755)

    def told(*words):
        return inner(*words, cwd=machine.project, env=env)

    def pasted(hint, more=""):
        line = re.split(r"hint: (?:read the file, then )?`|remedy: ", hint)[-1]
        line = re.split(r"`(?:, or|: nothing|\n|$)", line)[0] + more
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env={**env, "PATH": f"{program.parent}:{env['PATH']}"}, capture_output=True,
            text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, (line, done)

    missing = machine.project / "no folder"
    refused = told("run", "-m", f"{literal(str(missing))}:/seen", "--", "true")
    assert refused.returncode == 125
    pasted(refused.stderr)
    assert missing.is_dir()
    mine = machine.write(
        "user", "mine", f'name = "mine"\nextends = "shell"\n[output]\nlog = {toml(literal(f"{machine.home}/my logs/one"))}\n'
    )
    mine.chmod(0o666)
    pasted(told("run", "-p", "mine", "--", "true").stderr)
    assert mine.stat().st_mode & 0o777 == 0o644
    pasted(told("run", "-p", "mine", "--", "true").stderr)
    assert told("run", "-p", "mine", "--", "true").returncode == 0
    assert (machine.home / "my logs/one").is_file()
    machine.write("project", "theirs", 'name = "theirs"\nextends = "mine"\n')
    pasted(told("run", "-p", "theirs", "--", "true").stderr.partition("; or name the base")[0], more=" --yes")
    assert told("run", "-p", "theirs", "--", "true").returncode == 0
    state = machine.home / ".local/state/inner"
    state.chmod(0o777)
    pasted("remedy: " + told("doctor").stdout.partition("open to others\n")[2].partition("-> `")[2])
    assert state.stat().st_mode & 0o777 == 0o700
    sock = machine.home / "a socket"
    sock.mkdir()
    flags = told("why", str(sock)).stdout.rpartition("or for one run: ")[2]
    pasted(f"remedy: cd {quoted(str(machine.project))} && {flags.strip()} -- ls {quoted(str(sock))}")


def test_the_home_in_a_command_line_stays_a_tilde_and_nothing_else_becomes_one(tmp_path):
    host = Machine(tmp_path / "m").host()
    home = str(host.home)
    assert typed(f"{home}/a/b.toml", host) == "~/a/b.toml"
    assert typed(f"{home}/it's", host) == "~/" + quoted("it's")
    assert typed(f"/mnt{home}/x y", host) == f"'/mnt{home}/x y'"
    assert short(f"the host's `{home}/x` and /mnt{home}/y", host) == f"the host's `~/x` and /mnt{home}/y"


# --- no terminal --------------------------------------------------------------------------------------------------------


def test_an_editor_of_the_systems_is_not_started_without_a_terminal(machine: Machine) -> None:
    assert machine.inner("config", "edit") == Done(
        4, "", "error: there is no terminal for an editor\nhint: `export EDITOR=...`, one that needs none\n"
    )
    assert not (machine.home / ".local/state/inner/drafts").exists()


def test_an_editor_that_fails_and_changed_nothing_leaves_no_draft(machine: Machine) -> None:
    done = machine.inner("config", "edit", **editor(machine, "exit 3"))
    assert done.status == 1
    assert done.err.startswith("error: the editor ended with status 3: nothing was changed\n")
    assert "draft" not in done.err
    assert os.listdir(machine.home / ".local/state/inner/drafts") == []
    done = machine.inner("config", "edit", **editor(machine, 'echo "# mine" >> "$1"; exit 3'))
    assert "the draft is kept in" in done.err


def test_what_is_to_be_removed_is_in_the_hint_as_well(machine: Machine) -> None:
    (machine.home / ".local/state/inner").mkdir(parents=True)
    assert "hint: `inner reset --state --yes`\n" in machine.inner("reset", "--state").err


def test_a_profile_that_builds_on_nothing_is_saved_with_a_warning(machine: Machine) -> None:
    machine.write("user", "mine", 'name = "mine"\nextends = "shell"\n')
    done = machine.inner("profile", "edit", "mine", **editor(machine, 'sed -i s/shell/later/ "$1"'))
    assert done == Done(
        0, "", "inner: saved: `~/.config/inner/profiles/mine.toml`\n"
        "warning: it cannot be used yet: profile `mine` extends `later`, which does not exist\n",
    )  # fmt: skip


# --- in a box -----------------------------------------------------------------------------------------------------------


def nested(tmp_path, *words):
    """`inner run` in a box of the profile `shell`."""
    project = tmp_path / "project"
    project.mkdir()
    start = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; from inner.__main__ import main; sys.argv = ['inner', 'run', '--block', 'env', '--', *sys.argv[1:]]; main()"
    return inner(
        "run", "-m", f"{ROOT}:{ROOT}", *words[:-1], "--", sys.executable, "-c", start, "sh", "-c", words[-1], cwd=project,
        env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip


def test_a_box_in_a_box_that_lets_it_blocks_what_both_block(tmp_path):
    done = nested(tmp_path, "--allow", "nested-user-ns", "--block", "env", "echo $INNER_BOX; /usr/bin/env")
    if os.getuid() == 0:  # where it is refused from the start
        assert "hint: run inner as an ordinary user" in done.stderr
        return
    assert (done.returncode, done.stdout) == (126, "shell\n"), done.stderr
    assert done.stderr.endswith("inner: `env` is blocked in this box (profile shell)\n")


def test_what_is_wrong_with_the_project_is_not_told_of_a_box_that_cannot_be(tmp_path):
    done = nested(tmp_path, "true")
    assert done.returncode == 125
    assert done.stderr.startswith("error: this is inside of a box already, and no other can be made in it\n")


PRESSED = """
import sys
sys.path.insert(0, sys.argv.pop(1))
class Pressed:
    def find_spec(name, path=None, target=None):
        if name == sys.argv[-1]:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Pressed)
from inner.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["inner.front", "inner.commands.run", "inner.launch.session"])
def test_ctrl_c_while_inner_begins_ends_it_without_a_word(tmp_path, module):
    (tmp_path / "project").mkdir()
    done = subprocess.run(
        [sys.executable, "-I", "-c", PRESSED, str(ROOT), "run", "--", "echo", module],
        capture_output=True, text=True, timeout=60, cwd=tmp_path / "project", env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (-2, "", "")
