"""README's first command in a clean system: by an ordinary user and by root, with nothing there but Python, twice, and undone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib

import pytest
from packages_build import ROOT

from inner import __version__

pytestmark = pytest.mark.slow
TREE = ("inner", "profiles", "packaging", "pyproject.toml", "README.md", "LICENSE")
FIRST = next(
    line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    sh packaging/install.sh")
)
PIP = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/srv/shared/wheels"}
HERE = "/tmp/tree/packaging/install.sh"


@pytest.fixture(scope="module")
def shared(tmp_path_factory, release, wheels):
    """The tree, and what pip installs: there is no network."""
    folder = tmp_path_factory.mktemp("shared")
    for name in TREE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name, **({"ignore": shutil.ignore_patterns("__pycache__")} if copy is shutil.copytree else {}))
    shutil.copytree(wheels, folder / "wheels")
    (folder / "wheels").chmod(0o755)  # made for one user, read by others
    for path in release.glob("inner-*[lz]"):
        shutil.copy(path, folder)
    line = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--python-version",
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = [*project["build-system"]["requires"], *project["project"]["dependencies"], "pip"]
    for python in ("3.11", "3.13"):
        subprocess.run([*line, python, "--dest", folder / "wheels", *needs], check=True)
    folder.chmod(0o755)
    return folder


@pytest.fixture
def clean(system, shared):
    def start(suite):
        made = system(suite, shared=shared)
        made.out("sh", "-c", "cp -R /srv/shared /tmp/tree && chmod -R a+rwX /tmp/tree")
        for program in ("bwrap", "pip", "git", "sudo"):
            assert made.call("sh", "-c", f"command -v {program}").returncode != 0
        return made

    return start


@pytest.mark.parametrize("suite", ["trixie", "bookworm"])
@pytest.mark.parametrize("user", ["one", "root"])
def test_the_first_command_needs_nothing_but_python(clean, suite, user):
    made = clean(suite)
    home = "/root" if user == "root" else "/home/one"
    before = made.files()
    assert made.out("sh", "-c", "ls /usr/lib/python3*/EXTERNALLY-MANAGED")  # PEP 668: not into the system's Python
    done = made.call("sh", "-c", FIRST, user=user, cwd="/tmp/tree", **PIP)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "hello from the box"), done.stdout + done.stderr
    assert "this takes a while, once\n" in done.stderr
    assert f"inner {__version__} is in {home}/.local/bin" in done.stderr
    if user == "one":
        assert not {path for path in made.files() - before if not path.startswith(home)}
    assert not {path for path in made.files() - before if "dist-packages/inner" in path}

    made.out("sh", "-c", 'sed -i "s/^__version__ = .*/__version__ = \\"9.9.9\\"/" inner/__init__.py', user=user, cwd="/tmp/tree")
    assert made.out("sh", "-c", "sh packaging/install.sh 2>&1", user=user, cwd="/tmp/tree", **PIP).startswith(
        "install: inner 9.9.9 is in "
    )
    made.out("mkdir", "-p", f"{home}/project", user=user)
    assert made.out(f"{home}/.local/bin/inner", "run", "--", "echo", "new", user=user, cwd=f"{home}/project") == "new\n"

    made.out("sh", HERE, "--uninstall", user=user)
    left = {path for path in made.files() - before if path.startswith(f"{home}/.local")}
    assert not {path for path in left if "/bin/" in path or "/share/inner" in path}, left
    made.out("sh", HERE, "--uninstall", user=user)


def test_a_home_with_a_space_in_its_name(clean):
    """The first line of a script is split at spaces."""
    made, home = clean("trixie"), "/home/one/a b"
    made.out("mkdir", "-p", f"{home}/project", user="one")
    assert made.out("sh", "-c", FIRST, user="one", cwd="/tmp/tree", HOME=home, **PIP).splitlines()[0] == "hello from the box"
    started = made.out(f"{home}/.local/bin/inner", "run", "--", "pwd", user="one", cwd=f"{home}/project", HOME=home)
    assert started == f"{home}/project\n"
    made.out("sh", HERE, "--uninstall", user="one", HOME=home)
    assert not made.out("find", home, "-path", "*bin/*", user="one")


def test_it_takes_nothing_away_that_it_did_not_bring(clean):
    made = clean("trixie")
    made.out("sh", "-c", "mkdir -p ~/.local/bin ~/.local/share/inner && echo mine | tee ~/.local/bin/inner ~/.local/bin/bwrap ~/.local/share/inner/x",
             user="one")  # fmt: skip
    made.out("sh", HERE, "--uninstall", user="one")
    assert made.out("sh", "-c", "cat ~/.local/bin/inner ~/.local/bin/bwrap ~/.local/share/inner/x", user="one") == "mine\n" * 3
    done = made.call("sh", HERE, "--nonsense", user="one")
    assert (done.returncode, done.stderr) == (2, "usage: sh packaging/install.sh [--uninstall]\n")


@pytest.mark.parametrize("kind", ["py3-none-any.whl", "tar.gz"])
def test_pip_installs_what_is_published(clean, kind):
    made = clean("trixie")
    made.out("apt-get", "update", "-qq")
    made.out("apt-get", "install", "-qq", "-y", "--no-install-recommends", "bubblewrap", "python3-venv")
    made.out("python3", "-m", "venv", "/home/one/venv", user="one")
    file = f"/srv/shared/inner-{__version__}{'-' if kind[0] == 'p' else '.'}{kind}"
    made.out("/home/one/venv/bin/pip", "install", "-q", file, user="one", **PIP)
    made.out("mkdir", "/home/one/project", user="one")
    assert made.out("/home/one/venv/bin/inner", "run", "--", "echo", "hi", user="one", cwd="/home/one/project") == "hi\n"
