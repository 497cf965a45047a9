"""A distribution as a read-only image with its kernel: built once per recipe by mmdebstrap, from where this machine's apt gets its packages."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from debian_archive import alone, archive

GUEST = Path(__file__).with_name("guest")
PACKAGES = (
    "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,bubblewrap,python3,python3-venv,git,apparmor,procps,iproute2,kmod,"
    "xz-utils,zstd,cpio,busybox-static,openssh-server,openssh-client,strace"
)
MORE = {"forky": ",apparmor-profiles"}
KERNEL = "linux-image-cloud-amd64"


class Image:
    """The folder of an image: `root` (squashfs), `vmlinuz`, `initrd`, and the version of its `python`."""

    def __init__(self, folder: Path) -> None:
        self.root, self.vmlinuz, self.initrd = folder / "root", folder / "vmlinuz", folder / "initrd"
        self.python = (folder / "python").read_text().strip()


def image(suite: str, cache: Path) -> Image:
    """The image of a release of Debian; made when it is not in `cache`, or its recipe has changed."""
    packages = PACKAGES + MORE.get(suite, "")
    recipe = hashlib.sha256(repr((suite, packages, KERNEL)).encode())
    for file in sorted(GUEST.iterdir()):
        recipe.update(file.read_bytes())
    folder = cache / f"{suite}-{recipe.hexdigest()[:16]}"
    with alone(cache, suite):
        if not folder.exists():
            for old in (*cache.glob(f"{suite}-*"), *cache.glob(f"new-{suite}*")):
                shutil.rmtree(old)
            work = cache / f"new-{suite}"
            work.mkdir()
            _build(suite, packages, work)
            work.rename(folder)
    return Image(folder)


def _build(suite: str, packages: str, work: Path) -> None:
    # Without root mmdebstrap works in a user namespace, as a user who cannot read our files: they go in and come out through its hooks.
    command = [
        "mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", '--aptopt=Acquire::Languages "none"',
        '--aptopt=Acquire::Check-Valid-Until "false"',  # a mirror may stand still; what it has is signed all the same
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "locale", "doc")),
        "--customize-hook=mkdir -p \"$1/boot/guest\" \"$1/boot/inner\"", f"--customize-hook=sync-in {GUEST} /boot/guest",
        f"--customize-hook=sh \"$1/boot/guest/make.sh\" \"$1\" {KERNEL}", f"--customize-hook=sync-out /boot/inner {work}",
        "--format=tar", suite, "-", archive(),
    ]  # fmt: skip
    squash = [
        "mksquashfs",
        "-",
        work / "root",
        "-tar",
        "-comp",
        "zstd",
        "-Xcompression-level",
        "3",
        "-no-xattrs",
        "-quiet",
        "-no-progress",
    ]
    with open(work / "log", "wb") as log:
        unpack = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        pack = subprocess.run(squash, stdin=unpack.stdout, stdout=log, stderr=log, check=False)
        assert (unpack.wait(), pack.returncode) == (0, 0), (work / "log").read_text()[-4000:]
