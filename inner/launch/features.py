"""Which bubblewrap there is and what it can do; and, when a start failed, why this host does not let it.

The answer is kept in the cache folder and used again while the file is the same one (device, inode, size, times).
"""

from __future__ import annotations

import marshal
import os
import select
import stat
import time

from inner.bwrap import OLDEST, Features
from inner.errors import HostError
from inner.frozen import TYPE_CHECKING
from inner.paths import HostPath, cache_dir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRUSTED = ("/usr/bin", "/usr/local/bin", "/bin", "/run/current-system/sw/bin", "/run/wrappers/bin")
TIMEOUT = 5.0  # seconds: a bubblewrap on a file system that hangs must not hang us
INSTALL = {"debian": "apt-get install bubblewrap", "ubuntu": "apt-get install bubblewrap", "fedora": "dnf install bubblewrap", "arch": "pacman -S bubblewrap",
           "opensuse-tumbleweed": "zypper install bubblewrap", "alpine": "apk add bubblewrap", "nixos": "nix profile install nixpkgs#bubblewrap"}  # fmt: skip


def probe(env: Mapping[str, str]) -> Features:
    """The bubblewrap of this host. HostError when there is none, or one that is too old."""
    path, info = _find(env)
    key = (path, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    home = env.get("HOME", "")
    cache = f"{cache_dir(env, home)}/bwrap" if home.startswith("/") or env.get("XDG_CACHE_HOME", "").startswith("/") else ""
    known = _read(cache) if cache else None
    if known is not None and known[0] == key:
        return Features(HostPath(path), known[1], frozenset(known[2]), bool(info.st_mode & stat.S_ISUID))
    version = _version(output([path, "--version"]), path)
    flags = frozenset(word[2:] for line in output([path, "--help"]).splitlines() for word in line.split()[:1] if word.startswith("--"))
    if cache:
        _write(cache, (key, version, tuple(sorted(flags))))
    return Features(HostPath(path), version, flags, bool(info.st_mode & stat.S_ISUID))


def _find(env: Mapping[str, str]) -> tuple[str, os.stat_result]:
    """The system's bubblewrap first; then one on PATH that nobody but root or the user could have put there."""
    for folder in (*TRUSTED, *(entry for entry in env.get("PATH", "").split(":") if entry.startswith("/"))):
        path = f"{folder}/bwrap"
        try:
            info = os.stat(path)
            place = os.stat(folder)
        except OSError:
            continue
        ours = all(part.st_uid in (0, os.getuid()) and not part.st_mode & 0o022 for part in (info, place))
        if stat.S_ISREG(info.st_mode) and info.st_mode & 0o111 and ours:
            return path, info
    raise HostError("bubblewrap is not installed", hint=f"install it: `{_install()}`")


def _install() -> str:
    """The command that installs it here."""
    try:
        with open("/etc/os-release", encoding="utf-8", errors="replace") as file:
            named = dict(line.strip().split("=", 1) for line in file if "=" in line)
    except OSError:
        named = {}
    for name in (named.get("ID", ""), *named.get("ID_LIKE", "").strip('"').split()):
        if name.strip('"') in INSTALL:
            return INSTALL[name.strip('"')]
    return "apt-get install bubblewrap"


def _version(text: str, path: str) -> tuple[int, ...]:
    word = text.split()[-1] if text.split() else ""
    parts = tuple(int(part) for part in word.split(".") if part.isdigit())
    if not parts:
        raise HostError(f"`{path}` does not say its version", hint=f"`{path} --version` should; install bubblewrap again")
    if parts < OLDEST:
        raise HostError(f"bubblewrap {word} is too old: inner needs 0.5.0 or later", where=path, hint=f"upgrade it: `{_install()}`")
    return parts


def output(argv: Sequence[str]) -> str:
    """Standard output and error of a short command, which runs with an empty environment and is killed after TIMEOUT."""
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_DUP2, write, 2)]
        try:
            child = os.posix_spawn(argv[0], argv, {}, file_actions=actions)
        except OSError as problem:
            raise HostError(f"cannot start `{argv[0]}`: {problem.strerror}") from None
        os.close(write)
        write = -1
        text, until = b"", time.monotonic() + TIMEOUT
        while select.select([read], [], [], max(0.0, until - time.monotonic()))[0]:
            chunk = os.read(read, 65536)
            if not chunk:
                break
            text += chunk
        else:
            os.kill(child, 9)
        os.waitpid(child, 0)
        return text.decode("utf-8", "replace")
    finally:
        os.close(read)
        if write >= 0:
            os.close(write)


def _read(path: str) -> tuple[tuple[object, ...], tuple[int, ...], tuple[str, ...]] | None:
    """What was kept, when it is ours alone; anything else counts as nothing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o022 or info.st_size > 65536:
            return None
        found = marshal.loads(os.read(fd, 65536))
        key, version, flags = found
        return (key, version, flags) if isinstance(key, tuple) and isinstance(version, tuple) and isinstance(flags, tuple) else None
    except (OSError, ValueError, EOFError, TypeError):
        return None
    finally:
        os.close(fd)


def _write(path: str, value: tuple[object, ...]) -> None:
    """Keep it; a cache that cannot be written is none."""
    folder, temporary = path.rpartition("/")[0], f"{path}.{os.getpid()}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.lstat(folder).st_uid != os.getuid():
            return
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, marshal.dumps(value))
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError:
        pass


def namespace_problem(features: Features) -> HostError | None:
    """Why no box can be made here, by really trying the smallest one; None when that works. Called after a failed start."""
    box = [features.path, "--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true"]
    text = output(box)
    if not text.strip():
        return None
    if features.setuid:
        return HostError("bubblewrap is set-uid root and still cannot make a box", where=features.path, hint="`inner doctor` has the details")
    cases = (
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "this kernel forbids user namespaces to ordinary users",
         "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        ("/proc/sys/user/max_user_namespaces", "0", "this kernel allows no user namespaces", "sudo sysctl -w user.max_user_namespaces=15000"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor forbids user namespaces to programs without a profile",
         "sudo apt-get install apparmor-profiles && sudo cp /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && "
         "sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict"),
    )  # fmt: skip
    for path, bad, message, remedy in cases:
        if _first_line(path) == bad:
            return HostError(message, where=path, hint=f"`{remedy}`")
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return HostError(
            "this container does not allow boxes in it",
            hint="start it with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined` (podman: `--security-opt unmask=ALL`)",
        )
    return HostError("this host does not let bubblewrap make a box", hint=f"`{' '.join(box[:-1])} true` shows what it says")


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""
