"""Packages of distributions: built, checked by their own tools, installed in a clean place, and used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile

import pytest
from packages_build import ROOT

from inner import __version__

pytestmark = pytest.mark.slow
EPOCH = "1750000000"


def run(*line, **more):
    done = subprocess.run([str(one) for one in line], capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """man1 and completions."""
    folder = tmp_path_factory.mktemp("pages")
    run(sys.executable, ROOT / "packaging/man.py", folder, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH})
    return folder


@pytest.fixture(scope="session")
def deb(tmp_path_factory, pyz):
    out = tmp_path_factory.mktemp("deb")
    env = {**os.environ, "DIST": str(pyz.parent), "PYTHON": sys.executable, "SOURCE_DATE_EPOCH": EPOCH}
    run("sh", ROOT / "packaging/debian.sh", out, env=env)
    return next(out.glob("*.deb"))


def used(program, tmp_path):
    """An installed program at work, for somebody who has nothing but a home."""
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")}
    assert run(program, "--version", env=env) == f"inner {__version__}\n"
    assert run(program, "run", "--", "echo", "in a box", cwd=tmp_path / "project", env=env) == "in a box\n"


def test_the_manual_has_a_page_for_every_command_and_no_fault(pages):
    found = sorted((pages / "man1").glob("*.1"))
    names = {path.name for path in found}
    assert {"inner.1", "inner-run.1", "inner-doctor.1", "inner-profile.1"} <= names
    run("mandoc", "-Tlint", "-W", "warning", *found)
    text = run("mandoc", "-Tascii", pages / "man1/inner-run.1")
    assert "--limit-memory" in re.sub(r".\x08", "", text)


def test_the_debian_package_has_no_fault_and_works_when_it_is_unpacked(deb, tmp_path):
    assert run("lintian", "--no-cfg", "--fail-on", "error,warning", deb) == ""
    run("dpkg-deb", "-x", deb, tmp_path / "root")
    assert run("dpkg-deb", "-f", deb, "Version").strip() == __version__
    for name in ("usr/share/man/man1/inner-run.1.gz", "usr/share/bash-completion/completions/inner", "etc/apparmor.d/inner"):
        assert (tmp_path / "root" / name).is_file()
    used(tmp_path / "root/usr/bin/inner", tmp_path)


def test_an_rpm_is_built_by_the_spec_and_works_when_it_is_unpacked(pyz, pages, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "inner.pyz").write_bytes(pyz.read_bytes())
    with tarfile.open(sources / "inner.tar.gz", "w:gz") as archive:
        for name in ("man1", "completions"):
            archive.add(pages / name, name)
    run(
        "rpmbuild", "-bb", "--define", f"_sourcedir {sources}", "--define", f"_topdir {tmp_path / 'top'}", "--define",
        f"inner_version {__version__}", "--define", f"_dbpath {tmp_path / 'db'}", "--nodeps", ROOT / "packaging/rpm/inner.spec",
    )  # fmt: skip
    rpm = next((tmp_path / "top").rglob("*.rpm"))
    (tmp_path / "root").mkdir()
    archive = subprocess.run(["rpm2cpio", rpm], capture_output=True, check=True).stdout
    subprocess.run(["cpio", "-id", "--quiet"], input=archive, cwd=tmp_path / "root", check=True)
    used(tmp_path / "root/usr/bin/inner", tmp_path)


def test_the_pkgbuild_is_a_script_that_packages_what_a_release_has(pyz, pages, tmp_path):
    text = (ROOT / "packaging/arch/PKGBUILD").read_text().replace("@VERSION@", __version__)
    (tmp_path / "PKGBUILD").write_text(text)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/inner.pyz").symlink_to(pyz)
    for name in ("man1", "completions"):
        (tmp_path / "src" / name).symlink_to(pages / name)
    code = 'set -eu; srcdir=$PWD/src pkgdir=$PWD/pkg; . ./PKGBUILD; package; echo "$pkgname $pkgver $arch ${#source[@]} ${#sha256sums[@]}"'
    assert run("bash", "-c", code, cwd=tmp_path) == f"inner {__version__} any 2 2\n"
    used(tmp_path / "pkg/usr/bin/inner", tmp_path)


def test_the_apparmor_profile_is_named_for_the_program_and_grants_user_namespaces(tmp_path):
    """The parser of this release may not know the rule: newer ones compile it, here its parts are held."""
    text = (ROOT / "packaging/apparmor/inner").read_text()
    assert "profile inner /usr/bin/inner flags=(unconfined) {" in text
    assert "  userns,\n" in text
    assert "bwrap" not in text


def test_versions_come_from_one_place():
    for path in (ROOT / "packaging").rglob("*"):
        if path.is_file() and path.suffix != ".lock" and "__pycache__" not in path.parts:
            assert __version__ not in path.read_text(), path
