"""Which look-ups are the box's doing: decided by the plan and the host, on a host that is written down."""

from __future__ import annotations

import pytest

from inner.frozen import replace
from inner.paths import BoxPath, HostPath
from inner.plan.model import Bind, Mask, Plan, Tmpfs, Variable
from inner.trace.judge import missed
from inner.trace.parse import Lookup

HOME = "/home/me"


class Host:
    """Files, and what was asked for."""

    def __init__(self, *files, mountinfo=b""):
        self.env, self.home, self.cwd, self.uid, self.gid = {"PATH": "/opt/bin:/usr/bin"}, HOME, "/home/me/p", 1000, 1000
        self.files, self.mountinfo, self.asked = {*files}, mountinfo, []

    def lstat(self, path):
        self.asked.append(path)
        folder = any(file.startswith(path.rstrip("/") + "/") for file in self.files)
        if path not in self.files and not folder:
            return None
        mode = 0o40755 if folder else 0o100000 if path == "/etc/secret" else 0o100644
        return type("Info", (), {"kind": "dir" if folder else "file", "mode": mode, "uid": 1000, "gid": 1000})

    def readlink(self, _path):
        return ""

    def read(self, path, _limit=65536, _offset=0):
        return self.mountinfo if path == "/proc/self/mountinfo" else None


PLAN = Plan(
    "test", ("true",), BoxPath("/home/me/p"), BoxPath(HOME), HostPath("/home/me/p"),
    (
        Tmpfs(BoxPath("/")), Bind(HostPath("/usr"), BoxPath("/usr")), Tmpfs(BoxPath(HOME)), Bind(HostPath("/data"), BoxPath("/data")),
        Bind(HostPath("/home/me/p"), BoxPath("/home/me/p"), "rw"), Mask(BoxPath("/home/me/p/hidden")),
    ),
    (Variable("PATH", "/opt/bin:/usr/bin"),),
)  # fmt: skip
FILES = ("/home/me/.rc", "/home/me/p/a", "/home/me/p/hidden/b", "/usr/bin/tool", "/opt/bin/tool", "/opt/bin/other", "/data/x",
         "/etc/secret", "/net/evil/x", "/home/me/.config/t/a", "/home/me/.config/t/b", "/home/me/.config/t/c", "/home/me/.config/t/d",
         "/home/me/.cache/u/v")  # fmt: skip


def told(*lookups, plan=PLAN, host=None):
    found = {Lookup("prog", path, want, error): 1 for path, want, error in lookups}
    return [(one.subject, one.want) for one in missed(found, plan, host or Host(*FILES))]


@pytest.mark.parametrize(
    ("path", "want", "error", "expected"),
    [
        ("/home/me/.rc", "read", "ENOENT", ("/home/me/.rc", "read")),
        ("/home/me/.nothing", "read", "ENOENT", None),
        ("/home/me/.new", "write", "ENOENT", None),  # the box's own home can be written
        ("/home/me/.cache/u/new", "write", "ENOENT", ("/home/me/.cache/u", "write")),
        ("/home/me/p/lost", "read", "ENOENT", None),
        ("/home/me/p/hidden/b", "read", "ENOENT", ("/home/me/p/hidden/b", "read")),
        ("/etc/secret", "read", "ENOENT", None),  # not to be read on the host either
        ("/data/x", "write", "EROFS", ("/data/x", "write")),
        ("/data/new", "write", "EROFS", ("/data", "write")),
        ("/data/x", "read", "EACCES", None),  # its permissions say so
        ("/usr/x", "write", "EROFS", None),
        ("/proc/1/mem", "read", "ENOENT", None),
        ("/opt/bin/tool", "run", "ENOENT", None),  # /usr/bin has it
        ("/opt/bin/other", "run", "ENOENT", ("/opt/bin/other", "read")),
    ],
)
def test_a_look_up_is_told_when_the_host_has_it_and_the_box_has_not(path, want, error, expected):
    assert told((path, want, error)) == ([expected] if expected else [])


def test_many_entries_of_a_folder_are_the_folder_and_never_one_of_all_programs():
    files = [(f"/home/me/.config/t/{name}", "read", "ENOENT") for name in "abcd"]
    assert told(*files) == [("/home/me/.config/t", "read")]
    assert told(("/home/me/.config", "read", "ENOENT"), *files[:1]) == [("/home/me/.config/t/a", "read")]
    many = Host(*(f"/home/me/.config/{n}" for n in range(9)))
    assert len(told(*((f"/home/me/.config/{n}", "read", "ENOENT") for n in range(9)), host=many)) == 9


def test_who_wants_to_write_and_to_read_is_told_once():
    assert told(("/home/me/.rc", "read", "ENOENT"), ("/home/me/.rc", "write", "ENOENT")) == [("/home/me/.rc", "write")]


def test_no_name_of_the_boxs_makes_the_host_mount_something_from_the_network():
    line = b"36 35 0:30 / /net rw,relatime shared:1 - autofs systemd-1 rw\n"
    host = Host(*FILES, mountinfo=line)
    assert told(("/net/evil/x", "read", "ENOENT"), host=host) == []
    assert not [path for path in host.asked if path.startswith("/net")]
    assert told(("/net/evil/x", "read", "ENOENT")) == [("/net/evil/x", "read")]  # without one it is asked for


def test_what_is_told_is_bounded():
    names = [f"/srv/d{n}/x" for n in range(500)]
    assert len(told(*((name, "read", "ENOENT") for name in names), host=Host(*names))) == 200


def test_a_box_without_a_path_is_judged_too():
    assert told(("/opt/bin/tool", "run", "ENOENT"), plan=replace(PLAN, env=())) == [("/opt/bin/tool", "read")]
