"""The folder the box works in: which folders can be one, and under which path the box sees it."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.host import followed, kind, realpath
from inner.paths import HostPath, config_dir, covers, normal
from inner.programs import which

if TYPE_CHECKING:
    from inner.host import Host
    from inner.plan.hide import Secrets

# Never writable, with all that is below: the system, and what belongs to the kernel.
TREES = (
    "/proc", "/sys", "/dev", "/etc", "/boot", "/run", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
    "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec", "/usr/share", "/usr/include",
    "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/lib64", "/usr/local/libexec", "/usr/local/share", "/usr/local/etc",
    "/var/log", "/var/spool", "/snap",
)  # fmt: skip
# Never writable as a whole. Below them there are projects: /usr/src/app, /var/www/site, /tmp/try.
FOLDERS = (
    "/",
    "/usr",
    "/usr/local",
    "/usr/src",
    "/usr/local/src",
    "/var",
    "/var/lib",
    "/var/cache",
    "/var/tmp",
    "/tmp",
    "/opt",
    "/srv",
    "/home",
    "/root",
    "/mnt",
    "/media",
    "/nix",
)
HOME_FOLDERS = (
    ".config",
    ".local",
    ".local/share",
    ".local/state",
    ".local/bin",
    ".cache",
    ".cargo",
    ".rustup",
    ".nvm",
    ".npm-global",
)


START = "start in a project: `cd PROJECT`, or name one with `-w PATH`"


def workdir(host: Host, wanted: str, secrets: Secrets, where: str = "") -> HostPath:
    """The real path of the folder to work in, or ConfigError saying why it cannot be it."""
    path = normal(wanted if wanted.startswith("/") else f"{host.cwd}/{wanted}") if wanted else host.cwd
    real = realpath(host, path)
    what = kind(host, real)
    if what != "dir":
        state = "is not a folder" if what else "does not exist"
        raise ConfigError(f"the folder to work in, `{path}`, {state}", hint="name one with `-w PATH`", where=where)
    refuse_writable(host, real, secrets, where)
    return real


def own_refused(folder: str, place: str, variable: str, where: str = "") -> ConfigError:
    """What is to be said where a box could write inner's own folder `place`, which `variable` can move."""
    return ConfigError(
        f"`{folder}` cannot be writable in a box: `{place}` is inner's own, and lies there",
        hint=f"`export {variable}=...`, a folder that no box may write to",
        where=where,
    )


def refuse_writable(
    host: Host, real: HostPath, secrets: Secrets, where: str = "", *, hint: str = START, whole: bool = False
) -> None:
    """Raise ConfigError when `real` must not be writable in a box. `whole`: nothing below it will be protected (`plan.guard`)."""
    home = realpath(host, host.home)
    if real != "/" and covers(real, home):
        name = "your home folder" if real == home else "a folder that holds your home folder"
        raise ConfigError(
            f"`{real}` is {name}: a box that may write there is none",
            hint=hint,
            where=where,
        )
    key = secrets.key_of(real)
    if (
        real in FOLDERS
        or any(covers(tree, real) for tree in TREES)
        or any(real == f"{home}/{name}" for name in HOME_FOLDERS)
        or key is not None
    ):
        raise ConfigError(
            f"`{real}` cannot be writable in a box: programs outside run or believe what lies there",
            hint=hint,
            where=where,
        )
    for place, name in secrets.own.items():
        if covers(real, place):
            raise own_refused(real, place, name, where)
    if any(covers(place, real) or (whole and covers(real, place)) for place in settings(host)):
        raise ConfigError(f"`{real}` cannot be writable in a box: inner reads its settings there", hint=hint, where=where)
    bubblewrap = which(host, "bwrap")
    for place in (*host.program, *([realpath(host, bubblewrap)] if bubblewrap else ())):
        # Below /usr, which is an installation of Python as well, there are projects.
        if covers(real, place) or (place not in FOLDERS and covers(place, real)):
            raise ConfigError(
                f"`{real}` cannot be writable in a box: inner runs what lies in `{place}`, and so what is changed there",
                hint="install it elsewhere: `sh packaging/install.sh` in inner's own folder",
                where=where,
            )


def settings(host: Host) -> list[HostPath]:
    """From where inner's own settings are read: a folder, and what links in it lead to; and the links on the way."""
    own = config_dir(host.env, host.home)
    profiles = [f"{own}/profiles/{name}" for name in host.listdir(f"{own}/profiles") if name.endswith(".toml")]
    found: list[str] = []
    for place in (own, f"{own}/config.toml", f"{own}/profiles", *profiles):
        real = followed(host, place, found)
        found.append(real)
    return [HostPath(place) for place in dict.fromkeys(found)]
