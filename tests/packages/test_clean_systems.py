"""Each artefact installed in a clean system, and used there for a real run."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from chroot import PYTHON, unshared
from packages_build import ROOT

from inner import __version__

pytestmark = pytest.mark.slow
SUITES = list(PYTHON)


def bubblewrap(system):
    system.out("apt-get", "update", "-qq")
    system.out("apt-get", "install", "-qq", "-y", "--no-install-recommends", "bubblewrap")


def home(user):
    return f"/home/{user}" if user != "root" else f"/{user}"


def project(system, user):
    """A folder to work in."""
    folder = f"{home(user)}/project"
    system.out("mkdir", "-p", folder, user=user)
    return folder


def used(system, program="inner", user="one", **env):
    """An installed program at work."""
    cwd = project(system, user)
    assert system.out(program, "--version", user=user, cwd=cwd, **env) == f"inner {__version__}\n"
    assert system.out(program, "run", "--", "sh", "-c", "echo in a box > file; ls -A ~/.ssh 2>/dev/null; cat file", user=user, cwd=cwd,
                      **env) == "in a box\n"  # fmt: skip


@pytest.mark.parametrize("suite", SUITES)
def test_one_file_on_read_only_media_is_enough_for_everybody(system, suite):
    clean = system(suite)
    bubblewrap(clean)
    assert clean.call("touch", "/srv/shared/inner.pyz").returncode != 0
    for user in ("one", "two", "root"):
        used(clean, "/srv/shared/inner.pyz", user)
        told = clean.out("/srv/shared/inner.pyz", "version", user=user, cwd=project(clean, user))
        assert f"python {PYTHON[suite]}." in told
        clean.out("rm", "-rf", f"{home(user)}/.cache")
    told = clean.call("/srv/shared/inner.pyz", "verify", "-p", "shell", user="two", cwd="/home/two/project")
    assert told.stdout.splitlines()[-1] == "[ok] sandbox conformant", told.stdout + told.stderr
    assert clean.call("ls", "/home/two/.cache", user="one").returncode != 0


@pytest.mark.parametrize("suite", SUITES)
def test_the_debian_package_is_installed_used_and_removed(system, suite):
    clean = system(suite)
    bubblewrap(clean)
    before = clean.files()
    deb = f"/srv/shared/inner_{__version__}_all.deb"
    clean.out("apt-get", "install", "-qq", "-y", "--no-install-recommends", deb)
    used(clean)
    # AppArmor's rules are there where its parser knows them, and an older one still loads all that it has
    assert clean.call("test", "-e", "/etc/apparmor.d/inner").returncode == (1 if suite == "bookworm" else 0)
    clean.out("apparmor_parser", "--skip-kernel-load", "--skip-cache", "/etc/apparmor.d")
    clean.out("sh", "-c", f"printf '{PROFILE}' > /etc/inner/profiles/site.toml")
    assert "site " in clean.out("inner", "profile", "list", user="two", cwd=project(clean, "two"))
    assert clean.out("inner", "run", "-p", "site", user="two", cwd="/home/two/project") == "of this site\n"
    clean.out("dpkg", "--purge", "inner")
    left = {path for path in clean.files() - before if not path.startswith(("/home/one/", "/home/two/"))}
    assert left == {"/etc/inner", "/etc/inner/profiles", "/etc/inner/profiles/site.toml"}
    assert not before - clean.files()


PROFILE = r'schema_version = "1"\nextends = "shell"\n[entrypoint]\ncmd = "echo"\nargs = ["of this site"]\n'


@pytest.mark.parametrize("suite", ["trixie", "sid"])
def test_the_rules_for_apparmor_compile(system, suite):
    clean = system(suite)
    clean.out("sh", "-c", "tar -xf /srv/shared/inner-system.tar.gz -C /tmp")
    parser = ("apparmor_parser", "--skip-kernel-load", "--skip-cache", "--debug", "/tmp/apparmor/inner")
    done = clean.call(*parser)
    assert done.returncode == 0
    assert {"Name:\t\tinner", "userns,", "Mode: unconfined"} <= {*done.stdout.splitlines(), *done.stderr.splitlines()}
    clean.out("sed", "-i", "s/userns,/usernames,/", "/tmp/apparmor/inner")
    assert clean.call(*parser).returncode != 0


def test_debians_own_test_of_an_installed_package_passes(system):
    clean = system("trixie", "autopkgtest", "man-db", "dpkg-dev")
    clean.out("apt-get", "update", "-qq")
    clean.out("apt-get", "install", "-qq", "-y", "--no-install-recommends", "autopkgtest", "man-db", "dpkg-dev")
    # what is in the repository stands for the archive, the package for what was built
    clean.out("sh", "-c", "mkdir -p /tmp/inner && cp /srv/shared/*.deb /tmp/")
    for name, text in sources().items():
        clean.out("sh", "-c", f"mkdir -p /tmp/inner/{os.path.dirname(name)}; cat > /tmp/inner/{name} <<'END'\n{text}\nEND")
    clean.out("chmod", "755", "/tmp/inner/debian/tests/box")
    done = clean.call(
        "autopkgtest",
        "--ignore-restrictions=isolation-machine",
        "--user=one",
        f"/tmp/inner_{__version__}_all.deb",
        "/tmp/inner/",
        "--",
        "null",
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("box ") and line.endswith("PASS")]


def sources():
    """The folder `debian` of the sources, with a changelog."""
    found = {
        f"debian/{name}": (ROOT / "packaging/debian" / name).read_text() for name in ("control", "tests/control", "tests/box")
    }
    dated = "Mon, 01 Jan 2024 00:00:00 +0000"
    found["debian/changelog"] = f"inner ({__version__}) unstable; urgency=medium\n\n  * x\n\n -- A <a@example.test>  {dated}"
    return found


def test_the_rpm_is_installed_used_and_removed(system, release):
    clean = system("trixie")
    bubblewrap(clean)
    rpm = [*unshared(), "rpm", "--root", clean.root, "--dbpath", "/var/lib/rpm"]
    subprocess.run([*rpm, "--nodeps", "-i", release / f"inner-{__version__}-1.noarch.rpm"], check=True, timeout=300)
    used(clean)
    assert clean.out("ls", "-d", "/usr/share/man/man1/inner-run.1", "/etc/inner/profiles").count("\n") == 2
    subprocess.run([*rpm, "-e", "inner"], check=True, timeout=300)
    assert clean.call("test", "-e", "/usr/bin/inner").returncode == 1


def test_makepkg_makes_a_package_that_pacman_installs(system, release, tmp_path):
    if os.getuid() == 0:
        pytest.fail("makepkg refuses to work as root: these tests are an ordinary user's")
    for name in ("PKGBUILD", "inner.pyz", "inner-system.tar.gz"):
        shutil.copy(release / name, tmp_path)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PKGEXT": ".pkg.tar.gz", "SOURCE_DATE_EPOCH": "1750000000"}
    done = subprocess.run(
        ["makepkg", "--nodeps", "--noconfirm"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "inner.pyz").write_bytes((tmp_path / "inner.pyz").read_bytes() + b"more")
    shutil.rmtree(tmp_path / "src")
    assert subprocess.run(["makepkg", "--nodeps", "-f"], cwd=tmp_path, env=env, capture_output=True, timeout=300).returncode != 0
    clean = system("trixie")
    bubblewrap(clean)
    (tmp_path / "pacman.conf").write_text("[options]\nArchitecture = auto\nSigLevel = Never\n")
    pacman = [*unshared(), "pacman", "--root", clean.root, "--config", tmp_path / "pacman.conf", "--noconfirm"]
    clean.out("mkdir", "-p", "/var/lib/pacman", "/var/log")
    file = next(tmp_path.glob("inner-*.pkg.tar.gz"))
    done = subprocess.run([*pacman, "-U", "-dd", file], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    used(clean)
    subprocess.run([*pacman, "-R", "-dd", "inner"], check=True, capture_output=True, timeout=300)
    assert clean.call("test", "-e", "/usr/bin/inner").returncode == 1


def test_a_release_is_installed_by_hand_with_profiles_for_everybody(system):
    clean = system("trixie")
    bubblewrap(clean)
    before = clean.files()
    clean.out("sh", "-c", "mkdir /tmp/r && cd /tmp/r && tar -xf /srv/shared/inner-system.tar.gz && cp /srv/shared/inner.pyz . && mkdir p"
              f" && printf '{PROFILE}' > p/site.toml && cp p/site.toml p/kept.toml && mkdir -p /etc/inner/profiles"
              " && echo mine > /etc/inner/profiles/kept.toml")  # fmt: skip
    clean.out("sh", "/tmp/r/system.sh", "install", PROFILES="/tmp/r/p")
    used(clean)
    assert clean.out("cat", "/etc/inner/profiles/kept.toml") == "mine\n"
    clean.out("rm", "/etc/inner/profiles/kept.toml")
    assert clean.out("inner", "run", "-p", "site", user="two", cwd=project(clean, "two")) == "of this site\n"
    clean.out("sh", "/tmp/r/system.sh", "uninstall")
    left = {path for path in clean.files() - before if not path.startswith(("/home/", "/usr/local/share/"))}
    assert left == {"/etc/inner", "/etc/inner/profiles", "/etc/inner/profiles/site.toml"}
    assert clean.out("find", "/usr/local/share", "-type", "f") == ""


def test_an_archive_for_another_processor_is_told_apart(system):
    """What was compiled for aarch64 is loaded there, by an emulator for its programs."""
    clean = system("trixie", arch="arm64")
    assert clean.out("uname", "-m") == "aarch64\n"
    cwd = project(clean, "one")
    told = clean.out("/srv/shared/inner.pyz", "version", user="one", cwd=cwd)
    assert told.startswith(f"inner {__version__}\n")
    assert "shell" in clean.out("python3", "/srv/shared/inner.pyz", "profile", "list", user="one", cwd=cwd)
    found = clean.out("sh", "-c", "ls /home/one/.cache/inner/pyz/*/site-packages/pydantic_core/*.so")
    assert "aarch64" in found
    assert "x86_64" not in found
