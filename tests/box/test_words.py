"""What bubblewrap makes of our words: limits, namespaces, environment, descriptors; and the command that a person can paste."""

from __future__ import annotations

import os
import subprocess

import pytest
from planned import BASE, PYTHON, plan_of, start

from inner.bwrap import paste, words
from inner.errors import ConfigError, RunError
from inner.frozen import replace
from inner.host import RealHost
from inner.launch.features import probe
from inner.paths import BoxPath, HostPath
from inner.plan.model import MIB, Bind, Data, Dir, Mask, Namespaces, Symlink, Tmpfs, Variable
from inner.plan.mounts import order, scaffolding

pytestmark = pytest.mark.box


@pytest.fixture(scope="module")
def features():
    return probe({"PATH": "/usr/bin"})


def shell(script, features, *mounts, **more):
    done = start(plan_of(order((*BASE, *mounts)), ("/usr/bin/bash", "-c", script), **more.pop("plan", {})), features, **more)
    assert done.made, done.stderr
    return done.stdout.decode()


def without(features, *flags):
    return replace(features, flags=features.flags - set(flags))


def python(code, features, *mounts, **more):
    return shell(f"{PYTHON} -I -S - <<'END'\n{code}\nEND", features, *mounts, **more)


FULL = """\
import os
for path in ("/", "/tmp", "/dev/shm", "/home", "/mask"):
    s = os.statvfs(path)
    print(path, s.f_blocks * s.f_frsize, bool(s.f_flag & os.ST_RDONLY))
"""


def test_every_file_system_in_memory_is_bounded_and_those_that_should_be_are_read_only(features):
    mounts = (Tmpfs("/tmp", 2 * MIB, 0o1777), Tmpfs("/home", MIB, mode="ro"), Mask("/mask"))
    found = python(FULL, features, *mounts)
    assert found.split("\n")[:5] == [
        f"/ {4 * MIB} True",
        f"/tmp {2 * MIB} False",
        f"/dev/shm {256 * MIB} False",
        f"/home {MIB} True",
        "/mask 4096 True",
    ]
    # the same without sizes: half of the machine's memory each
    open_box = [line.split() for line in python(FULL, without(features, "size"), *mounts).splitlines()]
    assert all(int(size) > 8 * MIB for path, size, _ in open_box)


def test_a_full_tmpfs_ends_the_writing_not_the_machine(features):
    script = "head -c 3M /dev/zero > /tmp/x; stat -c %s /tmp/x; mkdir -p /tmp/y 2>&1"
    assert shell(script, features, Tmpfs("/tmp", MIB)) == f"{MIB}\n"
    assert shell(script, without(features, "size"), Tmpfs("/tmp", MIB)) == f"{3 * MIB}\n"


def test_nothing_can_be_made_outside_of_what_is_writable(features, tmp_path):
    (tmp_path / "file").write_text("as it was")
    script = (
        "for f in /x /etc/x /dev/x /usr/x /p/x /ro/x /ro/file /hidden/x /f; do (echo y > $f) 2>/dev/null && echo $f; done; true"
    )
    mounts = (Dir("/etc"), Bind(str(tmp_path), "/p", "rw"), Bind(str(tmp_path), "/ro"), Mask("/hidden"), Mask("/f", "file"))
    assert shell(script, features, *mounts) == "/p/x\n"
    assert (tmp_path / "file").read_text() == "as it was"
    assert "/x\n/etc/x\n" in shell(script, features, Tmpfs("/", 4 * MIB), *mounts)


def test_masks_cannot_be_taken_away(features, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "secret").write_text("s3cret")
    (tmp_path / "f").write_text("s3cret")
    script = "cd /p; rm -rf d f 2>/dev/null; mv d e 2>/dev/null; mv f g 2>/dev/null; chmod 777 d f 2>/dev/null; umount d f 2>/dev/null; cat d/secret f 2>/dev/null; ls -A . d"
    bind = Bind(str(tmp_path), "/p", "rw")
    assert "s3cret" in shell("cat /p/d/secret /p/f", features, bind)
    assert shell(script, features, bind, Mask("/p/d"), Mask("/p/f", "file")) == ".:\nd\nf\n\nd:\n"
    assert (tmp_path / "d" / "secret").read_text() == (tmp_path / "f").read_text() == "s3cret"


def test_namespaces(features):
    ids = {name: os.readlink(f"/proc/self/ns/{name}") for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")}
    script = f"for n in {' '.join(ids)}; do readlink /proc/self/ns/$n; done; cat /proc/sys/kernel/hostname; grep -i capeff /proc/self/status; id -u; id -g"
    *inside, name, capabilities, uid, gid = shell(script, features).splitlines()
    assert not set(inside) & set(ids.values())
    assert (name, capabilities.split()[1], uid, gid) == ("inner", "0" * 16, "1000", "1000")
    assert ids["net"] in shell(script, features, plan={"namespaces": Namespaces(net=False)})


def test_no_user_namespace_unless_it_is_allowed(features):
    script = "unshare --user true 2>/dev/null && echo made"
    assert shell(script, features) == ""
    assert shell(script, features, plan={"namespaces": Namespaces(nested_user=True)}) == "made\n"
    assert shell(script, without(features, "disable-userns")) == "made\n"


def test_the_environment_is_what_the_plan_names(features):
    env = (Variable("A", "it's\n$(x)"), Variable("B", None), Variable("C", None), Variable("D", ""))
    code = "print(open('/proc/self/environ').read().split(chr(0)), [open('/proc/1/' + n).read() for n in ('environ', 'cmdline')], sep=chr(1))"
    plan = plan_of(BASE, (PYTHON, "-I", "-S", "-c", code), env=env)
    own, first = start(plan, features, env={"B": "b", "S": "s3cret"}).stdout.decode().split("\1")
    assert own in (f"{[*some, '']}" for some in (["A=it's\n$(x)", "B=b", "D="], ["A=it's\n$(x)", "B=b", "D=", "PWD=/"]))
    assert first.startswith("['', ")  # of pid 1, which is bubblewrap
    assert "--setenv" not in first
    assert "s3cret" not in first


def test_files_of_bytes_are_what_was_said_and_stay_so_when_read_only(features):
    data = bytes(range(256)) * 40
    mounts = (
        Tmpfs("/home", MIB),
        Data("/etc/a", data),
        Data("/home/ro", data),
        Data("/home/rw", b"1\n", 0o600, "rw"),
        Data("/etc/rw", b"1\n", 0o644, "rw"),
    )
    script = "md5sum < /etc/a; md5sum < /home/ro; for f in /etc/a /home/ro /home/rw /etc/rw; do chmod u+w $f; echo 2 >> $f; mv $f $f.x; done 2>/dev/null; cat /home/rw.x /etc/rw; stat -c %a /home/rw.x; ls /home"
    from hashlib import md5

    assert shell(script, features, *mounts).split() == [
        md5(data).hexdigest(),
        "-",
        md5(data).hexdigest(),
        "-",
        "1",
        "2",
        "1",
        "2",
        "600",
        "ro",
        "rw.x",
    ]


def test_a_source_swapped_for_a_link_after_the_check_gains_nothing(features, tmp_path):
    secret, source = tmp_path / "secret", tmp_path / "project"
    secret.mkdir()
    source.mkdir()
    (secret / "name").write_text("secret")
    (source / "name").write_text("project")

    def swap():
        source.rename(tmp_path / "aside")
        source.symlink_to(secret)

    bind = Bind(str(source), "/p")
    assert shell("cat /p/name", features, bind, before=swap) == "project"
    source.unlink()
    (tmp_path / "aside").rename(source)
    # where bubblewrap opens the path itself, the swap is the attacker's
    assert shell("cat /p/name", without(features, "bind-fd"), bind, before=swap) == "secret"
    with pytest.raises((RunError, AssertionError), match=r"symbolic link|dirfd"):  # and one that is a link already is not mounted
        shell("true", features, bind)
    with pytest.raises(RunError, match="symbolic link"):
        shell("true", features, Bind(f"{source}/name", "/n", kind="file"))


def test_a_destination_that_is_a_link_would_be_followed_out_of_the_box(features, tmp_path):
    project, victim = tmp_path / "project", tmp_path / "victim"
    project.mkdir()
    victim.mkdir()
    (project / ".zed").symlink_to(f"../../../../../../../../oldroot{victim}")
    mounts = order((*BASE, Bind(str(project), "/p", "rw"), Mask("/p/.zed/tasks.json", "file")))
    with pytest.raises(ConfigError, match="symbolic link"):
        scaffolding(mounts, RealHost({}))
    # what it is about: this bubblewrap makes the mount point on the host, outside of everything that was mounted
    assert features.version >= (0, 12) or start(plan_of(mounts), features).returncode is not None
    assert features.version >= (0, 12) or os.listdir(victim) == ["tasks.json"]


def test_sockets_and_files_behind_descriptors(features, tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)
        server.bind("s")
        server.listen()
        binds = (Bind(f"{tmp_path}/s", "/run/s", "ro", "other"), Bind("/dev/null", "/run/null", "rw", "other", dev=True))
        code = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/s'); open('/run/null', 'w').write('x'); print('both')"
        assert python(code, features, *binds) == "both\n"


def test_devices_can_be_shown_read_only(features, tmp_path):
    script = "touch /d/x && echo made"
    assert shell(script, features, Bind(str(tmp_path), "/d", "rw", dev=True)) == "made\n"
    assert shell(script, features, Bind(str(tmp_path), "/d", "ro", dev=True)) == ""


# --- paste --------------------------------------------------------------------------------------------------------------

ODD = (
    "line\nbreak",
    "it's",
    'say "x"',
    "$(touch pwned)",
    "`touch pwned`",
    "back\\slash",
    "-n",
    "ünï",
    "tab\there",
    "percent %s",
    "\x1b[31mred",
    "\udcff\udcfe",
    "bell\x07",
    "a  b",
)


def bash(text, **env):
    done = subprocess.run(["bash", "--norc", "-c", text], capture_output=True, env=env, timeout=30, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ODD)
def test_a_pasted_command_does_the_same_whatever_the_names_are(name, features, tmp_path):
    folder = os.fsencode(tmp_path) + b"/" + os.fsencode(name)
    os.mkdir(folder)
    with open(folder + b"/file", "wb") as file:
        file.write(b"content")
    src = HostPath(os.fsdecode(folder))
    data = os.fsencode(name) + bytes(range(256)) + b"%d \\n 'x'"
    plan = plan_of(
        (*BASE, Bind(src, BoxPath(f"/{name}")), Data(BoxPath("/data"), data), Data(BoxPath("/dash"), b"-e x"), Symlink(name, BoxPath("/link")), Mask(BoxPath("/none"), "file")),
        ("/usr/bin/env", "bash", "-c", 'cat "$1/file" /data; cat < /dash; readlink -n /link; printf %s "$VALUE" "${TERM-unset}" "${GONE-unset}" "$odd"; wc -c < /none; ls', "sh", f"/{name}"),
        env=(Variable("VALUE", name), Variable("TERM", None), Variable("GONE", None), Variable("odd", None)),
    )  # fmt: skip
    text = paste(plan, features)
    assert all(char == "\n" or char.isprintable() for char in text)
    term = "x  y; $(touch pwned)"
    pasted = bash(text, TERM=term, odd="$odd")
    raw = os.fsencode(name)
    assert pasted.startswith(b"content" + data + b"-e x" + raw + raw + os.fsencode(term) + b"unset$odd0\n")
    started = start(plan, features, env={"TERM": term, "odd": "$odd"})
    assert started.stdout == pasted
    assert not os.path.exists("/pwned")


def test_words_of_a_plan_that_lives_in_a_thousand_mounts_fit(features):
    many = [Dir(BoxPath(f"/etc/{'x' * 200}{number}")) for number in range(1000)]
    plan = plan_of(order((*BASE, *many)), env=[Variable("LONG", "y" * 100_000), Variable("LONGER", "z" * 100_000)])
    assert sum(len(word) for word in words(plan, features, env={}, filter=None) if isinstance(word, str)) > 400_000
    assert start(plan, features).returncode == 0
