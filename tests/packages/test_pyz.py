"""`inner.pyz`: the same bytes from the same tree, and at work where nothing of inner is installed."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile

import pytest
from packages_build import build

from inner import __version__

pytestmark = pytest.mark.slow
PLACES = (
    "/usr/bin/python3",
    "/usr/bin/python3.1[1-4]",
    "/usr/local/bin/python3.1[1-4]",
    f"{sys.base_prefix}/../*/bin/python3.1[1-4]",
)
PYTHONS = sorted({os.path.realpath(path): path for place in PLACES for path in glob.glob(place)}.values())


@pytest.fixture
def clean(tmp_path, pyz):
    """call(words): the file, started from a project by somebody who has nothing but a home."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()

    def call(*words, start=(str(pyz),), **env):
        given = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "TERM": "dumb", **env}
        return subprocess.run(
            [*start, *words], cwd=project, env=given, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
        )

    call.home, call.project, call.pyz = home, project, pyz
    call.cache = home / ".cache/inner/pyz"
    return call


def settled(call):
    """After this, what a start has learnt is kept."""
    assert call("run", "--", "true").returncode == 0
    for _ in range(3):
        time.sleep(2.2)  # what changed a moment ago is not trusted (inner.kept)
        assert call("run", "--", "true").returncode == 0
        if list((call.home / ".cache/inner").glob("archive-*")):
            return
    raise AssertionError("nothing was kept")


def test_two_builds_give_the_same_bytes_and_the_checksum_beside_them(pyz, wheels, tmp_path):
    again = build(tmp_path / "again", wheels, SOURCE_DATE_EPOCH="1750000000", TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
    assert again.read_bytes() == pyz.read_bytes()
    assert pyz.with_suffix(".pyz.sha256").read_text() == f"{hashlib.sha256(pyz.read_bytes()).hexdigest()}  inner.pyz\n"
    assert subprocess.run(["sha256sum", "--check", "--quiet", "inner.pyz.sha256"], cwd=pyz.parent).returncode == 0


def test_it_holds_what_was_compiled_for_every_python_and_machine(pyz):
    names = zipfile.ZipFile(pyz).namelist()
    assert len(names) == len(set(names))
    compiled = {re.sub(r".*\._|.*\.cpython", "cpython", name) for name in names if name.endswith(".so")}
    assert compiled == {f"cpython-3{minor}-{arch}-linux-gnu.so" for minor in (11, 12, 13, 14) for arch in ("x86_64", "aarch64")}
    assert "site-packages/inner/profiles/shell.toml" in names
    assert not [name for name in names if "rich" in name.split("/") or name.endswith(".pyc")]


@pytest.mark.parametrize("python", PYTHONS)
def test_a_box_from_one_file_with_this_python(clean, python):
    (clean.project / "here").write_text("a file\n")
    done = clean("run", "--", "cat", "here", INNER_PYTHON=python)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a file\n", "")
    done = clean("run", "--", "sh", "-c", "exit 3", start=(python, str(clean.pyz)))
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    done = clean("version", start=(python, str(clean.pyz)))
    assert done.stdout.startswith(f"inner {__version__}\n")
    assert f"python 3.{re.search(r'3.(1[1-4])', subprocess.getoutput(f'{python} --version'))[1]}." in done.stdout


def test_it_checks_its_box_from_inside(clean):
    done = clean("verify", "-p", "shell")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[ok] sandbox conformant"), done.stdout + done.stderr


def test_a_plain_run_unpacks_nothing_once_its_configuration_is_known(clean):
    settled(clean)
    seen = subprocess.run(
        ["strace", "-f", "-e", "trace=%file", str(clean.pyz), "run", "--", "true"], cwd=clean.project, capture_output=True, text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(clean.home), "TERM": "dumb"}, timeout=300,
    ).stderr  # fmt: skip
    touched = {match[1] for match in re.finditer(r'"([^"]*/site-packages/[^"]*)"', seen) if str(clean.home) in match[1]}
    assert "execve" in seen
    assert touched
    assert all(path.endswith(".toml") or "/profiles" in path for path in touched), touched


def test_the_cache_may_go_at_any_time(clean):
    settled(clean)
    shutil.rmtree(clean.cache)
    assert clean("run", "--", "echo", "still").stdout == "still\n"
    for part in clean.cache.glob("*/site-packages/pydantic/*.py"):
        part.unlink()  # a cleaner that removes old files, one by one
    shutil.rmtree(clean.home / ".cache/inner/profiles")
    assert clean("run", "--", "echo", "again").stdout == "again\n"


def test_the_cache_may_go_in_the_middle_of_a_run(clean):
    wait = clean.project / "go"
    given = {"PATH": "/usr/bin:/bin", "HOME": str(clean.home)}
    line = [str(clean.pyz), "run", "--", "sh", "-c", "echo started; until [ -e go ]; do sleep 0.05; done; exit 5"]
    with subprocess.Popen(line, cwd=clean.project, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "started\n"
        shutil.rmtree(clean.home / ".cache")
        wait.write_text("")
        assert (child.wait(60), child.stderr.read()) == (5, "")
    shown = clean("log", "list")
    assert (shown.returncode, shown.stderr) == (0, "")


def test_it_runs_from_a_file_that_cannot_be_written(clean, tmp_path):
    place = tmp_path / "media"
    place.mkdir()
    shutil.copy(clean.pyz, place / "inner")
    (place / "inner").chmod(0o555)
    place.chmod(0o555)
    try:
        assert clean("run", "--", "echo", "read-only", start=(str(place / "inner"),)).stdout == "read-only\n"
        assert [path.name for path in place.iterdir()] == ["inner"]
    finally:
        place.chmod(0o755)


def test_it_is_found_on_the_path_by_its_name(clean, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/inner").symlink_to(clean.pyz)
    assert (
        clean("--version", start=("sh", "-c", 'exec inner "$@"', "-"), PATH=f"{tmp_path}/bin:/usr/bin:/bin").stdout
        == f"inner {__version__}\n"
    )


def test_nothing_of_the_project_is_imported_or_started(clean):
    """A box could have left these behind."""
    for name in ("os.py", "zlib.py", "typer.py", "sitecustomize.py", "inner/__init__.py", "bin/python3"):
        path = clean.project / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\ntouch stolen\n" if name.startswith("bin") else "open('stolen', 'w')\n")
        path.chmod(0o755)
    env = {
        "PATH": f"{clean.project}/bin:.:/usr/bin:/bin",
        "PYTHONPATH": str(clean.project),
        "PYTHONSTARTUP": f"{clean.project}/os.py",
    }
    for words in (("run", "--", "true"), ("version",)):
        assert clean(*words, **env).returncode == 0
        assert clean(*words, start=("/usr/bin/python3", "-I", str(clean.pyz)), **env).returncode == 0
    assert not (clean.project / "stolen").exists()
    subprocess.run(["python3", "-c", "pass"], cwd=clean.project, env=env)  # the attempt itself works
    assert (clean.project / "stolen").exists()


def test_kept_code_that_others_can_write_is_not_run(clean):
    settled(clean)
    kept = next((clean.home / ".cache/inner").glob("archive-*"))
    good = kept.read_bytes()
    kept.write_bytes(good[:-40])  # torn
    assert clean("run", "--", "echo", "torn").stdout == "torn\n"
    kept.write_bytes(good)
    kept.chmod(0o666)
    assert clean("run", "--", "echo", "open").stdout == "open\n"
    assert kept.stat().st_mode & 0o777 == 0o600  # made anew


def test_code_is_not_unpacked_where_others_can_write(clean):
    clean.cache.mkdir(parents=True)
    clean.cache.chmod(0o777)
    done = clean("version")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == (
        f"error: {clean.cache.parent} is not yours alone\nhint: chmod go-w {clean.cache.parent} {clean.cache}\n"
    )


def test_a_home_that_cannot_be_written_is_told(clean):
    (clean.home / ".cache").write_text("")
    done = clean("version")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("error: cannot unpack to ")
    assert done.stderr.endswith("\nhint: XDG_CACHE_HOME=FOLDER names another place\n")


def test_a_python_that_is_too_old_finds_another_or_says_so(clean, tmp_path):
    """An interpreter that claims to be an old one: what the stub asks is its version."""
    site = "import os, sys\nif 'SECOND' not in os.environ:\n    os.environ['SECOND'] = '1'\n    sys.version_info = (3, 9, 1, 'final', 0)"
    code = clean.pyz.read_bytes().partition(b"-IS -c '")[2].partition(b'\' "$0"')[0].decode()
    line = ("/usr/bin/python3", "-IS", "-c", f"{site}\n{code}", str(clean.pyz), "--version")
    done = clean(start=line)
    assert (done.returncode, done.stdout) in ((0, f"inner {__version__}\n"), (125, "")), done.stderr
    if done.returncode:
        assert done.stderr.startswith("error: inner needs Python 3.11 or later, and this is 3.9\n")


@pytest.mark.root
def test_root_with_the_home_of_another_runs_no_code_of_theirs(clean, tmp_path):
    """`sudo` may keep HOME: the other one owns the cache there."""
    shutil.chown(clean.home, 65534, 65534)
    cache = clean.home / ".cache/inner"
    cache.mkdir(parents=True)
    for path in (clean.home / ".cache", cache):
        shutil.chown(path, 65534, 65534)
    done = clean("version")
    assert done.returncode == 0, done.stderr
    assert list(cache.iterdir()) == []
