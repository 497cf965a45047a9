"""A second process in a box that runs: its namespaces, its environment, its filter, its limits, and no more rights than it has.

What the box was made with is read from the descriptors of the inner that made it (`--args`, the filter): memory that only this
user can open, so neither a disk nor a second reading of a profile that may have changed has a say. Three processes: the starter,
which reports as bubblewrap would; the holder, which enters the namespaces; the command, the holder's child, because a pid
namespace is entered by being born there (setns(2)). Until exec they hold our memory, so they cannot be traced (PR_SET_DUMPABLE).
"""

from __future__ import annotations

import os

from inner.bwrap import arguments
from inner.errors import RunError
from inner.frozen import TYPE_CHECKING, frozen
from inner.launch import fds, limits, outcome, rundir, signals, syscall, tree
from inner.launch.start import Start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

# linux/sched.h; a namespace that the box shares with us is not entered
SPACES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "ipc": 0x8000000,
    "uts": 0x4000000,
    "cgroup": 0x2000000,
}
SETNS, SECCOMP, CAPSET = {"x86_64": (308, 317, 126)}.get(os.uname().machine, (268, 277, 91))
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_CAP_AMBIENT = 4, 24, 47
CAPABILITY_VERSION = 0x20080522
MEMORY = "/memfd:inner (deleted)"
ABSTRACT = 1  # landlock(7): abstract sockets, which a box without a network namespace of its own could reach
RLIMIT_NPROC = limits.RLIMIT_NPROC


@frozen
class Box:
    """A box as it was made. `spaces` are the namespaces to enter, `limits` what its record says of them."""

    init: int
    env: Mapping[str, str]
    cwd: str
    filter: bytes
    spaces: int
    shares_network: bool
    limits: Mapping[str, object]
    counted: bool


def find(folder: str, inner: int, init: int, held: Mapping[str, object]) -> Box:
    """The box of a living run. RunError when it cannot be entered."""
    if not holds(inner, folder) or not init:
        raise RunError("this run is not there any more, or has not begun", hint="`inner ps` shows those that live")
    spaces = 0
    for name, flag in SPACES.items():
        try:
            mine, theirs = (os.stat(f"/proc/{who}/ns/{name}").st_ino for who in ("self", init))
        except OSError:
            raise RunError("the box cannot be looked at: it has ended, or belongs to somebody else") from None
        spaces |= flag if mine != theirs else 0
    if not spaces & SPACES["user"]:
        raise RunError(
            "this box has no user namespace of ours, so nobody but root can enter it",
            hint="`sudo chmod u-s` bubblewrap, then run it again",
        )
    found = _made_with(inner)
    number = found.get("--seccomp", [("",)])[-1][0]
    code = _read(inner, int(number)) if number.isdigit() else b""
    if number and not code:
        raise RunError("the system call filter of the box cannot be read, and without it nothing is started there")
    env: dict[str, str] = dict(found.get("--setenv", []))  # type: ignore[arg-type]
    return Box(
        init, env, found.get("--chdir", [("/",)])[-1][0], code, spaces, not spaces & SPACES["net"], held, limits.countable()
    )


def holds(pid: int, folder: str) -> bool:
    """Whether this process is the inner of that run: it has the run's lock open."""
    try:
        lock = os.stat(rundir.live(folder))
        return any(os.path.samestat(lock, found) for found in _open(pid))
    except OSError:
        return False


def holder(folder: str) -> int:
    """The inner of that run, also before there is a record that names it: who has locked its lock (proc(5), /proc/locks); 0 when it
    cannot be seen from here."""
    try:
        lock = b":%d" % os.stat(rundir.live(folder)).st_ino  # the device is not the one of stat(2) everywhere (btrfs)
        with open("/proc/locks", "rb") as file:
            found = [line.split() for line in file]
    except OSError:
        return 0
    return next((int(one[4]) for one in found if one[5].endswith(lock) and int(one[4]) > 0 and holds(int(one[4]), folder)), 0)


def _open(pid: int) -> list[os.stat_result]:
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.stat(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return found


def _made_with(pid: int) -> dict[str, list[tuple[str, ...]]]:
    for name in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        try:
            if os.readlink(f"/proc/{pid}/fd/{name}") != MEMORY:
                continue
        except OSError:
            continue
        text = _read(pid, int(name))
        if text.startswith(b"--die-with-parent\0"):
            return arguments(os.fsdecode(word) for word in text.split(b"\0")[:-1])
    raise RunError("what this box was made with cannot be read", hint="another version of inner may have started it")


def _read(pid: int, number: int) -> bytes:
    try:
        with open(f"/proc/{pid}/fd/{number}", "rb") as file:
            return file.read()
    except OSError:
        return b""


class Join(Start):
    """A start (`Start`) that makes no box but enters one."""

    def __init__(self, made: fds.Descriptors, box: Box, command: Sequence[str], *, session: bool) -> None:
        self.made, self.box, self.session = made, box, session
        self.child = self.control = self.report = self.gate = -1
        self.setuid, self.enter = False, None
        self.status, self._status = made.pipe()
        os.set_blocking(self.status, False)
        self._passed = [self._status]
        self.ours = [self._status]
        self.argv = list(command)
        self.cmdline = tree.read("/proc/self/cmdline")  # what our forks show until exec

    def _become(self, parent: int, stdio: Sequence[int], *, session: bool) -> NoReturn:
        """In the child: the starter."""
        status = outcome.FAILED
        try:
            if session:
                os.setsid()
                signals.fresh()
            syscall.prctl(PR_SET_DUMPABLE, 0)
            for number, fd in enumerate([os.dup(fd) for fd in stdio]):
                os.dup2(fd, number, inheritable=True)
            fds.only(self._passed)
            syscall.confine(setuid=False, parent=parent, scopes=0)  # Landlock would not let us look at the box (ptrace(2))
            me = os.getpid()
            holder = os.fork()
            if holder == 0:
                self._hold(me)
            os.write(self._status, b'{ "child-pid": %d }\n' % holder)
            status = os.waitstatus_to_exitcode(os.waitpid(holder, 0)[1])
            status = status if status >= 0 else 128 - status
            os.write(self._status, b'{ "exit-code": %d }\n' % status)
        except BaseException as problem:  # noqa: BLE001  (nothing may return from here)
            self._failed(problem)
        os._exit(status)

    def _failed(self, problem: BaseException) -> None:
        try:
            text = getattr(problem, "strerror", None) or str(problem)
            os.write(self._status, b"!" + text.encode("utf-8", "replace"))
        except OSError:
            pass

    def _hold(self, parent: int) -> NoReturn:
        """The holder: into the limits and the namespaces, then the command."""
        try:
            _limit(self.box.limits)
            root = os.stat(f"/proc/{self.box.init}/root")
            init = os.pidfd_open(self.box.init)
            syscall.load()
            if syscall.syscall(SETNS, init, self.box.spaces) != 0:
                raise RunError("the namespaces of the box cannot be entered (Linux 5.8 or later is needed)")
            os.close(init)
            os.chdir("/")
            if not os.path.samestat(os.stat("/"), root):
                raise RunError("the root of the box is not where it should be")
            syscall.prctl(syscall.PR_SET_PDEATHSIG, syscall.SIGKILL)
            if os.getppid() != parent:
                os._exit(outcome.FAILED)
            there, here = os.pipe2(os.O_CLOEXEC)
            child = os.fork()
            if child == 0:
                os.close(here)
                self._command(there)
            os.write(here, b"\n")
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os._exit(status if status >= 0 else 128 - status)
        except BaseException as problem:  # noqa: BLE001
            self._failed(problem)
        os._exit(outcome.FAILED)

    def _command(self, alive: int) -> NoReturn:
        """The command: gives up everything, then becomes it."""
        try:
            syscall.prctl(syscall.PR_SET_PDEATHSIG, syscall.SIGKILL)
            if not os.read(alive, 1):  # the holder was gone before
                os._exit(outcome.FAILED)
            number = self.box.limits.get("pids")
            if isinstance(number, int) and self.box.counted:
                most = (number + 1).to_bytes(8, "little") * 2
                syscall.syscall(syscall.PRLIMIT64, 0, RLIMIT_NPROC, most, None)
            each = self.box.limits.get("each")
            if isinstance(each, int) and each > 0:
                limits.bounded(os.getpid(), each)
            _give_up()
            os.umask(0o022)
            try:
                os.chdir(self.box.cwd)
            except OSError:
                os.chdir("/")
            if self.box.shares_network:
                syscall.restrict(ABSTRACT)
            os.closerange(3, 1 << 16)
            _filter(self.box.filter)
            _become(self.argv, self.box.env)
        except BaseException as problem:  # noqa: BLE001
            os.write(2, f"inner: {getattr(problem, 'strerror', None) or problem}\n".encode("utf-8", "replace"))
        os._exit(outcome.FAILED)


def _limit(held: Mapping[str, object]) -> None:
    """Into the group of the box, as its record names it."""
    from inner.launch import cgroup, scope

    groups, unit = held.get("groups"), held.get("scope")
    if isinstance(groups, list) and groups:
        cgroup.Group({str(at): (str(folder), 2) for at, folder in enumerate(groups)}).add(os.getpid())
    elif isinstance(unit, str) and held.get("by"):
        scope.attach(scope.address(os.environ, os.geteuid()), unit, os.getpid())


def _give_up() -> None:
    """Every capability of the box's user namespace, for ever. OSError when one is left."""
    import ctypes

    syscall.prctl(PR_CAP_AMBIENT, 4)
    for number in range(64):
        if syscall.prctl(PR_CAPBSET_DROP, number) != 0:
            break
    header = CAPABILITY_VERSION.to_bytes(4, "little") + bytes(4)
    if syscall.syscall(CAPSET, ctypes.create_string_buffer(header).raw, bytes(24)) != 0:
        raise RunError("the capabilities of the box cannot be given up")
    if syscall.prctl(syscall.PR_SET_NO_NEW_PRIVS, 1) != 0:
        raise RunError("this kernel has no no_new_privs")
    left = [
        line.split()[1]
        for line in tree.read("/proc/self/status").splitlines()
        if line.startswith((b"CapPrm", b"CapEff", b"CapBnd", b"CapAmb"))
    ]
    if any(int(word, 16) for word in left):
        raise RunError("a capability of the box is left")


def _filter(code: bytes) -> None:
    """seccomp(2): the last thing before exec."""
    import ctypes

    if not code:
        return
    buffer = ctypes.create_string_buffer(code, len(code))
    program = (len(code) // 8).to_bytes(8, "little") + ctypes.addressof(buffer).to_bytes(8, "little")  # struct sock_fprog
    if syscall.syscall(SECCOMP, 1, 0, program) != 0:
        raise RunError("the system call filter cannot be set")


def _become(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Looked for on the box's own PATH."""
    name = argv[0]
    places = [name] if "/" in name else [f"{folder}/{name}" for folder in env.get("PATH", "/usr/bin:/bin").split(":") if folder]
    status = outcome.NOT_FOUND
    for place in places:
        try:
            os.execve(place, list(argv), dict(env))  # noqa: S606
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            status = outcome.CANNOT_EXECUTE
    what = "cannot be executed" if status == outcome.CANNOT_EXECUTE else "is not in the box"
    os.write(2, f"inner: `{outcome.escaped(name.encode('utf-8', 'surrogateescape'))}` {what}\n".encode("utf-8", "replace"))
    os._exit(status)
