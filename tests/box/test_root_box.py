"""Boxes that root starts. Inside they have another uid, outside they are uid 0: what the kernel gives to uid 0 without a capability
has to be out of reach by mounts, by the filter, or the run is refused. An open box has the same uids and no capability either.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from launched import BWRAP
from program import inner

pytestmark = [pytest.mark.box, pytest.mark.root]

SPACES = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--cap-drop",
    "ALL",
)
OPEN = (BWRAP, *SPACES, "--bind", "/", "/", "--dev", "/dev", "--")


@pytest.fixture
def project(tmp_path, monkeypatch):
    assert os.getuid() == 0, "these tests are root's"
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def python(text, *, boxed):
    """What a Python program prints as JSON, in a box of ours or in the open one."""
    words = ("/usr/bin/python3", "-I", "-c", text)
    done = inner("run", "--", *words) if boxed else subprocess.run([*OPEN, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_box_is_not_root_inside(project):
    done = inner(
        "run",
        "--",
        "sh",
        "-c",
        "id -u; id -g; cat /proc/self/uid_map; grep ^Cap /proc/self/status; test -w /usr && echo writable; echo $HOME",
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[:3] == [["1000"], ["1000"], ["1000", "0", "1"]]
    assert {line[1] for line in lines[3:8]} == {"0000000000000000"}
    assert lines[8:] == [[os.environ["HOME"]]]


def test_the_project_is_writable_and_stays_root_s(project):
    assert inner("run", "--", "sh", "-c", "echo text > file").returncode == 0
    assert (project / "file").stat().st_uid == 0


# Opened for writing and closed again: nothing is written.
PARAMETERS = """
import json, os
found = []
for top in ("/proc", "/sys"):
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not (folder == "/proc" and (name.isdigit() or name in ("self", "thread-self")))]
        for name in files:
            try:
                os.close(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK))
                found.append(f"{folder}/{name}")
            except OSError:
                pass
print(json.dumps(found))
"""


def test_no_parameter_of_the_kernel_can_be_written(project):
    """As the same uid an open box opens core_pattern, which is a command that the kernel runs as root outside."""
    assert python(PARAMETERS, boxed=True) == []
    reached = set(python(PARAMETERS, boxed=False))
    assert {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe"} & reached
    assert any(path.startswith("/sys/") for path in reached)


PRIVATE = """
import json, os
found = []
for name in os.listdir("/proc"):
    path = "/proc/" + name
    try:
        if os.path.isfile(path) and not os.stat(path).st_mode & 4:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            found.append(name)
    except OSError:
        pass
print(json.dumps(found))
"""


def test_what_proc_shows_to_root_alone_is_hidden(project):
    assert python(PRIVATE, boxed=True) == []
    assert python(PRIVATE, boxed=False) != []


def test_cgroups_cannot_be_changed(project):
    places = [str(path) for path in Path("/sys/fs/cgroup").rglob("cgroup.procs")][:1]
    attack = f"import json, os; print(json.dumps([path for path in {places} if os.path.exists(path) and not os.close(os.open(path, os.O_WRONLY))]))"
    assert python(attack, boxed=True) == []
    assert python(attack, boxed=False) == places


@pytest.mark.parametrize("where", ["/root", "/etc", "/var/lib", "/opt", "/usr/local/etc"])
def test_root_s_files_cannot_be_read(project, where):
    secret = Path(where) / f"inner-test-{os.getpid()}"
    try:
        secret.write_text("CANARY")
        secret.chmod(0o600)
        for boxed in (True, False):
            done = (
                inner("run", "--", "cat", str(secret))
                if boxed
                else subprocess.run([*OPEN, "cat", secret], capture_output=True, text=True, timeout=60)
            )
            assert ("CANARY" in done.stdout) is not boxed
    finally:
        secret.unlink()


def test_passwords_cannot_be_read(project):
    assert inner("run", "--", "cat", "/etc/shadow").stdout == ""
    assert b"root:" in subprocess.run([*OPEN, "cat", "/etc/shadow"], capture_output=True, timeout=60).stdout


def test_no_set_user_id_program_of_root_s_is_left(project):
    """Whoever could reach the project would be root."""
    make = f"cp /bin/true {project}/program; chmod 4755 {project}/program"
    assert inner("run", "--", "sh", "-c", make).returncode == 1
    assert not (project / "program").stat().st_mode & stat.S_ISUID
    subprocess.run([*OPEN, "sh", "-c", make], check=True, timeout=60)
    assert (project / "program").stat().st_mode & stat.S_ISUID
    (project / "program").unlink()


def test_the_host_s_devices_keep_their_modes(project):
    """They are the host's nodes, and root's. The attack sets the mode that they have."""
    attack = "for d in null zero full random urandom tty; do chmod 666 /dev/$d 2>/dev/null && echo $d; touch /dev/$d 2>/dev/null && echo $d; done; true"
    assert inner("run", "--", "sh", "-c", attack).stdout == ""
    assert len(subprocess.run([*OPEN, "sh", "-c", attack], capture_output=True, timeout=60).stdout.split()) == 12


def test_the_devices_work(project):
    done = inner(
        "run",
        "--",
        "sh",
        "-c",
        "echo x > /dev/null && head -c 3 /dev/zero | wc -c && head -c 3 /dev/urandom | wc -c && dd if=/dev/zero of=/dev/full bs=1 count=1",
    )
    assert done.stdout.split() == ["3", "3"]
    assert "No space left" in done.stderr


def test_groups_of_the_caller_are_dropped(project):
    groups = {"preexec_fn": lambda: os.setgroups([4, 24])}
    look = ("grep", "^Groups:", "/proc/self/status")
    assert inner("run", "--", *look, **groups).stdout.split() == ["Groups:"]
    assert subprocess.run([*OPEN, *look], capture_output=True, text=True, timeout=60, **groups).stdout.split() == [
        "Groups:",
        "65534",
        "65534",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('root = "host-ro"', "a box started by root cannot show the host's root: root's files on it would be the box's to read"),
        (
            'seccomp = "off"',
            "a box started by root needs the system call filter: it could leave set-user-ID programs of root's in the project",
        ),
        (
            'allow = ["nested-user-ns"]',
            "a box started by root cannot make user namespaces: it could leave set-user-ID programs of root's in the project",
        ),
    ],
)
def test_what_would_undo_it_is_refused(project, tmp_path, monkeypatch, text, message):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "config/inner/profiles/p.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'schema_version = "1"\nname = "p"\nextends = "shell"\n[sandbox]\n{text}\n')
    done = inner("run", "-p", "p", "--", "touch", "ran")
    assert done.returncode == 125
    assert done.stderr == f"error: {message}\n  --> {file}:5\nhint: run inner as an ordinary user, or leave the key out\n"
    assert not (project / "ran").exists()


@pytest.mark.parametrize(
    "folder", ["/etc", "/root", "/sys/fs/cgroup", "/proc/sys", "/dev", "/boot", "/usr/local/bin", "/var/lib"]
)
def test_the_system_cannot_be_a_project(project, folder):
    if not Path(folder).is_dir():
        return
    done = inner("run", "-w", folder, "--", "true")
    assert done.returncode == 125
    assert f"`{folder}`" in done.stderr
