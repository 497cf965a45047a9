"""Where this machine's own distribution has its packages."""

from __future__ import annotations

import subprocess


def archive() -> str:
    """The address that its apt has for its own release."""
    form = "$(RELEASE) $(COMPONENT) $(REPO_URI)"
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"], capture_output=True, text=True, check=True
    )
    with open("/etc/os-release") as file:
        named = dict(line.strip().split("=", 1) for line in file if "=" in line)
    found = [
        line.split()[2] for line in told.stdout.splitlines() if line.split()[:2] == [named["VERSION_CODENAME"].strip('"'), "main"]
    ]
    assert found, "no apt source of this machine has its own release"
    return found[0]
