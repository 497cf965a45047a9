"""Attempts on files, on the project and its git folder, and on descriptors. See `attempt`."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Any

from inner.inside.attempt import Held, Seen, attempt

Facts = dict[str, Any]
FILES, PROJECT, DESCRIPTORS = "files", "git and project", "descriptors"


def _read(path: str, facts: Facts) -> str:
    with open(path, "rb") as file:
        if facts["token"].encode() in file.read(4096):
            return f"read {path}"
    raise Held("another file")


def _name(facts: Facts) -> str:
    return f"inner-attack-{facts['token'][:8]}"


@attempt(FILES, "read a file of the host's home")
def read_home(facts: Facts) -> str:
    return _read(facts["canary"], facts)


@attempt(FILES, "list a folder of the host's home")
def list_home(facts: Facts) -> str:
    if os.path.basename(facts["canary"]) in os.listdir(facts["folder"]):
        return f"listed {facts['folder']}"
    raise Held("another folder")


@attempt(FILES, "climb out of the project by its parents")
def climb(facts: Facts) -> str:
    return _read(facts["project"] + "/.." * 40 + facts["canary"], facts)


@attempt(FILES, "follow a symbolic link out of the project")
def follow_link(facts: Facts) -> str:
    link = f"{facts['project']}/{_name(facts)}-link"
    os.symlink(facts["canary"], link)
    try:
        return _read(link, facts)
    finally:
        os.unlink(link)


@attempt(FILES, "link a file of home into the project")
def hard_link(facts: Facts) -> str:
    link = f"{facts['project']}/{_name(facts)}-hard"
    os.link(facts["canary"], link)
    try:
        return _read(link, facts)
    finally:
        os.unlink(link)


@attempt(FILES, "read through the root of a host process")
def proc_root(facts: Facts) -> str:
    return _read(f"/proc/{facts['pid']}/root{facts['canary']}", facts)


@attempt(FILES, "read through the folder of a host process")
def proc_cwd(facts: Facts) -> str:
    return _read(f"/proc/{facts['pid']}/cwd/{os.path.basename(facts['canary'])}", facts)


@attempt(FILES, "write a file of the host's home")
def write_home(facts: Facts) -> str:
    with open(facts["canary"], "r+b") as file:
        text = file.read()
        file.seek(0)
        file.write(text)
    return f"wrote {facts['canary']}"


@attempt(FILES, "leave a file in the host's home")
def plant_home(facts: Facts) -> str:
    return _plant(f"{facts['home']}/{_name(facts)}")


@attempt(FILES, "leave a file in the host's scratch space")
def plant_tmp(facts: Facts) -> str:
    return _plant(f"{facts['tmp']}/{_name(facts)}")


@attempt(FILES, "read credentials where they are known to be")
def known_credentials(facts: Facts) -> str:
    for path in facts["hidden"]:
        with contextlib.suppress(OSError):
            if os.listdir(path) if os.path.isdir(path) else _some(path):
                return f"read {path}"
    raise Held("nothing there")


@attempt(FILES, "read the login of the agent")
def agent_login(facts: Facts) -> str:
    for path in facts["logins"]:
        with contextlib.suppress(OSError):
            return _some(path)
    raise Held("there is none")


@attempt(FILES, "open a device of the host")
def devices(facts: Facts) -> str:
    reason = "no such device"
    for path in facts["devices"]:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError as problem:
            reason = errno.errorcode.get(problem.errno or 0, reason)
        else:
            return f"opened {path}"
    raise Held(reason)


@attempt(FILES, "look at the machine in /sys")
def sysfs(_facts: Facts) -> str:
    names = os.listdir("/sys/class")
    if not names:
        raise Held("empty")
    return f"{len(names)} classes of devices"


@attempt(FILES, "read the kernel's keys")
def proc_keys(_facts: Facts) -> str:
    return _some("/proc/keys")


@attempt(FILES, "read the kernel's symbols")
def proc_kallsyms(_facts: Facts) -> str:
    return _some("/proc/kallsyms")


@attempt(FILES, "learn which machine this is")
def machine_id(_facts: Facts) -> str:
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError):
            return _some(path)
    raise Held("ENOENT")


@attempt(FILES, "learn the names of other users")
def other_users(facts: Facts) -> str:
    with open("/etc/passwd", encoding="utf-8", errors="replace") as file:
        names = {line.partition(":")[0] for line in file} & set(facts["users"])
    if not names:
        raise Held("nobody's but the box's own")
    return f"{len(names)} names"


def _some(path: str) -> str:
    with open(path, "rb") as file:
        if not file.read(1):
            raise OSError(errno.ENODATA, "empty")
    return f"read {path}"


# --- the project ----------------------------------------------------------------------------------------------------------


def _plant(path: str) -> str:
    """A file that was not there; one that is there is opened for writing, and left alone."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
        return f"can write {path}"
    os.close(fd)
    raise Seen(f"file {path}")


def _git(facts: Facts) -> str:
    git = f"{facts['project']}/.git"
    if not facts["git"]:
        raise Held("no repository here")
    return git


def _aside(path: str, facts: Facts) -> str:
    """Rename, and back at once; of a file that is the host's, not a copy."""
    if facts["inodes"].get(path) != os.lstat(path).st_ino:
        raise Held("a copy of the box's own")
    aside = f"{path}-{_name(facts)}"
    os.rename(path, aside)
    os.rename(aside, path)
    return f"moved {path}"


@attempt(PROJECT, "leave a git hook that the host would run")
def git_hook(facts: Facts) -> str:
    return _plant(f"{_git(facts)}/hooks/{_name(facts)}")


@attempt(PROJECT, "write git's configuration")
def git_config(facts: Facts) -> str:
    os.close(os.open(f"{_git(facts)}/config", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))
    return "opened .git/config for writing"


@attempt(PROJECT, "replace git's configuration by renaming")
def git_config_rename(facts: Facts) -> str:
    return _aside(f"{_git(facts)}/config", facts)


@attempt(PROJECT, "point git at another repository (commondir)")
def git_commondir(facts: Facts) -> str:
    return _plant(f"{_git(facts)}/commondir")


@attempt(PROJECT, "give a work tree a configuration of its own (config.worktree)")
def git_config_worktree(facts: Facts) -> str:
    return _plant(f"{_git(facts)}/config.worktree")


@attempt(PROJECT, "rename the git folder away")
def git_rename(facts: Facts) -> str:
    return _aside(_git(facts), facts)


@attempt(PROJECT, "rename the hooks away")
def git_hooks_rename(facts: Facts) -> str:
    return _aside(f"{_git(facts)}/hooks", facts)


@attempt(PROJECT, "leave an .envrc that a shell of the host runs")
def envrc(facts: Facts) -> str:
    return _plant(f"{facts['project']}/.envrc")


@attempt(PROJECT, "leave servers that an agent of the host starts (.mcp.json)")
def mcp_json(facts: Facts) -> str:
    return _plant(f"{facts['project']}/.mcp.json")


@attempt(PROJECT, "leave tasks that an editor of the host runs (.vscode)")
def vscode(facts: Facts) -> str:
    folder = f"{facts['project']}/.vscode"
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        raise Seen(f"folder {folder}")
    return _plant(f"{folder}/{_name(facts)}.json")


@attempt(PROJECT, "write inner's own settings of the project (.inner.toml)")
def inner_toml(facts: Facts) -> str:
    return _plant(f"{facts['project']}/.inner.toml")


@attempt(PROJECT, "leave a set-user-id program")
def set_id(facts: Facts) -> str:
    path = f"{facts['project']}/{_name(facts)}-setid"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o700))
    try:
        os.chmod(path, 0o4700)
        if not os.stat(path).st_mode & stat.S_ISUID:
            raise Held("the bit was dropped")
        return f"made {path}"
    finally:
        os.unlink(path)


# --- descriptors ----------------------------------------------------------------------------------------------------------


@attempt(DESCRIPTORS, "use a descriptor that was left open")
def inherited(facts: Facts) -> str:
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with contextlib.suppress(OSError):
                os.close(os.open(os.path.basename(facts["canary"]), os.O_RDONLY | os.O_CLOEXEC, dir_fd=int(name)))
                return f"a file of home through descriptor {name}"
    raise Held("none was")


def _reopen(number: int) -> str:
    if not stat.S_ISREG(os.fstat(number).st_mode):
        raise Held("no file of the host's")
    os.close(os.open(f"/proc/self/fd/{number}", os.O_RDWR | os.O_CLOEXEC))
    return f"descriptor {number} with more rights than it was given"


@attempt(DESCRIPTORS, "open standard input again, for writing")
def reopen_input(_facts: Facts) -> str:
    return _reopen(0)


@attempt(DESCRIPTORS, "open standard output again, for reading")
def reopen_output(_facts: Facts) -> str:
    return _reopen(1)
