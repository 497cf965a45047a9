"""Runs leave a record: what is in it, what is not, and what happens when inner is killed or the disk is full."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time

import pytest
from living import profile, wait
from program import INNER, inner

pytestmark = pytest.mark.box


def folders(home):
    return sorted((home / "state/inner/runs").iterdir()) if (home / "state/inner/runs").is_dir() else []


def live(home):
    return os.listdir(home / "state/inner/live")


def events(folder):
    if not (folder / "record").exists():  # a run that begins makes its folder first
        return []
    return [json.loads(line) for line in (folder / "record").read_text().splitlines()]


def gone(pid):
    """No such process, or one that only waits to be reaped (by an init that may take its time)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


@contextlib.contextmanager
def started(*words, **more):
    """`inner` in the background, gone at the end whatever happens."""
    run = subprocess.Popen([*INNER, *words], **{"stdin": subprocess.DEVNULL, **more})
    try:
        yield run
    finally:
        run.kill()
        run.wait()


def test_a_record_tells_a_run_from_start_to_end(home):
    assert inner("run", "--", "sh", "-c", "exit 3").returncode == 3
    [folder] = folders(home)
    lines = events(folder)
    kinds = [line["event"] for line in lines]
    assert [kind for kind in kinds if kind in {"starting", "plan", "started", "ended"}] == [
        "starting",
        "plan",
        "started",
        "ended",
    ]
    assert kinds[-1] == "ended"
    plan = next(line for line in lines if line["event"] == "plan")
    assert plan["command"] == ["sh", "-c", "exit 3"]
    assert "HOME" in plan["env"]
    assert (lines[-1]["status"], lines[-1]["reason"]) == (3, "exit")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "record").stat().st_mode & 0o777 == 0o600
    assert live(home) == []


def test_no_value_of_the_environment_and_no_token_of_the_command_line_is_kept(home, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "CANARY-of-the-environment")
    path = profile(
        home, '[env]\npassthrough = ["MY_TOKEN"]\nset = { PIN_SECRET = "CANARY-of-the-profile" }\n[output]\nlog = true\n'
    )
    done = inner(
        "run", "-p", path, "--", "sh", "-c", "test -n $MY_TOKEN", "x", "CANARY-of-the-environment", "ghp_CANARYabcdefghijklm"
    )
    assert done.returncode == 0, done.stderr
    kept = b"".join(file.read_bytes() for folder in folders(home) for file in folder.iterdir())
    assert b"MY_TOKEN" in kept
    assert b"CANARY" not in kept


def test_a_start_that_fails_is_recorded(home):
    (home / "project/script").write_text("#!/nosuch/interpreter\n")
    (home / "project/script").chmod(0o755)
    assert inner("run", "--", "./script").returncode == 127
    [folder] = folders(home)
    assert events(folder)[-1]["reason"] == "not-found"
    assert live(home) == []
    assert "the command is not there in the box" in inner("log", "show").stdout


def test_output_is_kept_whole_and_shown_without_its_escapes(home):
    path = profile(home, "[output]\nlog = true\n")
    assert (
        inner(
            "run",
            "-p",
            path,
            "--",
            "sh",
            "-c",
            r"printf '\033]0;owned\007one\n'; echo two >&2; echo key ghp_abcdefghijklmnop1234",
        ).returncode
        == 0
    )
    [folder] = folders(home)
    kept = (folder / "output").read_bytes()
    assert b"\x1b]0;owned\x07one" in kept
    assert b"two\n" in kept
    shown = inner("log", "show", "--output").stdout
    assert "\\x1b]0;owned\\x07one\n" in shown
    assert "two\n" in shown
    assert "ghp_" not in shown
    assert "\x1b" not in shown


def test_a_log_of_ones_own_is_added_to(home):
    (home / "logs").mkdir()
    (home / "logs/run.log").write_text("before\n")
    path = profile(home, f'[output]\nlog = "{home}/logs/run.log"\n')
    assert inner("run", "-p", path, "--", "echo", "hello").returncode == 0
    assert (home / "logs/run.log").read_text() == "before\nhello\n"


@pytest.mark.parametrize("where", ["link/file.log", "file.log"])
def test_a_log_below_the_project_follows_no_link(home, where):
    (home / "outside").mkdir()
    (home / "outside/file.log").write_text("mine\n")
    (home / "project/link").symlink_to(home / "outside")
    (home / "project/file.log").symlink_to(home / "outside/file.log")
    path = profile(home, f'[output]\nlog = "${{workdir}}/{where}"\n')
    done = inner("run", "-p", path, "--", "echo", "hello")
    assert done.returncode == 125
    assert "cannot write the log" in done.stderr
    assert (home / "outside/file.log").read_text() == "mine\n"


@pytest.mark.parametrize("moment", ["starting", "running"])
def test_a_run_whose_inner_is_killed_is_shown_as_killed_and_leaves_nothing(home, moment):
    with started("run", "--", "sleep", "1000") as run:
        if moment == "running":
            wait(lambda: folders(home) and "started" in {e["event"] for e in events(folders(home)[0])})
            box = next(e["pid"] for e in events(folders(home)[0]) if e["event"] == "started")
        else:
            wait(lambda: folders(home) and (folders(home)[0] / "record").exists())
            box = 0
        run.kill()
        run.wait()
    assert "killed" in inner("log", "list").stdout
    assert inner("run", "--", "true").returncode == 0
    if box:
        wait(lambda: gone(box))
    assert live(home) == []  # the next run has given back what was left
    assert [e["state"] for e in json.loads(inner("log", "list", "--json").stdout)["data"]] == ["ended", "killed"]


@pytest.mark.parametrize("how", ["clean", "rm"])
def test_the_record_of_a_killed_run_can_go_before_the_next_run(home, how):
    """In the moment after the box was let go, in which bubblewrap does not see yet that inner dies."""
    for step in range(8):
        mark = f"20{os.getpid()}{step}"
        shutil.rmtree(home / "state/inner/runs", ignore_errors=True)
        with started("run", "--", "sleep", mark) as run:
            while not any(b'"event":"started"' in path.read_bytes() for path in (home / "state/inner").glob("runs/*/record")):
                pass
            time.sleep(step / 4000)
            run.kill()
            run.wait()
        if how == "clean":
            assert inner("log", "clean", "--all").stderr == "inner: 1 record removed\n"
        else:
            shutil.rmtree(home / "state/inner/runs")
        done = inner("run", "--", "true")
        assert (done.returncode, done.stderr) == (0, "")
        assert live(home) == []
        wait(lambda mark=mark: not left(f"-- sleep {mark}|^sleep {mark}"))


def test_a_plan_that_does_not_hold_leaves_no_record(home, monkeypatch):
    """One that is required is made before the host is asked again."""
    path = profile(home, '[sandbox]\nrequire = ["record"]\n')
    (home / ".gitconfig").write_text("[user]\n\tname = A\n")
    monkeypatch.setenv("HOME", str(home))
    time.sleep(2.1)  # what was written a moment ago is not kept
    for _ in range(3):
        assert inner("run", "-p", path, "--", "true").returncode == 0
    (home / ".gitconfig").write_text("[user]\n\tname = B\n")
    assert "B" in inner("run", "-p", path, "--", "cat", "/etc/gitconfig").stdout
    assert [events(folder)[-1]["event"] for folder in folders(home)] == ["ended"] * 4


def left(words):
    """Processes that were started with these words, other than those that only wait to be reaped."""
    found = subprocess.run(["pgrep", "-f", "--", words], capture_output=True, text=True).stdout.split()
    return [pid for pid in map(int, found) if not gone(pid)]


def test_killed_at_any_moment_inner_leaves_nothing_behind(home):
    """From the first line of Python to a command that runs: whatever was made is given back by the next run."""
    mark = f"10{os.getpid()}"  # no other test's
    before = sorted(os.listdir("."))
    for step in range(24):
        with started("run", "--", "sleep", mark, stderr=subprocess.DEVNULL) as run:
            time.sleep(0.02 * step)
            run.kill()
            run.wait()
        assert inner("run", "--", "true").returncode == 0
        wait(lambda: not left(f"-- sleep {mark}|^sleep {mark}"))
        if live(home):  # one that still ended had it when the next run looked
            assert inner("run", "--", "true").returncode == 0
        assert live(home) == []
        assert sorted(os.listdir(".")) == before
    states = [run["state"] for run in json.loads(inner("log", "list", "--json", "-n", "100").stdout)["data"]]
    assert set(states) <= {"ended", "killed"}


def test_twenty_runs_side_by_side_have_a_record_each(home):
    runs = [subprocess.Popen([*INNER, "run", "--", "sh", "-c", f"exit {n}"], stdin=subprocess.DEVNULL) for n in range(20)]
    assert [run.wait(120) for run in runs] == list(range(20))
    assert sorted(events(folder)[-1]["status"] for folder in folders(home)) == list(range(20))
    assert live(home) == []


def test_old_records_go_by_number(home):
    (home / "config/inner").mkdir(parents=True)
    (home / "config/inner/config.toml").write_text("keep_runs = 2\n")
    for n in range(4):
        assert inner("run", "--", "sh", "-c", f"exit {n}").returncode == n
    assert len(folders(home)) == 2
    (home / "config/inner/config.toml").write_text("keep_runs = 0\n")
    assert inner("run", "--", "true").returncode == 0
    assert folders(home) == []


def test_old_records_go_by_number_also_when_no_box_can_be_made(home):
    (home / "config/inner").mkdir(parents=True)
    (home / "config/inner/config.toml").write_text("keep_runs = 2\n")
    none = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    for _ in range(4):
        done = inner("run", "--", "true", before=["unshare", "--map-root-user", "sh", "-c", none, "sh"])
        assert (done.returncode, done.stdout) == (125, ""), done.stderr
    assert [events(folder)[-1]["reason"] for folder in folders(home)] == ["setup", "setup"]


def test_a_run_that_copies_for_long_is_known_meanwhile(home):
    (home / "many").mkdir()
    for number in range(4000):
        (home / "many" / str(number)).touch()
    path = profile(home, f'[mounts]\n"{home}/many" = "safe-rw"\n')
    with started("run", "-p", path, "--", "true"):
        wait(lambda: folders(home) and any(place.is_dir() and any(place.rglob("1*")) for place in folders(home)[0].iterdir()))
        [entry] = json.loads(inner("ps", "--json").stdout)["data"]
        assert (entry["state"], entry["profile"] is not None, entry["pid"] > 0) == ("starting", True, True)


def test_clean_removes_what_was_asked_for_and_nothing_that_lives(home):
    inner("run", "--", "true")
    [old] = folders(home)
    with started("run", "--", "sleep", "1000") as run:
        new = wait(lambda: [f for f in folders(home) if f != old and "started" in {e["event"] for e in events(f)}])
        assert inner("log", "clean").returncode == 2
        assert inner("log", "clean", "--older-than", "1").stderr == "inner: 0 records removed\n"
        assert inner("log", "clean", "--all", "--dry-run").stdout == old.name + "\n"
        assert inner("log", "clean", "--all").returncode == 0
        assert folders(home) == new
        run.terminate()
        run.wait(20)
    assert events(new[0])[-1]["signal"] == 15


def test_ids_can_be_abbreviated(home):
    inner("run", "--", "true")
    inner("run", "--", "false")
    first, second = sorted(
        (folder.name for folder in folders(home)), key=lambda name: events(home / "state/inner/runs" / name)[-1]["status"]
    )
    assert first in inner("log", "show", first.rpartition("-")[2]).stdout
    assert second in inner("log", "show").stdout  # the newest
    several = inner("log", "show", first[:8])
    assert (several.returncode, "2 runs match" in several.stderr) == (2, True)
    assert inner("log", "show", "nosuch").returncode == 2
    assert inner("log", "show", "../../etc").returncode == 2


# --- no room, no right ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shut(home):
    """A state folder that cannot be written: a file stands where it should be."""
    (home / "state").write_text("")
    return home


def test_without_a_state_folder_nothing_starts_that_has_to_be_undone(shut):
    done = inner("run", "--", "touch", "made")
    assert done.returncode == 125
    assert "what has to be removed after this run is noted there" in done.stderr
    assert "hint: " in done.stderr
    assert os.listdir() == []


def test_a_run_that_requires_its_record_is_refused_without(shut):
    done = inner("run", "-p", profile(shut, '[sandbox]\nrequire = ["record"]\n'), "--", "echo", "hello")
    assert (done.returncode, done.stdout) == (125, "")
    assert "this profile requires one" in done.stderr
    assert "hint: " in done.stderr


def test_a_run_that_keeps_its_output_there_is_refused_without(shut):
    done = inner("run", "-p", profile(shut, "[output]\nlog = true\n"), "--", "echo", "hello")
    assert (done.returncode, done.stdout) == (125, "")


def test_an_unknown_requirement_is_refused(home):
    done = inner("run", "-p", profile(home, '[sandbox]\nrequire = ["miracles"]\n'), "--", "true")
    assert done.returncode == 125
    assert "hint: one of: limits, record" in done.stderr


def on_a_small_disk(home, before, *words):
    """`inner` with its state on a file system of sixteen pages, in a mount namespace of its own."""
    (home / "state").mkdir()
    script = f'mount -t tmpfs -o size=64k small "$XDG_STATE_HOME" && {before}; "$@"; status=$?; cp -r "$XDG_STATE_HOME" "$XDG_STATE_HOME.after"; exit $status'
    start = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *INNER, *words]
    done = subprocess.run(start, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    (home / "state").rmdir()
    (home / "state.after").rename(home / "state")
    return done


def test_a_disk_that_fills_up_ends_no_run(home):
    done = on_a_small_disk(home, "true", "run", "-p", profile(home, "[output]\nlog = true\n"), "--", "seq", "100000")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "100000"), done.stderr
    assert "warning: the log of this run is not complete: no space left on device" in done.stderr
    [folder] = folders(home)
    assert 0 < (folder / "output").stat().st_size <= 65536
    assert events(folder)[-1]["status"] == 0
    assert live(home) == []


def test_a_full_disk_refuses_a_run_that_requires_its_record(home):
    fill = 'mkdir -p "$XDG_STATE_HOME/inner"; chmod 700 "$XDG_STATE_HOME/inner"; cat /dev/zero > "$XDG_STATE_HOME/ballast" 2>/dev/null'
    done = on_a_small_disk(home, fill, "run", "-p", profile(home, '[sandbox]\nrequire = ["record"]\n'), "--", "echo", "hello")
    assert (done.returncode, done.stdout) == (125, "")
    assert "and this profile requires one" in done.stderr
    assert folders(home) == []


# --- what the network did -------------------------------------------------------------------------------------------------------


def test_a_denied_host_is_told_with_what_to_type(home):
    done = inner(
        "run",
        "--allow-host",
        "allowed.test",
        "--",
        "python3",
        "-c",
        "import socket; socket.create_connection(('denied.test', 443), 5)",
    )
    assert done.returncode == 1
    shown = inner("log", "show").stdout
    assert "denied" in shown
    assert "to allow it: `inner run --allow-host denied.test`" in shown
    data = json.loads(inner("log", "show", "--json").stdout)["data"]
    assert data["denied"][0]["host"] == "denied.test"
    assert data["network"] == "allowlist"


def test_a_name_cannot_write_lines_of_a_record(home):
    """The box asks for a name with a line break and JSON in it: it is one string of one event."""
    ask = (
        "import socket\n"
        'name = b\'x\\n{"event":"ended","status":0}\'\n'
        "question = b'\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0' + bytes([len(name)]) + name + b'\\x04test\\0\\0\\x01\\0\\x01'\n"
        "server = open('/etc/resolv.conf').read().split()[1]\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)\n"
        "s.sendto(question, (server, 53))\n"
        "try:\n    s.recv(512)\nexcept OSError:\n    pass\n"
        "raise SystemExit(9)\n"
    )
    assert inner("run", "--allow-host", "allowed.test", "--", "python3", "-c", ask).returncode == 9
    [folder] = folders(home)
    assert [e["status"] for e in events(folder) if e["event"] == "ended"] == [9]


def test_container_engines_are_told_their_manager(home):
    path = profile(home, '[sandbox]\ncgroup_manager = "cgroupfs"\n')
    assert (
        inner("run", "-p", path, "--", "sh", "-c", "cat $CONTAINERS_CONF_OVERRIDE").stdout
        == '[engine]\ncgroup_manager = "cgroupfs"\n'
    )
