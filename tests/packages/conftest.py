"""A release, built once for all tests; clean systems to use it in."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest
from chroot import Chroot, packed
from packages_build import release as build

CACHE = Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache/inner-tests/chroots")
EPOCH = "1750000000"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    """What was downloaded; PACKAGE_WHEELS names a folder that has it from before."""
    return Path(os.environ.get("PACKAGE_WHEELS") or tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session")
def key(tmp_path_factory) -> Path:
    """A key to sign with, and who may: `allowed` beside it."""
    file = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file], check=True)
    (file.parent / "allowed").write_text(f"inner {file.with_suffix('.pub').read_text()}")
    return file


@pytest.fixture(scope="session")
def release(tmp_path_factory, wheels, key) -> Path:
    """The folder of a release: all that is published."""
    os.umask(0o022)
    folder = tmp_path_factory.mktemp("release")
    build(folder, wheels, "--sign", str(key), SOURCE_DATE_EPOCH=EPOCH)
    folder.chmod(0o755)  # for all users of a clean system
    return folder


@pytest.fixture(scope="session")
def pyz(release) -> Path:
    return release / "inner.pyz"


@pytest.fixture
def system(tmp_path, release):
    """system(suite): a clean system of that release of Debian; what is published is in its /srv/shared."""
    made = []

    def start(suite: str, *more: str, shared: Path = release, arch: str = "") -> Chroot:
        made.append(Chroot(packed(suite, CACHE, *more, arch=arch), tmp_path / f"root-{len(made)}", shared, arch))
        return made[-1]

    yield start
    for one in made:
        one.close()
