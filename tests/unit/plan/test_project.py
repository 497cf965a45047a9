import pytest

from inner.errors import ConfigError
from inner.facts import Facts
from inner.plan.hide import Secrets
from inner.plan.project import workdir

TREE = {
    "/home/user/project/sub": "dir", "/home/user/.ssh/keys": "dir", "/home/user/.config/nvim": "dir", "/home/user/link": "link:project",
    "/home/user/out": "link:/", "/srv/code": "dir", "/home/user/file": "file", "/tmp/work": "dir", "/etc/thing": "dir", "/home/user/.local/share": "dir",
    "/usr/src/linux": "dir", "/home/user/.local/state/inner/runs": "dir", "/home/user/up": "link:..", "/var/tmp": "dir", "/data": "link:/home",
}  # fmt: skip


def at(wanted, cwd="/home/user/project", **rest):
    host = Facts(TREE, env={}, cwd=cwd, **rest)
    return workdir(host, wanted, Secrets(host))


@pytest.mark.parametrize(
    ("wanted", "real"),
    [("", "/home/user/project"), ("sub", "/home/user/project/sub"), ("/home/user/link", "/home/user/project"), ("/srv/code", "/srv/code"),
     ("/tmp/work", "/tmp/work"), ("../.config/nvim", "/home/user/.config/nvim"), ("/usr/src/linux", "/usr/src/linux")],
)  # fmt: skip
def test_a_folder_of_work(wanted, real):
    assert at(wanted) == real


@pytest.mark.parametrize(
    "wanted",
    ["/", "/home", "/home/user", "..", "/home/user/out", "/home/user/up", "/data", "/tmp", "/var/tmp", "/etc", "/etc/thing", "/usr", "/proc/1", "/home/user/.ssh",
     "/home/user/.ssh/keys", "/home/user/.config", "/home/user/.local/share", "/home/user/.local/state/inner", "/home/user/.local/state/inner/runs", "/srv"],
)  # fmt: skip
def test_what_must_not_be_writable(wanted):
    with pytest.raises(ConfigError):
        at(wanted)


def test_the_home_folder_as_working_directory_gets_advice():
    with pytest.raises(ConfigError) as caught:
        at("", cwd="/home/user")
    assert "home folder" in caught.value.message
    assert "cd PROJECT" in caught.value.hint


@pytest.mark.parametrize(("wanted", "text"), [("/nowhere", "does not exist"), ("/home/user/file", "is not a folder")])
def test_no_folder(wanted, text):
    with pytest.raises(ConfigError, match=text):
        at(wanted)
