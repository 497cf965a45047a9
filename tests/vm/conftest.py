"""The machines of these tests: one for each release, started once. The ordinary user `tester` has the tree in ~/inner and a ~/project."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from image import image
from machine import Machine, accelerator

ROOT = Path(__file__).parents[2]
CACHE = Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache/inner-tests/vm")
TREE = ("inner", "profiles", "packaging", "pyproject.toml", "README.md", "LICENSE")
SUITES = ("trixie", "bookworm")
FIRST = next(
    line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    sh packaging/install.sh")
)
PREPARE = """
set -e
cp -r /srv/tree /home/tester/inner
mkdir /home/tester/project
echo 'export PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels' >> /home/tester/.profile
chown -R tester: /home/tester
"""


def wheels(python: str, folder: Path) -> None:
    """What inner is built from and needs, for the machine's Python: there is no network in there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    ask = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--python-version",
        python,
    ]
    subprocess.run([*ask, "--dest", str(folder), *needs], check=True)


def started(suite: str, folder: Path) -> Machine:
    """A machine that runs `suite`. `first` is what README's first command did there, as the ordinary user, in ~/inner."""
    made = image(suite, CACHE)
    tree = folder / "tree"
    tree.mkdir()
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    wheels(made.python, folder / "wheels")
    machine = Machine(made, accelerator(made), folder, (tree, folder / "wheels"))
    try:
        assert machine.root("sh", "-c", PREPARE) == (0, "", "")
        machine.first = machine.sh(f"cd ~/inner; {FIRST}", timeout=600)
    except BaseException:
        machine.close()
        raise
    return machine


@pytest.fixture(scope="session")
def machines(tmp_path_factory):
    """machines(suite): the machine that runs it. All are made and started at once: one of them seldom has work for two cores."""
    with ThreadPoolExecutor() as workers:
        running = {suite: workers.submit(started, suite, tmp_path_factory.mktemp(suite)) for suite in SUITES}
        yield lambda suite: running[suite].result()
        for one in running.values():
            if one.exception() is None:
                one.result().close()


@pytest.fixture(params=SUITES)
def each(request, machines):
    return machines(request.param)


@pytest.fixture
def trixie(machines):
    return machines("trixie")
