"""The machines of these tests. Each is started when its tests begin, and ended with the last of them; its tests say `@on(name)`.
The ordinary user `tester` has a ~/project, and inner.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from image import image
from machine import Machine, accelerator

ROOT = Path(__file__).parents[2]
CACHE = Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache/inner-tests/vm")
TREE = ("inner", "profiles", "packaging", "pyproject.toml", "README.md", "LICENSE")
FIRST = next(
    line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    sh packaging/install.sh")
)


class Kind(NamedTuple):
    """A release of Debian, what is added to the kernel's command line, and whether inner is installed by README's first command."""

    suite: str
    append: str = ""
    readme: bool = False


MACHINES = {
    "trixie": Kind("trixie", readme=True),  # systemd 257, Linux 6.12, bubblewrap 0.11
    "bookworm": Kind("bookworm", readme=True),  # systemd 252, Linux 6.1, bubblewrap 0.8, which may be set-uid root
    "forky": Kind("forky"),  # the next release: systemd 262, Linux 7.2, bubblewrap 0.13, and AppArmor that knows user namespaces
    "plain": Kind("trixie", "inner.plain"),  # without systemd: an init of busybox
}
USUAL = """
set -e
cp -r /srv/tree /home/tester/inner
mkdir /home/tester/project
echo 'export PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels' >> /home/tester/.profile
chown -R tester: /home/tester
"""
# As packages do it: a program in /usr/bin that brings its libraries.
SYSTEM = """
set -e
mkdir /home/tester/project
chown -R tester: /home/tester
mkdir -p /usr/lib/inner
cp -r /srv/tree/inner /srv/libraries/. /usr/lib/inner
cp -r /srv/tree/profiles /usr/lib/inner/inner/
python3 -m compileall -q -j 2 /usr/lib/inner
cat > /usr/bin/inner <<'END'
#!/usr/bin/python3 -IS
import sys
sys.path.insert(0, "/usr/lib/inner")
from inner.__main__ import main
main()
END
chmod 755 /usr/bin/inner
"""


def pip(*words: str, python: str, **more) -> None:
    """pip for the machine's Python: there is no network in there."""
    ask = [
        sys.executable,
        "-m",
        "pip",
        *words,
        "-q",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--python-version",
        python,
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    build = project["build-system"]["requires"] if words[0] == "download" else []
    subprocess.run([*ask, *project["project"]["dependencies"], *build], check=True)


def started(kind: Kind, folder: Path) -> Machine:
    """A machine with inner. `first` is what README's first command did there, as the ordinary user, in ~/inner."""
    made = image(kind.suite, CACHE)
    tree = folder / "tree"
    tree.mkdir()
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    given = folder / ("wheels" if kind.readme else "libraries")
    if kind.readme:
        pip("download", "--dest", str(given), python=made.python)
    else:
        pip("install", "--no-compile", "--target", str(given), python=made.python)
    machine = Machine(made, accelerator(made), folder, (tree, given), append=kind.append)
    try:
        assert machine.root("sh", "-c", USUAL if kind.readme else SYSTEM) == (0, "", "")
        if kind.readme:
            machine.first = machine.sh(
                f"cd ~/inner; {FIRST}", timeout=2400
            )  # 90 seconds without KVM, many times that beside other work
            assert machine.first.status == 0, machine.first
    except BaseException:
        machine.close()
        raise
    return machine


@pytest.fixture(scope="session")
def machine(request, tmp_path_factory):
    machine = started(MACHINES[request.param], tmp_path_factory.mktemp(request.param))
    yield machine
    machine.close()


@pytest.fixture
def alone(machine):
    """The user has no systemd, until the test ends."""
    stop = "loginctl disable-linger tester && systemctl stop user@1000 user-runtime-dir@1000"
    assert machine.root("sh", "-c", stop) == (0, "", "")
    yield
    assert machine.root("sh", "-c", "loginctl enable-linger tester && systemctl start user@1000") == (0, "", "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With workers, each takes the tests of one machine at a time."""
    from xdist.scheduler import LoadScopeScheduling

    class ByMachine(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return next(name for name in MACHINES if name in nodeid.rpartition("[")[2].rstrip("]").split("-"))

    return ByMachine(config, log)
