"""A release: everything by one command, the same bytes each time, signed, and without a fault that its own tools find."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
from packages_build import ROOT
from packages_build import release as build

from inner import __version__

pytestmark = pytest.mark.slow
PUBLISHED = {
    "inner.pyz", "inner-system.tar.gz", f"inner-{__version__}.tar.gz", f"inner-{__version__}-py3-none-any.whl", "inner.spec",
    f"inner_{__version__}_all.deb", f"inner-{__version__}-1.noarch.rpm", "PKGBUILD",
}  # fmt: skip


def run(*line, status=0, **more):
    done = subprocess.run([str(one) for one in line], capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pages(release, tmp_path_factory):
    """man1 and completions."""
    folder = tmp_path_factory.mktemp("pages")
    run("tar", "-xf", release / "inner-system.tar.gz", "-C", folder)
    return folder


def test_two_releases_of_a_tree_have_the_same_bytes(release, wheels, tmp_path):
    build(tmp_path, wheels, SOURCE_DATE_EPOCH="1750000000", TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
    sums = (release / "SHA256SUMS").read_text()
    assert (tmp_path / "SHA256SUMS").read_text() == sums
    assert {line.split("  ")[1] for line in sums.splitlines()} == PUBLISHED
    run("sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS", cwd=release)


def test_the_signature_is_of_these_checksums_alone(release, key, tmp_path):
    line = (
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        key.with_name("allowed"),
        "-I",
        "inner",
        "-n",
        "inner",
        "-s",
        release / "SHA256SUMS.sig",
    )
    sums = (release / "SHA256SUMS").read_text()
    assert "Good" in run(*line, input=sums)
    run(*line, input=sums.replace("a", "b", 1), status=255)


def test_what_cannot_be_built_is_refused_before_anything_is(tmp_path):
    line = (sys.executable, ROOT / "packaging/release.py", "--out", tmp_path / "out")
    for words, path, told in (
        ((), "/nonexistent", "apt-get install dpkg-dev debhelper rpm openssh-client"),
        (("--only", "snap"), os.environ["PATH"], "there is no snap; there are: pyz, python, deb, rpm, arch"),
        (("--sign", tmp_path / "key"), os.environ["PATH"], f"there is no key {tmp_path / 'key'}"),
    ):
        done = subprocess.run([*line, *words], capture_output=True, text=True, env={**os.environ, "PATH": path})
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("release: ")
        assert told in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_manual_has_a_page_for_every_command_and_no_fault(pages, pyz, tmp_path):
    found = sorted((pages / "man1").glob("*.1"))
    assert {"inner.1", "inner-run.1", "inner-doctor.1", "inner-man.1"} <= {path.name for path in found}
    run("mandoc", "-Tlint", "-W", "warning", *found)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SOURCE_DATE_EPOCH": "1750000000"}
    for command in ((), ("run",), ("profile",)):
        assert run(pyz, "man", *command, env=env) == (pages / "man1" / f"{'-'.join(('inner', *command))}.1").read_text()
    assert "--limit-memory" in re.sub(r".\x08", "", run("mandoc", "-Tascii", pages / "man1/inner-run.1"))
    run(pyz, "man", "--write", tmp_path / "written", env=env)
    assert run("diff", "-r", tmp_path / "written/completions", pages / "completions") == ""
    (tmp_path / "file").write_text("")
    done = subprocess.run([pyz, "man", "--write", tmp_path / "file"], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: cannot write to `{tmp_path / 'file'}`: Not a directory")


def test_the_completions_are_what_the_shells_read(pages, pyz, tmp_path):
    for shell, name in (("bash", "inner.bash"), ("zsh", "_inner"), ("fish", "inner.fish")):
        printed = run(pyz, "completion", shell, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
        assert printed == (pages / "completions" / name).read_text()
    run("bash", "-n", pages / "completions/inner.bash")
    run("zsh", "-n", pages / "completions/_inner")
    run("fish", "-n", pages / "completions/inner.fish")


def test_debian_finds_no_fault(release):
    # not bash-centric: it reads 18 megabytes of zip as shell for minutes; the shell's part is eight lines, run by dash all the time
    words = ("--no-cfg", "-X", "shell/non-posix/bash-centric", "--fail-on", "error,warning")
    assert run("lintian", *words, release / f"inner_{__version__}_all.deb", stderr=None) == ""


def test_fedora_finds_no_fault(release):
    rpm = release / f"inner-{__version__}-1.noarch.rpm"
    told = run("rpmlint", "-c", ROOT / "packaging/rpm/rpmlint.toml", rpm, release / "inner.spec")
    assert "0 errors, 0 warnings" in told


def test_versions_come_from_one_place():
    for path in (ROOT / "packaging").rglob("*"):
        if path.is_file() and path.suffix != ".lock" and "__pycache__" not in path.parts:
            assert __version__ not in path.read_text(), path


def test_a_release_without_a_key_has_no_signature_of_an_earlier_one(release, wheels, tmp_path):
    shutil.copy(release / "SHA256SUMS.sig", tmp_path)
    build(tmp_path, wheels, "--only", "arch", SOURCE_DATE_EPOCH="1750000000")
    assert not (tmp_path / "SHA256SUMS.sig").exists()
