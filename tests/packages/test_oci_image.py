"""The image that the recipe makes: built by podman on a clean system of Debian's, and what it starts, started."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess

import pytest
from chroot import Chroot, packed
from conftest import CACHE
from packages_build import ROOT

pytestmark = pytest.mark.slow


def test_the_image_runs_boxes_as_an_ordinary_user(pyz, tmp_path):
    (tmp_path / "run").mkdir(mode=0o700)
    env = {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "PATH": os.environ["PATH"],
        "DEBIAN_FRONTEND": "noninteractive",
    }

    def podman(*line):
        done = subprocess.run(["podman", *line], env=env, capture_output=True, text=True, timeout=600, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    (tmp_path / "context/dist").mkdir(parents=True)
    shutil.copy(pyz, tmp_path / "context/dist")
    try:
        podman("import", "-q", str(packed("trixie", CACHE)), "docker.io/library/debian:stable-slim")
        recipe = ROOT / "packaging/oci/Containerfile"
        podman("build", "-q", "--isolation=chroot", "--pull=never", "-f", str(recipe), "-t", "inner", "context")
        config = json.loads(podman("image", "inspect", "inner"))[0]["Config"]
        podman("export", "-o", str(tmp_path / "image.tar"), podman("create", "inner"))
    finally:
        subprocess.run(["podman", "unshare", "rm", "-rf", str(tmp_path / ".local")], env=env, check=False)
        for file in (tmp_path / "run").rglob("pause.pid"):  # it keeps the user namespace for a next call
            os.kill(int(file.read_text()), signal.SIGKILL)
    assert (config["User"], config["WorkingDir"], config["Entrypoint"], config["Cmd"]) == (
        "inner",
        "/work",
        ["inner"],
        ["doctor"],
    )
    image = Chroot(tmp_path / "image.tar", tmp_path / "root")  # with /proc whole, as --security-opt unmask=ALL has it
    try:
        assert (
            image.out(*config["Entrypoint"], "run", "--", "sh", "-c", "echo in a box > x; cat x", user="inner", cwd="/work")
            == "in a box\n"
        )
        assert image.out("cat", "/work/x") == "in a box\n"
    finally:
        image.close()
