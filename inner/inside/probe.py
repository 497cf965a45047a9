"""Answers questions about the box from inside it: `answer` takes a list of questions and gives a list of answers, all JSON.

Runs as the box's own command, so it sees what any command would. Standard library only, imports nothing of inner; every
attempt is harmless when it succeeds (what it creates it removes, what it opens it does not read past the first byte).
Values of variables never leave the box: a name, and whether the value looks like a secret, are all that is told.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import socket
import stat
import subprocess
import termios
from typing import Any

TIMEOUT = 2.0  # seconds for a connection
SECRET_VALUE = re.compile(
    r"(sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|glpat-[\w-]{16,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY)"
)


def path(question: dict[str, Any]) -> dict[str, Any]:
    """What a path is, and what can be done with it: `kind` follows links, "" when it is absent."""
    place = question["path"]
    found: dict[str, Any] = {"kind": "", "read": False, "write": False, "entries": 0, "size": 0}
    try:
        info = os.stat(place)
    except OSError as problem:
        found["errno"] = errno.errorcode.get(problem.errno or 0, "")
        return found
    found["size"] = info.st_size
    if stat.S_ISDIR(info.st_mode):
        found["kind"] = "dir"
        with contextlib.suppress(OSError):
            found["entries"] = len(os.listdir(place))
            found["read"] = True
        found["write"] = _can_create(place)
    elif stat.S_ISREG(info.st_mode):
        found["kind"] = "file"
        found["read"] = _can_open(place, os.O_RDONLY)
        found["size"] = found["size"] or _first_byte(place)  # files of a procfs have no size
        found["write"] = _can_open(place, os.O_WRONLY)
    elif stat.S_ISSOCK(info.st_mode):
        found["kind"] = "socket"
        found["read"] = found["write"] = _connects(place)
    else:
        found["kind"] = "other"
        found["read"] = os.access(place, os.R_OK)
        found["write"] = os.access(place, os.W_OK)
    return found


def _can_open(place: str, flags: int) -> bool:
    try:
        os.close(os.open(place, flags | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _first_byte(place: str) -> int:
    try:
        fd = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return len(os.read(fd, 1))
    except OSError:
        return 0
    finally:
        os.close(fd)


def _can_create(folder: str) -> bool:
    name = os.path.join(folder, f".inner-probe-{os.getpid()}")
    try:
        os.mkdir(name, 0o700)
    except OSError:
        return False
    os.rmdir(name)
    return True


def _connects(place: str) -> bool:
    """Through a descriptor of its folder: a path of any length, where sun_path has 108 bytes."""
    try:
        folder = os.open(os.path.dirname(place) or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT)
            client.connect(f"/proc/self/fd/{folder}/{os.path.basename(place)}")
    except OSError as problem:
        return problem.errno == errno.EPROTOTYPE  # a datagram socket: somebody is there
    finally:
        os.close(folder)
    return True


def connect(question: dict[str, Any]) -> dict[str, Any]:
    """Whether a TCP connection to `host` (an address) and `port` opens."""
    try:
        with socket.create_connection((question["host"], question["port"]), timeout=TIMEOUT):
            return {"open": True, "errno": ""}
    except OSError as problem:
        return {"open": False, "errno": errno.errorcode.get(problem.errno or 0, type(problem).__name__)}


def listing(question: dict[str, Any]) -> dict[str, Any]:
    """The names in a folder, the first `most` of them."""
    try:
        return {"names": sorted(os.listdir(question["path"]))[: question.get("most", 500)]}
    except OSError as problem:
        return {"names": [], "errno": errno.errorcode.get(problem.errno or 0, "")}


def digest(question: dict[str, Any]) -> dict[str, Any]:
    """SHA-256 of a file's content as the box reads it."""
    try:
        with open(question["path"], "rb") as file:
            return {"sha256": hashlib.sha256(file.read(1 << 22)).hexdigest()}
    except OSError as problem:
        return {"sha256": "", "errno": errno.errorcode.get(problem.errno or 0, "")}


def entry(question: dict[str, Any]) -> dict[str, Any]:
    """Whether the name at a path can be taken away: renamed aside, and back at once."""
    place = question["path"]
    aside = f"{place}.inner-probe-{os.getpid()}"
    try:
        os.rename(place, aside)
    except OSError as problem:
        return {"moved": False, "errno": errno.errorcode.get(problem.errno or 0, "")}
    os.rename(aside, place)
    return {"moved": True, "errno": ""}


def file_system(question: dict[str, Any]) -> dict[str, Any]:
    """Size in bytes of the file system at a path, and whether it is read-only."""
    try:
        found = os.statvfs(question["path"])
    except OSError as problem:
        return {"size": -1, "readonly": False, "errno": errno.errorcode.get(problem.errno or 0, "")}
    return {"size": found.f_blocks * found.f_frsize, "readonly": bool(found.f_flag & os.ST_RDONLY)}


def interfaces(_question: dict[str, Any]) -> dict[str, Any]:
    """Network interfaces by name, and the name of the machine."""
    return {"names": sorted(name for _, name in socket.if_nameindex()), "host": os.uname().nodename}


def resolve(question: dict[str, Any]) -> dict[str, Any]:
    """The addresses that the box gets for a name."""
    try:
        found = socket.getaddrinfo(question["name"], question["port"], type=socket.SOCK_STREAM)
    except OSError:
        return {"addresses": []}
    return {"addresses": sorted({str(item[4][0]) for item in found})}


def sockets(question: dict[str, Any]) -> dict[str, Any]:
    """Path sockets that can be connected to: those named, and all below `roots` down to `depth`, at most 2,000 folders."""
    found, todo, seen = set(), [(root, 0) for root in question["roots"]], 0
    while todo and seen < 2000:
        folder, depth = todo.pop()
        seen += 1
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for item in entries:
                with contextlib.suppress(OSError):
                    if item.is_dir(follow_symlinks=False) and depth < question["depth"]:
                        todo.append((item.path, depth + 1))
                    elif stat.S_ISSOCK(item.stat(follow_symlinks=False).st_mode):
                        found.add(item.path)
    return {"open": sorted(place for place in {*found, *question["named"]} if _is_socket(place) and _connects(place))}


def _is_socket(place: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(place).st_mode)
    except OSError:
        return False


def abstract(_question: dict[str, Any]) -> dict[str, Any]:
    """Names of abstract sockets that can be seen (/proc/net/unix), at most 50."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        names = [line.split()[-1] for line in file if line.split()[-1].startswith("@")]
    return {"names": names[:50]}


def environment(_question: dict[str, Any]) -> dict[str, Any]:
    """Names of all variables; of those whose value looks like a token or a key, and of the empty ones, too."""
    suspicious = sorted(name for name, value in os.environ.items() if SECRET_VALUE.search(value))
    empty = sorted(name for name, value in os.environ.items() if not value)
    return {"names": sorted(os.environ), "suspicious": suspicious, "empty": empty}


def process(_question: dict[str, Any]) -> dict[str, Any]:
    """This process' status: capabilities as hexadecimal text, no_new_privs, seccomp mode, uid and gid, groups."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    wanted = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    return {
        **{name: status.get(name, "").strip() for name in wanted},
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
    }


def processes(_question: dict[str, Any]) -> dict[str, Any]:
    """The processes that can be seen: number and name."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as file:
                found.append([int(name), file.read().strip()])
    return {"processes": sorted(found)}


def descriptors(_question: dict[str, Any]) -> dict[str, Any]:
    """Open descriptors beyond 0, 1 and 2, with what they are."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if int(name) > 2:
                found[name] = os.readlink(f"/proc/self/fd/{name}")
    return {"open": {n: t for n, t in found.items() if not t.startswith(f"/proc/{os.getpid()}/fd")}}


def first_environment(_question: dict[str, Any]) -> dict[str, Any]:
    """Names in the environment of process 1, when it can be read: it must hold nothing."""
    try:
        with open("/proc/1/environ", "rb") as file:
            data = file.read()
    except OSError:
        return {"names": []}
    return {"names": sorted({item.split(b"=")[0].decode(errors="replace") for item in data.split(b"\0") if item})}


def namespaces(_question: dict[str, Any]) -> dict[str, Any]:
    """Whether a new user namespace can be made; the child that tries ends at once."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            import ctypes  # in the child alone: libffi keeps a descriptor of itself open (seen with 3.5 on Python 3.14)

            status = 0 if ctypes.CDLL(None).unshare(0x10000000) == 0 else 1  # CLONE_NEWUSER
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, 1):
        raise OSError("it could not be tried")
    links = {}
    for name in ("pid", "net", "ipc", "uts", "mnt", "user", "cgroup"):
        with contextlib.suppress(OSError):
            links[name] = os.readlink(f"/proc/self/ns/{name}")
    return {"nested_user": status == 0, "links": links}


def terminal(_question: dict[str, Any]) -> dict[str, Any]:
    """What pushing a byte into the controlling terminal (TIOCSTI) ends with: an errno, "" when it went in. Tried on a terminal of
    our own, in a session of its own."""
    main, side = os.openpty()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            fcntl.ioctl(side, termios.TIOCSCTTY, 0)
            fcntl.ioctl(side, 0x5412, b"x")
        except OSError as problem:
            os._exit(problem.errno or 255)
        except BaseException:
            os._exit(255)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    os.close(main)
    os.close(side)
    number = os.waitstatus_to_exitcode(status)
    return {"errno": "" if number == 0 else errno.errorcode.get(number, "EIO" if number < 0 else str(number))}


def command(question: dict[str, Any]) -> dict[str, Any]:
    """Where a command is found, and what it answers: its status when run with no argument that does anything."""
    found = shutil.which(question["name"])
    return {"path": found or "", "real": os.path.realpath(found) if found else ""}


def limits(_question: dict[str, Any]) -> dict[str, Any]:
    """Limits of this process' cgroup, as far as they can be seen, of core dumps and of processes."""
    import resource

    found: dict[str, Any] = {
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "processes": resource.getrlimit(resource.RLIMIT_NPROC)[1],
    }
    for name in ("memory.max", "pids.max", "cpu.max"):
        with contextlib.suppress(OSError), open(f"/sys/fs/cgroup/{name}", encoding="ascii") as file:
            found[name] = file.read().strip()
    return found


def mounts(_question: dict[str, Any]) -> dict[str, Any]:
    """Mount points with their options, from mountinfo."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.split()
            found.append([fields[4].encode("ascii", "backslashreplace").decode(), fields[5]])
    return {"mounts": found}


def custom(question: dict[str, Any]) -> dict[str, Any]:
    """A check of the profile's own: `sh -c`, passed when it exits with 0 within ten seconds."""
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", question["cmd"]], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
        )
    except subprocess.TimeoutExpired:
        return {"status": -1, "output": "timed out after 10 s"}
    except OSError as problem:
        return {"status": -1, "output": problem.strerror}
    return {"status": done.returncode, "output": (done.stdout + done.stderr)[:500].decode("utf-8", "backslashreplace")}


QUESTIONS = {
    "path": path, "connect": connect, "abstract": abstract, "environment": environment, "process": process, "processes": processes,
    "descriptors": descriptors, "first_environment": first_environment, "namespaces": namespaces, "terminal": terminal,
    "command": command, "limits": limits, "mounts": mounts, "custom": custom, "listing": listing, "digest": digest, "entry": entry,
    "file_system": file_system, "interfaces": interfaces, "resolve": resolve, "sockets": sockets,
}  # fmt: skip


def answer(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One answer for each question; a question that fails is an answer with `error`."""
    answers = []
    for question in questions:
        try:
            answers.append(QUESTIONS[question["ask"]](question))
        except Exception as problem:
            answers.append({"error": f"{type(problem).__name__}: {problem}"})
    return answers
