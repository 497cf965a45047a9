"""Clean systems: a release of Debian with nothing but Python, made by mmdebstrap and kept packed; each test has one of its own.

It is entered as root of a user namespace (as root of the machine: of this machine), with processes, mounts and a loopback of its own, and
no other network. What apt may install is in a repository of its own, /srv/debs.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from debian_archive import alone, archive

# Packages of the system, and what can be installed there; autopkgtest where it is tried.
HAVE = "python3,apparmor,ca-certificates"
REPOSITORY = "bubblewrap git python3-venv python3-pip-whl python3-setuptools-whl"
# For another processor: unpacked alone, for what packages do to set themselves up would be emulated for long.
UNPACKED = "python3,base-files,base-passwd,coreutils,dash,findutils,libc-bin,mount,util-linux"
# How a kernel runs programs of another processor, by the emulator of this machine; each user namespace has a list of its own (Linux 6.7).
EMULATED = {"arm64": "/usr/lib/binfmt.d/qemu-aarch64.conf"}
PYTHON = {"bookworm": "3.11", "trixie": "3.13", "sid": "3.14"}

MAKE = r"""
set -e
mkdir /srv/debs && cd /srv/debs
apt-get install -qq -y -d --no-install-recommends -o Dir::Cache::archives=/srv/debs PACKAGES >/dev/null
apt-get download -qq PACKAGES
rm -rf partial lock
for deb in *.deb; do
    dpkg-deb -f "$deb"; printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
done > Packages
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/srv/debs ./' > /etc/apt/sources.list
useradd --create-home --uid 1000 --shell /bin/sh one
useradd --create-home --uid 1001 --shell /bin/sh two
"""

USERS = r"""
for kind in passwd group; do cp "$1/usr/share/base-passwd/$kind.master" "$1/etc/$kind"; done
printf '%s:x:%s:%s::/home/%s:/bin/sh\n' one 1000 1000 one two 1001 1001 two >> "$1/etc/passwd"
printf '%s:x:%s:\n' one 1000 two 1001 >> "$1/etc/group"
install -d -o 1000 -g 1000 "$1/home/one" && install -d -o 1001 -g 1001 "$1/home/two"
"""

ENTER = r"""
set -e
root=$1; shift
ip link set lo up
mount --make-rprivate / && mount --bind "$root" "$root" && cd "$root"
mount -t proc proc proc
if [ -n "$BINFMT" ]; then mount -t binfmt_misc binfmt proc/sys/fs/binfmt_misc; cat "$BINFMT" > proc/sys/fs/binfmt_misc/register; fi
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do : > dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/shm dev/pts && mount -t tmpfs -o mode=1777 shm dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts && ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
if [ -n "$SHARED" ]; then mkdir -p srv/shared && mount --bind "$SHARED" srv/shared && mount -o remount,bind,ro srv/shared; fi
mkdir -p .old && pivot_root . .old && umount -l /.old && rmdir /.old
cd "$CWD" && exec env -u SHARED -u CWD -u BINFMT "$@"
"""


def unshared(*flags: str) -> list[str]:
    """Root of a user namespace in which the user's own range of ids is mapped; root needs none."""
    return ["unshare", *flags, *(["--map-root-user", "--map-auto"] if os.getuid() else []), "--mount"]


class Chroot:
    """An unpacked system at `root`. `shared` is seen at /srv/shared, read-only."""

    def __init__(self, packed: Path, root: Path, shared: Path | None = None, arch: str = "") -> None:
        self.root, self.shared = root, shared
        self.binfmt = EMULATED.get(arch, "")
        root.mkdir(parents=True)
        # device nodes are for the namespace that is entered
        subprocess.run([*unshared(), "tar", "-xpf", packed, "-C", root, "--exclude=./dev/*"], check=True)

    def close(self) -> None:
        subprocess.run([*unshared(), "rm", "-rf", "--one-file-system", self.root], check=True)

    def call(self, *words: str, user: str = "root", cwd: str = "/", timeout: float = 600, **env: str):
        """Run a program there."""
        home = "/root" if user == "root" else f"/home/{user}"
        given = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "USER": user, "LOGNAME": user,
                 "TERM": "dumb", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **env}  # fmt: skip
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        line = [*unshared("--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child"), "sh", "-c", ENTER, "-", str(self.root)]
        return subprocess.run(
            [*line, *become, *words], env={**given, "CWD": cwd, "SHARED": str(self.shared or ""), "BINFMT": self.binfmt}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    def out(self, *words: str, **more) -> str:
        """What it prints, when it is good."""
        done = self.call(*words, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self) -> set[str]:
        """All files but those of the kernel, of logs, and of apt's own memory."""
        found = self.out(
            "find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-path", "/dev", "-prune", "-o", "-print"
        ).splitlines()
        kept = ("/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log", "/tmp", "/srv", "/run")
        return {path for path in found if not path.startswith(kept)}


def packed(suite: str, cache: Path, *more: str, arch: str = "") -> Path:
    """The packed system of a release; made when `cache` lacks it, or its recipe has changed. `more` can be installed there, too."""
    have, script = (UNPACKED, USERS) if arch else (HAVE, MAKE.replace("PACKAGES", " ".join((REPOSITORY, *more))))
    name = "-".join((suite, *([arch] if arch else []), *more[:1]))
    file = cache / f"{name}-{hashlib.sha256(repr((have, script)).encode()).hexdigest()[:16]}.tar"
    with alone(cache, name):
        if not file.exists():
            _make(suite, have, script, cache / f"new-{name}.tar", arch)
            for old in cache.glob(f"{name}-{'[0-9a-f]' * 16}.tar"):
                old.unlink()
            (cache / f"new-{name}.tar").rename(file)
    return file


def _make(suite: str, have: str, script: str, draft: Path, arch: str) -> None:
    if arch:
        how = ["--variant=extract", f"--architectures={arch}", "--skip=check/qemu", f"--extract-hook={script}"]
    else:
        how = [
            "--variant=minbase",
            f'--customize-hook=cat > "$1/make" <<\'END\'\n{script}\nEND\nchroot "$1" sh /make; rm "$1/make"',
        ]
    # sid's index says that it is old where a mirror stands still
    line = ["mmdebstrap", "--quiet", *how, f"--include={have}", '--aptopt=Acquire::Languages "none"',
            '--aptopt=Acquire::Check-Valid-Until "false"', "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--format=tar", suite, draft, archive()]  # fmt: skip
    draft.unlink(missing_ok=True)
    done = subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": "/tmp"})
    assert done.returncode == 0, done.stderr[-4000:]
