"""Programs installed in a home, started on the host and in a box with an empty home: the same output, and no way to the rest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inner.host import RealHost
from inner.plan.closure import closure, path_entries, toolchains
from inner.plan.model import Bind, Mask, Symlink
from inner.plan.mounts import order

pytestmark = pytest.mark.box

SYSTEM = "/usr/local/bin:/usr/bin:/bin"
VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
MERGED = ("bin", "sbin", "lib", "lib64")
BASE = ("/usr", *(f"/{name}" for name in MERGED if not os.path.islink(f"/{name}")))


class Home:
    """A scratch home with a project, and both ways to start a program there."""

    def __init__(self, folder: Path):
        self.path = folder
        self.project = folder / "project"
        self.project.mkdir(parents=True)
        self.entries: list[str] = []
        self.env: dict[str, str] = {}

    def write(self, name, text, mode=0o755):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def link(self, name, target):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def on_path(self, *names):
        self.entries += [f"{self.path}/{name}" for name in names]

    @property
    def environment(self):
        return {"HOME": str(self.path), "PATH": ":".join([*self.entries, SYSTEM]), "LANG": "C.UTF-8", **self.env}

    def host(self):
        return RealHost(self.environment, cwd=str(self.project))

    def outside(self, *command):
        return subprocess.run(
            ["/usr/bin/env", *command], env=self.environment, cwd=self.project, capture_output=True, text=True, timeout=60
        )

    def inside(self, found, *command):
        env = {**self.environment, "PATH": ":".join(dict.fromkeys((*found.path, *SYSTEM.split(":"))))}
        words = [
            "/usr/bin/bwrap",
            "--unshare-all",
            "--die-with-parent",
            "--clearenv",
            "--ro-bind",
            "/usr",
            "/usr",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--tmpfs",
            "/tmp",
        ]
        for name in MERGED:
            words += (
                ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
                if os.path.islink(f"/{name}")
                else ["--ro-bind-try", f"/{name}", f"/{name}"]
            )
        words += [
            "--ro-bind-try",
            "/etc/alternatives",
            "/etc/alternatives",
            "--ro-bind-try",
            "/etc/ld.so.cache",
            "/etc/ld.so.cache",
            "--tmpfs",
            str(self.path),
        ]
        for mount in order([*found.binds, *found.links, *found.masks]):
            match mount:
                case Bind():
                    words += ["--ro-bind", mount.src, mount.dest]
                case Symlink():
                    words += ["--symlink", mount.target, mount.dest]
                case Mask(kind="dir"):
                    words += ["--tmpfs", mount.dest, "--remount-ro", mount.dest]
                case Mask():
                    words += ["--ro-bind", "/dev/null", mount.dest]
        words += ["--bind", str(self.project), str(self.project), "--chdir", str(self.project)]
        for name, value in env.items():
            words += ["--setenv", name, value]
        return subprocess.run([*words, "--", "/usr/bin/env", *command], capture_output=True, text=True, timeout=60)

    def same(self, *command):
        """The command's output on the host, after it was found to be the same in three boxes: named, whole PATH, both."""
        expected = self.outside(*command)
        assert expected.returncode == 0, expected.stderr
        for found in (
            closure(command[:1], host=self.host(), base=BASE),
            path_entries(self.host(), BASE),
            toolchains(command[:1], host=self.host(), base=BASE),
        ):
            seen = self.inside(found, *command)
            assert (seen.returncode, seen.stdout, seen.stderr) == (0, expected.stdout, expected.stderr), found
        return expected.stdout


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def python_prefix(tmp_path_factory):
    """A copy of the interpreter that runs this, as a version manager would have installed it."""
    place = tmp_path_factory.mktemp("python")
    unwanted = shutil.ignore_patterns(
        "test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3", "__pycache__", "*-packages", "config-*", "turtledemo"
    )
    library = Path(sys.base_prefix) / "lib" / VERSION
    shutil.copytree(library, place / "lib" / VERSION, ignore=unwanted, symlinks=True)
    (place / "bin").mkdir()
    shutil.copy2(os.path.realpath(sys._base_executable), place / "bin" / VERSION)
    (place / "bin" / "python3").symlink_to(VERSION)
    (place / "bin" / "python").symlink_to(VERSION)
    return place


def venv(folder, python):
    subprocess.run([python, "-m", "venv", "--without-pip", "--symlinks", str(folder)], check=True, capture_output=True)
    site = folder / "lib" / VERSION / "site-packages"
    (site / "tool.py").write_text(
        "import sys, json, hashlib, ssl\ndef main():\n    print(json.dumps([sys.prefix, sys.base_prefix, sys.argv[1:]]))\n"
    )
    return site


def console_script(home, name, interpreter):
    long = " " in str(interpreter) or len(str(interpreter)) > 120
    head = f"#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''\n" if long else f"#!{interpreter}\n"
    return home.write(name, f"{head}import sys\nfrom tool import main\nsys.exit(main())\n")


def test_a_file_and_its_wrappers(home):
    home.write("bin/plain", '#!/bin/sh\necho plain "$@" "$PWD"\n')
    home.write("opt/app/run.sh", '#!/bin/bash\nhere=$(dirname "$(readlink -f "$0")")\n. "$here/words"\necho $WORD\n')
    home.write("opt/app/words", "WORD='from the application'\n", 0o644)
    home.write("bin/wrap", '#!/bin/sh\nexec "$HOME/opt/app/run.sh"\n')
    home.write("bin/by-env", "#!/usr/bin/env -S bash --norc\nexec plain by name\n")
    home.on_path("bin")
    assert home.same("plain", "a b") == f"plain a b {home.project}\n"
    assert home.same("wrap") == "from the application\n"
    assert home.same("by-env") == f"plain by name {home.project}\n"


def test_names_that_are_hard_to_write(home):
    home.write("my tools\n'x/bin/it works", "#!/bin/sh\necho works\n")
    home.on_path("my tools\n'x/bin")
    assert home.same("it works") == "works\n"


def test_a_folder_of_dotfiles(home):
    home.write("dotfiles/bin/hello", '#!/bin/bash\n. "$HOME/dotfiles/lib/colors.sh"\necho "$RED"\n')
    home.write("dotfiles/lib/colors.sh", "RED=red\n", 0o644)
    home.write("dotfiles/secrets/token", "x")
    home.link(".local/bin", "../dotfiles/bin")
    home.on_path(".local/bin")
    assert home.same("hello") == "red\n"
    for found in (closure(["hello"], host=home.host(), base=BASE), path_entries(home.host(), BASE)):
        assert home.inside(found, "cat", f"{home.path}/dotfiles/secrets/token").returncode == 1
    assert home.outside("cat", f"{home.path}/dotfiles/secrets/token").stdout == "x"


def test_a_binary_with_libraries_of_its_own(home):
    """The loader and libc moved into the prefix: nothing of it is where the system looks."""
    loader = next(Path(p) for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(p))
    used = subprocess.run([loader, "--list", "/usr/bin/true"], capture_output=True, text=True, check=True).stdout
    libc = next(word for word in used.split() if word.startswith("/") and "libc." in word)
    prefix = home.path / "opt" / "moved"
    for source, name in ((libc, "lib/libc.so.6"), (loader, "lib/ld.so"), ("/usr/bin/basename", "libexec/basename")):
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(source), prefix / name)
    home.write(
        "opt/moved/bin/base",
        '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\nexec "$here/../lib/ld.so" --library-path "$here/../lib" "$here/../libexec/basename" "$@"\n',
    )
    home.link(".local/bin/base", "../../opt/moved/bin/base")
    home.on_path(".local/bin")
    assert home.same("base", "/a/b") == "b\n"


@pytest.mark.parametrize("layout", ["pipx", "uv"])
def test_a_tool_in_an_environment_of_its_own(home, python_prefix, layout):
    interpreter = home.path / ".local/share/uv/python/cpython-3/bin/python3"
    shutil.copytree(python_prefix, interpreter.parents[1], symlinks=True)
    place = home.path / (".local/share/pipx/venvs/tool" if layout == "pipx" else ".local/share/uv/tools/tool")
    venv(place, interpreter)
    console_script(home, f"{place.relative_to(home.path)}/bin/tool", place / "bin/python")
    home.link(".local/bin/tool", place / "bin/tool")
    home.on_path(".local/bin")
    assert home.same("tool", "x") == f'["{place}", "{interpreter.parents[1]}", ["x"]]\n'


def test_an_environment_with_a_space_and_an_alias_of_its_python(home, python_prefix):
    shutil.copytree(python_prefix, home.path / "py/versions/3.99.1", symlinks=True)
    home.link("py/versions/3.99", "3.99.1")
    place = home.path / "my envs" / "tool"
    venv(place, home.path / "py/versions/3.99/bin/python3")
    console_script(home, "my envs/tool/bin/tool", place / "bin/python")
    home.on_path("my envs/tool/bin")
    assert str(place) in home.same("tool")


def test_an_editable_install_and_the_users_site(home):
    place = home.path / "envs" / "tool"
    site = venv(place, "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys._base_executable)
    (site / "tool.py").unlink()
    home.write("src/tool/tool.py", "def main():\n    print('edited')\n", 0o644)
    (site / "__editable__.tool.pth").write_text(f"{home.path}/src/tool\n")
    console_script(home, "envs/tool/bin/tool", place / "bin/python")
    home.link("bin/tool", "../envs/tool/bin/tool")
    home.on_path("bin")
    assert home.outside("tool").stdout == "edited\n"
    assert home.inside(closure(["tool"], host=home.host(), base=BASE), "tool").stdout == "edited\n"
    assert home.inside(toolchains(["tool"], host=home.host(), base=BASE), "tool").stdout == "edited\n"


def test_pip_user(home):
    system = os.path.realpath("/usr/bin/python3")
    home.write(f".local/lib/{os.path.basename(system)}/site-packages/tool.py", "def main():\n    print('user site')\n", 0o644)
    console_script(home, ".local/bin/tool", "/usr/bin/python3")
    home.on_path(".local/bin")
    assert home.same("tool") == "user site\n"


def test_pyenv(home, python_prefix):
    """The manager itself is a few lines here; what is asked of it is the version that its files name."""
    for version in ("3.98.1", "3.99.2"):
        shutil.copytree(python_prefix, home.path / f".pyenv/versions/{version}", symlinks=True)
    home.write(
        ".pyenv/libexec/pyenv",
        '#!/usr/bin/env bash\nroot=$HOME/.pyenv\nversion=$(cat .python-version 2>/dev/null || cat "$root/version")\nname=$2; shift 2\nexec "$root/versions/$version/bin/$name" "$@"\n',
    )
    for name in ("python3", "python"):
        home.write(
            f".pyenv/shims/{name}",
            f'#!/usr/bin/env bash\nprogram="${{0##*/}}"\nexec "{home.path}/.pyenv/libexec/pyenv" exec "$program" "$@"\n',
        )
    home.link(".pyenv/bin/pyenv", "../libexec/pyenv")
    home.write(".pyenv/version", "3.98.1\n", 0o644)
    home.on_path(".pyenv/shims", ".pyenv/bin")
    code = "import sys, json, zlib, hashlib; print(sys.prefix)"
    assert home.same("python3", "-c", code) == f"{home.path}/.pyenv/versions/3.98.1\n"
    (home.project / ".python-version").write_text("3.99.2\n")
    assert home.same("python", "-c", code) == f"{home.path}/.pyenv/versions/3.99.2\n"


def test_node_packages(home):
    """An npm prefix: each command is a link, and each package looks beside its real place."""
    prefix = ".nvm/versions/node/v22.1.0"
    home.write(
        f"{prefix}/bin/node",
        '#!/bin/bash\nfile=$(realpath "$1"); shift\necho "node $file $(cat "$(dirname "$file")/../package.json") $*"\n',
    )
    home.write(f"{prefix}/lib/node_modules/@scope/cli/package.json", "{}", 0o644)
    home.write(f"{prefix}/lib/node_modules/@scope/cli/dist/index.js", "#!/usr/bin/env node\n")
    home.link(f"{prefix}/bin/cli", "../lib/node_modules/@scope/cli/dist/index.js")
    home.write(f"{prefix}/etc/npmrc", "//registry/:_authToken=secret\n", 0o644)
    home.on_path(f"{prefix}/bin")
    assert home.same("cli", "a") == f"node {home.path}/{prefix}/lib/node_modules/@scope/cli/dist/index.js {{}} a\n"
    for found in (closure(["cli"], host=home.host(), base=BASE), path_entries(home.host(), BASE)):
        seen = home.inside(found, "cat", f"{home.path}/{prefix}/etc/npmrc")
        assert "secret" not in seen.stdout
    assert "secret" in home.outside("cat", f"{home.path}/{prefix}/etc/npmrc").stdout


def test_pnpm(home):
    root = ".local/share/pnpm"
    home.write(f"{root}/node", '#!/bin/bash\necho "node $(realpath "$1")"\n')
    home.write(
        f"{root}/tool",
        '#!/bin/sh\nbasedir=$(dirname "$(echo "$0" | sed -e \'s,\\\\,/,g\')")\nexec node  "$basedir/global/5/node_modules/tool/cli.js" "$@"\n',
    )
    home.write(f"{root}/global/5/.pnpm/tool@1/node_modules/tool/cli.js", "#!/usr/bin/env node\n")
    home.link(f"{root}/global/5/node_modules/tool", "../.pnpm/tool@1/node_modules/tool")
    home.on_path(root)
    assert home.same("tool") == f"node {home.path}/{root}/global/5/.pnpm/tool@1/node_modules/tool/cli.js\n"


def test_nothing_that_is_found_first_can_be_written_and_no_secret_is_there(home):
    home.write(".cargo/bin/tool", "#!/bin/sh\necho tool\n")
    home.write(".local/bin/other", "#!/bin/sh\necho other\n")
    secrets = {
        name: home.write(name, "token", 0o600)
        for name in (
            ".cargo/credentials.toml",
            ".npmrc",
            ".ssh/id_ed25519",
            ".aws/credentials",
            ".config/gh/hosts.yml",
            ".local/share/keyrings/x",
        )
    }
    home.on_path(".cargo/bin", "project/bin", ".local/bin")
    home.write("project/bin/git", "#!/bin/sh\necho hostile\n")
    found = toolchains(["tool", "other"], host=home.host(), base=BASE)
    before = found.path[: found.path.index("/usr/bin")]
    assert before
    attack = 'for d in "$@"; do cp /usr/bin/true "$d/git" && echo wrote; chmod 777 "$d"; ln -s x "$d/y"; mv "$d" "$d.old" && echo moved; done'
    assert home.inside(found, "sh", "-c", attack, "sh", *before).stdout == ""
    assert home.inside(found, "tool").stdout == "tool\n"
    for secret in secrets.values():
        assert home.inside(found, "cat", str(secret)).returncode == 1
        assert home.outside("cat", str(secret)).stdout == "token"
    assert home.inside(found, "sh", "-c", "git --version || true").stdout != "hostile\n"
    assert home.outside("git").stdout == "hostile\n"
    # The same attack where the folder is a bare file in the box's own home: it succeeds.
    loose = closure(["tool"], host=home.host(), base=BASE)
    assert "wrote" in home.inside(loose, "sh", "-c", attack, "sh", *before).stdout


def test_the_python_of_the_projects_environment(home, python_prefix):
    root = home.path / ".local/share/uv/python/cpython-3"
    shutil.copytree(python_prefix, root, symlinks=True)
    venv(home.project / ".venv", root / "bin/python3")
    home.entries.insert(0, f"{home.project}/.venv/bin")
    found = path_entries(home.host(), BASE)
    assert str(home.project / ".venv/bin") not in found.path
    command = (f"{home.project}/.venv/bin/python", "-c", "import sys, json; print(sys.prefix, sys.base_prefix)")
    assert home.inside(found, *command).stdout == home.outside(*command).stdout == f"{home.project}/.venv {root}\n"
